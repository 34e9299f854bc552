"""A batch, decoded: columns of observations by signal, and what can never be learned."""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, cast, overload

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


FURTHER_REASONS = "for further reasons: the record has more of them than are kept beside it"
REASON_MAX = 1_000
"""Characters of a reason that are kept: a model may raise with all of its data in the text."""
_SIGNAL_MAX = 512
"""What is longer is no name of a signal, and may have been unpacked from little."""
_TEXT_MIN = 1_024
_TEXT_OF_EACH = 64
"""What a reason costs beside its text."""


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


class RejectedColumns(NamedTuple):
    """Observations of one signal, rejected for one reason. Shape: two columns of one length.

    `records` ascends.
    """

    signal: str
    reason: str
    records: Sequence[int]
    positions: Sequence[int]
    payload: str | None = None
    """What to keep, in base64, in place of the one record, which did not bring it."""


class RejectedRecord:
    """What is rejected of one record: the positions by reason and signal, in the order in which they came."""

    __slots__ = ("further", "is_whole", "positions", "text_left")

    def __init__(self, text_max: int) -> None:
        self.positions: dict[tuple[str, str | None], array[int]] = {}
        self.further: array[int] = array("H")
        """Those whose reasons do not fit: a record of some bytes may unpack to ten thousand of them."""
        self.is_whole = False
        self.text_left = text_max

    def of_reason(self, reason: str, signal: str | None) -> "array[int]":
        """The positions that are rejected for this reason."""
        known = self.positions.get((reason, signal))
        if known is not None:
            return known
        cost = len(reason) + len(signal or "") + _TEXT_OF_EACH
        if self.positions and cost > self.text_left:
            return self.further
        self.text_left -= cost
        found = self.positions[reason, signal] = array("H")
        return found

    def __len__(self) -> int:
        return sum(map(len, self.positions.values())) + len(self.further)

    def reasons(self) -> Iterator[tuple[str, str | None, "array[int]"]]:
        """Each reason with its signal and positions."""
        for (reason, signal), positions in self.positions.items():
            yield reason, signal, positions
        if self.further:
            yield FURTHER_REASONS, None, self.further


class Rejections(Sequence[Rejection]):
    """The rejections of a batch, or a part of them, in the order of records and positions.

    The texts kept for a record take no more than the record itself, or a thousand characters if that is more.
    """

    def __init__(self, records: Records, columns: Iterable[RejectedColumns] = ()) -> None:
        self._records = records
        self.of_records: dict[int, RejectedRecord] = {}
        self.payloads: list[Rejection] = []
        """Those that are kept with payloads of their own."""
        # By name, and not in the order of the batch: which reasons fit must not depend on how it is cut.
        for each in sorted(columns, key=lambda each: (each.signal, each.reason)):
            self._add_columns(each)

    def add(
        self, record: int, position: int, reason: str, signal: str | None = None, *, is_whole: bool = False
    ) -> None:
        """Add an observation, or the whole record."""
        of_record = self._of_record(record)
        of_record.is_whole |= is_whole
        of_record.of_reason(*_kept(reason, signal)).append(position)

    def forget(self, record: int) -> None:
        """Remove what was added of a record."""
        self.of_records.pop(record, None)

    @property
    def first_record(self) -> int:
        """The first record of which something is rejected."""
        return min(self.of_records)

    def reasons(self) -> Counter[str]:
        """How often each reason occurs."""
        found: Counter[str] = Counter()
        for of_record in self.of_records.values():
            for reason, _, positions in of_record.reasons():
                found[reason] += len(positions)
        return found

    def __len__(self) -> int:
        return sum(map(len, self.of_records.values())) + len(self.payloads)

    def __iter__(self) -> Iterator[Rejection]:
        for record, of_record in sorted(self.of_records.items()):
            yield from sorted(
                Rejection(record, position, reason, signal, of_record.is_whole)
                for reason, signal, positions in of_record.reasons()
                for position in positions
            )
        yield from self.payloads

    @overload
    def __getitem__(self, index: int) -> Rejection: ...
    @overload
    def __getitem__(self, index: slice) -> list[Rejection]: ...
    def __getitem__(self, index: int | slice) -> Rejection | list[Rejection]:
        return list(self)[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__: Any = None

    def _add_columns(self, columns: RejectedColumns) -> None:
        signal, reason, records, positions, _ = columns
        reason, named = _kept(reason, signal)
        if columns.payload is not None:
            place = records[0], positions[0]
            self.payloads.append(Rejection(*place, reason, named, is_whole=True, data=columns.payload))
            return
        start = 0
        while start < len(records):
            end = bisect_right(records, records[start], start)
            self._of_record(records[start]).of_reason(reason, named).extend(positions[start:end])
            start = end

    def _of_record(self, record: int) -> RejectedRecord:
        of_record = self.of_records.get(record)
        if of_record is None:
            text_max = max(_TEXT_MIN, len(self._records.data[record]))
            of_record = self.of_records[record] = RejectedRecord(text_max)
        return of_record


def _kept(reason: str, signal: str | None) -> tuple[str, str | None]:
    if len(reason) > REASON_MAX:
        reason = f"{reason[:REASON_MAX]}…"
    return reason, None if signal is not None and len(signal) > _SIGNAL_MAX else signal


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

    def rejected(self, signal: str, reason: str) -> list[RejectedColumns]:
        """All observations, those to be skipped included, rejected for one reason."""
        return [
            RejectedColumns(signal, reason, self.records, self.positions),
            RejectedColumns(signal, reason, self.skipped, self.skipped_positions),
        ]

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
    rejections: Rejections = field(init=False)
    """What could not be decoded."""
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

    def __post_init__(self) -> None:
        self.rejections = Rejections(self.records)

    def is_full(self) -> bool:
        """Whether to read no more records."""
        return (
            self.observations >= OBSERVATIONS_PER_BATCH_MAX
            or self.unpacked_bytes >= UNPACKED_BYTES_PER_BATCH_MAX
        )

    def has_room_for(self, observations: int) -> bool:
        """Whether that many more do not overfill it."""
        return self.observations + observations <= OBSERVATIONS_PER_BATCH_MAX

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
        self.rejections.add(self.record, self._take(), reason, named)

    def reject_record(self, reason: str) -> None:
        """Remove all that the current record brought, and reject it as a whole."""
        record = self.record
        for key, columns in list(self.signals.items()) if self.position else ():  # most brought nothing
            columns.forget(record)
            if not columns.records and not columns.skipped:
                del self.signals[key]
                if key.signal == key.record_signal:
                    del self.own_columns[key.record_signal]
        self.rejections.forget(record)
        self.position = 0
        self.uncertain = self.uncertain_before
        self.rejections.add(record, self._take(), reason, is_whole=True)

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
