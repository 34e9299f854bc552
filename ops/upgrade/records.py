"""What a stream still holds, shard by shard in order, and between the shards about as it arrived."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from consumer.decode.batch import Shard
from ops.replay.stream_reader import Records, ShardReader, number_of, read_shard
from ops.target import aws_answers

_TOGETHER_S = 10.0
"""How far one shard may run ahead of the others: about a batch."""
_PART_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is wanted of a shard: what arrived since then, or all, up to a sequence number, or to now."""

    since_s: float | None = None
    first: int = 0
    last: int | None = None


@dataclass(slots=True)
class _Reading:
    reader: ShardReader
    stretch: Stretch
    parents: set[str]
    waiting: Records = field(default_factory=list)
    is_past: bool = False
    """Whether what comes lies after the stretch."""

    @property
    def shard(self) -> Shard:
        return self.reader.shard

    def is_over(self) -> bool:
        """Whether nothing more comes; else some records wait."""
        while not self.waiting and not self.is_past and self.reader.iterator is not None:
            for record in self.reader.part():
                number = number_of(record)
                if self.stretch.last is not None and number > self.stretch.last:
                    self.is_past = True
                    break
                if number >= self.stretch.first:
                    self.waiting.append(record)
        return not self.waiting

    def head_s(self) -> float:
        return float(self.waiting[0]["kinesis"]["approximateArrivalTimestamp"])

    def take(self, until_s: float) -> Records:
        """The first, and what follows it and arrived by then."""
        count = 1
        while count < min(len(self.waiting), _PART_MAX) and _arrived_s(self.waiting[count]) <= until_s:
            count += 1
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken


def shards_of(client: Any, stream_arn: str) -> dict[Shard, set[str]]:
    """All that the stream has, closed ones too, and the ids of those each came of. Raises: `Unavailable`."""
    name = stream_arn.rpartition("/")[2]
    found: dict[Shard, set[str]] = {}
    with aws_answers(f"the shards of {name}"):
        asked: dict[str, str] = {"StreamName": name}
        while asked:
            answer = client.list_shards(**asked)
            for shard in answer["Shards"]:
                parents = {shard.get("ParentShardId"), shard.get("AdjacentParentShardId")}
                found[Shard(stream_arn, shard["ShardId"])] = {each for each in parents if each}
            asked = {"NextToken": answer["NextToken"]} if answer.get("NextToken") else {}
    return found


def read_merged(client: Any, wanted: Mapping[Shard, Stretch]) -> Iterator[tuple[Shard, Records]]:
    """These shards' records, as Lambda delivers them, part after part.

    A shard's come in order, after those of the shards it came of; those that are no longer there have none.

    Raises: `Unavailable`.
    """
    known = {
        shard: parents for arn in {each.stream_arn for each in wanted} for shard, parents in _of(client, arn)
    }
    left = {
        shard: _Reading(read_shard(client, shard, stretch.since_s), stretch, known[shard])
        for shard, stretch in wanted.items()
        if shard in known
    }
    while left:
        ids = {shard.shard_id for shard in left}
        may = [reading for reading in left.values() if not reading.parents & ids]
        for over in [reading.shard for reading in may if reading.is_over()]:
            del left[over]
        if len({shard.shard_id for shard in left}) < len(ids):
            continue  # those that came of one that is over may be read now
        first, *others = sorted(may, key=_Reading.head_s)
        until_s = others[0].head_s() + _TOGETHER_S if others else float("inf")
        yield first.shard, first.take(until_s)


def _of(client: Any, stream_arn: str) -> list[tuple[Shard, set[str]]]:
    return list(shards_of(client, stream_arn).items())


def _arrived_s(record: dict[str, Any]) -> float:
    return float(record["kinesis"]["approximateArrivalTimestamp"])
