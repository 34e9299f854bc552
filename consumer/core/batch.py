"""What a batch says, signal by signal: columns of observations, and what can never be learned."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from consumer.core.errors import Unlearnable
from consumer.core.records import Record, Records, Shard
from consumer.core.runs import Refusal, Run
from consumer.core.signals import SignalKey, check_name, plain_key

OBSERVATIONS_PER_RECORD_MAX = 10_000
# Ten thousand records can unpack to more than any memory holds, and take longer than any invocation may.
OBSERVATIONS_PER_BATCH_MAX = 1_000_000  # some 100 MB
UNPACKED_BYTES_PER_BATCH_MAX = 256 * 1024 * 1024  # seconds


@dataclass(slots=True)
class Batch:
    """The records of one shard in order of their sequence numbers, and what they say.

    The runs are in the order of their first records. It is filled record by record: `begin` or `go_to`, then
    what the record holds, in its order.
    """

    shard: Shard
    records: Records = field(default_factory=Records)
    runs: dict[SignalKey, Run] = field(default_factory=dict)
    plain_runs: dict[str, Run] = field(default_factory=dict)
    """Those of `runs` whose signal is the carrier itself, by its name."""
    has_untimed: bool = False
    """Whether some observations came without a timestamp of their own."""
    refusals: list[Refusal] = field(default_factory=list)
    uncertain: int = 0
    observations: int = 0
    unpacked_bytes: int = 0
    unread_from: int | None = None
    """The first record that is left for the next delivery, because those before it hold so much."""
    record: int = -1
    """The current record."""
    position: int = 0
    uncertain_before: int = 0
    """How many were uncertain before the current record."""

    def is_full(self) -> bool:
        """Whether to read no further record."""
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

    def observe(self, carrier: str, name: str | None, value: float, timestamp: float | None) -> None:
        """Add one observation of the signal `carrier`, or of its part `name`; no timestamp: the arrival's."""
        run = self.plain_run(carrier) if name is None else self._named_run(carrier, name)
        position = self._take()  # it may raise: the columns stay of one length
        if timestamp is None:
            self.has_untimed = True
        run.values.append(value)
        run.timestamps.append(timestamp)
        run.records.append(self.record)
        run.positions.append(position)

    def observe_column(self, carrier: str, values: list[float], timestamps: Sequence[float] | None) -> None:
        """Add many observations of one signal at once; no timestamps: the arrival's."""
        run = self.plain_run(carrier)
        first = self._take(len(values))
        run.values += values
        if timestamps is None:
            self.has_untimed = True
            run.timestamps += [None] * len(values)
        else:
            run.timestamps += timestamps
        run.records += [self.record] * len(values)
        run.positions += range(first, first + len(values))

    def skip(self, carrier: str, name: str | None = None) -> None:
        """Count an observation that is well-formed and carries nothing to learn."""
        run = self.plain_run(carrier) if name is None else self._named_run(carrier, name)
        run.skipped_positions.append(self._take())
        run.skipped.append(self.record)

    def refuse(self, reason: str, signal: Any = None) -> None:
        """Note an observation that can never be learned."""
        named = signal if isinstance(signal, str) else None
        self.refusals.append(Refusal(self.record, self._take(), reason, named))

    def refuse_record(self, reason: str) -> None:
        """Take back all that the record brought, and note it as a whole."""
        record = self.record
        for key, run in list(self.runs.items()) if self.position else ():  # most brought nothing
            run.forget(record)
            if not run.records and not run.skipped:
                del self.runs[key]
                if key.signal == key.carrier:
                    del self.plain_runs[key.carrier]
        while self.refusals and self.refusals[-1].record == record:
            self.refusals.pop()
        self.position = 0
        self.uncertain = self.uncertain_before
        self.refusals.append(Refusal(record, self._take(), reason, is_whole=True))

    def first_record(self, keys: Iterable[SignalKey]) -> int:
        """The first record that carries an observation of any of these signals, of this batch's order."""
        return self.runs[next(iter(keys))].first_record()

    def plain_run(self, signal: str) -> Run:
        """The run of a signal that its records bring alone."""
        run = self.plain_runs.get(signal)
        if run is None:
            key = plain_key(signal)
            run = self.plain_runs[signal] = self.runs[key] = Run()
        return run

    def add_run(self, key: SignalKey, added: Run) -> None:
        """Add the observations that further records bring of the signal `key`, each alone."""
        run = self.plain_runs.setdefault(key.signal, added)
        if run is added:
            self.runs[key] = run
        else:
            run.extend(added)

    def _named_run(self, carrier: str, name: str) -> Run:
        if name == "":
            raise Unlearnable("one of the several values has no name")
        key = SignalKey(carrier, f"{carrier}.{name}")
        run = self.runs.get(key)
        if run is None:
            check_name(key.carrier)
            check_name(key.signal)
            run = self.runs[key] = Run()
        return run

    def _take(self, positions: int = 1) -> int:
        first = self.position
        self.position += positions
        self.observations += positions
        if self.position > OBSERVATIONS_PER_RECORD_MAX:
            raise UnlearnableRecord(f"the record holds more than {OBSERVATIONS_PER_RECORD_MAX} observations")
        return first


class UnlearnableRecord(Unlearnable):
    """The whole record is refused, with all that it brought so far."""
