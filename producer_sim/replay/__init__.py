"""Files of measurements to records in due order: CSV, Parquet and JSON lines."""
