"""Scores a run against the injected faults, and draws its report."""
