"""Sends records to the stream again, at most once."""
