"""What Lambda does between a Kinesis stream and a function, on one event loop and without AWS.

It keeps what Lambda documents: at least once; in order for each partition key; one batch at a time for each
shard and lane; a parent shard finished before its children start; failures retried, split, or stored whole
at the on-failure destination. `local/emulator/delivery.py` holds the rules for failures.

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
from local.emulator.delivery import Invoke, Surroundings
from local.emulator.mapping_config import MappingConfig
from local.emulator.on_failure_destination import InvocationRecords, OnFailureDestination, random_uuid
from local.emulator.progress import MappingStopped, Progress
from local.emulator.shard_lineage import ShardLineage
from local.emulator.shard_reader import ShardReader
from local.emulator.stream_source import Position, StreamSource, StreamUnavailable

__all__ = ["EventSourceMapping", "MappingConfig", "MappingStopped", "Pace", "RealClock", "in_thread"]

_log = logging.getLogger(__name__)


def in_thread(function: Callable[[dict[str, Any]], object], executor: Executor | None = None) -> Invoke:
    """Wrap a plain function, so that an invocation blocks neither the other shards nor the reading.

    Without an executor the loop's own is used: a few threads, which the stream's calls use too.
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
        """Take everything that differs between a demo and a simulation.

        `rng` gives jitter and UUIDs: with the same seed and the same clock, a run is the same again.
        """
        self.progress = Progress()
        self._rng = rng or random.Random()
        self._source = source
        self._pace = pace or Pace()
        self._around = Surroundings(invoke, config, clock, self._pace, self._rng, self.progress, destination)
        self._function_arn = function_arn
        self.mapping_id = random_uuid(self._rng)
        self._readers: dict[str, ShardReader] = {}
        self._stopping = asyncio.Event()
        self._list_again = asyncio.Event()

    @property
    def checkpoints(self) -> dict[str, str | None]:
        """Tell for each started shard the sequence number up to which all of it is done, None at first."""
        return {shard_id: reader.checkpoint.sequence_number for shard_id, reader in self._readers.items()}

    def stop(self) -> None:
        """Let `run` return once the batches under way are finished, their retries included.

        Call it on the loop (`loop.call_soon_threadsafe` from elsewhere). A batch that fails without end keeps
        `run` going: cancel it then.
        """
        self._stopping.set()

    async def run(self) -> None:
        """Read, batch, invoke, until `stop`, cancellation, or an error of the stream that no retry heals."""
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
        lineage = ShardLineage(self._around.config, self._around.clock.now())
        while True:
            self._list_again.clear()
            try:
                lineage.listed(await self._source.list_shards())
            except StreamUnavailable as error:
                failures += 1
                _log.info("the shards are not listed, %d times in a row: %s", failures, error)
                await self._around.clock.sleep(self._pace.backoff_s(failures, self._rng))
                continue
            failures = 0
            for shard_id, position in lineage.start_next():
                reader = self._readers[shard_id] = self._reader(shard_id, position)
                tasks.create_task(self._read_shard(shard_id, reader, lineage))
            await wait_at_most(self._list_again, self._pace.discovery_interval_s, self._around.clock)

    async def _read_shard(self, shard_id: str, reader: ShardReader, lineage: ShardLineage) -> None:
        await reader.run()
        # Its children may start now, and may not be listed yet. A stopped mapping starts no shard any more.
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
        return ShardReader(self._source, shard_id, position, self._around, records)
