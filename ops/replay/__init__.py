"""Learns retained records again, outside of the function."""
