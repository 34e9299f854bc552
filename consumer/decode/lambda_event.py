"""The event of an invocation: Kinesis records in base64, read into batches."""

import binascii
import math
import operator
from binascii import a2b_base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consumer.decode.batch import Batch, Record, Records, Shard, UnlearnableRecord
from consumer.decode.fast_payloads import FastPayloadReader
from consumer.decode.payloads import read
from consumer.decode.unpacking import UNPACKED_BYTES_MAX, is_aggregated, sub_records, unpack
from consumer.decode.values import seconds
from consumer.errors import MalformedEvent, Unlearnable

_TEXTS = ("sequenceNumber", "partitionKey", "data")


def entries_of(event: Mapping[str, Any]) -> list[Any]:
    """The event's records as they are.

    Raises: `MalformedEvent` if there is no list of them.
    """
    entries = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(entries, list):
        raise MalformedEvent("the event has no list of Records: invoke with batches of a Kinesis stream")
    return entries


def delivered(entries: list[Any]) -> dict[Shard, Records]:
    """The records by their shards, ascending, each once.

    Raises: `MalformedEvent` if a record lacks the fields that Lambda gives it.
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


# More than Lambda delivers at once would be read in parts.
_PART = 10_000
_SECONDS_MAX = 1e11  # above that they could be milliseconds


class NotFastPath(Exception):
    """Not on the fast path: the event must be read record by record."""


@dataclass(frozen=True, slots=True)
class _Data(Sequence[str]):
    """The records' data, read on access."""

    entries: list[Any]

    def __getitem__(self, index: Any) -> Any:
        return self.entries[index]["kinesis"]["data"]

    def __len__(self) -> int:
        return len(self.entries)


class FastEventReader:
    """Records as Lambda sends them: of one shard, complete, ascending.

    Raises: `NotFastPath` if they are anything else.
    """

    def __init__(self, entries: list[Any]) -> None:
        try:
            first = entries[0]
            event_id, self._arn = first["eventID"], first["eventSourceARN"]
            self._length = len(first["kinesis"]["sequenceNumber"])
            shard_id, _, _ = event_id.rpartition(":")
            self.shard = Shard(stream_of(self._arn), shard_id)
        except (LookupError, TypeError, AttributeError) as error:
            raise NotFastPath from error
        self._entries, self._prefix = entries, f"{shard_id}:"
        self.records = Records(data=_Data(entries), are_distinct=True)

    def payloads(self) -> Iterator[list[bytes]]:
        """What the records hold, part by part; `records` has their identifiers then."""
        last = ""
        for start in range(0, len(self._entries), _PART):
            part = self._entries[start : start + _PART]
            try:
                payloads = self._read(part, last)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                raise NotFastPath from error
            last = self.records.identifiers[-1]
            yield payloads

    def _read(self, entries: list[Any], last: str) -> list[bytes]:
        prefix, kinesis = self._prefix, [entry["kinesis"] for entry in entries]
        identifiers = [fields["sequenceNumber"] for fields in kinesis]
        partition_keys = [fields["partitionKey"] for fields in kinesis]
        arrived_s = _seconds([fields["approximateArrivalTimestamp"] for fields in kinesis])
        if not (
            {entry["eventSourceARN"] for entry in entries} == {self._arn}
            and [entry["eventID"] for entry in entries] == [prefix + number for number in identifiers]
            and _ascend(identifiers, self._length, last)
            and set(map(type, partition_keys)) == {str}
        ):
            raise NotFastPath
        payloads = [a2b_base64(fields["data"], strict_mode=True) for fields in kinesis]
        self.records.extend(identifiers, partition_keys, arrived_s)
        return payloads


def _ascend(identifiers: list[str], length: int, last: str) -> bool:
    """Whether these are numbers of this length, each above the one before: they ascend as texts do."""
    return (
        last < identifiers[0]
        and set(map(len, identifiers)) == {length}
        and all(map(operator.lt, identifiers, identifiers[1:]))
        and "".join(identifiers).encode("ascii").isdigit()
    )


def _seconds(column: list[Any]) -> list[float]:
    """The numbers themselves, which are seconds for sure; raises `NotFastPath` if one is anything else."""
    kinds = set(map(type, column))
    if not (kinds <= {int, float} and min(column) >= 0 and max(column) < _SECONDS_MAX):
        raise NotFastPath
    if not math.isfinite(sum(column)):  # a NaN slips through comparisons
        raise NotFastPath
    return column if kinds == {float} else list(map(float, column))


# What a payload that cannot be unpacked counts as: to find that out may have cost gzip's best ratio.
_UNREADABLE_BYTES_MAX = UNPACKED_BYTES_MAX // 16
_UNREADABLE_RATIO = 1032


def decode(event: Mapping[str, Any], merge: Callable[[Batch], int] | None = None) -> list[Batch]:
    """Decode the invocation's records, a batch for each shard; Lambda sends those of one shard at a time.

    `merge` is the use case's `merge_signals`: it puts together the signals that one model learns. A full
    batch ends before its record `unread_from`.

    Raises: `MalformedEvent` if a record lacks the fields that Lambda gives it. What producers wrote never
        raises: it is rejected, record by record, in the batches.
    """
    entries = entries_of(event)
    try:
        batches = [_fast_batch(FastEventReader(entries))]
    except NotFastPath:
        batches = [_batch(shard, records) for shard, records in delivered(entries).items()]
    if merge is not None:
        for batch in batches:
            batch.of_no_asset = merge(batch)
    return batches


def decode_all(records: Sequence[Any], merge: Callable[[Batch], int] | None = None) -> Iterator[Batch]:
    """Decode any number of records: after each full batch another one goes on. Raises: as `decode`."""
    left = list(records)
    while left:
        unread: list[Any] = []
        for batch in decode({"Records": left}, merge):
            yield batch
            if batch.unread_from is not None:
                first = int(batch.records.identifiers[batch.unread_from])
                unread += [entry for entry in left if _is_unread(entry, batch.shard, first)]
        left = unread


def _is_unread(entry: Mapping[str, Any], shard: Shard, first: int) -> bool:
    sequence_number, own, _ = _record(entry)
    return own == shard and sequence_number >= first


def _fast_batch(delivery: FastEventReader) -> Batch:
    batch = Batch(delivery.shard, delivery.records)
    reader = FastPayloadReader(batch, _read_current)
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
        batch.reject_record(str(error))


def _read_record(data: str, partition_key: str, batch: Batch) -> None:
    try:
        payload = binascii.a2b_base64(data, strict_mode=True)
    except ValueError as error:
        raise Unlearnable(f"not readable as base64: {error}") from None
    if is_aggregated(payload):
        _read_aggregated(payload, batch)
    else:
        read(_unpacked(payload, batch), partition_key, batch)


def _read_aggregated(payload: bytes, batch: Batch) -> None:
    unpacked_bytes = batch.unpacked_bytes
    for partition_key, sub_record in sub_records(payload):
        _read_sub_record(sub_record, partition_key, batch)
        if batch.unpacked_bytes - unpacked_bytes > UNPACKED_BYTES_MAX:
            raise UnlearnableRecord(f"the aggregated record unpacks to more than {UNPACKED_BYTES_MAX} bytes")


def _read_sub_record(sub_record: bytes, partition_key: str | None, batch: Batch) -> None:
    try:
        read(_unpacked(sub_record, batch), partition_key, batch)
    except UnlearnableRecord:
        raise
    except Unlearnable as error:
        batch.reject(str(error))


def _unpacked(payload: bytes, batch: Batch) -> bytes:
    """Unpack it, and count the bytes: the parts of a record, and the records of a batch, share a bound."""
    try:
        unpacked = unpack(payload)
    except Unlearnable:
        batch.unpacked_bytes += min(_UNREADABLE_BYTES_MAX, len(payload) * _UNREADABLE_RATIO)
        raise
    batch.unpacked_bytes += len(unpacked)
    return unpacked
