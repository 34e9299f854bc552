"""Lambda's Kinesis event source mapping, on one event loop and without AWS.

It does what Lambda documents: delivers at least once, in order for each partition key, one batch at a time
for each shard and lane; finishes a parent shard before its children start; retries failures, splits them, or
stores the whole batch at the on-failure destination. `local/emulator/delivery.py` has the failure rules.

    config = MappingConfig(batch_size=500, bisect_on_error=True)
    mapping = EventSourceMapping(source, in_thread(function), config, RealClock(), destination)
    running = asyncio.create_task(mapping.run())
    await mapping.progress.wait_until_done(records_sent)
    mapping.stop()
    await running
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from local.emulator.clock import Clock, Pace, RealClock, wait_at_most
from local.emulator.delivery import Invoke, MappingContext
from local.emulator.mapping_config import MappingConfig
from local.emulator.on_failure_destination import InvocationRecords, OnFailureDestination, random_uuid
from local.emulator.progress import MappingStopped, Progress
from local.emulator.shard_lineage import ShardLineage
from local.emulator.shard_reader import ShardReader
from local.emulator.stream_source import Position, StreamSource, StreamUnavailable

__all__ = ["EventSourceMapping", "MappingConfig", "MappingStopped", "Pace", "RealClock", "in_thread"]

_log = logging.getLogger(__name__)


def in_thread(function: Callable[[dict[str, Any]], object], executor: Executor | None = None) -> Invoke:
    """Wrap a plain function, so that an invocation blocks neither the other shards nor the reads.

    Without an executor it shares the loop's own few threads with the calls to the stream.
    """

    async def invoke(event: dict[str, Any]) -> object:
        return await asyncio.get_running_loop().run_in_executor(executor, function, event)

    return invoke


class EventSourceMapping:
    """Reads a stream and invokes a function with its batches. A mapping runs once."""

    def __init__(
        self,
        source: StreamSource,
        invoke: Invoke,
        config: MappingConfig,
        clock: Clock,
        destination: OnFailureDestination | None = None,
        *,
        function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:local",
        pace: Pace | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """Everything that differs between the demo and a simulation is passed in.

        `rng` gives jitter and UUIDs: the same seed and the same clock repeat a run exactly.
        """
        self.progress = Progress()
        self._rng = rng or random.Random()
        self._source = source
        self._pace = pace or Pace()
        self._shared = MappingContext(
            invoke, config, clock, self._pace, self._rng, self.progress, destination
        )
        self._function_arn = function_arn
        self.mapping_id = random_uuid(self._rng)
        self._readers: dict[str, ShardReader] = {}
        self._stopping = asyncio.Event()
        self._list_again = asyncio.Event()

    @property
    def checkpoints(self) -> dict[str, str | None]:
        """For each started shard, the sequence number up to which everything is done; None at first."""
        return {shard_id: reader.checkpoint.sequence_number for shard_id, reader in self._readers.items()}

    def stop(self) -> None:
        """Let `run` return once the batches in flight are finished, retries included.

        Call it on the loop (`loop.call_soon_threadsafe` from another thread). A batch that keeps failing
        keeps `run` going: cancel it then.
        """
        self._stopping.set()

    async def run(self) -> None:
        """Read, batch and invoke until `stop`, cancellation, or a stream error that retries cannot fix."""
        try:
            async with asyncio.TaskGroup() as tasks:
                discovery = tasks.create_task(self._discover(tasks))
                await self._stopping.wait()
                discovery.cancel()
                for reader in self._readers.values():
                    reader.stop()
        finally:
            self.progress.stopped()

    async def _discover(self, tasks: asyncio.TaskGroup) -> None:
        failures = 0
        lineage = ShardLineage(self._shared.config, self._shared.clock.now())
        while True:
            self._list_again.clear()
            try:
                lineage.listed(await self._source.list_shards())
            except StreamUnavailable as error:
                failures += 1
                _log.info("could not list the shards, %d times in a row: %s", failures, error)
                await self._shared.clock.sleep(self._pace.backoff_s(failures, self._rng))
                continue
            failures = 0
            for shard_id, position in lineage.start_next():
                reader = self._readers[shard_id] = self._reader(shard_id, position)
                tasks.create_task(self._read_shard(shard_id, reader, lineage))
            await wait_at_most(self._list_again, self._pace.discovery_interval_s, self._shared.clock)

    async def _read_shard(self, shard_id: str, reader: ShardReader, lineage: ShardLineage) -> None:
        await reader.run()
        # Its children may start now but may not be listed yet. A stopped mapping starts no more shards.
        lineage.finished(shard_id)
        self._list_again.set()

    def _reader(self, shard_id: str, position: Position) -> ShardReader:
        records = InvocationRecords(
            mapping_id=self.mapping_id,
            function_arn=self._function_arn,
            stream_arn=self._source.stream_arn,
            shard_id=shard_id,
            rng=self._rng,
        )
        return ShardReader(self._source, shard_id, position, self._shared, records)
