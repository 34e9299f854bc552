"""The event of an invocation: Kinesis records in base64, read into batches."""

import binascii
from collections.abc import Mapping
from typing import Any

from consumer.core import kpl
from consumer.core.batch import Batch, UnlearnableRecord
from consumer.core.compression import UNPACKED_BYTES_MAX, unpack
from consumer.core.delivery import delivered, entries_of
from consumer.core.errors import Unlearnable
from consumer.core.payloads import read
from consumer.core.plain_payloads import PlainReader
from consumer.core.records import Records, Shard
from consumer.core.usual_delivery import Unusual, UsualDelivery

# What a payload that cannot be unpacked counts as: to find that out may have cost gzip's best ratio.
_UNREADABLE_BYTES_MAX = UNPACKED_BYTES_MAX // 16
_UNREADABLE_RATIO = 1032


def batches_of(event: Mapping[str, Any]) -> list[Batch]:
    """The invocation's records, a batch for each shard; Lambda sends those of one shard at a time.

    Raises: `MalformedEvent` where a record has not the fields that Lambda gives it. What producers wrote
        never raises: it is refused, record by record, in the batches.
    """
    entries = entries_of(event)
    try:
        return [_usual_batch(UsualDelivery(entries))]
    except Unusual:
        return [_batch(shard, records) for shard, records in delivered(entries).items()]


def _usual_batch(delivery: UsualDelivery) -> Batch:
    batch = Batch(delivery.shard, delivery.records)
    reader = PlainReader(batch, _read_current)
    for payloads in delivery.payloads():
        reader.read(payloads)
    return batch


def _batch(shard: Shard, records: Records) -> Batch:
    batch = Batch(shard, records)
    for record in range(len(records)):
        # What comes again does so from a sequence number on, which several records may share.
        if batch.is_full() and not records.shares_number(record, record - 1):
            batch.unread_from = record
            break
        batch.go_to(record)
        _read_current(batch)
    return batch


def _read_current(batch: Batch) -> None:
    """Read the batch's current record, of any shape."""
    records, record = batch.records, batch.record
    try:
        _read_record(records.data[record], records.partition_keys[record], batch)
    except Unlearnable as error:
        batch.refuse_record(str(error))


def _read_record(data: str, partition_key: str, batch: Batch) -> None:
    try:
        payload = binascii.a2b_base64(data, strict_mode=True)
    except ValueError as error:
        raise Unlearnable(f"not readable as base64: {error}") from None
    if kpl.is_aggregated(payload):
        _read_aggregated(payload, batch)
    else:
        read(_unpacked(payload, batch), partition_key, batch)


def _read_aggregated(payload: bytes, batch: Batch) -> None:
    unpacked_bytes = batch.unpacked_bytes
    for partition_key, sub_record in kpl.sub_records(payload):
        _read_sub_record(sub_record, partition_key, batch)
        if batch.unpacked_bytes - unpacked_bytes > UNPACKED_BYTES_MAX:
            raise UnlearnableRecord(f"the aggregated record unpacks to more than {UNPACKED_BYTES_MAX} bytes")


def _read_sub_record(sub_record: bytes, partition_key: str | None, batch: Batch) -> None:
    try:
        read(_unpacked(sub_record, batch), partition_key, batch)
    except UnlearnableRecord:
        raise
    except Unlearnable as error:
        batch.refuse(str(error))


def _unpacked(payload: bytes, batch: Batch) -> bytes:
    """Unpack it, and count the bytes: the parts of a record, and the records of a batch, share a bound."""
    try:
        unpacked = unpack(payload)
    except Unlearnable:
        batch.unpacked_bytes += min(_UNREADABLE_BYTES_MAX, len(payload) * _UNREADABLE_RATIO)
        raise
    batch.unpacked_bytes += len(unpacked)
    return unpacked
