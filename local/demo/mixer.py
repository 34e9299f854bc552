"""An asset whose values fail together: each stays within its range, and what they are together is new.

Later one of its sensors sticks.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass

MIXER = "line1.mixer1"
UNITS = {"temperature": "degC", "speed": "rpm", "power": "kW", "flow": "l/min"}
BATCH_TICKS = 5
"""It stands, then runs, for so many observations each."""
FAILS = (0.7, 0.76)
"""From which share of the run to which: its coupling breaks. It turns without a load, and nothing flows."""

STICKS = 0.85
"""From which share of the run on: the flow meter gives the same value again and again."""

_STANDS = {"temperature": 40.0, "speed": 0.0, "power": 5.0, "flow": 0.0}
_RUNS = {"temperature": 60.0, "speed": 100.0, "power": 50.0, "flow": 200.0}
_TURNS_FREELY = {"temperature": 60.0, "speed": 100.0, "power": 5.0, "flow": 0.0}


@dataclass(frozen=True, slots=True)
class MixerRow:
    """What it measured at a time, in seconds since 1970."""

    at_s: float
    values: dict[str, float]

    @property
    def payload(self) -> bytes:
        """A record of several values."""
        return json.dumps({"signal": MIXER, "timestamp": self.at_s, "values": self.values}).encode()


def mixer_rows(seed: int, observations: int, start_s: float) -> Iterator[MixerRow]:
    """One row a second."""
    rng = random.Random(f"mixer {seed}")
    first, end = (round(share * observations) for share in FAILS)
    sticks, stuck = round(STICKS * observations), 0.0
    for tick in range(observations):
        levels = _RUNS if tick // BATCH_TICKS % 2 else _STANDS
        if first <= tick < end:
            levels = _TURNS_FREELY
        values = {name: round(rng.gauss(level, 1.0 + 0.03 * level), 3) for name, level in levels.items()}
        stuck = values["flow"] if tick < sticks else stuck
        yield MixerRow(start_s + tick, values | {"flow": stuck})
