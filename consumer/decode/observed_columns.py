"""The observations of a batch as columns: in the order of the records, and by signal where somebody asks."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, cast

import msgspec
import numpy as np
import numpy.typing as npt

from consumer.decode.rejections import RejectedColumns
from consumer.decode.signal_names import SignalKey

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class SignalColumns(msgspec.Struct, gc=False):  # there may be ten thousand
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

    def first_record(self) -> int:
        """The first record that carries an observation of this signal."""
        if not self.skipped:
            return self.records[0]
        return min(self.records[0], self.skipped[0]) if self.records else self.skipped[0]

    def rejected(self, signal: str, reason: str) -> list[RejectedColumns]:
        """All observations, those to be skipped included, rejected for one reason."""
        return [
            RejectedColumns(signal, reason, self.records, self.positions),
            RejectedColumns(signal, reason, self.skipped, self.skipped_positions),
        ]


class Mark(NamedTuple):
    """How much the columns held at some time."""

    pieces: int = 0
    observed: int = 0
    skipped: int = 0


class ObservedColumns:
    """The observations of a batch in the order of its records; signals are numbers.

    Each addition is a piece: observations of one signal that follow each other in a record. A point is a
    piece of one, a record of a column's values is one too, and so columns are filled without a loop over
    values. Shape: the pieces' columns have one length; `values` and `timestamps` another; those of the
    skipped observations, which carry nothing to learn, a third. The arrays are made when they are first
    asked for: that is, when the batch is filled.
    """

    def __init__(self) -> None:
        self.values: list[float] = []
        self.timestamps: list[float | None] = []
        """None where the observation came without one."""
        self._numbers: list[int] = []
        self._records: list[int] = []
        self._first_positions: list[int] = []
        self._lengths: list[int] = []
        self.skipped_numbers: list[int] = []
        self.skipped_records: list[int] = []
        self.skipped_positions: list[int] = []

    def add(self, number: int, record: int, position: int, value: float, timestamp: float | None) -> None:
        """Append one observation."""
        self.values.append(value)
        self.timestamps.append(timestamp)
        self._add_piece(number, record, position, 1)

    def add_column(
        self,
        number: int,
        record: int,
        position: int,
        values: list[float],
        timestamps: Sequence[float | None],
    ) -> None:
        """Append observations of one signal and record, the first of which has that position."""
        self.values += values
        self.timestamps += timestamps
        self._add_piece(number, record, position, len(values))

    def add_points(
        self,
        numbers: list[int],
        first_record: int,
        values: list[float],
        timestamps: Sequence[float | None],
    ) -> None:
        """Append the only observations of records, one each, from a record on."""
        count = len(numbers)
        self.values += values
        self.timestamps += timestamps
        self._numbers += numbers
        self._records += range(first_record, first_record + count)
        self._first_positions += [0] * count
        self._lengths += [1] * count

    def skip(self, number: int, record: int, position: int) -> None:
        """Append an observation that carries nothing to learn."""
        self.skipped_numbers.append(number)
        self.skipped_records.append(record)
        self.skipped_positions.append(position)

    def mark(self) -> Mark:
        """How much there is now."""
        return Mark(len(self._numbers), len(self.values), len(self.skipped_numbers))

    def truncate(self, mark: Mark) -> None:
        """Remove what was added since."""
        for column in (self._numbers, self._records, self._first_positions, self._lengths):
            del column[mark.pieces :]
        del self.values[mark.observed :]
        del self.timestamps[mark.observed :]
        for column in (self.skipped_numbers, self.skipped_records, self.skipped_positions):
            del column[mark.skipped :]

    @cached_property
    def numbers(self) -> Integers:
        """The number of each observation's signal."""
        return self._of_each(self._numbers)

    @cached_property
    def record_of(self) -> Integers:
        """The record of each observation, ascending."""
        return self._of_each(self._records)

    @cached_property
    def positions(self) -> Integers:
        """The position of each observation in its record."""
        firsts = self._of_each(self._first_positions)
        if self._are_single:
            return firsts
        lengths = np.array(self._lengths, np.int64)
        return firsts + np.arange(len(self.values)) - np.repeat(np.cumsum(lengths) - lengths, lengths)

    @cached_property
    def value_array(self) -> Floats:
        """The values."""
        return np.array(self.values, np.float64)

    @cached_property
    def time_array(self) -> Floats:
        """The timestamps, NaN where there is none."""
        return np.array(self.timestamps, np.float64)

    @property
    def _are_single(self) -> bool:
        return len(self._lengths) == len(self.values)

    def _of_each(self, of_pieces: list[int]) -> Integers:
        column = np.array(of_pieces, np.int64)
        return column if self._are_single else np.repeat(column, np.array(self._lengths, np.int64))

    def _add_piece(self, number: int, record: int, position: int, length: int) -> None:
        self._numbers.append(number)
        self._records.append(record)
        self._first_positions.append(position)
        self._lengths.append(length)


class SignalRuns(Mapping[SignalKey, SignalColumns]):
    """The observations by signal, in the order of the signals' first ones; a run is made when asked for."""

    def __init__(self, columns: ObservedColumns, keys: Sequence[SignalKey]) -> None:
        self._columns = columns
        self._keys = keys
        """By number."""
        self._made: dict[SignalKey, SignalColumns] = {}

    def __getitem__(self, key: SignalKey) -> SignalColumns:
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._run(self._numbers[key])
        return made

    def __iter__(self) -> Iterator[SignalKey]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, key: object) -> bool:
        return key in self._numbers

    @cached_property
    def _numbers(self) -> dict[SignalKey, int]:
        """The signals with their numbers, in the order of their first observations."""
        columns = self._columns
        numbers = columns.numbers
        if columns.skipped_numbers:
            records = np.concatenate([columns.record_of, columns.skipped_records])
            positions = np.concatenate([columns.positions, columns.skipped_positions])
            numbers = np.concatenate([numbers, columns.skipped_numbers])[np.lexsort((positions, records))]
        return {self._keys[number]: number for number in dict.fromkeys(numbers.tolist())}

    @cached_property
    def _observed(self) -> "_Places":
        return _Places(self._columns.numbers)

    @cached_property
    def _skipped(self) -> "_Places":
        return _Places(np.array(self._columns.skipped_numbers, np.int64))

    @cached_property
    def _records(self) -> list[int]:
        return cast("list[int]", self._columns.record_of.tolist())

    @cached_property
    def _positions(self) -> list[int]:
        return cast("list[int]", self._columns.positions.tolist())

    def _run(self, number: int) -> SignalColumns:
        columns, places, skipped = self._columns, self._observed.of(number), self._skipped.of(number)
        values, timestamps, records, positions = (
            columns.values,
            columns.timestamps,
            self._records,
            self._positions,
        )
        return SignalColumns(
            [values[place] for place in places],
            [timestamps[place] for place in places],
            [records[place] for place in places],
            [positions[place] for place in places],
            [columns.skipped_records[place] for place in skipped],
            [columns.skipped_positions[place] for place in skipped],
        )


class _Places:
    """At which places of a column of numbers each of them lies, ascending."""

    def __init__(self, numbers: Integers) -> None:
        order = np.argsort(numbers, kind="stable")
        ordered = numbers[order]
        starts = np.flatnonzero(np.diff(ordered, prepend=-1))
        self._order: list[int] = order.tolist()
        bounds = pairwise([*starts.tolist(), len(numbers)])
        self._bounds = dict(zip(ordered[starts].tolist(), bounds, strict=True))

    def of(self, number: int) -> list[int]:
        """The places of one of them."""
        start, end = self._bounds.get(number, (0, 0))
        return self._order[start:end]
