"""A world for the event source mapping: time that passes in no time, a stream, a function, a bucket.

Faults it can make: expired iterators, throttling, listings that forget a shard, shards that vanish, functions
that raise or answer anything, a bucket that refuses.
"""

import asyncio
import random
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

from local.emulator.clock import Pace
from local.emulator.event_source_mapping import EventSourceMapping, MappingConfig
from local.emulator.stream_source import (
    IteratorExpired,
    Position,
    ShardDescription,
    ShardGone,
    StreamRecord,
    StreamUnavailable,
)

FIRST_SHARD = "shardId-000000000000"
START = 1_700_000_000.0


class _NoWaiting(selectors.DefaultSelector):
    """Where an event loop would wait, its clock is moved on instead."""

    now = 0.0

    def select(self, timeout=None):
        if ready := super().select(0):
            return ready
        if timeout is None:
            raise AssertionError("every task waits for another: nothing will ever happen")
        self.now += max(timeout, 0)
        return []


class SimulatedTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self._instant = _NoWaiting()
        super().__init__(self._instant)

    def time(self):
        return self._instant.now


class SimulatedClock:
    def now(self) -> float:
        return START + asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def simulate(main: Coroutine[Any, Any, Any], at_most_s: float = 50_000) -> Any:
    async def bounded():
        async with asyncio.timeout(at_most_s):
            return await main

    with asyncio.Runner(loop_factory=SimulatedTimeLoop) as runner:
        return runner.run(bounded())


class FakeStream:
    """Sequence numbers start at 9, so that their order as text is not their order."""

    stream_arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/plant"

    def __init__(self, *shards: str) -> None:
        self.shards = {shard: ShardDescription(shard) for shard in shards or (FIRST_SHARD,)}
        self.records: dict[str, list[StreamRecord]] = {shard: [] for shard in self.shards}
        self.unlisted: set[str] = set()
        self.gone: set[str] = set()
        self.read_faults: list[Exception] = []
        self.list_faults: list[Exception] = []
        self.expired: set[str] = set()
        self.positions: list[tuple[str, Position]] = []
        self.handed_out: dict[str, int] = {}
        self._next_sequence_number = 9
        self._issued = 0

    def put(self, key="pump", data=b"42", shard=FIRST_SHARD, number=None, arrived=START) -> StreamRecord:
        if number is None:
            number = self._next_sequence_number
        self._next_sequence_number = number + 1
        record = StreamRecord(str(number), key, data, arrived)
        self.records[shard].append(record)
        return record

    def put_many(self, count: int, **of_each) -> list[StreamRecord]:
        return [self.put(**of_each) for _ in range(count)]

    def reshard(self, parents: list[str], children: list[str]) -> None:
        for parent in parents:
            self.close(parent)
        for child in children:
            self.shards[child] = ShardDescription(child, tuple(parents))
            self.records[child] = []

    def close(self, shard: str) -> None:
        self.shards[shard] = ShardDescription(shard, self.shards[shard].parents, closed=True)

    def expire_iterators(self) -> None:
        self.expired = {str(issued) for issued in range(self._issued)}

    async def list_shards(self):
        if self.list_faults:
            raise self.list_faults.pop(0)
        return [shard for name, shard in self.shards.items() if name not in self.unlisted]

    async def get_iterator(self, shard_id, position):
        if shard_id in self.gone:
            raise ShardGone(shard_id)
        self.positions.append((shard_id, position))
        records = self.records[shard_id]
        match position.kind:
            case "TRIM_HORIZON":
                index = 0
            case "LATEST":
                index = len(records)
            case "AT_TIMESTAMP":
                index = sum(record.arrived < position.timestamp for record in records)
            case "AFTER_SEQUENCE_NUMBER":
                last = int(position.sequence_number)
                index = sum(int(record.sequence_number) <= last for record in records)
        return self._iterator(shard_id, index)

    async def get_records(self, iterator, limit):
        if self.read_faults:
            raise self.read_faults.pop(0)
        issued, shard_id, index = iterator.split("|")
        if issued in self.expired:
            raise IteratorExpired(iterator)
        if shard_id in self.gone:
            raise ShardGone(shard_id)
        records = self.records[shard_id][int(index) : int(index) + limit]
        self.handed_out[shard_id] = self.handed_out.get(shard_id, 0) + len(records)
        end = int(index) + len(records)
        at_the_end = self.shards[shard_id].closed and end == len(self.records[shard_id])
        return records, None if at_the_end else self._iterator(shard_id, end)

    def _iterator(self, shard_id: str, index: int) -> str:
        self._issued += 1
        return f"{self._issued - 1}|{shard_id}|{index}"


class FakeFunction:
    """Gives the answers of its script one after the other, then success; an exception in it is raised."""

    def __init__(self, *script: object, always: Callable[[list[str]], object] | None = None, takes_s=0.0):
        self.script = list(script)
        self.always = always
        self.takes_s = takes_s
        self.batches: list[list[str]] = []
        self.events: list[dict[str, Any]] = []
        self.invoked_at: list[float] = []
        self.running = 0
        self.running_max = 0

    async def __call__(self, event: dict[str, Any]) -> object:
        batch = [record["kinesis"]["sequenceNumber"] for record in event["Records"]]
        self.batches.append(batch)
        self.events.append(event)
        self.invoked_at.append(asyncio.get_running_loop().time())
        self.running += 1
        self.running_max = max(self.running_max, self.running)
        if self.takes_s:
            await asyncio.sleep(self.takes_s)
        self.running -= 1
        answer = self.always(batch) if self.always else self.script.pop(0) if self.script else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def numbers(self) -> list[str]:
        return [number for batch in self.batches for number in batch]

    @property
    def sizes(self) -> list[int]:
        return [len(batch) for batch in self.batches]

    @property
    def keys(self) -> list[str]:
        return [record["kinesis"]["partitionKey"] for event in self.events for record in event["Records"]]

    @property
    def shards(self) -> list[str]:
        return [event["Records"][0]["eventID"].split(":")[0] for event in self.events]


class FakeBucket:
    def __init__(self, faults=0):
        self.objects: dict[str, bytes] = {}
        self.faults = faults

    async def put(self, key: str, body: bytes) -> None:
        if self.faults:
            self.faults -= 1
            raise OSError("the bucket is on fire")
        self.objects[key] = body


def failed(*numbers: object) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": number} for number in numbers]}


def raise_for(*bad: str) -> Callable[[list[str]], object]:
    return lambda batch: ValueError("bad record") if set(bad) & set(batch) else None


def a_mapping(stream, function, bucket=None, seed=0, pace=None, **config) -> EventSourceMapping:
    pace = pace or Pace(backoff_first_s=0.1, backoff_cap_s=5.0)
    rng = random.Random(seed)
    return EventSourceMapping(
        stream, function, MappingConfig(**config), SimulatedClock(), bucket, rng=rng, pace=pace
    )


def run_until_done(stream, function, records=None, **settings) -> EventSourceMapping:
    """Run a mapping until so many records (by default all of the stream) are done, then stop it."""
    records = sum(map(len, stream.records.values())) if records is None else records

    async def main():
        mapping = a_mapping(stream, function, **settings)
        running = asyncio.create_task(mapping.run())
        await mapping.progress.wait_until_done(records)
        mapping.stop()
        await running
        return mapping

    return simulate(main())


THROTTLED = StreamUnavailable("Rate exceeded for shard")
