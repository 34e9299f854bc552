"""What came of a run: faults held against events, latencies, and the report that shows them."""
