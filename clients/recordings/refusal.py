"""What a file is refused with, and what a reading of it passed over."""

from dataclasses import dataclass, field
from pathlib import Path


class ReplayRefused(Exception):
    """A file cannot be read as asked: the text names file, row or column, and what to do."""


def refused_cell(path: Path, row: int, column: str, what: str) -> ReplayRefused:
    """The refusal of a cell, by its row below the header and its column."""
    return ReplayRefused(f"{path}, row {row}, column {column!r}: {what}")


def sample(text: object) -> str:
    """A cell as a message may show it."""
    shown = str(text)
    return repr(shown if len(shown) <= 80 else f"{shown[:80]}…")


def counted(number: int, what: str) -> str:
    """So many of something, for people.

    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


@dataclass(slots=True)
class PassedOver:
    """Lines that were read and hold no observations, by what they are: how many, and which came first."""

    found: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, what: str, row: int) -> None:
        """Count one more of these."""
        times, first = self.found.get(what, (0, row))
        self.found[what] = (times + 1, first)

    @property
    def texts(self) -> list[str]:
        """All of them, for people."""
        return [
            f"{what} (row {first})" if times == 1 else f"{what} ({times:,} times, first in row {first})"
            for what, (times, first) in self.found.items()
        ]
