"""Changes that stay: of single signals, and of assets as a whole."""
