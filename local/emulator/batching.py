"""When a batch closes, and which lane a partition key takes."""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass

from local.emulator.kinesis_event import PAYLOAD_BYTES_MAX, EventFormat
from local.emulator.mapping_config import MappingConfig
from local.emulator.stream_source import StreamRecord

Batch = tuple[StreamRecord, ...]


def lane_of(partition_key: str, lanes: int) -> int:
    """Tell the lane of a partition key.

    It comes from the low bits of the MD5: the high bits chose the shard, so they are alike within one.
    """
    return int.from_bytes(hashlib.md5(partition_key.encode()).digest()) % lanes


@dataclass(frozen=True, slots=True)
class _Gathered:
    record: StreamRecord
    payload_bytes: int
    at: float


class Gathering:
    """The records of one lane that wait for an invocation, and the rule that cuts batches from them."""

    def __init__(self, config: MappingConfig, event_format: EventFormat) -> None:
        """Start empty."""
        self._config = config
        self._format = event_format
        self._waiting: deque[_Gathered] = deque()
        self._payload_bytes = event_format.envelope_bytes

    def __len__(self) -> int:
        """Count the records that wait."""
        return len(self._waiting)

    def add(self, record: StreamRecord, now: float) -> None:
        """Take the next record of the lane, read at that time."""
        gathered = _Gathered(record, self._format.record_bytes(record), now)
        self._waiting.append(gathered)
        self._payload_bytes += gathered.payload_bytes

    @property
    def is_full(self) -> bool:
        """Whether there is a batch that no further record can join."""
        return len(self._waiting) >= self._config.batch_size or self._payload_bytes >= PAYLOAD_BYTES_MAX

    @property
    def closes_at(self) -> float:
        """When the window of the first record ends; only where a record waits."""
        return self._waiting[0].at + self._config.batching_window_s

    def cut(self) -> Batch:
        """Take the next batch: a record too large for any payload goes alone."""
        batch: list[StreamRecord] = []
        batch_bytes = self._format.envelope_bytes
        while self._waiting and len(batch) < self._config.batch_size:
            first = self._waiting[0]
            if batch and batch_bytes + first.payload_bytes > PAYLOAD_BYTES_MAX:
                break
            self._waiting.popleft()
            self._payload_bytes -= first.payload_bytes
            batch_bytes += first.payload_bytes
            batch.append(first.record)
        return tuple(batch)
