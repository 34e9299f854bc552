"""Modes over many signals at once: the twin of `river_models/modes.py`."""

from typing import NamedTuple

import numpy as np

from consumer.detectors.in_columns.vectorised import Bools, Gathered, first_max, first_min, write
from consumer.detectors.state_columns import Floats, Integers, Places
from consumer.river_models import modes as scalar

_PLACES = np.arange(scalar.MODES_MAX)[:, None]


class ModesColumns:
    """The modes of the rows."""

    def __init__(self, gathered: Gathered, path: str) -> None:
        ranges = gathered.block(f"{path}.known.0.low", f"{path}.known.{scalar.MODES_MAX - 1}.high")
        self._low, self._high = ranges[0::2], ranges[1::2]
        self._count = gathered.block(f"{path}.known.0.count", f"{path}.known.{scalar.MODES_MAX - 1}.count")
        self._length, self._current, self._run, self._change, self._share, self._stray = (
            gathered.field(f"{path}.{name}")
            for name in ("known.length", "current", "run", "change", "share", "stray")
        )

    def step(self, rows: slice, values: Floats, change: Floats, rate: Floats) -> "ModesStep":
        """Judge and learn a value for each of the first rows."""
        low, high, count = self._low[:, rows], self._high[:, rows], self._count[:, rows]
        length = self._length[rows]
        exists = length > _PLACES
        beyond_each = first_max(first_max(values - high, low - values), 0.0)
        at = np.where(exists, beyond_each, np.inf).argmin(axis=0)
        row = np.arange(len(values))
        own_low, own_high, own_count, beyond = (
            low[at, row],
            high[at, row],
            count[at, row],
            beyond_each[at, row],
        )
        width, least = own_high - own_low, scalar.LEAST * np.abs(values)
        mean_change = self._change[rows]
        is_far = beyond > first_max(scalar.FAR * width, scalar.FAR_CHANGES * mean_change)
        is_new = ~exists[0] | (is_far & (beyond > least))
        if is_new.any():
            rarest = np.where(length < scalar.MODES_MAX, length, count.argmin(axis=0))
            at, own_count = np.where(is_new, rarest, at), np.where(is_new, 0, own_count)
            own_low, own_high = np.where(is_new, values, own_low), np.where(is_new, values, own_high)
            width, beyond = np.where(is_new, 0.0, width), np.where(is_new, 0.0, beyond)
        run = np.where(at == self._current[rows], np.minimum(self._run[rows] + 1, scalar.DWELLS_FROM), 1)
        dwells, counts = run >= scalar.DWELLS_FROM, own_count >= scalar.COUNTS_FROM
        share, stray = self._share[rows], self._stray[rows]
        share = share + scalar.SLOW_RATE * ((dwells & counts & (beyond <= width)) - share)
        may_be = counts & (width > least) & (share >= scalar.SHARE_USUAL)
        if may_be.any():
            may_be &= _are_apart(low, high, exists & (count >= scalar.COUNTS_FROM))
        is_usual, is_of_modes = (
            may_be & (beyond <= scalar.USUAL * width),
            may_be & (share >= scalar.SHARE_MIN),
        )
        new_stray = np.where(is_of_modes, np.minimum(beyond / width, 1.0), 0.0)
        stray = np.where(dwells, stray + scalar.STRAY_RATE * (new_stray - stray), stray)
        weight = np.maximum(scalar.SLOW_RATE, rate)
        mean_change = mean_change + weight * (np.abs(change) - mean_change)
        new_low, new_high = _learned(values, own_low, own_high, own_count)
        own_low, own_high = np.where(dwells, new_low, own_low), np.where(dwells, new_high, own_high)
        touches = _touches(low, high, exists & (at != _PLACES), own_low, own_high, least) & dwells
        return ModesStep(
            self, rows, stray, is_usual, is_new, at, dwells, own_low, own_high, own_count + dwells, run,
            mean_change, share, touches,
        )  # fmt: skip

    def write(self, step: "ModesStep", where: Bools | None) -> None:
        """Write what comes of a step to the working copy."""
        rows = step.rows
        for field, new in (
            (self._current, step.at),
            (self._run, step.run),
            (self._change, step.change),
            (self._share, step.share),
            (self._stray, step.stray),
        ):
            write(field[rows], new, where)
        is_other = step.dwells | step.is_new
        others = np.flatnonzero(is_other if where is None else is_other & where)
        at = step.at[others]
        self._low[at, others], self._high[at, others] = step.low[others], step.high[others]
        self._count[at, others] = step.counted[others]
        is_new = step.is_new if where is None else step.is_new & where
        if is_new.any():
            length = self._length[rows]
            write(length, np.minimum(length + 1, scalar.MODES_MAX), is_new)
        merging = step.touches.any(axis=0)
        if where is not None:
            merging &= where
        if merging.any():
            self._merge(np.flatnonzero(merging), step)

    def _merge(self, rows: Places, step: "ModesStep") -> None:
        """Make one of each row's own mode and the first that it touches; the last takes the other's place."""
        own, other, last = step.at[rows], step.touches[:, rows].argmax(axis=0), self._length[rows] - 1
        self._low[own, rows] = first_min(self._low[own, rows], self._low[other, rows])
        self._high[own, rows] = first_max(self._high[own, rows], self._high[other, rows])
        self._count[own, rows] += self._count[other, rows]
        for field in (self._low, self._high, self._count):
            field[other, rows] = field[last, rows]
            field[last, rows] = 0
        self._current[rows] = np.where(own == last, other, own)
        self._length[rows] = last


class ModesStep(NamedTuple):
    """What comes of a value for each row. Shape of all but `touches`: (rows,)."""

    columns: ModesColumns
    rows: slice
    stray: Floats
    is_in_mode: Bools
    is_new: Bools
    at: Integers
    dwells: Bools
    low: Floats
    high: Floats
    counted: Integers
    run: Integers
    change: Floats
    share: Floats
    touches: Bools
    """Of each place, whether the mode there is to be one with the row's own. Shape: (places, rows)"""

    def commit(self, where: Bools | None) -> None:
        """Write it to the working copy."""
        self.columns.write(self, where)


def _are_apart(low: Floats, high: Floats, counting: Bools) -> Bools:
    covered = np.zeros(low.shape[1])
    for widths in np.where(counting, high - low, 0.0):
        covered = covered + widths
    whole = np.where(counting, high, -np.inf).max(axis=0) - np.where(counting, low, np.inf).min(axis=0)
    are_apart: Bools = (counting.sum(axis=0) > 1) & (covered < scalar.COVER_MAX * whole)
    return are_apart


def _learned(values: Floats, low: Floats, high: Floats, count: Integers) -> tuple[Floats, Floats]:
    middle, kept = 0.5 * (low + high), 1.0 - scalar.SHRINKING
    low, high = middle + (low - middle) * kept, middle + (high - middle) * kept
    most = scalar.GROWTH * (high - low)
    is_slow = (count >= scalar.GROWS_FROM) & (most > 0.0)
    above = np.where(is_slow, first_min(values, high + most), values)
    below = np.where(is_slow, first_max(values, low - most), values)
    return np.where(values < low, below, low), np.where(values > high, above, high)


def _touches(
    low: Floats, high: Floats, others: Bools, own_low: Floats, own_high: Floats, least: Floats
) -> Bools:
    """Which of the others touch the rows' own modes. Shape: (places, rows)."""
    gap = np.maximum(low - own_high, own_low - high)
    is_near = (gap <= scalar.TOUCHES * (own_high - own_low)) & (gap <= scalar.TOUCHES * (high - low) + least)
    touches: Bools = others & ((gap <= 0.0) | is_near)
    return touches
