"""The event of an invocation: the payloads of its records, read into batches."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from consumer.decode.batch import Batch, UnlearnableRecord
from consumer.decode.delivery import PART, Delivery, deliveries_of, payload_of, place_of
from consumer.decode.fast_payloads import FastPayloadReader
from consumer.decode.payloads import read, unpacked
from consumer.decode.records import Shard
from consumer.decode.unpacking import UNPACKED_BYTES_MAX, is_aggregated, sub_records
from consumer.errors import Unlearnable


def decode(event: Mapping[str, Any], make_ready: Callable[[Batch], int] | None = None) -> list[Batch]:
    """Decode the invocation's records, a batch for each shard; Lambda sends those of one shard at a time.

    `make_ready` is that of the settings: it judges times, and puts together the signals that one model
    learns. A full batch ends before its record `unread_from`.

    Raises: `MalformedEvent` if a record lacks the fields that Lambda gives it. What producers wrote never
        raises: it is rejected, record by record, in the batches.
    """
    batches = [_batch(delivery) for delivery in deliveries_of(event)]
    if make_ready is not None:
        for batch in batches:
            batch.of_no_asset = make_ready(batch)
    return batches


def decode_all(records: Sequence[Any], make_ready: Callable[[Batch], int] | None = None) -> Iterator[Batch]:
    """Decode any number of records: after each full batch another one goes on. Raises: as `decode`."""
    left = list(records)
    while left:
        unread: list[Any] = []
        for batch in decode({"Records": left}, make_ready):
            yield batch
            if batch.unread_from is not None:
                first = int(batch.records.identifiers[batch.unread_from])
                unread += [entry for entry in left if _is_unread(entry, batch.shard, first)]
        left = unread


def _is_unread(entry: Mapping[str, Any], shard: Shard, first: int) -> bool:
    sequence_number, own, _, _ = place_of(entry)
    return own == shard and sequence_number >= first


def _batch(delivery: Delivery) -> Batch:
    batch = Batch(delivery.shard, delivery.records)
    reader = FastPayloadReader(batch, _read_current)
    for start in range(0, len(delivery.payloads), PART):
        reader.read(delivery.payloads[start : start + PART])
    return batch


def _read_current(batch: Batch, payload: bytes) -> None:
    """Read the batch's current record, of any shape."""
    records, record = batch.records, batch.record
    try:
        _read_record(payload or payload_of(records.data[record]), records.partition_keys[record], batch)
    except Unlearnable as error:
        batch.reject_record(str(error))


def _read_record(payload: bytes, partition_key: str, batch: Batch) -> None:
    if is_aggregated(payload):
        _read_aggregated(payload, batch)
    else:
        read(unpacked(payload, batch), partition_key, batch)


def _read_aggregated(payload: bytes, batch: Batch) -> None:
    unpacked_bytes = batch.unpacked_bytes
    for partition_key, sub_record in sub_records(payload):
        _read_sub_record(sub_record, partition_key, batch)
        if batch.unpacked_bytes - unpacked_bytes > UNPACKED_BYTES_MAX:
            raise UnlearnableRecord(f"the aggregated record unpacks to more than {UNPACKED_BYTES_MAX} bytes")


def _read_sub_record(sub_record: bytes, partition_key: str | None, batch: Batch) -> None:
    try:
        read(unpacked(sub_record, batch), partition_key, batch)
    except UnlearnableRecord:
        raise
    except Unlearnable as error:
        batch.reject(str(error))
