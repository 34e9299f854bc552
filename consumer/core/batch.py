"""What a batch says, signal by signal: columns of observations, and what can never be learned."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from consumer.core.errors import Unlearnable
from consumer.core.signals import Signal, SignalKey, check_name

OBSERVATIONS_PER_RECORD_MAX = 10_000


class Shard(NamedTuple):
    """Where a batch comes from. Shard ids repeat in every stream, so the stream's ARN belongs to it."""

    stream_arn: str
    shard_id: str

    @property
    def stream(self) -> str:
        """The stream's name."""
        return self.stream_arn.rpartition("/")[2]


class Record(NamedTuple):
    """A record as Lambda delivers it: `data` is still base64, `arrived_s` is since 1970."""

    sequence_number: int
    identifier: str
    partition_key: str
    arrived_s: float | None
    data: str


class Refusal(NamedTuple):
    """Something that can never be learned: the `position`-th observation of record number `record`."""

    record: int
    position: int
    reason: str
    signal: str | None = None


@dataclass(slots=True)
class Run:
    """The observations of one signal in one batch, in order.

    Shape: four columns of one length, of which `records` (indices into the batch) ascends; and for the
    observations that carry nothing to learn, `skipped` (their records, ascending) and `skipped_positions`.
    """

    values: list[float] = field(default_factory=list)
    timestamps: list[float | None] = field(default_factory=list)
    records: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    skipped_positions: list[int] = field(default_factory=list)

    def first_record(self) -> int:
        """The first record that carries an observation of this signal."""
        return min(column[0] for column in (self.records, self.skipped) if column)

    def forget(self, record: int) -> None:
        """Take back what `record`, the last one, brought."""
        while self.records and self.records[-1] == record:
            for column in (self.values, self.timestamps, self.records, self.positions):
                column.pop()
        while self.skipped and self.skipped[-1] == record:
            self.skipped.pop()
            self.skipped_positions.pop()


@dataclass(slots=True)
class Batch:
    """The records of one shard in order of their sequence numbers, and what they say.

    It is filled record by record: `begin`, then what the record holds, in its order.
    """

    shard: Shard
    records: list[Record] = field(default_factory=list)
    sequence_numbers: list[int] = field(default_factory=list)
    runs: dict[SignalKey, Run] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    uncertain: int = 0
    position: int = 0
    uncertain_before: int = 0
    """How many were uncertain before the current record."""

    def begin(self, record: Record) -> None:
        """Go on to the next record."""
        self.records.append(record)
        self.sequence_numbers.append(record.sequence_number)
        self.position = 0
        self.uncertain_before = self.uncertain

    def observe(self, carrier: str, name: str | None, value: float, timestamp: float | None) -> None:
        """Add one observation of the signal `carrier`, or of its part `name`; no timestamp: the arrival's."""
        run = self._run(carrier, name)
        position = self._take()  # it may raise: the columns stay of one length
        run.values.append(value)
        run.timestamps.append(timestamp)
        run.records.append(len(self.records) - 1)
        run.positions.append(position)

    def observe_column(self, carrier: str, values: list[float], timestamps: Sequence[float | None]) -> None:
        """Add many observations of one signal at once."""
        run = self._run(carrier, None)
        first = self._take(len(values))
        run.values += values
        run.timestamps += timestamps
        run.records += [len(self.records) - 1] * len(values)
        run.positions += range(first, first + len(values))

    def skip(self, carrier: str, name: str | None = None) -> None:
        """Count an observation that is well-formed and carries nothing to learn."""
        run = self._run(carrier, name)
        run.skipped_positions.append(self._take())
        run.skipped.append(len(self.records) - 1)

    def refuse(self, reason: str, signal: Any = None) -> None:
        """Note an observation that can never be learned."""
        named = signal if isinstance(signal, str) else None
        self.refusals.append(Refusal(len(self.records) - 1, self._take(), reason, named))

    def refuse_record(self, reason: str) -> None:
        """Take back all that the record brought, and note it as a whole."""
        record = len(self.records) - 1
        for key, run in list(self.runs.items()) if self.position else ():  # most brought nothing
            run.forget(record)
            if not run.records and not run.skipped:
                del self.runs[key]
        while self.refusals and self.refusals[-1].record == record:
            self.refusals.pop()
        self.position = 0
        self.uncertain = self.uncertain_before
        self.refuse(reason)

    def first_record(self, keys: Iterable[SignalKey]) -> int:
        """The first record that carries an observation of any of these signals."""
        return min(self.runs[key].first_record() for key in keys)

    def _run(self, carrier: str, name: str | None) -> Run:
        if name == "":
            raise Unlearnable("one of the several values has no name")
        key = SignalKey(carrier, carrier if name is None else f"{carrier}.{name}")
        run = self.runs.get(key)
        if run is None:
            _check_key(key)
            run = self.runs[key] = Run()
        return run

    def _take(self, positions: int = 1) -> int:
        first = self.position
        self.position += positions
        if self.position > OBSERVATIONS_PER_RECORD_MAX:
            raise UnlearnableRecord(f"the record holds more than {OBSERVATIONS_PER_RECORD_MAX} observations")
        return first


class UnlearnableRecord(Unlearnable):
    """The whole record is refused, with all that it brought so far."""


def _check_key(key: SignalKey) -> Signal:
    check_name(key.carrier)
    return check_name(key.signal)
