"""The operators' command line: look at models and change them while data keeps arriving."""
