"""What an operator's command reaches of AWS: the world's own bucket, streams, bus and function."""

import asyncio
import io
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from clients.kinesis_writer.put_request import StreamRecord
from ops.redrive.redrive import Unsent
from ops.target import Target
from tests.local.fake_stream import START
from tests.simulation.cloud import SimulatedObjects, latency
from tests.simulation.functions import FunctionError
from tests.simulation.operated.console import Console, console

FUNCTION = "local"
_ENVIRONMENT = {"MODEL_BUCKET": "models", "EVENT_BUS_NAME": "bus", "AWS_REGION": "eu-west-1"}


class CommandObjects(SimulatedObjects):
    """A bucket, from a command: each request is one of the world's."""

    async def _in_thread(self, request: Callable[[], Any]) -> Any:
        return console().call(partial(_requested, self._chance, console(), request))


async def _requested(chance: Any, by: Console, request: Callable[[], Any]) -> Any:
    by.may_die()
    await latency(chance)
    answer = request()
    await latency(chance)
    by.may_die()
    return answer


@dataclass(frozen=True)
class SimulatedAccount:
    """Clients of one world."""

    world: Any
    region: str = "eu-west-1"
    endpoint_url: str | None = None

    def session(self) -> Any:
        """What `open_bucket` is given, which stands for the world's here."""
        return SimpleNamespace(region_name=self.region)

    def client(self, service: str, config: Any = None) -> Any:
        """What the commands call of that service."""
        return {"s3": _S3, "kinesis": _Kinesis, "lambda": _Lambda, "events": SimpleNamespace}[service](
            *([self.world] if service != "events" else [])
        )


def target_in(world: Any) -> Target:
    """The world's use case, as a command names it."""
    account: Any = SimulatedAccount(world)
    return Target(
        "the world",
        "drift",
        "models",
        failed_bucket="failed",
        stream_name=world.streams[0].stream_arn.rpartition("/")[2],
        event_bus="bus",
        function_name=FUNCTION,
        account=account,
    )


def _ask(world: Any, answer: Callable[[], Any]) -> Any:
    return console().call(partial(_requested, world.chance, console(), answer))


def _pages(**page: Any) -> Any:
    return SimpleNamespace(paginate=lambda **_: [page])


@dataclass(frozen=True)
class _S3:
    """The versions of the bucket's objects."""

    world: Any

    def get_paginator(self, name: str) -> Any:
        assert name == "list_object_versions"
        return SimpleNamespace(paginate=self._versions)

    def _versions(self, Bucket: str, Prefix: str) -> list[dict[str, Any]]:
        kept = _ask(self.world, lambda: list(self.world.bucket.kept.get(Prefix, [])))
        found = [
            {
                "Key": Prefix,
                "VersionId": e_tag,
                "LastModified": datetime.fromtimestamp(math.floor(at_s), UTC),
            }
            for e_tag, at_s, _ in reversed(kept)
        ]
        return [{"Versions": found}]

    def get_object(self, Bucket: str, Key: str, VersionId: str) -> dict[str, Any]:
        kept = _ask(self.world, lambda: list(self.world.bucket.kept[Key]))
        [body] = [body for e_tag, _, body in kept if e_tag == VersionId]
        return {"ContentLength": len(body), "Body": io.BytesIO(body)}


@dataclass(frozen=True)
class _Kinesis:
    """What the streams still hold: all of it."""

    world: Any

    exceptions = SimpleNamespace(ResourceNotFoundException=KeyError)

    def _stream(self, name: str) -> Any:
        [stream] = [each for each in self.world.streams if each.stream_arn.endswith(f"/{name}")]
        return stream

    def describe_stream_summary(self, StreamName: str) -> dict[str, Any]:
        arn = self._stream(StreamName).stream_arn
        return {"StreamDescriptionSummary": {"StreamARN": arn, "RetentionPeriodHours": 24}}

    def list_shards(self, StreamName: str) -> dict[str, Any]:
        shards = _ask(self.world, lambda: list(self._stream(StreamName).shards.values()))
        names = ("ParentShardId", "AdjacentParentShardId")
        return {
            "Shards": [
                {"ShardId": shard.shard_id, **dict(zip(names, shard.parents, strict=False))}
                for shard in shards
            ]
        }

    def get_shard_iterator(
        self, StreamName: str, ShardId: str, ShardIteratorType: str, Timestamp: Any = None
    ) -> dict[str, Any]:
        records = self._stream(StreamName).records[ShardId]
        since = -math.inf if Timestamp is None else Timestamp.timestamp()
        first = sum(record.arrived < since for record in records)
        return {"ShardIterator": f"{StreamName}|{ShardId}|{first}"}

    def get_records(self, ShardIterator: str, Limit: int) -> dict[str, Any]:
        name, shard_id, first = ShardIterator.split("|")
        records = _ask(self.world, lambda: list(self._stream(name).records[shard_id]))
        taken = records[int(first) : int(first) + Limit]
        end = int(first) + len(taken)
        return {
            "Records": [
                {
                    "SequenceNumber": record.sequence_number,
                    "PartitionKey": record.partition_key,
                    "Data": record.data,
                    "ApproximateArrivalTimestamp": datetime.fromtimestamp(record.arrived, UTC),
                }
                for record in taken
            ],
            "NextShardIterator": f"{name}|{shard_id}|{end}",
            "MillisBehindLatest": 1000 * (end < len(records)),
        }


@dataclass(frozen=True)
class _Lambda:
    """The function, and whether its mappings deliver."""

    world: Any

    def get_paginator(self, name: str) -> Any:
        if name == "list_aliases":
            return _pages(Aliases=[])
        state = _ask(self.world, lambda: self.world.mappings_state())
        return _pages(EventSourceMappings=[{"UUID": "mapping", "State": state}])

    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:
        deployed = datetime.fromtimestamp(START + self.world.deployed_at, UTC)
        return {"Environment": {"Variables": _ENVIRONMENT}, "LastModified": deployed.isoformat()}

    def update_event_source_mapping(self, UUID: str, Enabled: bool) -> None:
        _ask(self.world, partial(self.world.set_mappings, Enabled))

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        if len(Payload) > self.world.invoked_bytes_max:
            error = {"Error": {"Code": "RequestEntityTooLargeException", "Message": "too large"}}
            raise ClientError(error, "Invoke")
        console().may_die()
        answer = console().call(partial(self._invoked, json.loads(Payload)))
        console().may_die()
        return answer

    async def _invoked(self, event: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = await self.world.functions.invoke(event)
        except FunctionError as error:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(repr(error).encode())}
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


@dataclass(frozen=True)
class SimulatedSending:
    """In place of `SendingStream`: records onto the world's stream, all of them, some, or who knows."""

    client: _Kinesis
    stream_name: str

    def send(self, records: Sequence[StreamRecord]) -> Unsent | None:
        """Store them in order."""
        world = self.client.world
        console().may_die()
        unsent: Unsent | None = console().call(partial(self._sent, world, records))
        console().may_die()
        return unsent

    async def _sent(self, world: Any, records: Sequence[StreamRecord]) -> Unsent | None:
        await latency(world.chance)
        stored = len(records)
        if records and world.chance.happens("a redrive is sent in part", 0.1):
            stored = world.chance.rng("redrive").randrange(len(records))
        for record in records[:stored]:
            world.put_again(self.client._stream(self.stream_name), record)
        await asyncio.sleep(0.01)
        if stored == len(records):
            return None
        return Unsent([at < stored for at in range(len(records))], False, "throttled")


def in_world(world: Any) -> Iterator[tuple[str, Any]]:
    """What is to stand where, for commands to reach the world."""
    yield "ops.target._in_bucket", lambda options: [target_in(world)]
    yield "ops.target.open_bucket", lambda name, *_: world.command_objects(name)
    yield "ops.redrive.redrive.SendingStream", SimulatedSending
    yield "boto3.client", lambda service, **_: SimulatedAccount(world).client(service)
    yield "consumer.aws.s3.open_bucket", lambda name, *_: world.command_objects(name)
