"""Figures side by side with what people would use instead: two things timed in one run, alternating."""
