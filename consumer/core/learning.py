"""A page learns what a batch holds for it: signal by signal, in order, above each one's watermark."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from consumer.core.batch import Batch, Refusal, Run
from consumer.core.errors import BadDeployment, ModelRaised
from consumer.core.events import Event, event_of
from consumer.core.exclusions import Exclusions, Raised
from consumer.core.signals import SignalKey, seed_of
from consumer.core.state import State
from consumer.core.use_case import Finding, UseCase

# How much is learned of one signal between two looks at the time; a KSWIN takes half a millisecond for each.
_OBSERVATIONS_PER_LOOK = 128


@dataclass(slots=True)
class Learned:
    """What came of it. It counts once the page is committed; not at all where a model `raised`."""

    events: list[Event] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    raised: dict[SignalKey, Raised] = field(default_factory=dict)
    signals: int = 0
    observations: int = 0
    redelivered: int = 0
    skipped: int = 0
    models_created: int = 0
    signals_spread: int = 0
    first_done: int | None = None
    """The first record of which something is new in the states; None: there is nothing to commit."""
    first_left: int | None = None
    """The first record of which something is left, because the time ran short."""


@dataclass(slots=True)
class Learning:
    """One page's learning of one batch.

    `is_short` tells when the invocation's time runs short: what is learned up to a record's end is kept.
    """

    name: str
    use_case: UseCase
    batch: Batch
    states: dict[SignalKey, State]
    exclusions: Exclusions
    is_short: Callable[[], bool]
    learned: Learned = field(default_factory=Learned)

    def learn(self, keys: Iterable[SignalKey]) -> Learned:
        """Learn what the batch holds of these signals, all of this page."""
        for key in keys:
            run, state = self.batch.runs[key], self.states.get(key)
            entries = _unlearned(run.records, state, self.batch)
            skipped = _unlearned(run.skipped, state, self.batch)
            self.learned.redelivered += len(run.records) - len(entries) + len(run.skipped) - len(skipped)
            if entries or skipped:
                self.learned.signals += bool(entries)
                try:
                    self._learn_signal(key, state or self._new_state(key), entries, skipped)
                except ModelRaised as error:
                    self.learned.raised[key] = Raised(error.index, error.reason)
        return self.learned

    def _new_state(self, key: SignalKey) -> State:
        try:
            model = self.use_case.create(seed_of(self.name, key.signal))
        except Exception as error:  # a model may raise anything, and no observation is to blame
            raise BadDeployment(f"no model can be made: {type(error).__name__}: {error}") from error
        self.learned.models_created += 1
        return State(model)

    def _learn_signal(
        self, key: SignalKey, state: State, entries: Sequence[int], skipped: Sequence[int]
    ) -> None:
        run = self.batch.runs[key]
        reasons = self.exclusions.reasons(key, entries)
        left = len(self.batch.records)
        for look in _looks(entries, run.records):
            if self.is_short():
                left = run.records[look[0]]
                self.learned.first_left = _earlier(self.learned.first_left, left)
                break
            self._learn_entries(key, state, look, reasons)
        self._finish(key, state, entries, skipped, left)

    def _learn_entries(
        self, key: SignalKey, state: State, entries: Sequence[int], reasons: dict[int, str]
    ) -> None:
        run = self.batch.runs[key]
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
            findings = self.use_case.learn(state.model, [run.values[entry] for entry in entries])
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
                timestamp = self.batch.records[run.records[entry]].arrived_s
            if timestamp is None or state.latest_s is None or timestamp > state.latest_s:
                state.latest_s = state.latest_s if timestamp is None else timestamp
                in_time.append(entry)
            else:
                state.skipped += 1
                self.learned.skipped += 1
        return in_time

    def _finish(
        self, key: SignalKey, state: State, entries: Sequence[int], skipped: Sequence[int], left: int
    ) -> None:
        """Count the skipped, raise the watermark: of what lies before record `left`."""
        run = self.batch.runs[key]
        done = [run.records[entry] for entry in entries if run.records[entry] < left]
        if skipped:
            records_skipped = [run.skipped[entry] for entry in skipped if run.skipped[entry] < left]
            state.skipped += len(records_skipped)
            self.learned.skipped += len(records_skipped)
            done = sorted(done + records_skipped)
        if done:
            state.advance(done, self.batch)
            self.states[key] = state
            self.learned.signals_spread += state.is_spread(self.batch.shard)
            self.learned.first_done = _earlier(self.learned.first_done, done[0])

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


def _looks(entries: Sequence[int], records: list[int]) -> Iterator[Sequence[int]]:
    """Cut `entries` at records' ends, so that the time is looked at now and then."""
    start = 0
    while start < len(entries):
        end = min(start + _OBSERVATIONS_PER_LOOK, len(entries))
        while end < len(entries) and records[entries[end]] == records[entries[end - 1]]:
            end += 1
        yield entries[start:end]
        start = end


def _earlier(one: int | None, other: int) -> int:
    return other if one is None else min(one, other)
