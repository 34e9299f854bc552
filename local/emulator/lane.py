"""One lane of a shard: collects records into batches and delivers one batch at a time."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from dataclasses import dataclass

from local.emulator.clock import Clock, wait_at_most
from local.emulator.delivery import Delivery
from local.emulator.kinesis_event import PAYLOAD_BYTES_MAX, EventFormat
from local.emulator.mapping_config import MappingConfig
from local.emulator.stream_source import Batch, StreamRecord


def lane_of(partition_key: str, lanes: int) -> int:
    """The lane of a partition key, from the low bits of its MD5: the high bits are those of the shard."""
    return int.from_bytes(hashlib.md5(partition_key.encode()).digest()) % lanes


@dataclass(frozen=True, slots=True)
class _BufferedRecord:
    record: StreamRecord
    payload_bytes: int
    at: float


class BatchBuffer:
    """The records of one lane that wait for an invocation, and the rule that cuts batches from them."""

    def __init__(self, config: MappingConfig, event_format: EventFormat) -> None:
        """An empty buffer."""
        self._config = config
        self._format = event_format
        self._waiting: deque[_BufferedRecord] = deque()
        self._payload_bytes = event_format.envelope_bytes

    def __len__(self) -> int:
        """How many records wait."""
        return len(self._waiting)

    def add(self, record: StreamRecord, now: float) -> None:
        """Add the next record of the lane, read at `now`."""
        buffered = _BufferedRecord(record, self._format.record_bytes(record), now)
        self._waiting.append(buffered)
        self._payload_bytes += buffered.payload_bytes

    @property
    def is_full(self) -> bool:
        """True if no further record fits into the next batch."""
        return len(self._waiting) >= self._config.batch_size or self._payload_bytes >= PAYLOAD_BYTES_MAX

    @property
    def closes_at(self) -> float:
        """When the window of the first record ends; call it only while a record waits."""
        return self._waiting[0].at + self._config.batching_window_s

    def cut(self) -> Batch:
        """Remove and return the next batch; a record too large for any payload goes alone."""
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


class Lane:
    """Takes records from the shard's reader, which waits for room."""

    def __init__(self, buffer: BatchBuffer, delivery: Delivery, clock: Clock) -> None:
        """An empty, open lane."""
        self._buffer = buffer
        self._delivery = delivery
        self._clock = clock
        self._changed = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._closed = False
        self._stopped = False

    async def wait_for_room(self) -> None:
        """Return when the lane holds less than a batch, so that the reader is at most one read ahead."""
        await self._has_room.wait()

    def put(self, records: Batch) -> None:
        """Add the next records of the lane, in order."""
        now = self._clock.now()
        for record in records:
            self._buffer.add(record, now)
        self._look_again()

    def close(self) -> None:
        """No more records will come: the last batch does not wait for its window."""
        self._closed = True
        self._look_again()

    def stop(self) -> None:
        """End after the batch in flight; records that only wait stay in the stream."""
        self._stopped = True
        self._look_again()

    async def run(self) -> None:
        """Deliver batch after batch until closed and empty, or stopped."""
        while batch := await self._next_batch():
            await self._delivery.deliver(batch)

    async def _next_batch(self) -> Batch:
        """The next batch; empty if there will be none."""
        while not self._stopped and not self._is_due():
            self._changed.clear()
            if self._buffer:
                window_s = self._buffer.closes_at - self._clock.now()
                await wait_at_most(self._changed, window_s, self._clock)
            else:
                await self._changed.wait()
        batch = () if self._stopped else self._buffer.cut()
        self._look_again()
        return batch

    def _is_due(self) -> bool:
        if not self._buffer:
            return self._closed
        return self._closed or self._buffer.is_full or self._clock.now() >= self._buffer.closes_at

    def _look_again(self) -> None:
        self._changed.set()
        if self._buffer.is_full:
            self._has_room.clear()
        else:
            self._has_room.set()
