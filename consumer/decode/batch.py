"""A batch, decoded: columns of observations by signal, and what can never be learned."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, cast

import msgspec

from consumer.decode.signal_names import SignalKey, check_name, own_key
from consumer.errors import Unlearnable


class Shard(NamedTuple):
    """The shard of a batch. Shard ids repeat in every stream, so the stream's ARN belongs to it."""

    stream_arn: str
    shard_id: str

    @property
    def stream(self) -> str:
        """The stream's name."""
        return self.stream_arn.rpartition("/")[2]


class Record(NamedTuple):
    """A record as Lambda delivers it: `data` is still base64, `arrived_s` is since 1970."""

    identifier: str
    partition_key: str
    arrived_s: float | None
    data: str

    @property
    def sequence_number(self) -> int:
        """What `identifier` says: sequence numbers are compared as integers."""
        return int(self.identifier)


@dataclass
class Records:
    """The records of one shard, ascending. Shape: four columns of one length.

    A sequence number has 56 digits, and to read all of a batch would cost as much as to learn them: they are
    read when somebody asks.
    """

    identifiers: list[str] = field(default_factory=list)
    partition_keys: list[str] = field(default_factory=list)
    arrived_s: list[float | None] = field(default_factory=list)
    data: Sequence[str] = field(default_factory=list)
    are_distinct: bool = False
    """Whether it is known that no two of them share a sequence number."""

    def append(self, record: Record) -> None:
        """Add a record that does not lie before the others; all of them were added so."""
        cast("list[str]", self.data).append(record.data)
        self.extend([record.identifier], [record.partition_key], [record.arrived_s])

    def extend(
        self, identifiers: list[str], partition_keys: list[str], arrived_s: Sequence[float | None]
    ) -> None:
        """Add records whose `data` is there already."""
        self.identifiers += identifiers
        self.partition_keys += partition_keys
        self.arrived_s += arrived_s

    def shares_number(self, one: int, other: int) -> bool:
        """Whether two records, of different partition keys then, have one sequence number."""
        return int(self.identifiers[one]) == int(self.identifiers[other])

    @cached_property
    def first_sequence_number(self) -> int:
        """The lowest sequence number."""
        return int(self.identifiers[0])

    @cached_property
    def sequence_numbers(self) -> list[int]:
        """The sequence numbers, ascending."""
        return list(map(int, self.identifiers))

    def __len__(self) -> int:
        return len(self.identifiers)

    def __getitem__(self, index: int) -> Record:
        return Record(
            self.identifiers[index], self.partition_keys[index], self.arrived_s[index], self.data[index]
        )

    def __iter__(self) -> Iterator[Record]:
        return map(self.__getitem__, range(len(self)))


Indices = Sequence[int]
"""Indices into a signal's columns, ascending."""


class Rejection(NamedTuple):
    """What can never be learned: the `position`-th observation of record `record`, or the whole record."""

    record: int
    position: int
    reason: str
    signal: str | None = None
    is_whole: bool = False
    """Whether it is the whole record, because nothing of it could be read."""
    data: str | None = None
    """What to keep in place of the record, in base64, if it came before this batch."""


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

    def extend(self, other: "SignalColumns") -> None:
        """Append the columns of later records."""
        for column, further in zip(
            msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True
        ):
            column += further

    def first_record(self) -> int:
        """The first record that carries an observation of this signal."""
        if not self.skipped:
            return self.records[0]
        return min(self.records[0], self.skipped[0]) if self.records else self.skipped[0]

    def rejections(self, signal: str, reason: str) -> list[Rejection]:
        """A rejection of each observation, those to be skipped included."""
        records, positions = self.records + self.skipped, self.positions + self.skipped_positions
        return [Rejection(*place, reason, signal) for place in zip(records, positions, strict=True)]

    def forget(self, record: int) -> None:
        """Remove what `record`, the last one, brought."""
        while self.records and self.records[-1] == record:
            for column in (self.values, self.timestamps, self.records, self.positions):
                column.pop()
        while self.skipped and self.skipped[-1] == record:
            self.skipped.pop()
            self.skipped_positions.pop()


OBSERVATIONS_PER_RECORD_MAX = 10_000
# Ten thousand records can unpack to more than any memory holds, and take longer than any invocation may.
OBSERVATIONS_PER_BATCH_MAX = 1_000_000  # some 100 MB
UNPACKED_BYTES_PER_BATCH_MAX = 256 * 1024 * 1024  # seconds


@dataclass(slots=True)
class Batch:
    """The records of one shard in order of their sequence numbers, and what they say.

    The signals are in the order of their first records. A batch is filled record by record: `begin` or
    `go_to`, then what the record holds, in its order.
    """

    shard: Shard
    records: Records = field(default_factory=Records)
    signals: dict[SignalKey, SignalColumns] = field(default_factory=dict)
    own_columns: dict[str, SignalColumns] = field(default_factory=dict)
    """The columns in `signals` of those whose records carry them alone, by name."""
    has_untimed: bool = False
    """Whether some observations came without a timestamp of their own."""
    of_no_asset: int = 0
    """Observations that no model of the use case learns."""
    rejections: list[Rejection] = field(default_factory=list)
    uncertain: int = 0
    observations: int = 0
    unpacked_bytes: int = 0
    unread_from: int | None = None
    """The first record left for the next delivery, because those before it fill the batch."""
    record: int = -1
    """The current record."""
    position: int = 0
    uncertain_before: int = 0
    """How many were uncertain before the current record."""

    def is_full(self) -> bool:
        """Whether to read no more records."""
        return (
            self.observations >= OBSERVATIONS_PER_BATCH_MAX
            or self.unpacked_bytes >= UNPACKED_BYTES_PER_BATCH_MAX
        )

    def begin(self, record: Record) -> None:
        """Add a record, and go on to it."""
        self.records.append(record)
        self.go_to(len(self.records) - 1)

    def go_to(self, record: int) -> None:
        """Go on to a record further on."""
        self.record = record
        self.position = 0
        self.uncertain_before = self.uncertain

    def observe(self, record_signal: str, name: str | None, value: float, timestamp: float | None) -> None:
        """Add one observation of `record_signal` or its part `name`; without a timestamp, the arrival's."""
        columns = self.columns_of(record_signal) if name is None else self._named_columns(record_signal, name)
        position = self._take()  # it may raise: the columns stay of one length
        if timestamp is None:
            self.has_untimed = True
        columns.values.append(value)
        columns.timestamps.append(timestamp)
        columns.records.append(self.record)
        columns.positions.append(position)

    def observe_column(
        self, record_signal: str, values: list[float], timestamps: Sequence[float] | None
    ) -> None:
        """Add many observations of one signal at once; no timestamps: the arrival's."""
        columns = self.columns_of(record_signal)
        first = self._take(len(values))
        columns.values += values
        if timestamps is None:
            self.has_untimed = True
            columns.timestamps += [None] * len(values)
        else:
            columns.timestamps += timestamps
        columns.records += [self.record] * len(values)
        columns.positions += range(first, first + len(values))

    def skip(self, record_signal: str, name: str | None = None) -> None:
        """Count an observation that is well-formed and carries nothing to learn."""
        columns = self.columns_of(record_signal) if name is None else self._named_columns(record_signal, name)
        columns.skipped_positions.append(self._take())
        columns.skipped.append(self.record)

    def reject(self, reason: str, signal: Any = None) -> None:
        """Reject an observation that can never be learned."""
        named = signal if isinstance(signal, str) else None
        self.rejections.append(Rejection(self.record, self._take(), reason, named))

    def reject_record(self, reason: str) -> None:
        """Remove all that the current record brought, and reject it as a whole."""
        record = self.record
        for key, columns in list(self.signals.items()) if self.position else ():  # most brought nothing
            columns.forget(record)
            if not columns.records and not columns.skipped:
                del self.signals[key]
                if key.signal == key.record_signal:
                    del self.own_columns[key.record_signal]
        while self.rejections and self.rejections[-1].record == record:
            self.rejections.pop()
        self.position = 0
        self.uncertain = self.uncertain_before
        self.rejections.append(Rejection(record, self._take(), reason, is_whole=True))

    def first_record(self, keys: Iterable[SignalKey]) -> int:
        """The first record that carries an observation of any of these signals, of this batch's order."""
        return self.signals[next(iter(keys))].first_record()

    def columns_of(self, signal: str) -> SignalColumns:
        """The columns of a signal that its records bring alone."""
        columns = self.own_columns.get(signal)
        if columns is None:
            key = own_key(signal)
            columns = self.own_columns[signal] = self.signals[key] = SignalColumns()
        return columns

    def add_columns(self, key: SignalKey, added: SignalColumns) -> None:
        """Append further observations of a signal whose records carry it alone."""
        columns = self.own_columns.setdefault(key.signal, added)
        if columns is added:
            self.signals[key] = columns
        else:
            columns.extend(added)

    def _named_columns(self, record_signal: str, name: str) -> SignalColumns:
        if name == "":
            raise Unlearnable("one of the several values has no name")
        key = SignalKey(record_signal, f"{record_signal}.{name}")
        columns = self.signals.get(key)
        if columns is None:
            check_name(key.record_signal)
            check_name(key.signal)
            columns = self.signals[key] = SignalColumns()
        return columns

    def _take(self, positions: int = 1) -> int:
        first = self.position
        self.position += positions
        self.observations += positions
        if self.position > OBSERVATIONS_PER_RECORD_MAX:
            raise UnlearnableRecord(f"the record holds more than {OBSERVATIONS_PER_RECORD_MAX} observations")
        return first


class UnlearnableRecord(Unlearnable):
    """The whole record is rejected, with all that it brought so far."""
