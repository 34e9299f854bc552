"""A page learns what a batch holds for it: signal by signal, in order, above each one's checkpoint."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from consumer.decode.batch import Batch, Indices, SignalColumns
from consumer.decode.signal_names import SignalKey
from consumer.detectors.base import new_model
from consumer.errors import ModelRaised
from consumer.learning.outcome import FailedObservations, ModelFailure, PageOutcome
from consumer.learning.signal_learner import (
    OBSERVATIONS_PER_LOOK,
    SignalLearner,
    before_record,
    looks,
    taken,
    times,
    unlearned,
)
from consumer.learning.state import State
from consumer.settings.signal_settings import SettingsOfSignals, SignalSettings


@dataclass(slots=True)
class PageLearner:
    """One page's learning of one batch.

    `is_short` tells when the invocation's time runs short: what is learned up to a record's end is kept.
    Where a page holds `signals_max` signals, it takes no new one. A signal whose model raised adds to
    `learned` that it did, and nothing else: its state, half changed, is to be replaced by the one in S3, and
    the signal learned again without that observation.
    """

    name: str
    settings: SettingsOfSignals
    batch: Batch
    states: dict[SignalKey, State]
    exclusions: FailedObservations
    is_short: Callable[[], bool]
    signals_max: int
    learned: PageOutcome = field(default_factory=PageOutcome)
    scores: dict[SignalKey, dict[int, float]] | None = None
    """If asked for: the score of each observation that was learned, by its index in the signal's columns."""
    _unlooked: int = OBSERVATIONS_PER_LOOK
    """Observations since the last look at the time."""

    def learn(self, keys: Iterable[SignalKey]) -> None:
        """Learn what the batch holds of these signals, all of this page."""
        batch, learned = self.batch, self.learned
        for key in self._learn_usual(keys):
            run, state = batch.runs[key], self.states.get(key)
            if state is None and len(self.states) >= self.signals_max:
                learned.refuse_signal(key, run)
                continue
            entries = unlearned(run.records, state, batch)
            skipped = unlearned(run.skipped, state, batch) if run.skipped else ()
            if entries or skipped:
                mark = learned.savepoint()
                learned.signals += bool(entries)
                try:
                    self._learn_signal(key, state, run, entries, skipped)
                except ModelRaised as error:
                    learned.rollback_to(mark)
                    learned.raised[key] = ModelFailure(error.index, error.reason)
                    continue
            learned.redelivered += len(run.records) - len(entries) + len(run.skipped) - len(skipped)

    def _learn_usual(self, keys: Iterable[SignalKey]) -> Iterable[SignalKey]:
        """Learn the short runs of known signals that lie above their checkpoints; give the other signals.

        One loop without calls of its own: there may be ten thousand signals.
        """
        batch, records, learned = self.batch, self.batch.records, self.learned
        settings = self.settings
        use_case, of_signal = settings.use_case, settings.of
        rules, arrived_s = use_case.sensor_checks, self.batch.records.arrived_s
        if use_case.late != "learn" or not records.are_distinct or self.exclusions.raised:
            return keys
        if self.scores is not None:
            return keys
        runs, states, shard, learn = batch.runs, self.states, batch.shard, use_case.learn
        others, signals, observations, unlooked = [], 0, 0, self._unlooked
        first, untimed, are_set = records.first_sequence_number, batch.has_untimed, settings.are_set
        for key in keys:
            run, state = runs[key], states.get(key)
            checkpoint = None if state is None else state.checkpoints.get(shard)
            count = len(run.values)
            if state is None or checkpoint is None or checkpoint.sequence_number >= first or run.skipped:
                others.append(key)
                continue
            if rules is not None and (state.health is None or state.health.has_empty):
                others.append(key)
                continue
            if state.parameters or (are_set and of_signal(key.signal).use_case is not use_case):
                others.append(key)
                continue
            if unlooked + count > OBSERVATIONS_PER_LOOK:
                if count > OBSERVATIONS_PER_LOOK or self.is_short():
                    others.append(key)
                    continue
                unlooked = 0
            unlooked += count
            signals += 1
            told = len(learned.events)
            timestamps = times(run, range(count), batch) if untimed else run.timestamps
            try:
                findings = learn(state.model, run.values, timestamps)
                if rules is not None and state.health is not None:
                    first_s = arrived_s[run.records[0]]
                    findings = rules.apply(state.health, findings, run.values, timestamps, first_s)
                if findings:
                    signal = SignalLearner(self.name, batch, learned, key, run, state, of_signal(key.signal))
                    signal.tell(findings, range(count))
            except ModelRaised as error:
                del learned.events[told:]
                learned.raised[key] = ModelFailure(error.index, error.reason)
                continue
            state.learned += count
            observations += count
            self._advance(state, run.records)
        self._unlooked = unlooked
        learned.signals += signals
        learned.observations += observations
        return others

    def _advance(self, state: State, done: Sequence[int]) -> None:
        learned = self.learned
        state.advance(done, self.batch)
        if len(state.checkpoints) > 1:
            learned.signals_spread += state.is_spread(self.batch.shard)
        if learned.first_done is None or done[0] < learned.first_done:
            learned.first_done = done[0]

    def restore_from(self, states: Mapping[SignalKey, State]) -> None:
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

    def _ready(self, state: State | None, signal: str, settings: SignalSettings) -> State:
        """The signal's state, with a model of the parameters that are set."""
        if state is not None and state.parameters == settings.parameters:
            return state
        model = new_model(self.name, settings.use_case, signal)
        if state is None:
            return State(model, parameters=settings.parameters)
        state.start_anew(model, settings.parameters)
        return state

    def _learn_signal(
        self, key: SignalKey, known: State | None, run: SignalColumns, entries: Indices, skipped: Indices
    ) -> None:
        settings = self.settings.of(key.signal)
        state = self._ready(known, key.signal, settings)
        reasons = self.exclusions.reasons(key, entries) if self.exclusions.raised else {}
        signal = SignalLearner(self.name, self.batch, self.learned, key, run, state, settings)
        if self.scores is not None:  # anew: those of a model that raised do not count
            signal.scores = self.scores[key] = {}
        left = len(self.batch.records)
        for look in looks(entries, run.records):
            if self._time_is_short(len(look)):
                left = run.records[look[0]]
                self.learned.leave(left)
                break
            signal.learn(look, reasons)
        signal.look_at_quality(skipped, left)
        self._finish(key, state, run, entries, skipped, left)

    def _time_is_short(self, observations: int) -> bool:
        """Look at the time, unless it was looked at a moment ago; once short, it stays so."""
        if self._unlooked >= OBSERVATIONS_PER_LOOK:
            if self.is_short():
                return True
            self._unlooked = 0
        self._unlooked += observations
        return False

    def _finish(
        self, key: SignalKey, state: State, run: SignalColumns, entries: Indices, skipped: Indices, left: int
    ) -> None:
        """Count the skipped, raise the checkpoint: of what lies before record `left`."""
        learned = self.learned
        done = before_record(left, taken(run.records, entries))
        if skipped:
            records_skipped = before_record(left, taken(run.skipped, skipped))
            state.skipped += len(records_skipped)
            learned.skipped += len(records_skipped)
            done = sorted([*done, *records_skipped])
        if done:
            if key not in self.states:
                self.states[key] = state
                learned.models_created += 1
            self._advance(state, done)
