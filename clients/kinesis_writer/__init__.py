"""Writes records to a stream: on time, in order for each partition key, counted."""
