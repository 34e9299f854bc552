"""What goes wrong, and when: all from the seed, each kind of fault with random numbers of its own."""

import random
from collections import Counter
from dataclasses import dataclass, field

# Each has to happen now and then, or the run fails: what was never tried was not shown.
KINDS = frozenset(
    {
        "GET fails",
        "GET answers 403",
        "PUT fails before its effect",
        "PUT fails after its effect",
        "PUT answers 409",
        "PUT answers 412 after its effect",
        "slow request",
        "request that hangs",
        "death before a GET",
        "death after a GET",
        "death before a page's PUT",
        "death after a page's PUT",
        "death before a quarantine's PUT",
        "death after a quarantine's PUT",
        "death before a publication",
        "death after a publication",
        "publication fails whole",
        "publication fails in part",
        "publication is not answered",
        "bus down for minutes",
        "batch delivered to two at once",
        "time-out, and the invocation goes on",
        "time-out, and the invocation ends",
        "time is short",
        "stalled process",
        "cold start",
        "event read by its types",
        "event left to the reader of dicts",
        "stream throttled",
        "split",
        "merge",
        "random partition key",
        "equal sequence numbers",
        "KPL record",
        "poison record",
        "observation that cannot be learned",
        "model raises",
        "batch of too many observations",
        "flood of signals",
        "destination fails",
        "deployment",
        "repage",
        "repage while functions are at work",
        "placed by asset",
        "mapping made anew",
        "calendar pauses an observation",
        "two streams",
        "sensors are looked at",
        "visit",
        "models of drift",
        "models of forecast",
        "models of clusters",
        "many named values at once",
        "a model raises ever after",
        "a clock is far ahead",
        "a clock says what cannot be",
        "the stream is silent for a while",
        "records at their limits",
        "memory for few pages",
        "pages are full for a while",
        "a page cannot be read for a while",
        "a page is planted",
        "an operator is asked",
        "an operator says no",
        "an operator's command is killed",
        "reset",
        "rollback",
        "rollback --relearn",
        "quarantine redrive",
        "a record is redriven",
        "a redrive is sent in part",
        "failed redrive",
        "mute",
        "upgrade",
        "upgrade build alone",
    }
)

# These too, though nothing goes wrong there: what learned in columns, and what was published.
REACHED = frozenset(
    {
        *(f"world in which {kind} learns in columns" for kind in ("anomaly", "drift", "shift")),
        *(f"observation of {kind} learned in columns" for kind in ("anomaly", "drift", "shift")),
        *(f"signal of {kind} that left the columns" for kind in ("anomaly", "shift")),
        *(f"signal of {kind} that left the columns within a record" for kind in ("anomaly", "shift")),
        *(f"pages of {kind} that learned together in columns" for kind in ("anomaly", "drift", "shift")),
        *(f"{kind} {change}" for kind in ("anomaly", "shift") for change in ("opened", "cleared")),
        *(
            f"sensor {fault} {change}"
            for fault in ("flat", "range", "quality")
            for change in ("opened", "cleared")
        ),
    }
)


@dataclass
class Chance:
    """Decides for one seed; `without` are kinds that are left out, to find what a failure needs."""

    seed: int
    without: frozenset[str] = frozenset()
    exercised: Counter = field(default_factory=Counter)
    is_quiet: bool = False
    """From now on nothing goes wrong any more, so that all can come to its end."""
    intensity: float = 1.0
    """Some seeds are calm, in some everything fails now and then."""
    _rngs: dict[str, random.Random] = field(default_factory=dict)

    def __post_init__(self):
        self.intensity = self.rng("intensity").choice([0.0, 0.5, 1.0, 1.0, 3.0, 5.0])

    def rng(self, name: str) -> random.Random:
        """Random numbers that nothing else draws from."""
        if name not in self._rngs:
            self._rngs[name] = random.Random(f"{self.seed}/{name}")
        return self._rngs[name]

    def happens(self, kind: str, probability: float) -> bool:
        """Whether it happens now."""
        assert kind in KINDS, kind
        drawn = self.rng(kind).random() < min(0.5, probability * self.intensity)
        if not drawn or self.is_quiet or kind in self.without:
            return False
        self.exercised[kind] += 1
        return True
