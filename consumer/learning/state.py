"""What is kept of a signal between batches: its model, its checkpoints and its counters."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import msgspec

from consumer.decode.batch import Batch
from consumer.decode.observed_columns import SignalColumns
from consumer.decode.records import Shard
from consumer.detectors.sensor_checks import Health

# The longest retention of a Kinesis stream, a year, and a day: nothing older can come again.
CHECKPOINT_AGE_MAX_S = 366 * 24 * 3600.0
# After a split or merge the old shard falls silent; a signal that two shards still bring is spread over them.
SPREAD_WITHIN_S = 60.0


# How far a clock may be ahead of the stream's. One that is further ahead once must not make all others late.
_AHEAD_S_MAX = 300.0


def is_late(timestamp: float | None, latest_s: float | None, arrived_s: float | None) -> bool:
    """Whether an observation is not newer than the latest one learned of its signal.

    A latest time that lies ahead of the arrival says nothing of an observation that does not: some other
    clock was wrong.

    >>> is_late(10.0, 10.0, 12.0), is_late(10.5, 10.0, 12.0)
    (True, False)
    >>> a_day = 86_400.0
    >>> is_late(10.0, 10.0 + a_day, 12.0), is_late(10.0 + a_day, 10.0 + a_day, 12.0)
    (False, True)
    """
    if timestamp is None or latest_s is None or timestamp > latest_s:
        return False
    return arrived_s is None or latest_s <= arrived_s + _AHEAD_S_MAX or timestamp > arrived_s + _AHEAD_S_MAX


class Checkpoint(msgspec.Struct, gc=False):
    """The last sequence number learned from a shard, and the partition keys learned under it.

    A sequence number is unique per partition key: two records of one shard may share it.
    """

    sequence_number: int
    partition_keys: tuple[str, ...]
    arrived_s: float | None

    def raise_to(
        self, sequence_number: int, partition_keys: tuple[str, ...], arrived_s: float | None
    ) -> None:
        """Note what was learned now, above what was learned before; in place, for there may be thousands."""
        if sequence_number == self.sequence_number:
            partition_keys = tuple(sorted({*partition_keys, *self.partition_keys}))
        self.sequence_number, self.arrived_s = sequence_number, arrived_s
        if partition_keys != self.partition_keys:
            self.partition_keys = partition_keys


class Packed(msgspec.Struct, gc=False, frozen=True):
    """A model as its page has it, which nobody has asked for since; `read` makes it of `written`."""

    written: Any
    read: Callable[[Any], Any]
    memory_bytes: int = 0
    """How much it says it takes, beside a few times its bytes."""
    health: bytes = b""
    """Of its sensor, if that cannot be read: then the model is not read either."""


class State(msgspec.Struct, gc=False):
    """A signal's model, how far it has learned each shard, and what it has counted, each exactly once."""

    stored: Any
    """The model, or a `Packed` one."""
    checkpoints: dict[Shard, Checkpoint] = {}
    learned: int = 0
    skipped: int = 0
    latest_s: float | None = None
    """Timestamp of the newest observation learned."""
    parameters: str = ""
    """Those of its model, if they were set for this signal alone."""
    health: Health | None = None
    """Of its sensor, where the use case looks at it."""

    @property
    def model(self) -> Any:
        """The model. Raises: `UnreadableModel` if it cannot be read from its page."""
        stored = self.stored
        if type(stored) is Packed:
            stored = self.stored = stored.read(stored)
        return stored

    @model.setter
    def model(self, model: Any) -> None:
        self.stored = model

    def copy(self) -> "State":
        """The same once more, of a state just read: they share the model's bytes, until each asks for it."""
        return msgspec.structs.replace(
            self,
            checkpoints=deepcopy(self.checkpoints),
            health=deepcopy(self.health),
        )

    def start_anew(self, model: Any, parameters: str) -> None:
        """Go on from where the last one ended, with a model that has learned nothing: no value is late."""
        self.model, self.parameters, self.learned, self.latest_s = model, parameters, 0, None

    def is_below(self, batch: Batch) -> bool:
        """Whether its checkpoint lies below all of the batch, or it has none for its shard."""
        checkpoint = self.checkpoints.get(batch.shard)
        return checkpoint is None or checkpoint.sequence_number < batch.records.first_sequence_number

    def after_checkpoint(self, records: Sequence[int], batch: Batch) -> Sequence[int]:
        """Indices into the ascending column `records` of what was not learned yet, ascending."""
        checkpoint = self.checkpoints.get(batch.shard)
        if checkpoint is None or not records or self.is_below(batch):
            return range(len(records))
        sequence_numbers = batch.records.sequence_numbers
        first_at = bisect_left(sequence_numbers, checkpoint.sequence_number)
        first_above = bisect_right(sequence_numbers, checkpoint.sequence_number, lo=first_at)
        end = bisect_left(records, first_above)
        above = range(end, len(records))
        if first_at == first_above:
            return above
        known = checkpoint.partition_keys
        at = [
            index
            for index in range(bisect_left(records, first_at), end)
            if batch.records.partition_keys[records[index]] not in known
        ]
        return [*at, *above] if at else above

    def advance(self, records: Sequence[int], batch: Batch) -> None:
        """Raise the checkpoint over `records`, the ascending records just done."""
        delivered, shard, checkpoints, last = batch.records, batch.shard, self.checkpoints, records[-1]
        sequence_number, arrived_s = int(delivered.identifiers[last]), delivered.arrived_s[last]
        keys = (
            (delivered.partition_keys[last],) if delivered.are_distinct else _partition_keys(records, batch)
        )
        checkpoint = checkpoints.get(shard)
        if checkpoint is None:
            checkpoints[shard] = Checkpoint(sequence_number, keys, arrived_s)
        else:
            checkpoint.raise_to(sequence_number, keys, arrived_s)
        if len(checkpoints) > 1:
            self._drop_old_checkpoints(arrived_s)

    def in_time(self, columns: SignalColumns, indices: Sequence[int], batch: Batch) -> list[int]:
        """Indices of observations newer than all learned before them; the others count as skipped."""
        in_time = []
        for index in indices:
            record, timestamp = columns.records[index], columns.timestamps[index]
            arrived_s = batch.records.arrived_s[record]
            if timestamp is None:
                if (record, columns.positions[index]) in batch.disbelieved:  # of no other it says: late
                    in_time.append(index)
                    continue
                timestamp = arrived_s
            if is_late(timestamp, self.latest_s, arrived_s):
                self.skipped += 1
            else:
                self.latest_s = self.latest_s if timestamp is None else timestamp
                in_time.append(index)
        return in_time

    def is_spread(self, shard: Shard) -> bool:
        """Whether another shard brought this signal in the minute before `shard` last did."""
        if len(self.checkpoints) < 2:
            return False
        arrived_s = self.checkpoints[shard].arrived_s or 0.0
        return any(
            other != shard and (checkpoint.arrived_s or 0.0) > arrived_s - SPREAD_WITHIN_S
            for other, checkpoint in self.checkpoints.items()
        )

    def _drop_old_checkpoints(self, arrived_s: float | None) -> None:
        if arrived_s is not None:
            oldest = arrived_s - CHECKPOINT_AGE_MAX_S
            self.checkpoints = {
                shard: checkpoint
                for shard, checkpoint in self.checkpoints.items()
                if checkpoint.arrived_s is None or checkpoint.arrived_s >= oldest
            }


def _partition_keys(records: Sequence[int], batch: Batch) -> tuple[str, ...]:
    """Those under the last one's sequence number, which other records may share."""
    sequence_numbers, last = batch.records.sequence_numbers, records[-1]
    keys = set()
    for record in reversed(records):
        if sequence_numbers[record] != sequence_numbers[last]:
            break
        keys.add(batch.records.partition_keys[record])
    return tuple(sorted(keys))
