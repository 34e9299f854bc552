"""What Lambda delivers: the records of an invocation, checked and in order, shard by shard."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from consumer.core.errors import MalformedEvent, Unlearnable
from consumer.core.records import Record, Records, Shard
from consumer.core.timestamps import seconds

_TEXTS = ("sequenceNumber", "partitionKey", "data")
_T = TypeVar("_T")


class _Kinesis(msgspec.Struct, gc=False, rename="camel"):
    sequence_number: str
    partition_key: str
    data: bytes  # msgspec reads base64, and takes nothing but what the strict mode of `binascii` takes
    approximate_arrival_timestamp: Annotated[float, Meta(ge=0, lt=1e11)]  # seconds for sure


class _Entry(msgspec.Struct, gc=False, rename={"event_id": "eventID", "arn": "eventSourceARN"}):
    kinesis: _Kinesis
    event_id: str
    arn: str


@dataclass(frozen=True, slots=True)
class _Column(Sequence[_T]):
    """A column that is read where it is looked at."""

    entries: Sequence[Any]
    get: Callable[[Any], _T]

    def __getitem__(self, index: Any) -> Any:
        return self.get(self.entries[index])

    def __len__(self) -> int:
        return len(self.entries)


_partition_key = operator.attrgetter("kinesis.partition_key")
_arrived_s = operator.attrgetter("kinesis.approximate_arrival_timestamp")


def _data(entry: Mapping[str, Any]) -> str:
    data: str = entry["kinesis"]["data"]
    return data


def delivered(event: Mapping[str, Any]) -> dict[Shard, Records]:
    """The event's records by their shards, ascending, each once.

    Raises: `MalformedEvent` where a record has not the fields that Lambda gives it.
    """
    entries = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(entries, list):
        raise MalformedEvent("the event has no list of Records: invoke with batches of a Kinesis stream")
    return _as_usual(entries) or _one_by_one(entries)


def _as_usual(entries: list[Any]) -> dict[Shard, Records] | None:
    """All of one shard, complete and ascending, as Lambda sends them; None: look at each.

    Sequence numbers of one length ascend as texts do.
    """
    try:
        usual = msgspec.convert(entries, list[_Entry])
        identifiers = [entry.kinesis.sequence_number for entry in usual]
        [stream_arn] = {entry.arn for entry in usual}
        shard_id, _, _ = usual[0].event_id.rpartition(":")
        if not (_ascend(identifiers) and _are_of([entry.event_id for entry in usual], f"{shard_id}:")):
            return None
    except (msgspec.ValidationError, ValueError, IndexError):
        return None
    records = Records(
        identifiers,
        _Column(usual, _partition_key),
        _Column(usual, _arrived_s),
        _Column(entries, _data),
        [entry.kinesis.data for entry in usual],
        are_distinct=True,
    )
    return {Shard(_stream_of(stream_arn), shard_id): records}


def _ascend(identifiers: list[str]) -> bool:
    """Whether these are numbers of the same length, each higher than the one before."""
    is_number = "".join(identifiers).encode().isdigit()
    of_one_length = set(map(len, identifiers)) == {len(identifiers[0])}
    return is_number and of_one_length and all(map(operator.lt, identifiers, identifiers[1:]))


def _are_of(event_ids: list[str], prefix: str) -> bool:
    """Whether all begin so, and have no colon but the one at its end."""
    return (
        min(event_ids).startswith(prefix)  # what lies between two texts begins as both do
        and max(event_ids).startswith(prefix)
        and "".join(event_ids).count(":") == len(event_ids)
    )


def _one_by_one(entries: list[Any]) -> dict[Shard, Records]:
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
        Shard(_stream_of(entry["eventSourceARN"]), shard_id),
        Record(
            identifier,
            kinesis["partitionKey"],
            None if arrived is None else seconds(arrived),
            kinesis["data"],
        ),
    )


def _stream_of(arn: str) -> str:
    """Enhanced fan-out names its consumer; the records, and what was learned of them, are the stream's."""
    stream_arn, _, _ = arn.partition("/consumer/")
    return stream_arn
