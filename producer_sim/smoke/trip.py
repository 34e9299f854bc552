"""The signal that a smoke test sends, and what its hops pass on to each other."""

import time
from dataclasses import dataclass, field
from typing import Literal

from clients.deployment import Pipeline
from producer_sim.observe.listening import AlertMessage, Inbox
from producer_sim.payloads import encoders
from producer_sim.run_folder import ReceivedEvent

Outcome = Literal["passed", "failed", "not reached", "not there"]

RECORDS = 4
OBSERVATIONS = 400

_STEP_AT = 250
_PERIOD_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Timeouts in seconds: reading back, learning, and each of event and alert."""

    read_s: float = 15.0
    learn_s: float = 60.0
    tell_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Hop:
    """The outcome of one hop; `after_s` counts from the first record, `seen` is what was seen."""

    name: str
    outcome: Outcome
    after_s: float | None = None
    seen: str = ""
    look_at: tuple[str, ...] = ()


class HopFailed(Exception):
    """A hop failed: the text says what was seen, `look_at` what to check."""

    def __init__(self, seen: str, look_at: list[str]) -> None:
        super().__init__(seen)
        self.look_at = tuple(look_at)


@dataclass(slots=True)
class Trip:
    """One signal on its way; `signal` must be new to the pipeline."""

    pipeline: Pipeline
    signal: str
    patience: Patience
    inbox: Inbox
    started: float = field(default_factory=time.monotonic)
    shard_id: str = ""
    sequence_numbers: list[str] = field(default_factory=list)
    events: dict[str, ReceivedEvent] = field(default_factory=dict)
    """The first event of this signal, by use case."""
    alerted: dict[str, list[str]] = field(default_factory=dict)
    """The alerts received, by the event's id."""

    @property
    def after_s(self) -> float:
        """Seconds since the first record was put."""
        return round(time.monotonic() - self.started, 3)

    def listen(self, seconds: float) -> None:
        """Take everything that arrives within this time."""
        until = time.monotonic() + seconds
        while (left_s := until - time.monotonic()) > 0:
            self.take(left_s)

    def take(self, wait_s: float) -> None:
        """Take the next arrival, if there is one within this time."""
        arrival = self.inbox.next(wait_s)
        if isinstance(arrival, AlertMessage):
            self.alerted.setdefault(arrival.id, []).append(arrival.alert)
        elif arrival is not None and arrival.detail.get("signal") == self.signal:
            self.events.setdefault(arrival.detail["use_case"], arrival)


def step_payloads(signal: str, until_s: float) -> list[bytes]:
    """Records of columns, with a step of ten in the middle, whose last observation is at `until_s`.

    Shape: RECORDS records of OBSERVATIONS / RECORDS values
    """
    values = [(20.0 if number < _STEP_AT else 30.0) + number % 5 / 10 for number in range(OBSERVATIONS)]
    timestamps = [until_s - (OBSERVATIONS - 1 - number) * _PERIOD_S for number in range(OBSERVATIONS)]
    each = OBSERVATIONS // RECORDS
    return [
        encoders.columns(signal, timestamps[start : start + each], values[start : start + each])
        for start in range(0, OBSERVATIONS, each)
    ]
