"""What the consumer made of mixed batches, before and after a change of how it works inside."""
