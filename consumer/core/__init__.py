"""What is learned and how: plain values in, plain values out; no AWS, clock, environment or log."""
