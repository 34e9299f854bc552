"""Fields that a batch needs of few rows: copied from the pages' arrays when needed, and back if changed."""

from collections.abc import Sequence

import numpy as np

from consumer.detectors.state_columns import Floats, Integers, Places
from consumer.detectors.vectorised import Rows


class LazyFields:
    """Some neighbouring fields of the rows' states, which may be there several times: for each of the tracks.

    Row r of track t is cell `t * len(rows) + r`. Shape: `floats`, `integers` (fields, cells), of meaning
    only where loaded.
    """

    def __init__(
        self,
        rows: Rows,
        floats: int,
        float_starts: Sequence[int],
        integers: int,
        integer_starts: Sequence[int],
    ) -> None:
        self._rows, self._starts = rows, list(zip(float_starts, integer_starts, strict=True))
        cells = len(self._starts) * len(rows)
        self.floats: Floats = np.empty((floats, cells))
        self.integers: Integers = np.empty((integers, cells), dtype=np.int64)
        self._is_loaded = np.zeros(cells, dtype=np.bool_)
        self.is_changed = np.zeros(cells, dtype=np.bool_)
        self._was_loaded = [False] * len(self._starts)

    def load(self, cells: Places) -> None:
        """Have these cells, as they are in the pages' arrays if they are not here yet."""
        missing = cells[~self._is_loaded.take(cells)]
        if not missing.size:
            return
        track_of = missing // len(self._rows)
        for track in np.flatnonzero(np.bincount(track_of)).tolist():
            start = track * len(self._rows)
            is_loaded = self._is_loaded[start : start + len(self._rows)]
            # Whatever is loaded twice is loaded many times, a few rows each: rather all the others at once.
            found = (
                np.flatnonzero(~is_loaded) if self._was_loaded[track] else missing[track_of == track] - start
            )
            self._was_loaded[track] = True
            is_loaded[found] = True
            rows, places, parts = self._rows.by_source(found)
            first, first_integer = self._starts[track]
            to = rows + start
            for columns, part in parts:
                self.floats[:, to[part]] = columns.floats[first : first + len(self.floats)].take(
                    places[part], axis=1
                )
                self.integers[:, to[part]] = columns.integers[
                    first_integer : first_integer + len(self.integers)
                ].take(places[part], axis=1)

    def write(self, cells: Places, floats: Floats, integers: Integers) -> None:
        """Change cells that are loaded. Shape of both arrays: (fields, cells given)."""
        self.floats[:, cells], self.integers[:, cells] = floats, integers
        self.is_changed[cells] = True

    def scatter(self) -> None:
        """Write what has changed back to the pages' arrays."""
        for track, (first, first_integer) in enumerate(self._starts):
            start = track * len(self._rows)
            changed = np.flatnonzero(self.is_changed[start : start + len(self._rows)])
            if not changed.size:
                continue
            rows, places, parts = self._rows.by_source(changed)
            of = rows + start
            for columns, part in parts:
                columns.floats[first : first + len(self.floats), places[part]] = self.floats[:, of[part]]
                columns.integers[first_integer : first_integer + len(self.integers), places[part]] = (
                    self.integers[:, of[part]]
                )
