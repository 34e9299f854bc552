"""What the function is configured with: its environment, and signals.yaml for single signals."""
