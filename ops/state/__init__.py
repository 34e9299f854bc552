"""Models in the bucket: read, described, edited through the page protocol."""
