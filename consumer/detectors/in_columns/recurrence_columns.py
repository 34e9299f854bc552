"""Bursts over many signals at once: the twin of `river_models/recurrence.py`."""

import numpy as np

from consumer.detectors.in_columns.vectorised import Bools, Gathered, Step, write
from consumer.detectors.state_columns import Floats
from consumer.river_models import recurrence as scalar


class RecurrenceColumns:
    """The bursts that the rows are in. A row leaves before a value that begins or ends one."""

    def __init__(self, gathered: Gathered, path: str) -> None:
        self._size, self._length = (gathered.field(f"{path}.now.{name}") for name in ("size", "length"))
        self._since, self._quiet = (gathered.field(f"{path}.{name}") for name in ("since", "quiet"))

    def step(self, rows: slice, is_unusual: Bools, deviation: Floats) -> Step:
        """Learn a value for each of the first rows."""
        length = self._length[rows]
        is_within = length != 0
        if not is_within.any():
            return Step(is_unusual, lambda where: None)
        size, since, quiet = self._size[rows], self._since[rows] + 1, self._quiet[rows] + 1
        goes_on = is_within & is_unusual
        size = np.where(goes_on & (np.abs(deviation) > np.abs(size)), deviation, size)
        leaves = np.where(is_within, ~is_unusual & (quiet >= scalar.OVER_AFTER), is_unusual)
        length, quiet = np.where(goes_on, since, length), np.where(goes_on, 0, quiet)

        def commit(where: Bools | None) -> None:
            learns = is_within if where is None else is_within & where
            for field, new in (
                (self._size, size),
                (self._length, length),
                (self._since, since),
                (self._quiet, quiet),
            ):
                write(field[rows], new, learns)

        return Step(leaves, commit)
