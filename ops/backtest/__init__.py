"""`backtest`: what a use case would have found in a recording."""
