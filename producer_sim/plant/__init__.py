"""A simulated plant: a file says what it measures and what goes wrong, a seed makes it the same again."""
