"""Alerts: what `cdk.json` says of them, and the rules, texts and targets that bring them to people."""
