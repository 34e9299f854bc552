"""The observations of a batch as columns: in the order of the records, and by signal where somebody asks."""

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from consumer.decode.rejections import RejectedColumns
from consumer.decode.signal_names import SignalKey
from consumer.decode.sorting import Integers, Runs, ranges, runs_of, starts_of

Floats = npt.NDArray[np.float64]
_UNTIMED = array("d", [math.nan])
_ONE = array("q", [1])


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
    skipped observations, which carry nothing to learn, a third. Once an array is asked for, which is when
    the batch is filled, nothing is added.
    """

    def __init__(self) -> None:
        self._values = array("d")
        self._times = array("d")
        """NaN where the observation came without one."""
        self._numbers = array("q")
        self._records = array("q")
        self._first_positions = array("q")
        self._lengths = array("q")
        self.skipped_numbers: list[int] = []
        self.skipped_records: list[int] = []
        self.skipped_positions: list[int] = []

    def add(self, number: int, record: int, position: int, value: float, timestamp: float | None) -> None:
        """Append one observation."""
        self._values.append(value)
        self._times.append(math.nan if timestamp is None else timestamp)
        self._add_piece(number, record, position, 1)

    def add_column(
        self,
        number: int,
        record: int,
        position: int,
        values: Sequence[float],
        timestamps: Sequence[float] | None,
    ) -> None:
        """Append observations of one signal and record, the first of which has that position."""
        self._add_values(array("d", values), None if timestamps is None else array("d", timestamps))
        self._add_piece(number, record, position, len(values))

    def add_records(
        self,
        numbers: list[int],
        first_record: int,
        lengths: list[int] | None,
        values: "array[float]",
        timestamps: "array[float] | None",
    ) -> None:
        """Append all observations of records, from a record on, each of one signal; no lengths: one each."""
        count = len(numbers)
        self._add_values(values, timestamps)
        self._numbers += array("q", numbers)
        self._records.frombytes(np.arange(first_record, first_record + count).tobytes())
        self._first_positions.frombytes(bytes(8 * count))
        self._lengths += _ONE * count if lengths is None else array("q", lengths)

    def skip(self, number: int, record: int, position: int) -> None:
        """Append an observation that carries nothing to learn."""
        self.skipped_numbers.append(number)
        self.skipped_records.append(record)
        self.skipped_positions.append(position)

    def renumber(self, numbers: Integers) -> None:
        """Have other numbers for the signals: those at the places of the ones until now."""
        if self._numbers:
            renumbered = array("q")
            renumbered.frombytes(numbers[np.frombuffer(self._numbers, np.int64)].tobytes())
            self._numbers = renumbered
        self.skipped_numbers = [int(numbers[number]) for number in self.skipped_numbers]
        self.__dict__.pop("numbers", None)

    def records_of_pieces(self) -> Iterator[tuple[int, int]]:
        """The signal's number and the record of each piece."""
        return zip(self._numbers, self._records, strict=True)

    def mark(self) -> Mark:
        """How much there is now."""
        return Mark(len(self._numbers), len(self._values), len(self.skipped_numbers))

    def truncate(self, mark: Mark) -> None:
        """Remove what was added since."""
        for of_pieces in (self._numbers, self._records, self._first_positions, self._lengths):
            del of_pieces[mark.pieces :]
        del self._values[mark.observed :]
        del self._times[mark.observed :]
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
        lengths = np.frombuffer(self._lengths, np.int64)
        return firsts + ranges(np.zeros_like(lengths), lengths)

    @cached_property
    def value_array(self) -> Floats:
        """The values."""
        return np.frombuffer(self._values)

    @cached_property
    def time_array(self) -> Floats:
        """The timestamps, NaN where there is none."""
        return np.frombuffer(self._times)

    def by_signal(self, ranks: Integers | None = None) -> Runs:
        """The observations signal by signal: by `ranks` of the signals' numbers if given, then by number."""
        pieces = runs_of(np.frombuffer(self._numbers, np.int64), ranks)
        if self._are_single:
            return pieces
        lengths = np.frombuffer(self._lengths, np.int64)
        firsts, ordered = starts_of(lengths)[pieces.places], lengths[pieces.places]
        counts = np.add.reduceat(ordered, starts_of(pieces.counts))
        return Runs(pieces.numbers, counts, ranges(firsts, ordered))

    @property
    def _are_single(self) -> bool:
        return len(self._lengths) == len(self._values)

    def _of_each(self, of_pieces: "array[int]") -> Integers:
        column = np.frombuffer(of_pieces, np.int64)
        return column if self._are_single else np.repeat(column, np.frombuffer(self._lengths, np.int64))

    def _add_values(self, values: "array[float]", timestamps: "array[float] | None") -> None:
        self._values += values
        self._times += _UNTIMED * len(values) if timestamps is None else timestamps

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
    def _observed(self) -> "_Sorted":
        columns = self._columns
        return _Sorted(
            columns.by_signal(), columns.value_array, columns.time_array, columns.record_of, columns.positions
        )

    @cached_property
    def _skipped(self) -> "_Sorted":
        columns = self._columns
        numbers, records, positions = (
            np.array(column, np.int64)
            for column in (columns.skipped_numbers, columns.skipped_records, columns.skipped_positions)
        )
        return _Sorted(runs_of(numbers), records, positions)

    @cached_property
    def _has_untimed(self) -> bool:
        return bool(np.isnan(self._columns.time_array).any())

    def _run(self, number: int) -> SignalColumns:
        values, times, records, positions = self._observed.of(number)
        if self._has_untimed:
            times = [None if math.isnan(at_s) else at_s for at_s in times]
        run = SignalColumns(values, times, records, positions)
        if self._columns.skipped_numbers:
            run.skipped, run.skipped_positions = self._skipped.of(number)
        return run


class _Sorted:
    """Columns sorted by signal."""

    def __init__(self, runs: Runs, *columns: npt.NDArray[Any]) -> None:
        places = runs.places
        if (places[1:] < places[:-1]).any():  # else there may be much of few signals: it is not copied
            columns = tuple(column[places] for column in columns)
        bounds = pairwise([0, *np.cumsum(runs.counts).tolist()])
        self._bounds = dict(zip(runs.numbers.tolist(), bounds, strict=True))
        # A slice of a memory view costs half as much as one of an array, and there may be ten thousand.
        self._columns = [column.data for column in columns]

    def of(self, number: int) -> Iterator[list[Any]]:
        """What each column has of one of them."""
        start, end = self._bounds.get(number, (0, 0))
        return (column[start:end].tolist() for column in self._columns)
