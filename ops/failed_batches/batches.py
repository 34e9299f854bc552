"""Batches that Lambda gave up on, as it stores them at the on-failure destination, and their redrive marks.

aws/lambda/<mapping id>/<shard>/…               # a batch, written by Lambda
redriven/aws/lambda/<mapping id>/<shard>/…      # its mark, written when an operator has redriven it
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import msgspec

from consumer.decode.records import Shard
from consumer.errors import ConfigurationError, PageChanged, Unavailable
from consumer.ports import Found, Missing, ObjectStore

FOLDER = "aws/lambda/"
MARKS = "redriven/"
_BYTES_MAX = 1024**3


class _Context(msgspec.Struct, rename="camel", frozen=True):
    """The invocation."""

    function_arn: str = ""
    condition: str = ""


class _Info(msgspec.Struct, rename="camel", frozen=True):
    """The records."""

    shard_id: str
    start_sequence_number: str
    end_sequence_number: str
    stream_arn: str
    batch_size: int = 0
    approximate_arrival_of_first_record: str = ""
    approximate_arrival_of_last_record: str = ""


class _Stored(msgspec.Struct, frozen=True):
    """What Lambda writes; `payload` is the event as text."""

    request_context: _Context = msgspec.field(name="requestContext")
    info: _Info = msgspec.field(name="KinesisBatchInfo")
    timestamp: str = ""
    payload: str | None = None


class RedriveMark(msgspec.Struct, frozen=True):
    """When a batch was redriven, and how much was learned."""

    redriven_at: str
    learned: int
    below_checkpoints: int = msgspec.field(default=0, name="below_watermarks")
    """Under the name that it has in marks of earlier versions."""
    too_large: int = 0
    """Records that no invocation takes, and so were not delivered."""


@dataclass(frozen=True, slots=True)
class FailedBatch:
    """A batch that Lambda gave up on."""

    key: str
    stored: _Stored
    mark: RedriveMark | None

    @property
    def shard(self) -> Shard:
        """Its shard."""
        return Shard(self.stored.info.stream_arn, self.stored.info.shard_id)

    @property
    def place(self) -> tuple[Shard, int, int]:
        """Sorts batches into the order in which all of them can be learned."""
        info = self.stored.info
        return self.shard, int(info.start_sequence_number), int(info.end_sequence_number)

    def event(self) -> dict[str, Any]:
        """The event. Raises: `ConfigurationError` if it was not stored."""
        try:
            event: dict[str, Any] = msgspec.json.decode(self.stored.payload or "")
        except msgspec.MsgspecError as error:
            raise ConfigurationError(f"{self.key} has no payload to learn: {error}") from error
        return event

    def is_of(self, function_name: str | None) -> bool:
        """Whether that function failed on it; None: any function."""
        return function_name is None or function_name in self.stored.request_context.function_arn.split(":")


async def failed_batches(
    objects: ObjectStore, function_name: str | None, named: list[str] | None = None
) -> list[FailedBatch]:
    """The batches with these keys, or all of the function, in the order of their records.

    Raises: `ConfigurationError` if there is none with a key; `Unavailable`.
    """
    marked = set(await objects.keys(MARKS))
    batches = [await _batch(objects, key, marked) for key in named or await objects.keys(FOLDER)]
    if not named:
        batches = [batch for batch in batches if batch.is_of(function_name)]
    return sorted(batches, key=lambda batch: batch.place)


async def given_up_since(
    objects: ObjectStore, function_name: str | None, shard_ids: AbstractSet[str], since_s: float | None
) -> list[tuple[Shard, int, int]]:
    """Where batches of these shards lie that were given up since then: shard, first and last sequence number.

    Raises: `Unavailable`.
    """
    keys = await objects.keys(FOLDER)
    older = set() if since_s is None else set(await objects.keys(FOLDER, since_s))
    of_shards = [key for key in keys if key not in older and not shard_ids.isdisjoint(key.split("/"))]
    found = await failed_batches(objects, None, of_shards) if of_shards else []
    return [batch.place for batch in found if batch.is_of(function_name)]


async def mark(objects: ObjectStore, batch: FailedBatch, what: RedriveMark) -> None:
    """Mark it as redriven, unless another run has. Raises: `Unavailable`."""
    try:
        await objects.replace(MARKS + batch.key, msgspec.json.encode(what), None)
    except PageChanged:
        return  # both runs learned only what is after the checkpoints


async def _batch(objects: ObjectStore, key: str, marked: set[str]) -> FailedBatch:
    stored = await _read(objects, key, _Stored)
    return FailedBatch(
        key, stored, await _read(objects, MARKS + key, RedriveMark) if MARKS + key in marked else None
    )


async def _read(objects: ObjectStore, key: str, kind: type[Any]) -> Any:
    found = await objects.get(key, bytes_max=_BYTES_MAX)
    if isinstance(found, Missing):
        raise ConfigurationError(f"there is no {key}: `failed list` shows the keys")
    if not isinstance(found, Found) or found.body is None:
        raise Unavailable(f"{key} cannot be read: it is too large")
    try:
        return msgspec.json.decode(found.body, type=kind)
    except msgspec.MsgspecError as error:
        raise ConfigurationError(f"{key} is not what Lambda stores of a Kinesis batch: {error}") from error
