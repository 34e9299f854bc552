"""Many models at once: their states as arrays, and twins that learn exactly as the scalar classes do."""
