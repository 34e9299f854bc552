"""The levels between which a signal switches, and whether all of them have moved by as much."""

from functools import reduce
from operator import add
from typing import Annotated

import msgspec
from msgspec import Meta

LEVELS = 6
"""More are no few levels; the one that was visited least gives way."""
_OF_LEVELS = Meta(min_length=LEVELS, max_length=LEVELS)
_COUNT_MAX = 2**31
_PURE = 2.0
"""Times the usual mean absolute deviation: what is wider lies across a switch."""
_NARROW_RATE, _WIDENING = 0.05, 1.02
"""Of a block, in that usual deviation; and by how much it grows with a block that is too wide."""
_OF_MEAN = 0.44
"""The deviation of a block's mean, in mean absolute ones of its eight values, if these are independent."""
_NEAR = 4.0
"""Deviations of a block's mean within which it is at a level."""
_FOLLOWS = 0.05
"""Of a block, in the level that it is at."""
_NEW = 3
"""Blocks that make a level of their own."""
MOVED = 6
"""Blocks that show that the levels have moved: as many as make a lasting change elsewhere."""
_BETWEEN = 2
"""Levels at which it shows: at one, it may be a level that was not visited before."""
_ESTABLISHED = 4
"""Visits: until then, there may be levels that were not visited yet."""


class DwellLevels(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Levels at which blocks of a switching signal lie, and by how much the latest are off them.

    A signal that switches far varies by so much that nothing else shows. What changes it for good moves all
    of its levels, and by the same: so it counts as soon as two that are well known have moved alike.

    Units: the signal's own.
    State: some 20 numbers.
    """

    centres: Annotated[list[float], _OF_LEVELS] = msgspec.field(default_factory=lambda: [0.0] * LEVELS)
    visits: Annotated[list[int], _OF_LEVELS] = msgspec.field(default_factory=lambda: [0] * LEVELS)
    """How often the signal came to each level; 0: there is none."""
    narrow: float = 0.0
    """The usual mean absolute deviation within a block, where the signal does not switch."""
    latest: Annotated[int, Meta(ge=0, lt=LEVELS)] = 0
    """The level that was visited last."""
    blocks: Annotated[int, Meta(ge=0, le=_COUNT_MAX)] = 0
    """The latest blocks in a row that are off the nearest level by as much."""
    nearest: Annotated[int, Meta(ge=0, lt=2**LEVELS)] = 0
    """Which levels these were: a bit for each."""
    off: float = 0.0
    """By how much, on average."""

    def learn_one(self, values: list[float]) -> tuple[float, float] | None:
        """Learn a block of values: the level it left and by how much, once the levels have moved for good."""
        mean = _sum(values) / len(values)
        wide = _sum([abs(value - mean) for value in values]) / len(values)
        if not self.visits[0]:
            self.centres[0], self.visits[0], self.narrow = mean, 1, wide
            return None
        if wide > _PURE * self.narrow:
            self.narrow *= _WIDENING
            return None
        self.narrow += _NARROW_RATE * (wide - self.narrow)
        near = _NEAR * _OF_MEAN * self.narrow
        level = self._nearest(mean)
        off = mean - self.centres[level]
        if abs(off) <= near:
            self._end_run()
            self._visit(level)
            self.centres[level] += _FOLLOWS * off
            return None
        if self.blocks and abs(off - self.off) > near:
            self._end_run()
            level = self._nearest(mean)
            off = mean - self.centres[level]
        self.blocks = min(self.blocks + 1, _COUNT_MAX)
        self.off += (off - self.off) / self.blocks
        self.nearest |= 1 << level
        return self._moved(level)

    def _nearest(self, mean: float) -> int:
        known = [number for number, visits in enumerate(self.visits) if visits]
        return min(known, key=lambda number: (abs(mean - self.centres[number]), number))

    def _visit(self, level: int) -> None:
        if level != self.latest:
            self.visits[level] = min(self.visits[level] + 1, _COUNT_MAX)
            self.latest = level

    def _end_run(self) -> None:
        """What stayed near one level, and not at it, is a level of its own."""
        if self.blocks >= _NEW and self.nearest.bit_count() == 1:
            beside = self.nearest.bit_length() - 1
            fewest = min(self.visits)
            place = self.visits.index(fewest)
            if fewest:  # these are no few levels, and none is well known
                self.visits = [1] * LEVELS
            self.centres[place], self.visits[place] = self.centres[beside] + self.off, 1
            self.latest = place
        self.blocks, self.nearest, self.off = 0, 0, 0.0

    def _moved(self, level: int) -> tuple[float, float] | None:
        """Whether the levels have moved; then they are where they are now."""
        if self.blocks < MOVED or self.nearest.bit_count() < _BETWEEN:
            return None
        passed = [visits for number, visits in enumerate(self.visits) if self.nearest >> number & 1]
        if min(passed) < _ESTABLISHED:
            return None
        before, moved = self.centres[level], self.off
        self.centres = [centre + moved for centre in self.centres]
        self.blocks, self.nearest, self.off = 0, 0, 0.0
        return before, moved


def _sum(values: list[float]) -> float:
    """From the first to the last: Python's own sum rounds otherwise since 3.12."""
    return reduce(add, values, 0.0)
