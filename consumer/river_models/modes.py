"""The levels between which a signal jumps, found by itself, and how far it strays from them: modes."""

from typing import Annotated

import msgspec
from msgspec import Meta

MODES_MAX = 8
"""Levels that there is room for; a new one takes the place of the one with the fewest values."""
FAR, FAR_CHANGES = 3.0, 8.0
"""Widths from the nearest mode's range, and usual changes: what is further away is a mode of its own."""
DWELLS_FROM = 2
"""Values in a row in one mode, from which on a signal dwells there: others are not judged, nor learned."""
COUNTS_FROM = 40
"""Values, from which on a mode counts."""
GROWS_FROM = 20
"""Values, until which a mode's range takes in whatever comes."""
GROWTH, SHRINKING = 0.015, 1e-4
"""By how much of its width a value widens the range at most, and how much each one takes from it."""
TOUCHES = 0.25
"""Widths: modes that are so near to each other are one."""
STRAY_RATE = 0.2
"""Weight of a value in the short mean of strays."""
SLOW_RATE = 0.01
"""Weight of a value in the share of those that dwell in a mode, and in the mean change."""
COVER_MAX = 0.4
"""Share of the whole range that all modes cover together at most: what covers more is no signal of modes."""
SHARE_MIN = 0.75
"""Share of the values that dwell in a mode which counts: likewise."""
SHARE_USUAL = 0.5
"""The same, before what lies within a mode is usual."""
USUAL = 0.25
"""Widths outside a mode's range that are usual now and then."""
LEAST = 1e-9
"""Share of a value that is no width."""


class Mode(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The usual range of a level at which a signal dwells. Units: the signal's own."""

    low: float = 0.0
    high: float = 0.0
    count: int = 0


class Modes(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The modes of a signal, and in which of them it is. State: 8 modes of 3 numbers each."""

    known: Annotated[list[Mode], Meta(max_length=MODES_MAX)] = []
    current: int = 0
    run: int = 0
    """Values in a row in the current mode, at most `DWELLS_FROM`."""
    change: float = 0.0
    """The mean absolute change from value to value."""
    share: float = 0.0
    """How many of the latest values dwelled in a mode that counts."""
    stray: float = 0.0
    """The short mean of how far it is outside its mode's range, in widths of it."""

    def learn_one(self, value: float, change: float, rate: float) -> bool:
        """Learn a value that differs by `change` from the one before; whether it is usual in its mode.

        `rate` is the weight of its change at least, as long as few values are known.
        """
        known, least = self.known, LEAST * abs(value)
        at, beyond = self._nearest(value)
        width = known[at].high - known[at].low if known else 0.0
        if not known or (beyond > max(FAR * width, FAR_CHANGES * self.change) and beyond > least):
            at, beyond, width = self._new(value), 0.0, 0.0
        mode = known[at]
        self.change += max(SLOW_RATE, rate) * (abs(change) - self.change)
        self.run = min(self.run + 1, DWELLS_FROM) if at == self.current else 1
        self.current = at
        dwells, counts = self.run >= DWELLS_FROM, mode.count >= COUNTS_FROM
        self.share += SLOW_RATE * (float(dwells and counts and beyond <= width) - self.share)
        may_be = counts and width > least and self.share >= SHARE_USUAL and self._are_apart()
        is_usual, is_of_modes = may_be and beyond <= USUAL * width, may_be and self.share >= SHARE_MIN
        if not dwells:
            return is_usual
        stray = min(beyond / width, 1.0) if is_of_modes else 0.0
        self.stray += STRAY_RATE * (stray - self.stray)
        _learn(mode, value)
        self._merge(least)
        return is_usual

    def _nearest(self, value: float) -> tuple[int, float]:
        """The mode whose range is nearest, and how far away it is."""
        nearest, least = 0, 0.0
        for at, mode in enumerate(self.known):
            beyond = max(value - mode.high, mode.low - value, 0.0)
            if at == 0 or beyond < least:
                nearest, least = at, beyond
        return nearest, least

    def _new(self, value: float) -> int:
        new, known = Mode(value, value), self.known
        if len(known) < MODES_MAX:
            known.append(new)
            return len(known) - 1
        rarest = min(range(MODES_MAX), key=lambda at: known[at].count)
        known[rarest] = new
        return rarest

    def _are_apart(self) -> bool:
        """Whether there are several modes, which cover little of the whole range."""
        counting = [mode for mode in self.known if mode.count >= COUNTS_FROM]
        if len(counting) < 2:
            return False
        covered, low, high = 0.0, counting[0].low, counting[0].high
        for mode in counting:
            covered += mode.high - mode.low
            low, high = min(low, mode.low), max(high, mode.high)
        return covered < COVER_MAX * (high - low)

    def _merge(self, least: float) -> None:
        """Make one of the current mode and another that it touches, if there is one."""
        known = self.known
        mode = known[self.current]
        width = mode.high - mode.low
        for at, other in enumerate(known):
            if at == self.current:
                continue
            gap = max(other.low - mode.high, mode.low - other.high)
            if gap <= 0.0 or (gap <= TOUCHES * width and gap <= TOUCHES * (other.high - other.low) + least):
                mode.low, mode.high = min(mode.low, other.low), max(mode.high, other.high)
                mode.count += other.count
                last = known.pop()
                if at < len(known):
                    known[at] = last
                self.current = at if last is mode else self.current
                return


def _learn(mode: Mode, value: float) -> None:
    low, high = mode.low, mode.high
    middle, kept = 0.5 * (low + high), 1.0 - SHRINKING
    low, high = middle + (low - middle) * kept, middle + (high - middle) * kept
    most = GROWTH * (high - low)
    if mode.count >= GROWS_FROM and most > 0.0:
        mode.high = min(value, high + most) if value > high else high
        mode.low = max(value, low - most) if value < low else low
    else:
        mode.high, mode.low = max(high, value), min(low, value)
    mode.count += 1


def copy_of_modes(modes: Modes) -> Modes:
    """A copy that shares nothing."""
    return msgspec.structs.replace(modes, known=[msgspec.structs.replace(mode) for mode in modes.known])
