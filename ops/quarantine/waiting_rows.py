"""Values that waited in an asset's state for the rest of a row, at which its model raised then.

They are kept as a record of their own, which `quarantine redrive` sends. Which records had brought them, no
state tells: in a stream that is learned again they are found by their values, and about the row's time.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from clients.lambda_event import lambda_record
from consumer.decode.batch import Batch
from consumer.decode.lambda_event import decode
from consumer.decode.observed_columns import SignalColumns
from consumer.decode.records import Shard
from consumer.decode.signal_names import SignalKey
from consumer.detectors.asset_rows import name_of
from consumer.detectors.base import UseCase
from consumer.learning.state import State
from ops.quarantine.lines import QuarantinedLine

MakeReady = Callable[[Batch], int]
_APART_S = 60.0
"""How far the times of a row's values are from that of its first one, at most."""


@dataclass(slots=True)
class _Row:
    """A row, without the values of it that were found."""

    raised_at: dict[Shard, int]
    """The records with which the model raised: the values came before. Several, if it was learned twice."""
    started_s: float | None
    values: dict[str, float]

    def take(self, shard: Shard, number: int, at_s: float | None, value: float) -> bool:
        """Take a value of the stream out of it, if it may be of this row."""
        name = name_of(value)
        is_later = shard in self.raised_at and number > self.raised_at[shard]
        if is_later or _are_apart(at_s, self.started_s) or self.values.get(name) != value:
            return False
        del self.values[name]
        return True

    def take_from(self, use_case: UseCase, state: State) -> int:
        """Take those out of it that wait in the state; return how many, which the model forgets."""
        if all(self._is_passed(state, shard) for shard in self.raised_at):
            return 0
        names = list(self.values)
        for count in range(len(names), 0, -1):
            waiting = {name: self.values[name] for name in names[:count]}
            if use_case.forget_row(state.model, waiting, self.started_s):
                self.values = {name: self.values[name] for name in names[count:]}
                state.learned = max(0, state.learned - count)
                return count
        return 0

    def _is_passed(self, state: State, shard: Shard) -> bool:
        checkpoint = state.checkpoints.get(shard)
        return checkpoint is not None and checkpoint.sequence_number > self.raised_at[shard]


def _are_apart(one_s: float | None, other_s: float | None) -> bool:
    return one_s is not None and other_s is not None and abs(one_s - other_s) > _APART_S


@dataclass(slots=True)
class WaitingRows:
    """The rows of a use case, by the signals that learn them."""

    of_signals: defaultdict[SignalKey, list[_Row]] = field(default_factory=lambda: defaultdict(list))
    _rows: dict[bytes, list[_Row]] = field(default_factory=dict)
    """By what is sent of them."""
    _lines: defaultdict[bytes, dict[str, Shard]] = field(default_factory=lambda: defaultdict(dict))
    """The shards of their lines, by the lines' ids: one that was learned twice at a time has several."""

    def add(self, lines: Iterable[QuarantinedLine], make_ready: MakeReady | None) -> None:
        """Take note of the rows among these lines."""
        for line in lines:
            if line.position < 0 and line.id not in self._lines[line.payload()]:
                self._add(line, line.payload(), make_ready)

    def _add(self, line: QuarantinedLine, payload: bytes, make_ready: MakeReady | None) -> None:
        self._lines[payload][line.id] = line.shard
        number = int(line.sequence_number)
        if payload not in self._rows:
            self._rows[payload] = list(self._read(line, payload, make_ready))
        for row in self._rows[payload]:
            row.raised_at[line.shard] = max(row.raised_at.get(line.shard, 0), number)

    def _read(self, line: QuarantinedLine, payload: bytes, make_ready: MakeReady | None) -> Iterator[_Row]:
        record = lambda_record(
            line.stream, line.shard_id, line.sequence_number, line.partition_key, payload, line.arrived_s
        )
        [batch] = decode({"Records": [record]}, make_ready)
        for key, columns in batch.signals.items():
            values = {name_of(value): float(value) for value in columns.values}
            row = _Row({}, columns.timestamps[0] if columns.timestamps else None, values)
            self.of_signals[key].append(row)
            yield row

    def lines_of(self, line: QuarantinedLine) -> dict[str, Shard]:
        """The ids of all lines about the same row, and their shards."""
        return self._lines[line.payload()]

    def found_in(self, batch: Batch, key: SignalKey, columns: SignalColumns) -> list[int]:
        """The values of a batch that are of these rows, each once: indices into the signal's columns."""
        if key not in self.of_signals:
            return []
        return [index for index in range(len(columns.values)) if self.take(batch, key, columns, index)]

    def take(self, batch: Batch, key: SignalKey, columns: SignalColumns, index: int) -> bool:
        """Take one value of a batch out of these rows, if it may be of one."""
        records, record, own_s = batch.records, columns.records[index], columns.timestamps[index]
        at_s = records.arrived_s[record] if own_s is None else own_s
        number, value = records.sequence_numbers[record], columns.values[index]
        return any(row.take(batch.shard, number, at_s, value) for row in self.of_signals.get(key, ()))

    def forget(self, use_case: UseCase, key: SignalKey, state: State) -> int:
        """Take what of these rows waits in a state out of it; return how many values."""
        return sum(row.take_from(use_case, state) for row in self.of_signals.get(key, ()))
