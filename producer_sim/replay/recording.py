"""One file ready to be replayed: its signals, and when each row is due."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from clients.recordings.columns import Choice
from clients.recordings.rows import rows_of
from clients.recordings.survey import Survey

Times = Literal["shifted", "kept"]

FLAT_OUT = math.inf


@dataclass(frozen=True, slots=True)
class Row:
    """A row: when it is due, seconds after the start; its timestamp, epoch seconds; its values, by column."""

    due_s: float
    timestamp_s: float
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """A file as an asset; `speed` is 1 as recorded, infinite flat out."""

    asset: str
    choice: Choice
    survey: Survey
    speed: float
    times: Times

    @property
    def signals(self) -> tuple[str, ...]:
        """The names under which the columns are learned."""
        return self.choice.signal_names(self.asset)

    @property
    def duration_s(self) -> float:
        """How long the replay of this file takes."""
        return max(0.0, self.survey.duration_s) / self.speed

    def shift_s(self, started_s: float) -> float:
        """What is added to recorded times: shifted, the first row is measured when the replay starts."""
        return started_s - self.survey.first_s if self.times == "shifted" else 0.0

    def rows(self, started_s: float) -> Iterator[Row]:
        """The rows in the file's order; one whose time goes backwards is due with the one before it."""
        shift_s, due_s = self.shift_s(started_s), 0.0
        for row in rows_of(self.choice):
            due_s = max(due_s, (row.at_s - self.survey.first_s) / self.speed)
            yield Row(due_s, round(row.at_s + shift_s, 6), tuple(row.values))
