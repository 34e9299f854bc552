"""In which version of its page a quarantined observation was passed, and what its signal had counted then."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from consumer.decode.records import Shard
from consumer.decode.signal_names import SignalKey
from consumer.errors import UnreadablePage
from consumer.learning.state import Checkpoint, State
from consumer.pages.codec import PageCodec, unmarked
from ops.quarantine.lines import QuarantinedLine
from ops.replay.offline_learner import covers
from ops.state.page_versions import ObjectVersions, Version

_VERSIONS_MAX = 1_000
"""Versions of a page that are read."""
_KEPT_S = 23 * 3600.0
"""How long each version is kept, and an hour less: of an older one, those before it may be gone."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A line about one observation, and the signal that learns it."""

    line: QuarantinedLine
    key: SignalKey

    @property
    def order(self) -> tuple[int, int]:
        """Its place in its shard."""
        return int(self.line.sequence_number), self.line.position

    def is_passed(self, checkpoints: Mapping[Shard, Checkpoint]) -> bool:
        """Whether it lies below these."""
        checkpoint = checkpoints.get(self.line.shard)
        number = int(self.line.sequence_number)
        return checkpoint is not None and covers(checkpoint, number, self.line.partition_key)

    def is_passed_by(self, states: Mapping[SignalKey, State]) -> bool:
        """Whether it lies below the checkpoint of its signal."""
        return self.key in states and self.is_passed(states[self.key].checkpoints)


@dataclass(frozen=True, slots=True)
class _Counted:
    """What a version of a page says of a signal."""

    checkpoints: Mapping[Shard, Checkpoint]
    seen: int
    """Observations that it has learned or skipped."""
    parameters: str | None
    """Of its model, which starts anew with other ones; None: there is none yet."""


_NOTHING = _Counted({}, 0, None)


@dataclass(slots=True)
class Passing:
    """Observations of a signal that its checkpoint passed in one version of its page."""

    before: _Counted
    after: _Counted
    observations: list[Observation] = field(default_factory=list)

    def shards(self) -> list[Shard]:
        """The shards of which something was learned."""
        before, after = self.before.checkpoints, self.after.checkpoints
        return [shard for shard, checkpoint in after.items() if before.get(shard) != checkpoint]

    @property
    def is_from_nothing(self) -> bool:
        """Whether it is not known where in one of the shards it began."""
        return any(shard not in self.before.checkpoints for shard in self.shards())

    @property
    def counts_on(self) -> bool:
        """Whether the model did not start anew in it, with parameters of its signal's own."""
        return self.before.parameters in (None, self.after.parameters)

    def has_number(self, shard: Shard, number: int) -> bool:
        """Whether it passed a record of this number, or stopped within."""
        before, after = self.before.checkpoints.get(shard), self.after.checkpoints.get(shard)
        since = -1 if before is None else before.sequence_number
        return after is not None and since <= number <= after.sequence_number

    def has(self, shard: Shard, number: int, partition_key: str) -> bool:
        """Whether it passed this record."""
        before, after = self.before.checkpoints.get(shard), self.after.checkpoints.get(shard)
        is_known = before is not None and covers(before, number, partition_key)
        return not is_known and after is not None and covers(after, number, partition_key)


def passings_of(
    page_key: str, observations: list[Observation], versions: ObjectVersions
) -> tuple[dict[Version, dict[SignalKey, Passing]], list[Observation]]:
    """What each version of the page has passed, and what nobody knows of."""
    found: dict[Version, dict[SignalKey, Passing]] = {}
    left, unknown, keys = observations, [], {each.key for each in observations}
    newer: tuple[Version, dict[SignalKey, _Counted]] | None = None
    kept = versions.of(page_key)
    for version in kept[:_VERSIONS_MAX]:
        counted = _counted(version, keys, versions)
        if counted is None:
            continue
        passed_here: list[Observation] = []
        older: list[Observation] = []
        for each in left:
            is_older = each.is_passed(counted.get(each.key, _NOTHING).checkpoints)
            (older if is_older else passed_here).append(each)
        if newer is None:
            unknown += passed_here  # the page was put back just now
        else:
            _add(found, newer, counted, passed_here)
        left, newer = older, (version, counted)
        if not left:
            return found, unknown
    if newer is not None and _is_whole(kept):
        _add(found, newer, {}, left)
        left = []
    return found, unknown + left


def _counted(
    version: Version, keys: set[SignalKey], versions: ObjectVersions
) -> dict[SignalKey, _Counted] | None:
    """What a version says of some signals; None if it cannot be read: nobody has learned in it."""
    try:
        content = unmarked(versions.body(version))
        states = PageCodec().decode(content) if content else {}
    except UnreadablePage:
        return None
    return {
        key: _Counted(state.checkpoints, state.learned + state.skipped, state.parameters)
        for key, state in states.items()
        if key in keys
    }


def _is_whole(versions: Sequence[Version]) -> bool:
    """Whether none of a page's versions is gone."""
    oldest = versions[-1]
    is_young = oldest.written_s > time.time() - _KEPT_S
    return is_young and len(versions) <= _VERSIONS_MAX and oldest.version_id != "null"


def _add(
    found: dict[Version, dict[SignalKey, Passing]],
    newer: tuple[Version, dict[SignalKey, _Counted]],
    older: Mapping[SignalKey, _Counted],
    observations: Iterable[Observation],
) -> None:
    version, counted = newer
    for each in observations:
        of_version = found.setdefault(version, {})
        if each.key not in of_version:
            of_version[each.key] = Passing(older.get(each.key, _NOTHING), counted[each.key])
        of_version[each.key].observations.append(each)
