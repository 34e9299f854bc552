"""Learning a batch, page by page and signal by signal."""
