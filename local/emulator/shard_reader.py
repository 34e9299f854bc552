"""Reads one shard from a position to its end, spreads its records over the lanes and keeps its checkpoint."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from local.emulator.delivery import Delivery, MappingContext
from local.emulator.kinesis_event import EventFormat
from local.emulator.lane import BatchBuffer, Lane, lane_of
from local.emulator.on_failure_destination import InvocationRecords
from local.emulator.progress import Checkpoint
from local.emulator.stream_source import (
    IteratorExpired,
    Position,
    ShardGone,
    StreamRecord,
    StreamSource,
    StreamUnavailable,
)

_log = logging.getLogger(__name__)


class ShardReader:
    """Reads a shard and delivers its batches, one at a time in each lane."""

    def __init__(
        self,
        source: StreamSource,
        shard_id: str,
        position: Position,
        shared: MappingContext,
        records: InvocationRecords,
    ) -> None:
        """Starts at `position`; nothing is read before `run`."""
        self.checkpoint = Checkpoint()
        self._source = source
        self._shard_id = shard_id
        self._position = position
        self._shared = shared
        event_format = EventFormat(source.stream_arn, shard_id)
        delivery = Delivery(shared, event_format, records, self.checkpoint)
        self._lanes = [
            Lane(BatchBuffer(shared.config, event_format), delivery, shared.clock)
            for _ in range(shared.config.parallelization_factor)
        ]
        self._reading: asyncio.Task[None] | None = None
        self._stopped = False

    async def run(self) -> None:
        """Return when the shard is read to its end and every batch is done, or after `stop`."""
        if self._stopped:
            return
        async with asyncio.TaskGroup() as tasks:
            for lane in self._lanes:
                tasks.create_task(lane.run())
            self._reading = tasks.create_task(self._read_to_the_end())

    def stop(self) -> None:
        """Stop reading, and end after the batches in flight."""
        self._stopped = True
        if self._reading is not None:
            self._reading.cancel()
        for lane in self._lanes:
            lane.stop()

    async def _read_to_the_end(self) -> None:
        iterator: str | None = None
        failures = 0
        at_the_end = False
        while not at_the_end:
            for lane in self._lanes:
                await lane.wait_for_room()
            try:
                iterator = iterator or await self._get_iterator()
                records, iterator = await self._source.get_records(iterator, self._shared.pace.read_limit)
            except ShardGone as gone:
                _log.warning("%s is gone from the stream before its end was read: %s", self._shard_id, gone)
                break
            except (IteratorExpired, StreamUnavailable) as error:
                if isinstance(error, IteratorExpired):
                    iterator = None
                failures += 1
                _log.info("could not read %s, %d times in a row: %s", self._shard_id, failures, error)
                await self._shared.clock.sleep(self._shared.pace.backoff_s(failures, self._shared.rng))
                continue
            failures = 0
            at_the_end = iterator is None
            self._spread(records)
            # After a full page there is more to read; otherwise leave other readers their share of the calls.
            if not at_the_end and len(records) < self._shared.pace.read_limit:
                await self._shared.clock.sleep(self._shared.pace.poll_interval_s)
        for lane in self._lanes:
            lane.close()

    async def _get_iterator(self) -> str:
        asked_at = self._shared.clock.now()
        iterator = await self._source.get_iterator(self._shard_id, self._position)
        if self._position.kind == "LATEST":
            # If this iterator expires unread, a new LATEST would skip what arrived meanwhile.
            self._position = Position.at_timestamp(asked_at)
        return iterator

    def _spread(self, records: Sequence[StreamRecord]) -> None:
        if not records:
            return
        self._position = Position.after(records[-1])
        self._shared.progress.records_read += len(records)
        by_lane: list[list[StreamRecord]] = [[] for _ in self._lanes]
        for record in records:
            self.checkpoint.read(record)
            by_lane[lane_of(record.partition_key, len(self._lanes))].append(record)
        for lane, its_records in zip(self._lanes, by_lane, strict=True):
            if its_records:
                lane.put(tuple(its_records))
