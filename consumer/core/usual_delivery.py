"""What Lambda usually delivers, read fast: records of one shard, complete and ascending."""

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from consumer.core.delivery import stream_of
from consumer.core.records import Records, Shard

# More than Lambda delivers at once would be read in parts.
_PART = 10_000


class _Kinesis(msgspec.Struct, gc=False, rename="camel"):
    sequence_number: str
    partition_key: str
    data: bytes  # msgspec reads base64, and takes nothing but what the strict mode of `binascii` takes
    approximate_arrival_timestamp: Annotated[float, Meta(ge=0, lt=1e11)]  # seconds for sure


class _Entry(msgspec.Struct, gc=False, rename={"event_id": "eventID", "arn": "eventSourceARN"}):
    kinesis: _Kinesis
    event_id: str
    arn: str


class Unusual(Exception):
    """The event is not as Lambda usually sends it: it is to be looked at record by record."""


@dataclass(frozen=True, slots=True)
class _Column(Sequence[Any]):
    """A field of the records, read where it is looked at."""

    entries: list[Any]
    name: str

    def __getitem__(self, index: Any) -> Any:
        return self.entries[index]["kinesis"][self.name]

    def __len__(self) -> int:
        return len(self.entries)


class UsualDelivery:
    """Records as Lambda sends them: of one shard, complete, ascending.

    Raises: `Unusual`, where they are anything else.
    """

    def __init__(self, entries: list[Any]) -> None:
        try:
            first = msgspec.convert(entries[0], _Entry)
        except (msgspec.ValidationError, LookupError) as error:
            raise Unusual from error
        shard_id, _, _ = first.event_id.rpartition(":")
        self._entries, self._arn, self._prefix = entries, first.arn, f"{shard_id}:"
        self._length = len(first.kinesis.sequence_number)
        self.shard = Shard(stream_of(first.arn), shard_id)
        self.records = Records(data=_Column(entries, "data"), are_distinct=True)

    def payloads(self) -> Iterator[list[bytes]]:
        """What the records hold, part by part; `records` has their identifiers then."""
        last = ""
        for start in range(0, len(self._entries), _PART):
            try:
                part = msgspec.convert(self._entries[start : start + _PART], list[_Entry])
            except msgspec.ValidationError as error:
                raise Unusual from error
            identifiers = [entry.kinesis.sequence_number for entry in part]
            if not (
                {entry.arn for entry in part} == {self._arn}
                and _are_of([entry.event_id for entry in part], self._prefix)
                and last < identifiers[0]
                and _ascend(identifiers, self._length)
            ):
                raise Unusual
            last = identifiers[-1]
            self.records.extend(
                identifiers,
                [entry.kinesis.partition_key for entry in part],
                [entry.kinesis.approximate_arrival_timestamp for entry in part],
            )
            yield [entry.kinesis.data for entry in part]


def _ascend(identifiers: list[str], length: int) -> bool:
    """Whether these are numbers of this length, each higher than the one before: they ascend as texts do."""
    return (
        set(map(len, identifiers)) == {length}
        and all(map(operator.lt, identifiers, identifiers[1:]))
        and "".join(identifiers).encode().isdigit()
    )


def _are_of(event_ids: list[str], prefix: str) -> bool:
    """Whether all begin so, and have no colon but the one at its end."""
    return (
        min(event_ids).startswith(prefix)  # what lies between two texts begins as both do
        and max(event_ids).startswith(prefix)
        and "".join(event_ids).count(":") == len(event_ids)
    )
