"""What is known of a machine's modes over time."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from operator import itemgetter

import msgspec

from consumer.detectors.states import ModelState

CHANGES_MAX = 32
"""Of its mode that are kept of a machine: what is later than that is of no mode that is known."""


class Timeline(ModelState):
    """The last changes of a machine's mode, in the order of their times."""

    changes: list[tuple[float, float, float]] = msgspec.field(default_factory=list)
    """Since when, when it was seen last, and which mode."""

    def copy(self) -> "Timeline":
        """The same once more."""
        return Timeline([*self.changes])

    def note(self, at_s: float | None, mode: float) -> None:
        """Know that this was the mode at that time; no time: right after what is known.

        What comes late parts the stretch that it falls into: before it, and after it was seen again, the
        mode is what was known.

        >>> timeline = Timeline()
        >>> for at_s, mode in ((0.0, 1.0), (60.0, 1.0), (90.0, 2.0), (30.0, 0.0)):
        ...     timeline.note(at_s, mode)
        >>> [(since_s, mode) for since_s, _, mode in timeline.changes]
        [(0.0, 1.0), (30.0, 0.0), (60.0, 1.0), (90.0, 2.0)]
        """
        changes, mode = self.changes, mode + 0.0  # -0.0 is 0
        if at_s is None:
            at_s = changes[-1][1] if changes else 0.0
        at = bisect_right(changes, at_s, key=itemgetter(0))
        if at == 0 and len(changes) >= CHANGES_MAX:
            return  # it is from before what is kept
        before = changes[:at]
        after = changes[at:]
        new = at_s, at_s, mode
        if before:
            since_s, seen_s, known = before[-1]
            if known == mode:
                changes[at - 1] = since_s, max(seen_s, at_s), mode
                return
            if seen_s > at_s:
                after.insert(0, (seen_s, seen_s, known))
            before[-1] = since_s, since_s if seen_s >= at_s else seen_s, known
            if since_s == at_s:  # what came last of one time holds
                before.pop()
                if before and before[-1][2] == mode:
                    new = before.pop()[0], at_s, mode
        if after and after[0][2] == mode:
            new = new[0], after.pop(0)[1], mode
        changes[:] = [*before, new, *after][-CHANGES_MAX:]

    def at(self, at_s: float | None) -> tuple[float, float] | None:
        """The mode at that time, and since when; without a time, the last one. None: it is not known."""
        if at_s is None:
            return (self.changes[-1][0], self.changes[-1][2]) if self.changes else None
        at = bisect_right(self.changes, at_s, key=itemgetter(0))
        return (self.changes[at - 1][0], self.changes[at - 1][2]) if at else None

    def seconds_in(self, modes: Sequence[float], from_s: float, until_s: float) -> float:
        """How long it was in one of these modes between two times, as far as it is known.

        >>> Timeline([(0.0, 0.0, 1.0), (10.0, 10.0, 0.0), (40.0, 40.0, 1.0)]).seconds_in([0.0], 20.0, 100.0)
        20.0
        """
        seconds, end_s = 0.0, math.inf
        for since_s, _, mode in reversed(self.changes):
            if mode in modes:
                seconds += max(0.0, min(end_s, until_s) - max(since_s, from_s))
            end_s = since_s
        return seconds
