"""`failed`: batches that Lambda gave up on."""
