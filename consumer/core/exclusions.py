"""Observations at which a model raised: the page is taken afresh, and learns the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from consumer.core.signals import SignalKey

RAISES_PER_SIGNAL_MAX = 3


class Raised(NamedTuple):
    """Entry number `entry` of a signal's run, which its model could not learn."""

    entry: int
    reason: str


@dataclass(slots=True)
class Exclusions:
    """What to leave out of one batch, signal by signal."""

    raised: dict[SignalKey, list[Raised]] = field(default_factory=dict)

    def add(self, raised: Mapping[SignalKey, Raised]) -> None:
        """Leave these out from now on."""
        for key, entry in raised.items():
            self.raised.setdefault(key, []).append(entry)

    def reasons(self, key: SignalKey, entries: Sequence[int]) -> dict[int, str]:
        """Those of a signal's `entries` that are left out, with why; after a few raises, all that follow."""
        raised = self.raised.get(key, [])
        reasons = {entry.entry: entry.reason for entry in raised}
        if len(raised) >= RAISES_PER_SIGNAL_MAX:
            given_up = f"not tried: the model of this signal raised {len(raised)} times in its batch"
            last = max(reasons)
            reasons |= {entry: given_up for entry in entries if entry > last}
        return reasons
