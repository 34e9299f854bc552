"""What is learned by the hour: of each row, the cells of the hour that its values are of."""

from collections.abc import Callable

import numpy as np

from consumer.detectors.in_columns.vectorised import Bools, Rows
from consumer.detectors.state_columns import Floats, Integers, Places

HOUR_S = 3600.0
TIME_MAX = 1e11
"""Seconds since 1970: until then, hours are exact in floats, and a later clock is wrong."""


class HourCells:
    """Of a list of floats and one of integers in each row's state, the values at the indices of an hour.

    Shape: `floats` and `integers` (indices, rows). They are exchanged with the pages when a row's hour
    changes. `starts` say where the two lists lie in the pages' arrays, and `indices_of` which indices an hour
    has: of hours since 1970, an array of shape (count, hours).
    """

    def __init__(
        self, rows: Rows, starts: tuple[int, int], count: int, indices_of: Callable[[Places], Places]
    ) -> None:
        self._rows, self._starts, self._indices_of = rows, starts, indices_of
        self.floats: Floats = np.zeros((count, len(rows)))
        self.integers: Integers = np.zeros((count, len(rows)), dtype=np.int64)
        self._indices = np.zeros((count, len(rows)), dtype=np.intp)
        self._hour_s = np.full(len(rows), np.nan)
        """When the hour began whose cells these are; NaN: none yet."""

    def move(self, rows: slice, at_s: Floats) -> Bools | None:
        """Have the cells of these times; which times have none here, if some have not."""
        since_s = at_s - self._hour_s[rows]
        is_same = (since_s >= 0.0) & (since_s < HOUR_S)
        if is_same.all():
            return None
        moved = np.flatnonzero(~is_same)
        times_s = at_s[moved]
        has_cells = (times_s >= 0.0) & (times_s < TIME_MAX)
        if not has_cells.all():
            moved, times_s = moved[has_cells], times_s[has_cells]
        # Exact: just before an hour, the quotient is more than half of a last place below a whole number.
        hours = np.floor(times_s / HOUR_S)
        self._put(moved[~np.isnan(self._hour_s[moved])])
        self._hour_s[moved] = hours * HOUR_S
        self._indices[:, moved] = self._indices_of(hours.astype(np.intp))
        self._take(moved)
        if has_cells.all():
            return None
        has_none: Bools = ~is_same
        has_none[moved] = False
        return has_none

    def of_all_hours(self, rows: Places, size: int) -> tuple[Floats, Integers]:
        """The whole lists, of which each row has `size` numbers; the rows ascend in the sources' order.

        Shape: (size, rows)
        """
        self._put(rows[~np.isnan(self._hour_s[rows])])
        floats, integers = np.empty((size, len(rows))), np.empty((size, len(rows)), dtype=np.int64)
        start, start_integer = self._starts
        for columns, places, _, part in self._rows.by_source(rows)[1]:
            floats[:, part] = columns.floats[start : start + size, places]
            integers[:, part] = columns.integers[start_integer : start_integer + size, places]
        return floats, integers

    def scatter(self) -> None:
        """Write the cells back."""
        self._put(np.flatnonzero(~np.isnan(self._hour_s)))

    def _take(self, rows: Places) -> None:
        rows, parts = self._rows.by_source(rows)
        indices = self._indices[:, rows]
        floats, integers = np.empty(indices.shape), np.empty(indices.shape, dtype=np.int64)
        start, start_integer = self._starts
        for columns, places, _, part in parts:
            floats[:, part] = columns.floats[indices[:, part] + start, places]
            integers[:, part] = columns.integers[indices[:, part] + start_integer, places]
        self.floats[:, rows], self.integers[:, rows] = floats, integers

    def _put(self, rows: Places) -> None:
        if not len(rows):
            return
        rows, parts = self._rows.by_source(rows)
        indices, floats, integers = self._indices[:, rows], self.floats[:, rows], self.integers[:, rows]
        start, start_integer = self._starts
        for columns, places, _, part in parts:
            columns.floats[indices[:, part] + start, places] = floats[:, part]
            columns.integers[indices[:, part] + start_integer, places] = integers[:, part]
