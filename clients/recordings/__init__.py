"""Reads recordings: CSV, Parquet and JSON lines, with their labels."""
