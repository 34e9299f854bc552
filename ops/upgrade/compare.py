"""How two models would have alerted on the same stretch: `python -m consumer upgrade compare OLD NEW`."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from consumer.errors import ConfigurationError


class ShardStretch(msgspec.Struct, frozen=True):
    """The records of a shard that were learned: their sequence numbers, as text, and when they arrived."""

    stream_arn: str
    shard_id: str
    first: str
    last: str
    since_s: float


class Replayed(msgspec.Struct, frozen=True):
    """The first line of a file of events: what was learned, by what."""

    replayed: str
    """The use case."""
    fingerprint: str
    river: str
    records: int
    observations: int
    stretch: list[ShardStretch]


class Told(msgspec.Struct, frozen=True):
    """Of an event what is compared."""

    signal: str
    stream: str
    shard_id: str
    sequence_number: str
    observations: int
    change: str = "opened"


@dataclass(frozen=True, slots=True)
class Compared:
    """Of one signal, how many alerts: of both models within some values, and of one of them only."""

    both: int
    only_old: int
    only_new: int


def read_replayed(path: Path) -> tuple[Replayed, list[Told]]:
    """A file that `upgrade replay` wrote. Raises: `ConfigurationError`."""
    try:
        with path.open(encoding="utf-8") as file:
            head = msgspec.json.decode(file.readline(), type=Replayed)
            return head, [msgspec.json.decode(line, type=Told) for line in file]
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise ConfigurationError(f"{path} is not what `upgrade replay` writes: {error}") from error


def common(old: Replayed, new: Replayed) -> dict[tuple[str, str], tuple[int, int]]:
    """The stretch that both have learned: by stream and shard, the first and the last sequence number.

    Raises: `ConfigurationError` where they did not begin at the same records: their values are not numbered
        alike then.
    """
    ours = {(each.stream_arn, each.shard_id): each for each in old.stretch}
    found = {}
    for each in new.stretch:
        own = ours.get((each.stream_arn, each.shard_id))
        if own is not None and own.first != each.first:
            raise ConfigurationError(
                f"the two replays begin at different records of {each.shard_id}: give the second one "
                "--same-as with the file of the first"
            )
        if own is not None:
            last = min(int(own.last), int(each.last))
            found[each.stream_arn.rpartition("/")[2], each.shard_id] = int(each.first), last
    if not found:
        raise ConfigurationError("the two replays have no shard in common")
    return found


def compare(
    old: Sequence[Told],
    new: Sequence[Told],
    stretch: Mapping[tuple[str, str], tuple[int, int]],
    within: int,
) -> dict[str, Compared]:
    """Signal by signal, on that stretch: an alert of either is one with the nearest of the other, in order.

    Alerts are those that were opened; two are of both where no more than `within` values lie between them.
    """
    ours, theirs = _opened(old, stretch), _opened(new, stretch)
    found = {}
    for signal in sorted({*ours, *theirs}):
        one, other = ours.get(signal, []), theirs.get(signal, [])
        both = len(list(_pairs(one, other, within)))
        found[signal] = Compared(both, len(one) - both, len(other) - both)
    return found


def _opened(told: Sequence[Told], stretch: Mapping[tuple[str, str], tuple[int, int]]) -> dict[str, list[int]]:
    """At which of its observations each signal was told of."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for each in told:
        first, last = stretch.get((each.stream, each.shard_id), (1, 0))
        if each.change == "opened" and first <= int(each.sequence_number) <= last:
            places[each.signal].append(each.observations)
    return {signal: sorted(at) for signal, at in places.items()}


def _pairs(one: Sequence[int], other: Sequence[int], within: int) -> Iterator[tuple[int, int]]:
    """As many pairs as there are, each of at most that distance: the earliest that is left, in order."""
    start = 0
    for at in one:
        start = max(start, bisect_left(other, at - within))
        if start < len(other) and other[start] <= at + within:
            yield at, other[start]
            start += 1


def plain(compared: Mapping[str, Compared]) -> list[dict[str, Any]]:
    """As JSON has it."""
    return [
        {"signal": signal, "both": each.both, "only_old": each.only_old, "only_new": each.only_new}
        for signal, each in compared.items()
    ]
