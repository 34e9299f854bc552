"""The event of an invocation: Kinesis records in base64, read into batches."""

import binascii
from collections.abc import Mapping
from typing import Any

from consumer.core import kpl
from consumer.core.batch import Batch, Record, Shard, UnlearnableRecord
from consumer.core.compression import UNPACKED_BYTES_MAX, unpack
from consumer.core.errors import MalformedEvent, Unlearnable
from consumer.core.payloads import read
from consumer.core.timestamps import seconds

# What a sub-record that cannot be unpacked counts as: to find that out may have cost gzip's best ratio.
_UNREADABLE_BYTES_MAX = UNPACKED_BYTES_MAX // 16
_UNREADABLE_RATIO = 1032


def batches_of(event: Mapping[str, Any]) -> list[Batch]:
    """The invocation's records, a batch for each shard; Lambda sends those of one shard at a time.

    Raises: `MalformedEvent` where a record has not the fields that Lambda gives it. What producers wrote
        never raises: it is refused, record by record, in the batches.
    """
    batches: dict[Shard, Batch] = {}
    for shard, record in _records(event):
        batch = batches.get(shard)
        if batch is None:
            batch = batches[shard] = Batch(shard)
        if batch.records and _is_repeated(record, batch):
            continue
        batch.begin(record)
        try:
            _read_record(record, batch)
        except Unlearnable as error:
            batch.refuse_record(str(error))
    return list(batches.values())


def _records(event: Mapping[str, Any]) -> list[tuple[Shard, Record]]:
    """The records with their shards, by sequence number: the order in which the shard holds them."""
    delivered = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(delivered, list):
        raise MalformedEvent("the event has no list of Records: invoke with batches of a Kinesis stream")
    records = []
    for number, entry in enumerate(delivered):
        try:
            records.append(_record(entry))
        except (KeyError, TypeError, ValueError, AttributeError, Unlearnable) as error:
            raise MalformedEvent(f"Records[{number}] is not a Kinesis record: {error!r}") from None
    records.sort(key=lambda placed: placed[1].sequence_number)
    return records


def _record(entry: Mapping[str, Any]) -> tuple[Shard, Record]:
    kinesis = entry["kinesis"]
    shard_id, _, _ = entry["eventID"].rpartition(":")
    identifier = kinesis["sequenceNumber"]
    arrived = kinesis.get("approximateArrivalTimestamp")
    for name in ("sequenceNumber", "partitionKey", "data"):
        if not isinstance(kinesis[name], str):
            raise TypeError(f"{name} is text, not {type(kinesis[name]).__name__}")
    # Enhanced fan-out names its consumer; the records, and what was learned of them, are the stream's.
    stream_arn, _, _ = entry["eventSourceARN"].partition("/consumer/")
    return Shard(stream_arn, shard_id), Record(
        int(identifier),
        identifier,
        kinesis["partitionKey"],
        None if arrived is None else seconds(arrived),
        kinesis["data"],
    )


def _is_repeated(record: Record, batch: Batch) -> bool:
    """Whether the batch has it already: a sequence number is unique per partition key."""
    for earlier in reversed(batch.records):
        if earlier.sequence_number != record.sequence_number:
            return False
        if earlier.partition_key == record.partition_key:
            return True
    return False


def _read_record(record: Record, batch: Batch) -> None:
    try:
        payload = binascii.a2b_base64(record.data, strict_mode=True)
    except ValueError as error:
        raise Unlearnable(f"not readable as base64: {error}") from None
    if kpl.is_aggregated(payload):
        _read_aggregated(payload, batch)
    else:
        read(unpack(payload), record.partition_key, batch)


def _read_aggregated(payload: bytes, batch: Batch) -> None:
    unpacked_bytes = 0
    for partition_key, sub_record in kpl.sub_records(payload):
        unpacked_bytes += _read_sub_record(sub_record, partition_key, batch)
        if unpacked_bytes > UNPACKED_BYTES_MAX:
            raise UnlearnableRecord(f"the aggregated record unpacks to more than {UNPACKED_BYTES_MAX} bytes")


def _read_sub_record(sub_record: bytes, partition_key: str | None, batch: Batch) -> int:
    """Give the bytes that it unpacks to, which the sub-records of one record share a bound of."""
    unpacked_bytes = min(_UNREADABLE_BYTES_MAX, len(sub_record) * _UNREADABLE_RATIO)
    try:
        unpacked = unpack(sub_record)
        unpacked_bytes = len(unpacked)
        read(unpacked, partition_key, batch)
    except UnlearnableRecord:
        raise
    except Unlearnable as error:
        batch.refuse(str(error))
    return unpacked_bytes
