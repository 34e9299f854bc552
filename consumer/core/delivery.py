"""What Lambda delivers: the records of an invocation, checked and in order, shard by shard."""

import operator
from collections.abc import Mapping
from typing import Any

from consumer.core.errors import MalformedEvent, Unlearnable
from consumer.core.records import Record, Records, Shard
from consumer.core.timestamps import seconds

_TEXTS = ("sequenceNumber", "partitionKey", "data")


def entries_of(event: Mapping[str, Any]) -> list[Any]:
    """The event's records as they are.

    Raises: `MalformedEvent` where there is no list of them.
    """
    entries = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(entries, list):
        raise MalformedEvent("the event has no list of Records: invoke with batches of a Kinesis stream")
    return entries


def delivered(entries: list[Any]) -> dict[Shard, Records]:
    """The records by their shards, ascending, each once.

    Raises: `MalformedEvent` where a record has not the fields that Lambda gives it.
    """
    placed = []
    for number, entry in enumerate(entries):
        try:
            placed.append(_record(entry))
        except (KeyError, TypeError, ValueError, AttributeError, Unlearnable) as error:
            raise MalformedEvent(f"Records[{number}] is not a Kinesis record: {error!r}") from None
    placed.sort(key=operator.itemgetter(0))
    shards: dict[Shard, Records] = {}
    latest: dict[Shard, tuple[int, set[str]]] = {}
    for sequence_number, shard, record in placed:
        records = shards.setdefault(shard, Records())
        # A sequence number is unique per partition key.
        last, keys = latest.get(shard, (None, set()))
        if last != sequence_number:
            keys = set()
            latest[shard] = sequence_number, keys
        if record.partition_key not in keys:
            keys.add(record.partition_key)
            records.append(record)
    return shards


def _record(entry: Mapping[str, Any]) -> tuple[int, Shard, Record]:
    kinesis = entry["kinesis"]
    shard_id, _, _ = entry["eventID"].rpartition(":")
    identifier = kinesis["sequenceNumber"]
    arrived = kinesis.get("approximateArrivalTimestamp")
    for name in _TEXTS:
        if not isinstance(kinesis[name], str):
            raise TypeError(f"{name} is text, not {type(kinesis[name]).__name__}")
    return (
        int(identifier),
        Shard(stream_of(entry["eventSourceARN"]), shard_id),
        Record(
            identifier,
            kinesis["partitionKey"],
            None if arrived is None else seconds(arrived),
            kinesis["data"],
        ),
    )


def stream_of(arn: str) -> str:
    """Enhanced fan-out names its consumer; the records, and what was learned of them, are the stream's."""
    stream_arn, _, _ = arn.partition("/consumer/")
    return stream_arn
