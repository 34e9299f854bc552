"""Pages: the S3 objects that hold the states of many signals."""
