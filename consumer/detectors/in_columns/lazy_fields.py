"""Fields that are needed of few signals: copied from the pages' arrays when needed, and back if changed."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from consumer.detectors.in_columns.vectorised import Bools, Numbers, Rows, fields_of, neighbours
from consumer.detectors.state_columns import Floats, Integers, Places


class LazyFields:
    """The same fields at several paths of the rows' states, its tracks.

    Of track t, row n is cell `t * count + n`, where `count` is how many rows there are: `rows`, which are in
    the order of their sources, so that neighbours here are neighbours on the pages. Shape: `floats`,
    `integers` (fields, cells), of meaning only where loaded; the learned fields first.
    """

    def __init__(
        self, rows: Rows, made: type[Any], tracks: Sequence[str], learned: Sequence[str], known: Sequence[str]
    ) -> None:
        self._rows, self.count = rows, len(rows)
        self._tracks = [
            fields_of(made, [f"{track}.{name}" for name in learned], [f"{track}.{name}" for name in known])
            for track in tracks
        ]
        cells = len(tracks) * self.count
        self.floats: Floats = np.empty((self._tracks[0].count("floats"), cells))
        self.integers: Integers = np.empty((self._tracks[0].count("integers"), cells), dtype=np.int64)
        self._is_loaded = np.zeros(self.count, dtype=np.bool_)
        self._is_changed = np.zeros(self.count, dtype=np.bool_)

    def load(self, cells: Places) -> None:
        """Have these cells, as they are in the pages' arrays if they are not here yet, and other tracks'."""
        is_missing = ~self._is_loaded
        is_asked = self._rows_of(cells)
        if not (is_missing & is_asked).any():
            return
        # Whatever is loaded twice is loaded many times, a few cells each: rather all the others at once.
        is_due = is_missing if self._is_loaded.any() else is_asked
        self._is_loaded |= is_due
        found, parts = self._rows.by_source(np.flatnonzero(is_due))
        for kind in ("floats", "integers"):
            for fields, ours in zip(self._tracks, self._of_tracks(kind), strict=True):
                if len(found) == self.count:
                    for part in parts:
                        fields.read(kind, part, ours[:, part.rows])
                else:
                    read = np.empty((len(ours), len(found)), dtype=ours.dtype)
                    for part in parts:
                        fields.read(kind, part, read[:, part.rows])
                    ours[:, found] = read

    def write(self, cells: Places, floats: Floats, integers: Integers) -> None:
        """Change the first fields of cells that are loaded. Shape of both arrays: (fields, cells given)."""
        to = neighbours(cells)
        self.floats[: len(floats), to], self.integers[: len(integers), to] = floats, integers
        self.changed(cells)

    def changed(self, cells: Places) -> None:
        """These cells have been changed, and are to be written back."""
        self._is_changed |= self._rows_of(cells)

    def scatter(self) -> None:
        """Write what has changed back to the pages' arrays."""
        changed = np.flatnonzero(self._is_changed)
        if not changed.size:
            return
        found, parts = self._rows.by_source(changed)
        for kind in ("floats", "integers"):
            for fields, ours in zip(self._tracks, self._of_tracks(kind), strict=True):
                own = ours if len(found) == self.count else ours.take(found, axis=1)
                for part in parts:
                    fields.write(kind, part, own[:, part.rows])

    def _rows_of(self, cells: Places) -> Bools:
        is_of_cells = np.zeros(self.floats.shape[1], dtype=np.bool_)
        is_of_cells[neighbours(cells)] = True
        rows: Bools = np.logical_or.reduce(is_of_cells.reshape(-1, self.count), axis=0)
        return rows

    def _of_tracks(self, kind: str) -> list[Numbers]:
        whole: Numbers = getattr(self, kind)
        return [whole[:, start : start + self.count] for start in range(0, whole.shape[1], self.count)]


def columns_of(numbers: Numbers, cells: Places) -> Numbers:
    """A copy of the numbers of these cells. Shape: (fields, cells) -> (fields, cells given)."""
    at = neighbours(cells)
    columns: Numbers = numbers[:, at].copy() if isinstance(at, slice) else numbers.take(at, axis=1)
    return columns
