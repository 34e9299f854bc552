"""What Lambda delivers: an event's Kinesis records in base64, read into columns."""

import binascii
import json
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import UNSET, Meta

from consumer.decode.fast_payloads import UNREADABLE, Never
from consumer.decode.plain import RecordColumns, plain_records
from consumer.decode.records import Record, Records, Shard
from consumer.decode.times import seconds_of
from consumer.errors import MalformedEvent, Unlearnable

_ARRIVAL_S_END = 1e11
_TEXTS = ("sequenceNumber", "partitionKey", "data")


def entries_of(event: Mapping[str, Any]) -> "list[Any] | TypedRecords":
    """The event's records as they are.

    Raises: `MalformedEvent` if there is no list of them.
    """
    entries = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(entries, list | TypedRecords):
        raise MalformedEvent("the event has no list of Records: invoke with batches of a Kinesis stream")
    return entries


def delivered(entries: Sequence[Any]) -> dict[Shard, Records]:
    """The records by their shards, ascending, each once.

    Raises: `MalformedEvent` if a record lacks the fields that Lambda gives it.
    """
    placed = []
    for number, entry in enumerate(entries):
        try:
            placed.append(place_of(entry))
        except (KeyError, TypeError, ValueError, AttributeError, Unlearnable) as error:
            raise MalformedEvent(f"Records[{number}] is not a Kinesis record: {error!r}") from None
    placed.sort(key=operator.itemgetter(0))
    shards: dict[Shard, Records] = {}
    latest: dict[Shard, tuple[int, set[str]]] = {}
    for sequence_number, shard, record, data in placed:
        records = shards.setdefault(shard, Records())
        # A sequence number is unique per partition key.
        last, keys = latest.get(shard, (None, set()))
        if last != sequence_number:
            keys = set()
            latest[shard] = sequence_number, keys
        if record.partition_key not in keys:
            keys.add(record.partition_key)
            records.append(record, data)
    return shards


def place_of(entry: Mapping[str, Any]) -> tuple[int, Shard, Record, str]:
    """Its sequence number and shard, and the record with its data. Raises: what a wrong type does."""
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
            None if arrived is None else _arrived_s(arrived),
        ),
        kinesis["data"],
    )


def _arrived_s(arrived: Any) -> float:
    """Lambda sends seconds; who puts an event together may write a time in any form."""
    is_seconds = type(arrived) in (float, int) and 0 <= arrived < _ARRIVAL_S_END
    return float(arrived) if is_seconds else seconds_of(arrived)


def stream_of(arn: str) -> str:
    """Enhanced fan-out names its consumer; the records, and what was learned of them, are the stream's."""
    stream_arn, _, _ = arn.partition("/consumer/")
    return stream_arn


class Delivery(NamedTuple):
    """The records of one shard, ascending, and what each holds.

    A payload is empty, too, if the text is no base64: `data` tells.
    """

    shard: Shard
    records: Records
    payloads: list[bytes]


# Records as Lambda sends them: of one shard, complete, ascending.


class _NotAsSent(Exception):
    """The records must be looked at one by one."""


_Data = TypeVar("_Data")
_Arrival = Annotated[float, Meta(ge=0, lt=_ARRIVAL_S_END)]
"""Seconds, for sure."""


class _Kinesis(msgspec.Struct, Generic[_Data], gc=False, rename="camel"):
    sequence_number: str
    partition_key: str
    data: _Data
    approximate_arrival_timestamp: _Arrival


class _Entry(msgspec.Struct, Generic[_Data], gc=False):
    kinesis: _Kinesis[_Data]
    event_id: str = msgspec.field(name="eventID")
    arn: str = msgspec.field(name="eventSourceARN")


class _Event(msgspec.Struct, Generic[_Data], gc=False):
    records: list[_Entry[_Data]] = msgspec.field(name="Records")
    visit: Never = UNSET  # a schedule's event is no delivery


_decode = msgspec.json.Decoder(_Event[bytes]).decode  # bytes are read from base64
_decode_texts = msgspec.json.Decoder(_Event[str]).decode


@dataclass(frozen=True, repr=False)
class _Texts(Sequence[str]):
    """The records' data as it was sent, read on access: few batches have something to quarantine."""

    event: bytes

    @cached_property
    def _texts(self) -> list[str]:
        return [entry.kinesis.data for entry in _decode_texts(self.event).records]

    def __getitem__(self, index: Any) -> Any:
        return self._texts[index]

    def __len__(self) -> int:
        return len(self._texts)


@dataclass(frozen=True, repr=False)
class TypedRecords(Sequence[Any]):
    """`Records` of an event that was read by its types; whoever looks at one, as layers may, finds a dict."""

    event: bytes
    delivery: Delivery

    @cached_property
    def _entries(self) -> list[Any]:
        entries: list[Any] = json.loads(self.event)["Records"]
        return entries

    def __getitem__(self, index: Any) -> Any:
        return self._entries[index]

    def __len__(self) -> int:
        return len(self.delivery.payloads)


PART = 1_000
"""Records that are looked at together: so many of them stay in the processor's cache meanwhile."""


class _AsSent:
    """The columns of a delivery, part by part; raises `_NotAsSent` where records are none of one shard."""

    def __init__(self, arn: str, event_id: str, identifier: str) -> None:
        """Begin with what the first record says of itself."""
        self._arn, self._width = arn, len(identifier)
        shard_id, _, _ = event_id.rpartition(":")
        self._prefix, self._shard = f"{shard_id}:", Shard(stream_of(arn), shard_id)
        self._records, self._payloads = Records(are_distinct=True), list[bytes]()
        self._joined: list[bytes] = []

    def joined(self, arns: list[str], event_ids: list[str], identifiers: list[str]) -> bytes:
        """The sequence numbers of a part, ascending, joined; what it says of itself is in columns."""
        joined = "".join(identifiers).encode("ascii")
        # Texts of one length each are the same if they are the same when joined.
        if not (
            arns.count(self._arn) == len(arns)
            and set(map(len, event_ids)) == {len(self._prefix) + self._width}
            and "".join(event_ids) == self._prefix + self._prefix.join(identifiers)
            and joined.isdigit()
            and set(map(len, identifiers)) == {self._width}
        ):
            raise _NotAsSent
        numbers = self._texts_of(joined)
        # Of one length, numbers ascend as texts do.
        if not (numbers[:-1] < numbers[1:]).all():
            raise _NotAsSent
        return joined

    def columns_of(self, entries: list[Any], start: int) -> RecordColumns:
        """The fields of a part, which are dicts."""
        end = min(start + PART, len(entries))
        found = plain_records(entries, start, end, self._arn, self._prefix, self._width, _ARRIVAL_S_END)
        return self._columns_of(entries[start:end]) if found is None else found

    def _columns_of(self, part: list[Any]) -> RecordColumns:
        kinesis = [entry["kinesis"] for entry in part]
        identifiers = [fields["sequenceNumber"] for fields in kinesis]
        data = msgspec.convert([fields["data"] for fields in kinesis], list[str])
        return RecordColumns(
            identifiers,
            msgspec.convert([fields["partitionKey"] for fields in kinesis], list[str]),
            msgspec.convert([fields["approximateArrivalTimestamp"] for fields in kinesis], list[_Arrival]),
            data,
            _payloads(data),
            self.joined(
                [entry["eventSourceARN"] for entry in part], [entry["eventID"] for entry in part], identifiers
            ),
        )

    def add(self, columns: RecordColumns) -> None:
        """Add a part, whose sequence numbers ascend."""
        if self._joined and self._joined[-1][-self._width :] >= columns.joined[: self._width]:
            raise _NotAsSent
        self._joined.append(columns.joined)
        self._records.extend(columns.identifiers, columns.partition_keys, columns.arrived_s)
        self._payloads += columns.payloads

    def delivery(self, data: Sequence[str]) -> Delivery:
        """All that was added."""
        texts = self._texts_of(b"".join(self._joined))
        # Only of the number zero is a leading zero canonical.
        is_canonical = self._width == 1 or texts[0][:1] != b"0"
        records = self._records
        records.data, records.texts = data, texts if is_canonical else None
        return Delivery(self._shard, records, self._payloads)

    def _texts_of(self, joined: bytes) -> npt.NDArray[np.bytes_]:
        return np.frombuffer(joined, f"S{self._width}")


def typed(event: bytes) -> dict[str, Any] | None:
    """The event, read from its JSON by its types; None if it is not as Lambda sends them."""
    try:
        entries = _decode(event).records
        first = entries[0]
        found = _AsSent(first.arn, first.event_id, first.kinesis.sequence_number)
        for start in range(0, len(entries), PART):
            part = entries[start : start + PART]
            kinesis = [entry.kinesis for entry in part]
            identifiers = [fields.sequence_number for fields in kinesis]
            found.add(
                RecordColumns(
                    identifiers,
                    [fields.partition_key for fields in kinesis],
                    [fields.approximate_arrival_timestamp for fields in kinesis],
                    [],  # as texts they are read when somebody asks
                    [fields.data for fields in kinesis],
                    found.joined(
                        [entry.arn for entry in part], [entry.event_id for entry in part], identifiers
                    ),
                )
            )
        delivery = found.delivery(_Texts(event))
    except (*UNREADABLE, IndexError, _NotAsSent):
        return None
    return {"Records": TypedRecords(event, delivery)}


def _in_columns(entries: list[Any]) -> Delivery:
    """The same of dicts."""
    try:
        first = entries[0]
        found = _AsSent(first["eventSourceARN"], first["eventID"], first["kinesis"]["sequenceNumber"])
        data: list[str] = []
        for start in range(0, len(entries), PART):
            columns = found.columns_of(entries, start)
            found.add(columns)
            data += columns.data
        return found.delivery(data)
    except (*UNREADABLE, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise _NotAsSent from error


def _payloads(data: list[str]) -> list[bytes]:
    """What the texts hold. msgspec reads base64 much faster, and all that it reads as `payload_of` does."""
    try:
        return msgspec.convert(data, list[bytes])
    except (msgspec.ValidationError, ValueError):
        return [_payload_if_any(text) for text in data]


def _payload_if_any(text: str) -> bytes:
    try:
        return payload_of(text)
    except Unlearnable:
        return b""


def payload_of(text: str) -> bytes:
    """What the text holds. Raises: `Unlearnable` if it is no base64."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:
        raise Unlearnable(f"not readable as base64: {error}") from None


def deliveries_of(event: Mapping[str, Any]) -> list[Delivery]:
    """The records by their shards; Lambda sends those of one at a time.

    Raises: `MalformedEvent` if a record lacks the fields that Lambda gives it.
    """
    entries = entries_of(event)
    if isinstance(entries, TypedRecords):
        return [entries.delivery]
    try:
        return [_in_columns(entries)]
    except _NotAsSent:
        found = delivered(entries).items()
        return [Delivery(shard, records, _payloads(list(records.data))) for shard, records in found]
