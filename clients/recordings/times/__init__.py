"""The times of a recording: which columns hold them, how they are written, and how far they are from UTC."""
