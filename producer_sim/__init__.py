"""Load generator: simulated plants with known faults, and replays of real measurements."""
