"""Isolation from samples over many signals at once: the twin of `river_models/isolation.py`."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from consumer.detectors.in_columns.vectorised import Bools
from consumer.detectors.state_columns import Floats, Integers, Places
from consumer.river_models import isolation as scalar

_SINGLE_MAX = scalar.SINGLE_MAX


def single(numbers: Floats) -> Floats:
    """The numbers in the four bytes in which samples are kept."""
    rounded: Floats = np.clip(numbers, -_SINGLE_MAX, _SINGLE_MAX).astype(np.float32).astype(np.float64)
    return rounded


def each(function: Callable[[float], float], numbers: Floats) -> Floats:
    """A function of Python's `math` of each number: numpy's own differ in the last bit."""
    found = np.fromiter(map(function, numbers.ravel().tolist()), np.float64, numbers.size)
    return found.reshape(numbers.shape)


class Samples:
    """The samples of the rows' streams, as they are in the working copy: ascending from the first place on.

    Shape: `numbers` (streams, places, rows), and contiguous; `lengths` (streams, rows).
    """

    def __init__(self, numbers: Floats, lengths: list[Integers]) -> None:
        self._streams, self._places, self._rows = numbers.shape
        self._numbers, self._flat = numbers, numbers.reshape(-1)
        if not np.shares_memory(self._flat, numbers):
            raise ValueError("the samples are not in one piece")
        self.lengths = lengths

    def read(self, rows: slice, numbers: Floats) -> "SampleReading":
        """How isolated the numbers of the first rows are. Shape of `numbers`: (streams, rows)."""
        lengths = np.stack([length[rows] for length in self.lengths])
        offsets = (
            np.arange(self._streams)[:, None] * (self._places * self._rows)
            + np.arange(rows.stop, dtype=np.intp)[None]
        )
        below = self._bisect(numbers, lengths, offsets, np.less)
        ties = np.zeros(below.shape)
        above = below
        tied = (below < lengths) & (self._at(np.minimum(below, self._places - 1), offsets) == numbers)
        if tied.any():
            found = self._bisect(numbers[tied], lengths[tied], offsets[tied], np.less_equal)
            above = below.copy()
            above[tied] = found
            equal = (found - below[tied] + 1.0) * 0.5
            ties[tied] = 2.0 + 2.0 * each(math.log, equal)
        return SampleReading(self._depth(numbers, lengths, below, above, ties, offsets), above, lengths)

    def learn(
        self, numbers: Floats, reading: "SampleReading", drawn: Places, size: int, learns: Bools | None
    ) -> None:
        """Put the numbers that were read into the samples, as `isolation.learn` does, in rows that learn.

        Shape: `numbers` (streams, rows); `drawn` (rows,); `learns` (streams, rows)
        """
        changes = (reading.lengths < size) | (drawn < size)
        if learns is not None:
            changes &= learns
        for stream, length in enumerate(self.lengths):
            rows = np.flatnonzero(changes[stream])
            if not len(rows):
                continue
            old, after = reading.lengths[stream, rows], reading.above[stream, rows]
            grows = old < size
            removed = np.where(grows, old, drawn[rows])
            put = after - (removed < after)  # where the number comes to lie among those that stay
            first, last = min(put.min(), removed.min()), max(put.max(), removed.max())
            places = np.arange(first, last + 1)[:, None]
            before = self._numbers[stream, first : last + 1].take(rows, axis=1)
            moved = before.copy()
            np.copyto(moved[1:], before[:-1], where=(places[1:] > put) & (places[1:] <= removed))
            np.copyto(moved[:-1], before[1:], where=(places[:-1] >= removed) & (places[:-1] < put))
            moved[put - first, np.arange(len(rows))] = numbers[stream, rows]
            self._numbers[stream, first : last + 1, rows] = moved.T
            length[rows[grows]] += 1

    def _at(self, places: Places, offsets: Places) -> Floats:
        found: Floats = self._flat.take(places * self._rows + offsets)
        return found

    def _bisect(
        self, numbers: Floats, lengths: Integers, offsets: Places, is_before: Callable[..., Bools]
    ) -> Places:
        low, high = np.zeros(numbers.shape, np.intp), lengths.astype(np.intp)
        for _ in range(int(lengths.max(initial=0)).bit_length()):
            middle = (low + high) >> 1
            goes_on = is_before(self._at(np.minimum(middle, self._places - 1), offsets), numbers)
            is_open = low < high
            low = np.where(is_open & goes_on, middle + 1, low)
            high = np.where(is_open & ~goes_on, middle, high)
        return low

    def _depth(
        self,
        numbers: Floats,
        lengths: Integers,
        below: Places,
        above: Places,
        ties: Floats,
        offsets: Places,
    ) -> Floats:
        """Both sides at once, and their terms added in the order of the scalar code."""
        step = np.array([-1, 1])[:, None, None]
        first = np.stack((below - 1, above))
        length = np.stack((below, lengths - above))

        def distance(at: Any) -> Floats:
            places = np.clip(first + step * at, 0, self._places - 1)
            return np.abs(self._at(places, offsets) - numbers)

        near = distance(np.zeros((1, 1, 1), np.intp))
        terms = [(length > 0).astype(np.float64)]
        for at in range(1, scalar.NEAR):
            goes_on = length > at
            if not goes_on.any():
                break
            far = distance(np.full((1, 1, 1), at))
            terms.append(np.where(goes_on, (far - near) / far, 0.0))
            near = np.where(goes_on, far, near)
        reached = scalar.NEAR
        while True:
            goes_on = length > reached
            if not goes_on.any():
                break
            ends = np.minimum(2 * reached, length)
            far = distance(ends - 1)
            terms.append(np.where(goes_on, 2.0 * (far - near) / (far + near), 0.0))
            near = np.where(goes_on, far, near)
            reached *= 2
        whole = ties
        for side in (0, 1):
            for term in terms:
                whole = whole + term[side]
        return whole


class SampleReading:
    """What samples say of numbers. Shape of all: (streams, rows)."""

    def __init__(self, depth: Floats, above: Places, lengths: Integers) -> None:
        self.depth, self.above, self.lengths = depth, above, lengths

    def isolation(self, known_from: int) -> Floats:
        """From 0 to 0.78; 0 of samples that are smaller."""
        found = np.zeros(self.depth.shape)
        is_known = self.lengths >= max(known_from, 1)
        found[is_known] = each(math.exp, -scalar.OF_DEPTH * self.depth[is_known])
        return found
