"""A page learns what a batch holds for it: signal by signal, in order, above each one's watermark."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from consumer.core.batch import Batch, Refusal, Run
from consumer.core.errors import BadDeployment, ModelRaised
from consumer.core.events import Event, event_of
from consumer.core.exclusions import Exclusions, Raised
from consumer.core.learned import Learned
from consumer.core.signals import SignalKey, seed_of
from consumer.core.state import State, Watermark
from consumer.core.use_case import Finding, UseCase

# How much is learned between two looks at the time; a KSWIN takes half a millisecond for each.
_OBSERVATIONS_PER_LOOK = 128

_NEVER = Watermark(-1, (), None)

_T = TypeVar("_T")


@dataclass(slots=True)
class Learning:
    """One page's learning of one batch.

    `is_short` tells when the invocation's time runs short: what is learned up to a record's end is kept. A
    signal whose model raised adds to `learned` that it did, and nothing else: its state, half changed, is
    to be replaced by the one in S3, and the signal learned again without that observation.
    """

    name: str
    use_case: UseCase
    batch: Batch
    states: dict[SignalKey, State]
    exclusions: Exclusions
    is_short: Callable[[], bool]
    learned: Learned = field(default_factory=Learned)
    _unlooked: int = _OBSERVATIONS_PER_LOOK
    """Observations since the last look at the time."""

    def learn(self, keys: Iterable[SignalKey]) -> None:
        """Learn what the batch holds of these signals, all of this page."""
        batch, learned = self.batch, self.learned
        for key in self._learn_usual(keys):
            run, state = batch.runs[key], self.states.get(key)
            entries = _unlearned(run.records, state, batch)
            skipped = _unlearned(run.skipped, state, batch) if run.skipped else ()
            if entries or skipped:
                mark = learned.mark()
                learned.signals += bool(entries)
                try:
                    self._learn_signal(key, state or self._new_state(key), run, entries, skipped)
                except ModelRaised as error:
                    learned.back_to(mark)
                    learned.raised[key] = Raised(error.index, error.reason)
                    continue
            learned.redelivered += len(run.records) - len(entries) + len(run.skipped) - len(skipped)

    def _learn_usual(self, keys: Iterable[SignalKey]) -> Iterable[SignalKey]:
        """Learn the short runs of known signals that lie above their watermarks; give the other signals.

        One loop without calls of its own: there may be ten thousand signals.
        """
        batch, records, learned = self.batch, self.batch.records, self.learned
        if self.use_case.late != "learn" or not records.are_distinct or self.exclusions.raised:
            return keys
        others, runs, states, shard, learn = [], batch.runs, self.states, batch.shard, self.use_case.learn
        first = records.first_sequence_number
        for key in keys:
            run, state = runs[key], states.get(key)
            before = state.watermarks.get(shard, _NEVER) if state is not None else _NEVER
            count = len(run.records)
            if (
                state is None
                or before.sequence_number >= first
                or run.skipped
                or count > _OBSERVATIONS_PER_LOOK
                or self._time_is_short(count)
            ):
                others.append(key)
                continue
            learned.signals += 1
            try:
                findings = learn(state.model, run.values)
            except ModelRaised as error:
                learned.raised[key] = Raised(error.index, error.reason)
                continue
            for finding in findings:
                learned.events.append(self._event(key, run, finding.index, state.learned, finding))
            state.learned += count
            learned.observations += count
            self._advance(state, run.records)
        return others

    def _advance(self, state: State, done: Sequence[int]) -> None:
        learned = self.learned
        state.advance(done, self.batch)
        if len(state.watermarks) > 1:
            learned.signals_spread += state.is_spread(self.batch.shard)
        if learned.first_done is None or done[0] < learned.first_done:
            learned.first_done = done[0]

    def take_afresh(self, states: Mapping[SignalKey, State]) -> None:
        """Put these states, as S3 has them, in place of those whose models raised."""
        for key in self.learned.raised:
            if key in states:
                self.states[key] = states[key]
            else:
                self.states.pop(key, None)

    def leave(self, keys: Iterable[SignalKey]) -> None:
        """Leave these signals for the next delivery."""
        for key in keys:
            self.learned.leave(self.batch.runs[key].first_record())

    def _new_state(self, key: SignalKey) -> State:
        try:
            return State(self.use_case.create(seed_of(self.name, key.signal)))
        except Exception as error:  # a model may raise anything, and no observation is to blame
            raise BadDeployment(f"no model can be made: {type(error).__name__}: {error}") from error

    def _learn_signal(
        self, key: SignalKey, state: State, run: Run, entries: Sequence[int], skipped: Sequence[int]
    ) -> None:
        reasons = self.exclusions.reasons(key, entries) if self.exclusions.raised else {}
        left = len(self.batch.records)
        for look in _looks(entries, run.records):
            if self._time_is_short(len(look)):
                left = run.records[look[0]]
                self.learned.leave(left)
                break
            self._learn_entries(key, state, run, look, reasons)
        self._finish(key, state, run, entries, skipped, left)

    def _time_is_short(self, observations: int) -> bool:
        """Look at the time, unless it was looked at a moment ago; once short, it stays so."""
        if self._unlooked >= _OBSERVATIONS_PER_LOOK:
            if self.is_short():
                return True
            self._unlooked = 0
        self._unlooked += observations
        return False

    def _learn_entries(
        self, key: SignalKey, state: State, run: Run, entries: Sequence[int], reasons: dict[int, str]
    ) -> None:
        if reasons:
            self.learned.refusals += [
                Refusal(run.records[entry], run.positions[entry], reasons[entry], key.signal)
                for entry in entries
                if entry in reasons
            ]
            entries = [entry for entry in entries if entry not in reasons]
        if self.use_case.late == "skip":
            entries = self._not_late(run, state, entries)
        try:
            findings = self.use_case.learn(state.model, _taken(run.values, entries))
        except ModelRaised as error:
            raise ModelRaised(entries[error.index], error.reason) from error
        for finding in findings:
            self.learned.events.append(self._event(key, run, entries[finding.index], state.learned, finding))
        state.learned += len(entries)
        self.learned.observations += len(entries)

    def _not_late(self, run: Run, state: State, entries: Sequence[int]) -> list[int]:
        in_time = []
        for entry in entries:
            timestamp = run.timestamps[entry]
            if timestamp is None:
                timestamp = self.batch.records.arrived_s[run.records[entry]]
            if timestamp is None or state.latest_s is None or timestamp > state.latest_s:
                state.latest_s = state.latest_s if timestamp is None else timestamp
                in_time.append(entry)
            else:
                state.skipped += 1
                self.learned.skipped += 1
        return in_time

    def _finish(
        self,
        key: SignalKey,
        state: State,
        run: Run,
        entries: Sequence[int],
        skipped: Sequence[int],
        left: int,
    ) -> None:
        """Count the skipped, raise the watermark: of what lies before record `left`."""
        learned = self.learned
        done = _before(left, _taken(run.records, entries))
        if skipped:
            records_skipped = _before(left, _taken(run.skipped, skipped))
            state.skipped += len(records_skipped)
            learned.skipped += len(records_skipped)
            done = sorted([*done, *records_skipped])
        if done:
            if key not in self.states:
                self.states[key] = state
                learned.models_created += 1
            self._advance(state, done)

    def _event(self, key: SignalKey, run: Run, entry: int, learned: int, finding: Finding) -> Event:
        return event_of(
            use_case=self.name,
            kind=self.use_case.kind,
            detail_type=self.use_case.detail_type,
            shard=self.batch.shard,
            record=self.batch.records[run.records[entry]],
            signal=key.signal,
            position=run.positions[entry],
            value=run.values[entry],
            timestamp=run.timestamps[entry],
            severity=self.use_case.severity,
            observations=learned + finding.index + 1,
            evidence=finding.evidence,
        )


def _unlearned(records: list[int], state: State | None, batch: Batch) -> Sequence[int]:
    return range(len(records)) if state is None else state.above_watermark(records, batch)


def _looks(entries: Sequence[int], records: list[int]) -> Iterator[Sequence[int]] | tuple[Sequence[int]]:
    """Cut `entries` at records' ends, so that the time is looked at now and then."""
    return (entries,) if len(entries) <= _OBSERVATIONS_PER_LOOK else _parts(entries, records)


def _parts(entries: Sequence[int], records: list[int]) -> Iterator[Sequence[int]]:
    start = 0
    while start < len(entries):
        end = min(start + _OBSERVATIONS_PER_LOOK, len(entries))
        while end < len(entries) and records[entries[end]] == records[entries[end - 1]]:
            end += 1
        yield entries[start:end]
        start = end


def _taken(column: list[_T], entries: Sequence[int]) -> list[_T]:
    """These entries of a column: the column itself where it is all of them."""
    return column if len(entries) == len(column) else [column[entry] for entry in entries]


def _before(left: int, records: list[int]) -> list[int]:
    """Those of the ascending `records` that lie before record `left`: the list itself where it is all."""
    return records if not records or records[-1] < left else records[: bisect_left(records, left)]
