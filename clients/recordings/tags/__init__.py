"""What columns say about the values beside them: the signal of each, and its quality."""
