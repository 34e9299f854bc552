"""`upgrade replay` and `upgrade compare`: how two models would have alerted on the same records."""

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import msgspec

from clients.terminal import echo, printable
from consumer.decode.records import Shard
from consumer.detectors.base import fingerprint
from consumer.errors import ConfigurationError
from consumer.pages.codec import versions
from ops.context import settings_of
from ops.formatting import pluralize
from ops.options import TargetOptions
from ops.replay.offline_learner import OfflineLearner
from ops.replay.stream_reader import StreamReader, Stretch
from ops.target import find

_SIGNALS_SHOWN = 40


class ShardStretch(msgspec.Struct, frozen=True):
    """The records of a shard that were learned: sequence numbers, as text, and when the first arrived."""

    stream_arn: str
    shard_id: str
    first: str
    last: str
    since_s: float


class Replayed(msgspec.Struct, frozen=True):
    """The first line of a replay's file: what was learned, with what."""

    replayed: str
    """The use case."""
    fingerprint: str
    river: str
    records: int
    observations: int
    stretch: list[ShardStretch]


class ReplayedEvent(msgspec.Struct, frozen=True):
    """What is compared of an event."""

    signal: str
    stream: str
    shard_id: str
    sequence_number: str
    observations: int
    change: str = "opened"


@dataclass(frozen=True, slots=True)
class Compared:
    """How many alerts of one signal came from both models, within some values, and from one of them only."""

    both: int
    only_old: int
    only_new: int


def replay(options: TargetOptions, out: Path, line: str | None, same_as: Path | None) -> None:
    """Let fresh models learn what the stream holds, or what another replay has learned; write the events.

    Raises: `ConfigurationError`, `Unavailable`.
    """
    target = find(options)
    settings, stream = settings_of(target, line), StreamReader(target.client("kinesis"))
    if same_as is not None:
        wanted = {
            Shard(each.stream_arn, each.shard_id): Stretch(each.since_s, int(each.first), int(each.last))
            for each in read_replayed(same_as)[0].stretch
        }
    elif target.stream_name is not None:
        wanted = stream.whole(stream.arn(target.stream_name))
    else:
        raise ConfigurationError("no stream is named: give --stream beside --bucket")
    learner = OfflineLearner(target.use_case, settings)
    stretch: dict[Shard, ShardStretch] = {}
    events = []
    for shard, records in stream.read_merged(wanted):
        first, last = records[0]["kinesis"], records[-1]["kinesis"]["sequenceNumber"]
        since_s = first["approximateArrivalTimestamp"]
        known = stretch.get(shard) or ShardStretch(*shard, first["sequenceNumber"], last, since_s)
        stretch[shard] = msgspec.structs.replace(known, last=last)
        events += [detail for batch in learner.learn(records) for detail in batch.events]
    replayed = Replayed(
        target.use_case,
        fingerprint(settings.use_case, versions()),
        versions()["river"],
        learner.records,
        learner.observations,
        list(stretch.values()),
    )
    lines = [msgspec.json.encode(replayed).decode(), *map(json.dumps, events)]
    try:
        out.write_text("".join(f"{each}\n" for each in lines), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{out} cannot be written: {error}") from error
    echo(
        f"{out}: {pluralize(len(events), 'event')} in {pluralize(learner.observations, 'observation')} of "
        f"{pluralize(learner.records, 'record')}, as {line or target.use_case} with River {replayed.river} "
        "would have published them; none was published"
    )
    for reason, times in learner.rejected.most_common(5):
        echo(f"  {times} times: {printable(reason)}")


def compare(old: Path, new: Path, within: int, as_json: bool) -> None:
    """Print how both would have alerted, signal by signal. Raises: `ConfigurationError`."""
    (of_old, old_events), (of_new, new_events) = read_replayed(old), read_replayed(new)
    stretch = common_stretch(of_old, of_new)
    compared = compare_alerts(old_events, new_events, stretch, within)
    if as_json:
        for signal, each in compared.items():
            echo(json.dumps({"signal": signal} | asdict(each)))
        return
    for signal, each in islice(compared.items(), _SIGNALS_SHOWN):
        echo(f"{printable(signal)}: {each.both} of both, {each.only_old} only old, {each.only_new} only new")
    if len(compared) > _SIGNALS_SHOWN:
        echo(f"... and {pluralize(len(compared) - _SIGNALS_SHOWN, 'signal')} more: --json shows them all")
    both, only_old, only_new = (
        sum(getattr(each, name) for each in compared.values()) for name in ("both", "only_old", "only_new")
    )
    echo(
        f"In all: {both} alerts of both within {within} values, {only_old} only of the old one (River "
        f"{of_old.river}, {of_old.fingerprint}), {only_new} only of the new one (River {of_new.river}, "
        f"{of_new.fingerprint}); on {pluralize(len(stretch), 'shard')}, "
        f"{pluralize(of_new.observations, 'observation')}"
    )


def read_replayed(path: Path) -> tuple[Replayed, list[ReplayedEvent]]:
    """A file that `upgrade replay` wrote. Raises: `ConfigurationError`."""
    try:
        with path.open(encoding="utf-8") as file:
            head = msgspec.json.decode(file.readline(), type=Replayed)
            return head, [msgspec.json.decode(line, type=ReplayedEvent) for line in file]
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise ConfigurationError(f"{path} is not a file of `upgrade replay`: {error}") from error


def common_stretch(old: Replayed, new: Replayed) -> dict[tuple[str, str], tuple[int, int]]:
    """What both have learned: by stream and shard, the first and the last sequence number.

    Raises: `ConfigurationError` if they begin at different records, so that they count values differently.
    """
    of_old = {(each.stream_arn, each.shard_id): each for each in old.stretch}
    found = {}
    for each in new.stretch:
        own = of_old.get((each.stream_arn, each.shard_id))
        if own is None:
            continue
        if own.first != each.first:
            raise ConfigurationError(
                f"the two replays begin at different records of {each.shard_id}: repeat the second one with "
                "--same-as and the file of the first"
            )
        last = min(int(own.last), int(each.last))
        found[each.stream_arn.rpartition("/")[2], each.shard_id] = int(each.first), last
    if not found:
        raise ConfigurationError("the two replays have no shard in common")
    return found


def compare_alerts(
    old: Sequence[ReplayedEvent],
    new: Sequence[ReplayedEvent],
    stretch: Mapping[tuple[str, str], tuple[int, int]],
    within: int,
) -> dict[str, Compared]:
    """Compare, signal by signal, the alerts that were opened on that stretch.

    An alert of one model and one of the other are the same if at most `within` values lie between them.
    """
    of_old, of_new = _opened(old, stretch), _opened(new, stretch)
    found = {}
    for signal in sorted({*of_old, *of_new}):
        one, other = of_old.get(signal, []), of_new.get(signal, [])
        both = _pairs(one, other, within)
        found[signal] = Compared(both, len(one) - both, len(other) - both)
    return found


def _opened(
    events: Sequence[ReplayedEvent], stretch: Mapping[tuple[str, str], tuple[int, int]]
) -> dict[str, list[int]]:
    """After how many of its observations each signal's alerts were opened."""
    observations: defaultdict[str, list[int]] = defaultdict(list)
    for each in events:
        first, last = stretch.get((each.stream, each.shard_id), (1, 0))
        if each.change == "opened" and first <= int(each.sequence_number) <= last:
            observations[each.signal].append(each.observations)
    return {signal: sorted(at) for signal, at in observations.items()}


def _pairs(one: Sequence[int], other: Sequence[int], within: int) -> int:
    """The most pairs, each at most that far apart: always the earliest that is left, in order."""
    pairs = start = 0
    for at in one:
        start = max(start, bisect_left(other, at - within))
        if start < len(other) and other[start] <= at + within:
            pairs += 1
            start += 1
    return pairs
