"""What a batch says of one signal, in columns; and what can never be learned."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

Entries = Sequence[int]
"""Indices into a run's columns, ascending."""


class Refusal(NamedTuple):
    """What can never be learned: the `position`-th observation of record number `record`, or all of it."""

    record: int
    position: int
    reason: str
    signal: str | None = None
    is_whole: bool = False
    """Whether it is the whole record, of which nothing could be read."""


class Run(msgspec.Struct, gc=False):  # there may be ten thousand
    """The observations of one signal in one batch, in order.

    Shape: four columns of one length, of which `records` (indices into the batch) ascends; and for the
    observations that carry nothing to learn, `skipped` (their records, ascending) and `skipped_positions`.
    """

    values: list[float] = []
    timestamps: list[float | None] = []
    records: list[int] = []
    positions: list[int] = []
    skipped: list[int] = []
    skipped_positions: list[int] = []

    def extend(self, other: "Run") -> None:
        """Add what lies in later records."""
        for column, further in zip(
            msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True
        ):
            column += further

    def first_record(self) -> int:
        """The first record that carries an observation of this signal."""
        if not self.skipped:
            return self.records[0]
        return min(self.records[0], self.skipped[0]) if self.records else self.skipped[0]

    def refusals(self, signal: str, reason: str) -> list[Refusal]:
        """Each observation of it, those that are skipped too."""
        records, positions = self.records + self.skipped, self.positions + self.skipped_positions
        return [Refusal(*place, reason, signal) for place in zip(records, positions, strict=True)]

    def forget(self, record: int) -> None:
        """Take back what `record`, the last one, brought."""
        while self.records and self.records[-1] == record:
            for column in (self.values, self.timestamps, self.records, self.positions):
                column.pop()
        while self.skipped and self.skipped[-1] == record:
            self.skipped.pop()
            self.skipped_positions.pop()
