"""The checkpoints of a page's signals, by shard: how far each has learned what."""

from collections.abc import Sequence

import numpy as np

from consumer.decode.records import Shard
from consumer.detectors.state_columns import Floats, Places
from consumer.learning.marks import Flags, Marks, Texts, number_of_time, text_of
from consumer.learning.state import CHECKPOINT_AGE_MAX_S, SPREAD_WITHIN_S, Checkpoint


class PageCheckpoints:
    """For each shard an array of checkpoints by slot; a page may know thousands of shards."""

    def __init__(self) -> None:
        self.marks: dict[Shard, Marks] = {}
        self._slots = 0
        self._shards: dict[int, list[Shard]] | None = None
        """Those for which a slot has a checkpoint, once somebody asked: no signal looks through all."""

    def grow(self, slots: int) -> None:
        """Have at least so many slots."""
        self._slots = slots
        for marks in self.marks.values():
            marks.grow(slots)

    def keep(self, slots: Places) -> None:
        """Have only these slots, in this order."""
        self._slots, self._shards = len(slots), None
        for marks in self.marks.values():
            marks.keep(slots)

    def of(self, slot: int, record_signal: str) -> dict[Shard, Checkpoint]:
        """The checkpoints at a slot."""
        return {shard: self.marks[shard].checkpoint(slot, record_signal) for shard in self._shards_of(slot)}

    def put(self, slot: int, record_signal: str, checkpoints: dict[Shard, Checkpoint]) -> None:
        """Have these checkpoints at a slot, and no others.

        Raises: `ValueError`, `TypeError` and others for what are none; then nothing is changed.
        """
        known = self._shards_of(slot)
        written = [
            (
                shard,
                text_of(mark.sequence_number),
                number_of_time(mark.arrived_s),
                None if mark.partition_keys == (record_signal,) else _texts(mark.partition_keys),
            )
            for shard, mark in checkpoints.items()
        ]
        for shard in known:
            if shard not in checkpoints:
                self.marks[shard].remove([slot])
                if not len(self.marks[shard].slots):
                    del self.marks[shard]
        for shard, text, arrived_s, keys in written:
            marks = self.marks.get(shard)
            if marks is None:
                marks = self.marks[shard] = Marks(self._slots)
            marks.put_one(slot, text, arrived_s, keys)
        known[:] = checkpoints

    def below(self, shard: Shard, slots: Places, first_sequence_number: int) -> Flags:
        """Which of these have a checkpoint for the shard that lies below the number."""
        marks = self.marks.get(shard)
        if marks is None:
            return np.zeros(len(slots), np.bool_)
        return marks.below(slots, first_sequence_number)

    def advance(
        self,
        slots: Places,
        shard: Shard,
        sequence_numbers: Texts,
        arrived_s: Floats,
        highest: int,
        partition_keys: Sequence[tuple[str, ...] | None] | None,
    ) -> Flags:
        """Raise checkpoints to records above them, as `States.advance` says.

        The partition keys are None where they are the record signal alone.
        """
        if len(slots) == 0:
            return np.zeros(0, np.bool_)
        marks = self.marks.get(shard)
        if marks is None:
            marks = self.marks[shard] = Marks(self._slots)
        if len(marks.slots) < self._slots:
            self._shards = None
        marks.put(slots, sequence_numbers, arrived_s, highest)
        if partition_keys is not None:
            marks.put_keys(slots.tolist(), partition_keys)
        elif marks.keys:
            marks.put_keys(slots.tolist(), [None] * len(slots))
        spread = np.zeros(len(slots), np.bool_)
        for other, others in self.marks.items():
            if other != shard:
                known_s = np.nan_to_num(arrived_s, nan=0.0)
                of_other_s = others.arrived_s[slots]
                is_old = of_other_s < arrived_s - CHECKPOINT_AGE_MAX_S
                if is_old.any():
                    others.remove(slots[is_old])
                    self._shards = None
                is_late = np.nan_to_num(of_other_s, nan=0.0) > known_s - SPREAD_WITHIN_S
                spread |= others.is_there(slots) & is_late
        return spread

    def _shards_of(self, slot: int) -> list[Shard]:
        """The shards for which a slot has a checkpoint."""
        if self._shards is None:
            self._shards = {}
            for shard, marks in self.marks.items():
                for each in marks.slots.tolist():
                    self._shards.setdefault(each, []).append(shard)
        return self._shards.setdefault(slot, [])


def _texts(partition_keys: tuple[str, ...]) -> tuple[str, ...]:
    if type(partition_keys) is not tuple or set(map(type, partition_keys)) - {str}:
        raise TypeError("partition keys that are no texts")
    return partition_keys
