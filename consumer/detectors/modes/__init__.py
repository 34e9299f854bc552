"""Modes of machines: what is known of them over time, and use cases that learn each by itself."""
