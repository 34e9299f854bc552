"""`python -m producer_sim`: load tests and replays, their scores and reports."""

import sys

try:
    from producer_sim.cli import app
except KeyboardInterrupt:  # Ctrl-C while it is imported, which takes a second or more
    sys.exit(130)

if __name__ == "__main__":
    app(prog_name="python -m producer_sim")
