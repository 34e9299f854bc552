"""A file as a table: names, and rows of cells below them. Row 1 is the first one below the header."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from clients.recordings.cells import Cell
from clients.recordings.refusal import PassedOver, ReplayRefused

Cells = Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Column:
    """A column, by its name and its place in the rows."""

    name: str
    index: int


@dataclass(frozen=True, slots=True)
class Table:
    """A file: `read` yields its rows with their numbers, and notes what it passes over."""

    path: Path
    names: tuple[str, ...]
    read: Callable[[PassedOver], Iterator[tuple[int, Cells]]]
    said: tuple[str, ...] = ()
    """What of the file is not in the table, for people."""
    form: str = ""
    """What kind of file it is, if it is no CSV."""
    separator: str = ""
    tags: tuple[str, ...] = ()
    """The columns that name the signal of each row, where the form of the file says it."""
    says_zone: str = ""
    """A line above the table that names a time zone."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """All of them."""
        return tuple(Column(name, index) for index, name in enumerate(self.names))

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            ReplayRefused: There is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise ReplayRefused(f"{self.path} has no column {name!r}; it has {self.shown_names}")

    @property
    def shown_names(self) -> str:
        """The columns' names, for texts."""
        return ", ".join(repr(name) for name in self.names)
