"""Observations as the bytes of records, in every shape that the consumer reads."""
