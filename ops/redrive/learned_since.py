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
from consumer.pages.codec import AnyStates
from consumer.settings.signal_settings import SettingsOfSignals
from ops.quarantine.left_out import QuarantinedObservations
from ops.quarantine.lines import QuarantinedLine
from ops.redrive.ledger import redriven_ids
from ops.redrive.passing import Observation, Passing, passings_of
from ops.redrive.resending import delivered_again
from ops.replay.stream_reader import StreamReader
from ops.state.page_editor import PageEditor
from ops.state.page_versions import ObjectVersions


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
        passings, unknown = passings_of(page_key, observations, self.versions) if observations else ({}, [])
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

    def _judge_version(self, judged: Judged, passings: dict[SignalKey, Passing]) -> list[Observation]:
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

    def _is_counted(self, key: SignalKey, passing: Passing) -> bool:
        """Whether its model only counted up: neither started anew, nor lost a row at which it raised."""
        rows = self.quarantined.rows(self.settings.make_ready).of_signals.get(key, ())
        raised_at = [place for row in rows for place in row.raised_at.items()]
        return passing.counts_on and not any(passing.has_number(*place) for place in raised_at)

    def _is_given_up(self, shard: Shard, number: int) -> bool:
        return any(each[0] == shard and each[1] <= number <= each[2] for each in self._given_up)

    def _read(self, passings: Iterable[Passing]) -> Iterator[Batch]:
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


def _in(batch: Batch) -> Iterator[tuple[SignalKey, int, int]]:
    """All observations of a batch, those that carry nothing to learn too: signal, record, position."""
    for key, columns in batch.signals.items():
        for record, position in zip(columns.records, columns.positions, strict=True):
            yield key, record, position
        for record, position in zip(columns.skipped, columns.skipped_positions, strict=True):
            yield key, record, position
