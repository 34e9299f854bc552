"""One shard from a position to its end: read, spread over the lanes, and count how far all of it is done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from local.emulator.batching import Gathering, lane_of
from local.emulator.delivery import Delivery, Surroundings
from local.emulator.kinesis_event import EventFormat
from local.emulator.lane import Lane
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
    """Reads a shard and has its batches delivered, one at a time in each lane."""

    def __init__(
        self,
        source: StreamSource,
        shard_id: str,
        position: Position,
        around: Surroundings,
        records: InvocationRecords,
    ) -> None:
        """Start at `position`; nothing is read before `run`."""
        self.checkpoint = Checkpoint()
        self._source = source
        self._shard_id = shard_id
        self._position = position
        self._around = around
        event_format = EventFormat(source.stream_arn, shard_id)
        delivery = Delivery(around, event_format, records, self.checkpoint)
        self._lanes = [
            Lane(Gathering(around.config, event_format), delivery, around.clock)
            for _ in range(around.config.parallelization_factor)
        ]
        self._reading: asyncio.Task[None] | None = None
        self._stopped = False

    async def run(self) -> None:
        """Return when the shard is finished, that is read to its end and every batch done, or stopped."""
        if self._stopped:
            return
        async with asyncio.TaskGroup() as tasks:
            for lane in self._lanes:
                tasks.create_task(lane.run())
            self._reading = tasks.create_task(self._read_to_the_end())

    def stop(self) -> None:
        """Read no more, and end after the batches under way."""
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
                records, iterator = await self._source.get_records(iterator, self._around.pace.read_limit)
            except ShardGone as gone:
                _log.warning("%s is gone from the stream before its end was read: %s", self._shard_id, gone)
                break
            except (IteratorExpired, StreamUnavailable) as error:
                if isinstance(error, IteratorExpired):
                    iterator = None
                failures += 1
                _log.info("%s is not read, %d times in a row: %s", self._shard_id, failures, error)
                await self._around.clock.sleep(self._around.pace.backoff_s(failures, self._around.rng))
                continue
            failures = 0
            at_the_end = iterator is None
            self._spread(records)
            # A full page has more behind it; otherwise other readers need their share of the calls.
            if not at_the_end and len(records) < self._around.pace.read_limit:
                await self._around.clock.sleep(self._around.pace.poll_interval_s)
        for lane in self._lanes:
            lane.close()

    async def _get_iterator(self) -> str:
        asked_at = self._around.clock.now()
        iterator = await self._source.get_iterator(self._shard_id, self._position)
        if self._position.kind == "LATEST":
            # Should this iterator expire before it reads anything, LATEST would be later than it was.
            self._position = Position.at_timestamp(asked_at)
        return iterator

    def _spread(self, records: Sequence[StreamRecord]) -> None:
        if not records:
            return
        self._position = Position.after(records[-1])
        self._around.progress.records_read += len(records)
        by_lane: list[list[StreamRecord]] = [[] for _ in self._lanes]
        for record in records:
            self.checkpoint.read(record)
            by_lane[lane_of(record.partition_key, len(self._lanes))].append(record)
        for lane, its_records in zip(self._lanes, by_lane, strict=True):
            if its_records:
                lane.put(tuple(its_records))
