"""The use cases: what is learned from a signal and when it alerts. One family a file."""
