"""Fields that are needed of few signals: copied from the pages' arrays when needed, and back if changed."""

from collections.abc import Sequence

import numpy as np

from consumer.detectors.in_columns.vectorised import Numbers, Rows
from consumer.detectors.state_columns import Floats, Integers, Places


class LazyFields:
    """Some neighbouring fields of states, which may be there several times: once for each of the tracks.

    Of track t, the n-th of the sources' places is cell `t * count + n`, where `count` is how many places
    there are: in this order, neighbours here are neighbours on the pages. Shape: `floats`, `integers`
    (fields, cells), of meaning only where loaded. `in_order` are the rows in the sources' order.
    """

    def __init__(
        self,
        in_order: Rows,
        floats: int,
        float_starts: Sequence[int],
        integers: int,
        integer_starts: Sequence[int],
    ) -> None:
        self._in_order, self.count = in_order, len(in_order)
        self._starts = list(zip(float_starts, integer_starts, strict=True))
        cells = len(self._starts) * self.count
        self.floats: Floats = np.empty((floats, cells))
        self.integers: Integers = np.empty((integers, cells), dtype=np.int64)
        self._is_loaded = np.zeros((len(self._starts), self.count), dtype=np.bool_)
        self._is_changed = np.zeros((len(self._starts), self.count), dtype=np.bool_)
        self._was_loaded = [False] * len(self._starts)

    def load(self, cells: Places) -> None:
        """Have these cells, as they are in the pages' arrays if they are not here yet."""
        missing = cells[~self._is_loaded.ravel().take(cells)]
        if not missing.size:
            return
        is_missing = np.zeros_like(self._is_loaded)
        is_missing.ravel()[missing] = True
        for track in np.flatnonzero(is_missing.any(axis=1)).tolist():
            # Whatever is loaded twice is loaded many times, a few cells each: rather all the others at once.
            is_due = ~self._is_loaded[track] if self._was_loaded[track] else is_missing[track]
            self._was_loaded[track] = True
            self._is_loaded[track] |= is_due
            found, places, parts = self._in_order.by_source(np.flatnonzero(is_due))
            first, first_integer = self._starts[track]
            floats = slice(first, first + len(self.floats))
            integers = slice(first_integer, first_integer + len(self.integers))
            for columns, part in parts:
                to = neighbours(found[part] + track * self.count)
                self.floats[:, to] = columns.floats[floats].take(places[part], axis=1)
                self.integers[:, to] = columns.integers[integers].take(places[part], axis=1)

    def write(self, cells: Places, floats: Floats, integers: Integers) -> None:
        """Change cells that are loaded. Shape of both arrays: (fields, cells given)."""
        to = neighbours(cells)
        self.floats[:, to], self.integers[:, to] = floats, integers
        self.changed(cells)

    def changed(self, cells: Places) -> None:
        """These cells have been changed, and are to be written back."""
        self._is_changed.ravel()[cells] = True

    def scatter(self) -> None:
        """Write what has changed back to the pages' arrays."""
        for track, (first, first_integer) in enumerate(self._starts):
            changed = np.flatnonzero(self._is_changed[track])
            if not changed.size:
                continue
            found, places, parts = self._in_order.by_source(changed)
            floats = slice(first, first + len(self.floats))
            integers = slice(first_integer, first_integer + len(self.integers))
            for columns, part in parts:
                of = neighbours(found[part] + track * self.count)
                columns.floats[floats, places[part]] = self.floats[:, of]
                columns.integers[integers, places[part]] = self.integers[:, of]


def neighbours(cells: Places) -> Places | slice:
    """The cells as a slice, if each is the next after the one before: that copies faster.

    >>> neighbours(np.array([3, 4, 5])), neighbours(np.array([3, 5]))
    (slice(3, 6, None), array([3, 5]))
    """
    count = len(cells)
    if count and cells[-1] - cells[0] == count - 1 and bool((cells[1:] > cells[:-1]).all()):
        return slice(int(cells[0]), int(cells[-1]) + 1)
    return cells


def columns_of(numbers: Numbers, cells: Places) -> Numbers:
    """A copy of the numbers of these cells. Shape: (fields, cells) -> (fields, cells given)."""
    at = neighbours(cells)
    columns: Numbers = numbers[:, at].copy() if isinstance(at, slice) else numbers.take(at, axis=1)
    return columns
