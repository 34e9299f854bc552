"""Columns that number the rows: pandas' index, a record's number, the id of a row in a database."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from clients.recordings.cells import Cell
from clients.recordings.table import Column

_NAMES = {
    "index", "level0", "indexlevel0", "no", "nr", "row", "rowid", "rowno", "rownumber", "rownames", "id",
    "record", "recordid", "recno", "recnum", "recordnumber", "entryid", "sample", "sampleno", "samplenumber",
    "scan", "scanno", "seq", "seqno", "sequence", "sno", "slno", "srno", "lfdnr", "zeile", "datensatz",
}  # fmt: skip
_STEPS_KNOWN_MAX = 1000
_MOST = 0.5
"""The share of rows that follow the row before at the usual step, from which on they are numbered."""


def is_unnamed(column: Column) -> bool:
    """True where a header leaves the first column without a name, as pandas does above its index."""
    return column.name == "column0" or re.fullmatch(r"Unnamed: \d+", column.name) is not None


def may_number_rows(column: Column) -> bool:
    """True for columns that are called No., Row, id and the like, or nothing."""
    return is_unnamed(column) or column.name == "#" or re.sub(r"[\W_]+", "", column.name.casefold()) in _NAMES


@dataclass(slots=True)
class RowNumbers:
    """What a column of row numbers has: whole numbers that go on, mostly by one step.

    They leave out rows that were removed, run backwards where the rows do, and, in a column without a name,
    begin again where files were joined.
    """

    may_begin_again: bool
    _last: int | None = None
    _rows: int = 0
    _are_whole: bool = True
    _steps: Counter[int] = field(default_factory=Counter)
    _directions: set[bool] = field(default_factory=set)

    def add(self, cells: Sequence[Cell]) -> None:
        """Look at some more cells."""
        for cell in cells:
            number = _whole(cell) if self._are_whole else None
            if number is None:
                self._are_whole = False
                return
            if self._last is not None:
                step = number - self._last
                self._directions.add(step > 0)
                if len(self._steps) < _STEPS_KNOWN_MAX or step in self._steps:
                    self._steps[step] += 1
            self._last = number
            self._rows += 1

    @property
    def are_of_rows(self) -> bool:
        """Whether they number the rows."""
        if not self._are_whole or not self._rows or 0 in self._steps:
            return False
        usual = max(self._steps.values(), default=1)
        goes_on = len(self._directions) < 2 or self.may_begin_again
        return goes_on and usual >= _MOST * (self._rows - 1)


def _whole(cell: Cell) -> int | None:
    try:
        number = float(cell)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() else None
