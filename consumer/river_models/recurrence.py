"""What is unusual again and again: bursts that are no larger and no longer than earlier ones are usual."""

from typing import Annotated

import msgspec
from msgspec import Meta

BURSTS_MAX = 8
"""The latest bursts that there is room for."""
LIKE_MIN = 2
"""So many earlier bursts like it, and a burst is usual."""
LARGER, LONGER = 1.5, 2.0
"""Times an earlier burst's size and length, up to which another one is like it."""
OVER_AFTER = 60
"""Usual values in a row, after which a burst is over."""
REMEMBERED_S = 2_419_200.0
"""Four weeks: how long a burst is remembered from its beginning, as far as values have times."""


class Burst(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Unusual values that came together."""

    size: float = 0.0
    """The furthest deviation from what was expected, with its sign."""
    length: int = 0
    """Values from the first unusual one to the last."""
    began_s: float | None = None


class Recurrence(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The latest bursts of a signal, and the one that it is in.

    A signal whose tails are heavy, whose load comes in bursts, or which is zero but for some events, is
    unusual every few days, by all that knows values alone. What tells a fault from these is that nothing of
    its size and length has come before: so the first two bursts are told, and then what goes further or lasts
    longer.
    """

    known: Annotated[list[Burst], Meta(max_length=BURSTS_MAX)] = []
    now: Burst = msgspec.field(default_factory=Burst)
    """The present one; of length 0 if there is none."""
    since: int = 0
    """Values since its first, which is counted."""
    quiet: int = 0
    """Values since its last."""

    def learn_one(self, is_unusual: bool, deviation: float, at_s: float | None) -> bool:
        """Learn a value; whether it is unusual, and no burst like its own has come several times."""
        now = self.now
        if now.length:
            self.since += 1
        if not is_unusual:
            if now.length:
                self.quiet += 1
                if self.quiet >= OVER_AFTER:
                    self._end()
            return False
        if not now.length:
            now.began_s, self.since = at_s, 1
        if abs(deviation) > abs(now.size) or not now.length:
            now.size = deviation
        now.length, self.quiet = self.since, 0
        return sum(self._is_like(burst) for burst in self.known) < LIKE_MIN

    def present(self) -> tuple[Burst, int, int]:
        """What `take_back` needs, before a value is learned."""
        return msgspec.structs.replace(self.now), self.since, self.quiet

    def take_back(self, present: tuple[Burst, int, int]) -> None:
        """Let the unusual value that was learned last be a usual one: nobody was to be told of it."""
        self.now, self.since, self.quiet = present
        self.learn_one(is_unusual=False, deviation=0.0, at_s=None)

    def _is_like(self, earlier: Burst) -> bool:
        """Whether the present burst is like an earlier one, which is not too long ago.

        Nor may its time be far ahead, by a clock that was wrong: it would be remembered for ever.
        """
        now = self.now
        if (earlier.size >= 0.0) != (now.size >= 0.0) or now.length > LONGER * earlier.length:
            return False
        began_s, earlier_s = now.began_s, earlier.began_s
        if began_s is not None and earlier_s is not None and abs(began_s - earlier_s) >= REMEMBERED_S:
            return False
        return abs(now.size) <= LARGER * abs(earlier.size)

    def _end(self) -> None:
        """Keep the present burst in place of the oldest."""
        if len(self.known) >= BURSTS_MAX:
            del self.known[0]
        self.known.append(self.now)
        self.now, self.since, self.quiet = Burst(), 0, 0


def copy_of_recurrence(recurrence: Recurrence) -> Recurrence:
    """A copy that shares nothing."""
    return msgspec.structs.replace(
        recurrence,
        known=[msgspec.structs.replace(burst) for burst in recurrence.known],
        now=msgspec.structs.replace(recurrence.now),
    )
