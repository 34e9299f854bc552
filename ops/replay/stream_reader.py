"""The records that a stream still holds, as Lambda would deliver them."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clients.lambda_event import lambda_record
from consumer.decode.records import Shard
from consumer.errors import ConfigurationError, Unavailable
from ops.target import aws_answers

_AT_ONCE = 2_000
_ARRIVAL_ERROR_S = 60.0
_READ_EVERY_S = 0.25
"""A shard allows five reads a second, which the functions need too."""
_TOGETHER_S = 10.0
"""How far one shard may run ahead of the others: about a batch."""
_PART_MAX = 2_000

Records = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a shard: from arrival time `since_s` and sequence number `first` up to `last`, or up to now.

    Arrival times are approximate: some records that arrived a little earlier come too.
    """

    since_s: float | None = None
    first: int = 0
    last: int | None = None


@dataclass(slots=True)
class _ShardReader:
    """Reads a stretch of one shard. `waiting` are records that were read and not taken yet."""

    client: Any
    shard: Shard
    stretch: Stretch
    parents: set[str] = field(default_factory=set)
    waiting: Records = field(default_factory=list)
    is_past: bool = False
    """Whether a record after the stretch was read."""
    _iterator: str | None = None
    _read_at: float = 0.0

    def open(self) -> "_ShardReader":
        """Find the first record. Raises: `Unavailable`."""
        start: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if self.stretch.since_s is not None:
            since = datetime.fromtimestamp(self.stretch.since_s - _ARRIVAL_ERROR_S, UTC)
            start = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": since}
        with aws_answers(f"the shard {self.shard.shard_id} of {self.shard.stream}"):
            answer = self.client.get_shard_iterator(
                StreamName=self.shard.stream, ShardId=self.shard.shard_id, **start
            )
        self._iterator = answer["ShardIterator"]
        return self

    def parent_shards(self) -> set[Shard]:
        """Those that it came of."""
        return {Shard(self.shard.stream_arn, shard_id) for shard_id in self.parents}

    def is_over(self) -> bool:
        """Read until some records wait; true if nothing more comes. Raises: `Unavailable`."""
        while not self.waiting and not self.is_past and self._iterator is not None:
            for record in self._read():
                number = number_of(record)
                if self.stretch.last is not None and number > self.stretch.last:
                    self.is_past = True  # two records may share the last number
                    break
                if number >= self.stretch.first:
                    self.waiting.append(record)
        return not self.waiting

    def head_s(self) -> float:
        """When the first waiting record arrived."""
        return _arrived_s(self.waiting[0])

    def take(self, until_s: float = float("inf")) -> Records:
        """The first waiting record, and those after it that arrived by then."""
        count = 1
        while count < min(len(self.waiting), _PART_MAX) and _arrived_s(self.waiting[count]) <= until_s:
            count += 1
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken

    def _read(self) -> Records:
        time.sleep(max(0.0, self._read_at + _READ_EVERY_S - time.monotonic()))
        self._read_at = time.monotonic()
        with aws_answers(f"the records of {self.shard.shard_id} of {self.shard.stream}"):
            answer = self.client.get_records(ShardIterator=self._iterator, Limit=_AT_ONCE)
        self._iterator = answer.get("NextShardIterator") if answer.get("MillisBehindLatest") else None
        return [delivered(record, self.shard) for record in answer["Records"]]


@dataclass(frozen=True, slots=True)
class StreamReader:
    """Streams and what they still hold, through a boto3 client of Kinesis."""

    client: Any

    def arn(self, stream: str) -> str:
        """The stream's ARN. Raises: `Unavailable`."""
        with aws_answers(f"the stream {stream}"):
            answer = self.client.describe_stream_summary(StreamName=stream)
        arn: str = answer["StreamDescriptionSummary"]["StreamARN"]
        return arn

    def retained_since_s(self, stream: str, now_s: float) -> float | None:
        """Records that arrived earlier have expired; None if the stream is gone. Raises: `Unavailable`."""
        with aws_answers(f"the stream {stream}"):
            try:
                answer = self.client.describe_stream_summary(StreamName=stream)
            except self.client.exceptions.ResourceNotFoundException:
                return None
        hours: int = answer["StreamDescriptionSummary"]["RetentionPeriodHours"]
        return now_s - hours * 3600.0

    def shards(self, stream_arn: str) -> dict[Shard, set[str]]:
        """All shards, closed ones too, each with the ids of its parents. Raises: `Unavailable`."""
        name = stream_arn.rpartition("/")[2]
        found: dict[Shard, set[str]] = {}
        with aws_answers(f"the shards of {name}"):
            asked: dict[str, str] = {"StreamName": name}
            while asked:
                answer = self.client.list_shards(**asked)
                for shard in answer["Shards"]:
                    parents = {shard.get("ParentShardId"), shard.get("AdjacentParentShardId")}
                    found[Shard(stream_arn, shard["ShardId"])] = {each for each in parents if each}
                asked = {"NextToken": answer["NextToken"]} if answer.get("NextToken") else {}
        return found

    def whole(self, stream_arn: str) -> dict[Shard, Stretch]:
        """All that the stream holds now. Raises: `Unavailable`."""
        return dict.fromkeys(self.shards(stream_arn), Stretch())

    def read(self, shard: Shard, since_s: float | None, last: int) -> Iterator[Records]:
        """One shard's records up to sequence number `last`, part by part.

        Raises: `Unavailable`, also if the shard ends before `last`.
        """
        reader = _ShardReader(self.client, shard, Stretch(since_s, last=last)).open()
        highest = -1
        while not reader.is_over():
            records = reader.take()
            highest = number_of(records[-1])
            yield records
        if highest < last and not reader.is_past:
            raise Unavailable(f"{shard.shard_id} of {shard.stream} ends before the record {last}")

    def read_merged(self, wanted: Mapping[Shard, Stretch]) -> Iterator[tuple[Shard, Records]]:
        """The records of several shards, part by part, about in the order in which they arrived.

        Each shard's records come in order, after those of its parents. A shard that has expired has none.

        Raises: `Unavailable`.
        """
        parents: dict[Shard, set[str]] = {}
        for arn in {shard.stream_arn for shard in wanted}:
            parents |= self.shards(arn)
        left = {
            shard: _ShardReader(self.client, shard, stretch, parents[shard]).open()
            for shard, stretch in wanted.items()
            if shard in parents
        }
        while left:
            # Ids of shards repeat in every stream.
            open_shards = set(left)
            ready = [reader for reader in left.values() if not reader.parent_shards() & open_shards]
            for over in [reader.shard for reader in ready if reader.is_over()]:
                del left[over]
            if len(left) < len(open_shards):
                continue  # the children of a shard that is over may be read now
            first, *others = sorted(ready, key=_ShardReader.head_s)
            yield first.shard, first.take(others[0].head_s() + _TOGETHER_S if others else float("inf"))


def delivered(record: dict[str, Any], shard: Shard) -> dict[str, Any]:
    """A record of boto3's `get_records` as an event source mapping delivers it."""
    return lambda_record(
        *shard,
        record["SequenceNumber"],
        record["PartitionKey"],
        record["Data"],
        record["ApproximateArrivalTimestamp"].timestamp(),
    )


def number_of(record: dict[str, Any]) -> int:
    """The sequence number of a delivered record."""
    return int(record["kinesis"]["sequenceNumber"])


def _arrived_s(record: dict[str, Any]) -> float:
    return float(record["kinesis"]["approximateArrivalTimestamp"])


def records_of_file(path: Path) -> Records:
    """The records of an invocation's event, or of a failed batch, which has the event in `payload`.

    Raises: `ConfigurationError`.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if "payload" in content:
            content = json.loads(content["payload"])
        records: Records = content["Records"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{path} holds no records: give a file with an invocation's event or a failed batch ({error!r})"
        ) from None
    return records
