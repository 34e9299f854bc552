"""Figures side by side with what people would use instead: ratios of two things timed in one run, alternating."""
