"""The only AWS I/O: S3, EventBridge, logs and metrics."""
