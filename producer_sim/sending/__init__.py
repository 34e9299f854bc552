"""Records onto a stream: when they are due, in order for each partition key, counted."""
