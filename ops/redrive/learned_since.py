"""What models have learned, since it was quarantined, of what is in quarantine.

A batch may be delivered again after its observations were quarantined: its page could not be read, and was
put back in between. Then they are learned. The checkpoint does not tell, for it passes over what is in
quarantine too. The versions of the page do: between the last version from before the checkpoint passed a
line and the next one, the signal has counted so many observations, and the stream shows how many there were.

    counted + in quarantine - on the stream = how many of those in quarantine were learned: the newest

What lies above the checkpoint may still be delivered: the checkpoint is raised over it before it is sent.
"""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from consumer.decode.batch import Batch
from consumer.decode.lambda_event import decode, decode_all
from consumer.decode.records import Shard
from consumer.decode.signal_names import SignalKey
from consumer.detectors.base import new_model
from consumer.errors import Unavailable, UnreadablePage
from consumer.learning.state import Checkpoint, State
from consumer.pages.codec import AnyStates, PageCodec, unmarked
from consumer.settings.signal_settings import SettingsOfSignals
from ops.quarantine.left_out import QuarantinedObservations
from ops.quarantine.lines import QuarantinedLine
from ops.redrive.ledger import redriven_ids
from ops.redrive.resending import delivered_again
from ops.replay.offline_learner import covers
from ops.replay.stream_reader import StreamReader
from ops.state.page_editor import PageEditor
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


@dataclass(slots=True)
class Judged:
    """What is known of lines: by their ids, or of those that may still be delivered, as observations."""

    learned: set[str] = field(default_factory=set)
    in_doubt: set[str] = field(default_factory=set)
    """Nobody can tell any more."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Their pages cannot be read, and why."""
    ahead: dict[str, list[Observation]] = field(default_factory=dict)
    """By the keys of their pages: they lie above the checkpoints of their signals."""

    def not_to_send(self, with_doubt: bool) -> set[str]:
        """The ids of the lines that must not be sent, `with_doubt` also of those of which nobody can tell."""
        return self.learned | self.unreadable.keys() | (self.in_doubt if with_doubt else set())

    def ahead_of(self, ids: Iterable[str]) -> dict[str, list[Observation]]:
        """Those of the lines with these ids that may still be delivered."""
        chosen = set(ids)
        return {
            page_key: [each for each in observations if each.line.id in chosen]
            for page_key, observations in self.ahead.items()
        }


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
class _Passing:
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


class _NotOnStream(Exception):
    """The stream does not hold any more what a version of a page has passed."""


_PAGE_IS_FULL = "page is full"

_Rank = tuple[bool, int, int, Shard, str]
"""Sorts what is in quarantine: by whether its page rejected it, sequence number, position, shard, key."""


@dataclass(slots=True)
class LearnedSince:
    """The models of one use case, as they are and as they were."""

    settings: SettingsOfSignals
    editor: PageEditor
    versions: ObjectVersions
    stream: StreamReader
    quarantined: QuarantinedObservations
    find_given_up: Callable[[set[str]], Awaitable[list[tuple[Shard, int, int]]]]
    """Finds the batches of shards that were given up: shard, first and last sequence number."""
    may_be_anew: bool
    """Other models may have learned what came before these, and is on the stream."""
    _given_up: list[tuple[Shard, int, int]] = field(default_factory=list)

    async def judge(self, lines: Iterable[QuarantinedLine]) -> Judged:
        """Find out which of these lines were learned. Raises: `LayoutChanged`, `Unavailable`."""
        lines = list(lines)
        judged, of_pages = Judged(), defaultdict[str, list[Observation]](list)
        await self._judge_rows(judged, [line for line in lines if line.position < 0])
        for observation in self._observations(line for line in lines if line.position >= 0):
            of_pages[self.editor.layout.key_of(observation.key.record_signal)].append(observation)
        if of_pages:
            self._given_up = await self.find_given_up({line.shard_id for line in lines})
        for page_key, observations in of_pages.items():
            try:
                states = (await self.editor.pages.load(page_key)).states
            except UnreadablePage as error:
                judged.unreadable |= {each.line.id: str(error) for each in observations}
                continue
            passed = []
            for each in observations:
                if each.is_passed_by(states):
                    passed.append(each)
                elif each.line.is_of_model or (each.key not in states and _PAGE_IS_FULL in each.line.reason):
                    # Its batch is not committed, and may hold what its signal has not learned yet; or nobody
                    # can know, for a signal that was refused has no checkpoint.
                    judged.in_doubt.add(each.line.id)
                else:
                    judged.ahead.setdefault(page_key, []).append(each)
            self._judge_passed(judged, page_key, passed)
        return judged

    async def _judge_rows(self, judged: Judged, lines: Sequence[QuarantinedLine]) -> None:
        """Of lines about the same row that had waited in a state, one is sent."""
        if not lines:
            return
        rows = self.quarantined.rows(self.settings.make_ready)
        sent = await redriven_ids(
            self.quarantined.objects, (shard for line in lines for shard in rows.lines_of(line).values())
        )
        for line in lines:
            if not sent.isdisjoint(rows.lines_of(line)):
                judged.learned.add(line.id)
            sent.add(line.id)

    async def pass_over(self, ahead: Mapping[str, Sequence[Observation]]) -> None:
        """Raise the checkpoints over these, so that nobody learns them who delivers their batch again.

        Raises: `Unavailable`, also if one was learned meanwhile; `UnreadablePage`.
        """
        for page_key, observations in ahead.items():

            def raise_checkpoints(
                states: AnyStates, observations: Sequence[Observation] = observations
            ) -> tuple[bool, None]:
                if any(each.is_passed_by(states) for each in observations):
                    raise Unavailable("a batch of these lines was learned meanwhile: run it again")
                for each in sorted(observations, key=lambda each: each.order):
                    self._raise_checkpoint(states, each)
                return True, None

            await self.editor.change(page_key, raise_checkpoints)

    def _raise_checkpoint(self, states: AnyStates, observation: Observation) -> None:
        line, key = observation.line, observation.key
        state = states.get(key)
        if state is None:
            own = self.settings.of(key.signal)
            model = new_model(self.quarantined.use_case, own.use_case, key.signal)
            state = states[key] = State(model, parameters=own.parameters)
        number, partition_keys = int(line.sequence_number), (line.partition_key,)
        checkpoint = state.checkpoints.get(line.shard)
        if checkpoint is None:
            state.checkpoints[line.shard] = Checkpoint(number, partition_keys, line.arrived_s)
        elif number >= checkpoint.sequence_number:
            checkpoint.raise_to(number, partition_keys, line.arrived_s)

    def _observations(self, lines: Iterable[QuarantinedLine]) -> Iterator[Observation]:
        """The lines about one observation that can be read now."""
        of_records: defaultdict[tuple[str, str, int, str], list[QuarantinedLine]] = defaultdict(list)
        for line in lines:
            if not line.is_whole:
                of_records[line.record].append(line)
        for of_record in of_records.values():
            [batch] = decode({"Records": [delivered_again(of_record[0])]}, self.settings.make_ready)
            keys = {position: key for key, _, position in _in(batch)}
            for line in of_record:
                if line.position in keys:
                    yield Observation(line, keys[line.position])

    def _judge_passed(self, judged: Judged, page_key: str, observations: list[Observation]) -> None:
        passings, unknown = self._passings(page_key, observations) if observations else ({}, [])
        for of_version in passings.values():
            unknown += self._judge_version(judged, of_version)
        # What a model rejects is committed with the checkpoint that passes it: it was not learned then.
        judged.in_doubt |= {each.line.id for each in unknown if not each.line.is_of_model}
        judged.in_doubt |= {each.line.id for each in observations if self._may_be_of_row(each)}
        judged.in_doubt -= judged.learned

    def _may_be_of_row(self, observation: Observation) -> bool:
        """Whether it may be kept with its row as well: delivered again, it waited in an asset's state."""
        make_ready = self.settings.make_ready
        rows = self.quarantined.rows(make_ready)
        if not observation.line.is_of_model or observation.key not in rows.of_signals:
            return False
        [batch] = decode({"Records": [delivered_again(observation.line)]}, make_ready)
        columns, position = batch.signals[observation.key], observation.line.position
        return position in columns.positions and rows.take(
            batch, observation.key, columns, columns.positions.index(position)
        )

    def _passings(
        self, page_key: str, observations: list[Observation]
    ) -> tuple[dict[Version, dict[SignalKey, _Passing]], list[Observation]]:
        """What each version of the page has passed, and what nobody knows of."""
        found: dict[Version, dict[SignalKey, _Passing]] = {}
        left, unknown, keys = observations, [], {each.key for each in observations}
        newer: tuple[Version, dict[SignalKey, _Counted]] | None = None
        kept = self.versions.of(page_key)
        for version in kept[:_VERSIONS_MAX]:
            counted = self._counted(version, keys)
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

    def _counted(self, version: Version, keys: set[SignalKey]) -> dict[SignalKey, _Counted] | None:
        """What a version says of some signals; None if it cannot be read: nobody has learned in it."""
        try:
            content = unmarked(self.versions.body(version))
            states = PageCodec().decode(content) if content else {}
        except UnreadablePage:
            return None
        return {
            key: _Counted(state.checkpoints, state.learned + state.skipped, state.parameters)
            for key, state in states.items()
            if key in keys
        }

    def _judge_version(self, judged: Judged, passings: dict[SignalKey, _Passing]) -> list[Observation]:
        """Judge what one version of a page has passed; return what cannot be judged."""
        everything = [each for passing in passings.values() for each in passing.observations]
        on_stream: defaultdict[SignalKey, int] = defaultdict(int)
        in_quarantine: defaultdict[SignalKey, list[_Rank]] = defaultdict(list)
        uncounted = {key for key, passing in passings.items() if not self._is_counted(key, passing)}
        try:
            for batch in self._read(passings.values()):
                of_records = self.quarantined.positions(batch)
                for key, record, position in _in(batch):
                    name = batch.records.sequence_numbers[record], batch.records.partition_keys[record]
                    if key not in passings or not passings[key].has(batch.shard, *name):
                        continue
                    on_stream[key] += 1
                    if self._is_given_up(batch.shard, name[0]):
                        uncounted.add(key)  # perhaps: it may have been learned before, or be redriven
                    if record in of_records and position in of_records[record]:
                        is_of_page = not of_records[record][position]
                        in_quarantine[key].append((is_of_page, name[0], position, batch.shard, name[1]))
        except _NotOnStream:
            return everything
        unknown = []
        for key, passing in passings.items():
            seen = passing.after.seen - passing.before.seen
            ranked = [rank[1:] for rank in sorted(in_quarantine[key])]
            learned = seen + len(ranked) - on_stream[key]
            is_known = 0 <= seen <= on_stream[key] and learned >= 0 and key not in uncounted
            if passing.is_from_nothing and (learned or self.may_be_anew):
                # Several batches, if the models were moved; or an upgrade learned what has expired since.
                is_known = False
                if self.may_be_anew:  # other code's models may have rejected these, and not committed that
                    judged.in_doubt |= {each.line.id for each in passing.observations}
            places, newest = set(ranked), set(ranked[len(ranked) - learned :])
            for each in passing.observations:
                place = (*each.order, each.line.shard, each.line.partition_key)
                if not is_known or place not in places:
                    unknown.append(each)
                elif place in newest:
                    judged.learned.add(each.line.id)
        return unknown

    def _is_counted(self, key: SignalKey, passing: _Passing) -> bool:
        """Whether its model only counted up: neither started anew, nor lost a row at which it raised."""
        rows = self.quarantined.rows(self.settings.make_ready).of_signals.get(key, ())
        raised_at = [place for row in rows for place in row.raised_at.items()]
        return passing.counts_on and not any(passing.has_number(*place) for place in raised_at)

    def _is_given_up(self, shard: Shard, number: int) -> bool:
        return any(each[0] == shard and each[1] <= number <= each[2] for each in self._given_up)

    def _read(self, passings: Iterable[_Passing]) -> Iterator[Batch]:
        """The batches in which the records lie that were passed, and others.

        Raises: `_NotOnStream` if some of them cannot be read there any more.
        """
        spans: dict[Shard, list[tuple[float | None, int]]] = {}
        for passing in passings:
            for shard in passing.shards():
                before = passing.before.checkpoints.get(shard)
                since_s = None if before is None else before.arrived_s
                last = passing.after.checkpoints[shard].sequence_number
                spans.setdefault(shard, []).append((since_s, last))
        for shard, of_shard in spans.items():
            known = [since_s for since_s, _ in of_shard if since_s is not None]
            since_s = min(known) if len(known) == len(of_shard) else None
            retained_since_s = self.stream.retained_since_s(shard.stream, time.time())
            if retained_since_s is None or (since_s is not None and since_s <= retained_since_s):
                raise _NotOnStream
            reading = self.stream.read(shard, since_s, max(last for _, last in of_shard))
            while True:
                try:
                    records = next(reading, None)
                except Unavailable as error:
                    raise _NotOnStream from error
                if records is None:
                    break
                yield from decode_all(records, self.settings.make_ready)


def _is_whole(versions: Sequence[Version]) -> bool:
    """Whether none of a page's versions is gone."""
    oldest = versions[-1]
    is_young = oldest.written_s > time.time() - _KEPT_S
    return is_young and len(versions) <= _VERSIONS_MAX and oldest.version_id != "null"


def _add(
    found: dict[Version, dict[SignalKey, _Passing]],
    newer: tuple[Version, dict[SignalKey, _Counted]],
    older: Mapping[SignalKey, _Counted],
    observations: Iterable[Observation],
) -> None:
    version, counted = newer
    for each in observations:
        of_version = found.setdefault(version, {})
        if each.key not in of_version:
            of_version[each.key] = _Passing(older.get(each.key, _NOTHING), counted[each.key])
        of_version[each.key].observations.append(each)


def _in(batch: Batch) -> Iterator[tuple[SignalKey, int, int]]:
    """All observations of a batch, those that carry nothing to learn too: signal, record, position."""
    for key, columns in batch.signals.items():
        for record, position in zip(columns.records, columns.positions, strict=True):
            yield key, record, position
        for record, position in zip(columns.skipped, columns.skipped_positions, strict=True):
            yield key, record, position
