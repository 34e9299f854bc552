"""What Lambda usually delivers, read fast: records of one shard, complete and ascending."""

import math
import operator
from binascii import a2b_base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from consumer.core.delivery import stream_of
from consumer.core.records import Records, Shard

# More than Lambda delivers at once would be read in parts.
_PART = 10_000
_SECONDS_MAX = 1e11  # above that they could be milliseconds


class Unusual(Exception):
    """The event is not as Lambda usually sends it: it is to be looked at record by record."""


@dataclass(frozen=True, slots=True)
class _Data(Sequence[str]):
    """The records' data, read where it is looked at."""

    entries: list[Any]

    def __getitem__(self, index: Any) -> Any:
        return self.entries[index]["kinesis"]["data"]

    def __len__(self) -> int:
        return len(self.entries)


class UsualDelivery:
    """Records as Lambda sends them: of one shard, complete, ascending.

    Raises: `Unusual`, where they are anything else.
    """

    def __init__(self, entries: list[Any]) -> None:
        try:
            first = entries[0]
            event_id, self._arn = first["eventID"], first["eventSourceARN"]
            self._length = len(first["kinesis"]["sequenceNumber"])
            shard_id, _, _ = event_id.rpartition(":")
            self.shard = Shard(stream_of(self._arn), shard_id)
        except (LookupError, TypeError, AttributeError) as error:
            raise Unusual from error
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
                raise Unusual from error
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
            raise Unusual
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
    """The numbers themselves, which are seconds for sure; raises `Unusual` where one is anything else."""
    kinds = set(map(type, column))
    if not (kinds <= {int, float} and min(column) >= 0 and max(column) < _SECONDS_MAX):
        raise Unusual
    if not math.isfinite(sum(column)):  # a NaN slips through comparisons
        raise Unusual
    return column if kinds == {float} else list(map(float, column))
