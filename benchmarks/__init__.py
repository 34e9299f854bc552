"""Measurements beside the alternatives, both timed alternately in one run."""
