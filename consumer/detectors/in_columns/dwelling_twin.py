"""The levels of switching signals within the pages' arrays: few signals switch, so each learns by itself."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from consumer.detectors.in_columns.lazy_fields import LazyFields
from consumer.detectors.in_columns.vectorised import Rows
from consumer.detectors.state_columns import Places
from consumer.river_models.dwelling import LEVELS, DwellLevels

_LISTS = ("centres", "visits")
_NUMBERS = ("narrow", "latest", "blocks", "nearest", "off")


class DwellLevelsTwin:
    """The working copy of the `DwellLevels` at one path of many states."""

    def __init__(self, in_order: Rows, made: type[Any], path: str) -> None:
        self._fields = LazyFields(in_order, made, [path], [*_LISTS, *_NUMBERS], [])

    def models(self, cells: Places) -> Iterator[DwellLevels]:
        """Those of these cells, as they are now."""
        if not cells.size:
            return
        self._fields.load(cells)
        for cell in cells.tolist():
            floats = self._fields.floats[:, cell].tolist()
            integers = self._fields.integers[:, cell].tolist()
            (narrow, off), (latest, blocks, nearest) = floats[LEVELS:], integers[LEVELS:]
            yield DwellLevels(floats[:LEVELS], integers[:LEVELS], narrow, latest, blocks, nearest, off)

    def write(self, cell: int, model: DwellLevels) -> None:
        """Change one that is loaded."""
        floats = np.array([*model.centres, model.narrow, model.off])
        integers = np.array([*model.visits, model.latest, model.blocks, model.nearest])
        self._fields.write(np.array([cell]), floats[:, np.newaxis], integers[:, np.newaxis])

    def scatter(self) -> None:
        """Write what has changed back to the pages' arrays."""
        self._fields.scatter()
