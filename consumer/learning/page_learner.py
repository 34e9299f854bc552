"""A page learns its signals of a batch one by one, in order, each from its checkpoint on."""

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from consumer.decode.batch import Batch, Indices
from consumer.decode.observed_columns import SignalColumns
from consumer.decode.rejections import RejectedColumns
from consumer.decode.signal_names import SignalKey
from consumer.detectors.base import new_model
from consumer.detectors.modes.timeline import Timeline
from consumer.errors import UnreadableModel, brief, is_models_own
from consumer.learning.mode_tracks import (
    NOTHING,
    ModeTrack,
    ModeView,
    Tellings,
    timeline_of,
    view_of_asset,
)
from consumer.learning.outcome import FailedObservations, PageOutcome
from consumer.learning.signal_learner import (
    OBSERVATIONS_PER_CHUNK,
    SignalLearner,
    before_record,
    chunks,
    failure_of,
    taken,
    unlearned,
)
from consumer.learning.state import State
from consumer.learning.states import States
from consumer.settings.signal_settings import SettingsOfSignals, SignalSettings


def unreadable(state: State) -> str | None:
    """Why the model of this state cannot be read; None if it can."""
    try:
        _ = state.model  # unpacked when somebody asks for it
    except BaseException as error:
        if not is_models_own(error):
            raise
        return (
            f"{error}" if isinstance(error, UnreadableModel) else f"the model cannot be read: {brief(error)}"
        )
    return None


class _Rest(NamedTuple):
    """What a signal has to learn of a batch, and to skip: indices into its columns."""

    indices: Indices
    skipped: Indices


def _rest_of(columns: SignalColumns, state: State | None, batch: Batch) -> _Rest:
    """What lies after the checkpoint."""
    skipped = unlearned(columns.skipped, state, batch) if columns.skipped else ()
    return _Rest(unlearned(columns.records, state, batch), skipped)


@dataclass(slots=True)
class PageLearner:
    """Lets the models of one page learn one batch.

    Once `is_short()` is true, learning stops at the end of a record. A page that holds `signals_max` signals
    takes no new one. Whatever raises while a signal is looked at is that signal's own failure, and `outcome`
    notes only that: its half-changed state must be replaced by the one in S3, and the signal learned again
    without what failed. If its model cannot even be read, all its observations are rejected at once.
    """

    name: str
    settings: SettingsOfSignals
    batch: Batch
    states: MutableMapping[SignalKey, State]
    failed: FailedObservations
    is_short: Callable[[], bool]
    signals_max: int
    outcome: PageOutcome = field(default_factory=PageOutcome)
    scores: dict[SignalKey, dict[int, float]] | None = None
    """If asked for: the score of each observation that was learned, by its index in the signal's columns."""
    _since_time_check: int = OBSERVATIONS_PER_CHUNK
    """Observations since the time was last checked."""
    _modes: dict[SignalKey, ModeView] = field(default_factory=dict)
    """What is known of modes before the batch, and what the batch tells: by the signals that tell them."""
    _modes_waiting: dict[SignalKey, None] = field(default_factory=dict)
    """What tells the mode of signals whose models raised, and is to be learned after these."""

    def learn(self, keys: Iterable[SignalKey]) -> None:
        """Learn these signals of the batch, all of which belong on this page."""
        batch, outcome = self.batch, self.outcome
        for key in self._in_order(dict.fromkeys([*keys, *self._modes_waiting])):
            if self._has_to_wait(key):
                continue
            columns, state = batch.signals[key], self.states.get(key)
            if state is None and len(self.states) >= self.signals_max:
                outcome.reject_signal(key, columns)
                continue
            if key in self.failed.set_aside:
                self._set_aside(key, columns, self.failed.set_aside[key])
                continue
            savepoint = outcome.savepoint()
            try:
                self._learn_signal(key, state, columns)
            except BaseException as error:  # its state may be anything, if its page was altered
                outcome.rollback_to(savepoint)
                outcome.signals += 1
                outcome.raised[key] = failure_of(error, columns)
            self._put_back()

    def _put_back(self) -> None:
        """Keep the states in the page's arrays, where they take the least memory, but for the latest ones."""
        if isinstance(self.states, States):
            self.states.put_back()

    def _advance(self, state: State, done: Sequence[int]) -> None:
        outcome = self.outcome
        state.advance(done, self.batch)
        if len(state.checkpoints) > 1:
            outcome.signals_spread += state.is_spread(self.batch.shard)
        outcome.learned_from(done[0])

    def _in_order(self, keys: Iterable[SignalKey]) -> Iterable[SignalKey]:
        """What tells a mode comes after those that have it: if the time runs short, it does for that too."""
        if not self.settings.have_modes:
            return keys
        return sorted(keys, key=lambda key: self.settings.is_mode(key.signal))

    def _has_to_wait(self, key: SignalKey) -> bool:
        """Whether it tells the mode of a signal that is to be learned again, and must not get ahead of it."""
        if not (self.settings.have_modes and self.settings.is_mode(key.signal)):
            return False
        self._modes_waiting.pop(key, None)
        for raised in self.outcome.raised:
            rule = self.settings.of(raised.signal).mode
            if rule is not None and rule.signal_of(raised) == key:
                self._modes_waiting[key] = None
        return key in self._modes_waiting

    def restore_from(self, states: Mapping[SignalKey, State]) -> None:
        """Replace the states whose models raised by copies of these, as S3 has them."""
        for key in self.outcome.raised:
            if key in states:
                self.states[key] = states[key].copy()
            else:
                self.states.pop(key, None)

    def defer(self, keys: Iterable[SignalKey]) -> None:
        """Have Lambda deliver these signals' records again."""
        for key in [*keys, *self._modes_waiting]:
            self.outcome.defer(self.batch.signals[key].first_record())

    def _ready(self, state: State | None, signal: str, settings: SignalSettings) -> State:
        """The signal's state, with a model of the parameters that are set."""
        if state is not None and state.parameters == settings.parameters:
            return state
        model = new_model(self.name, settings.use_case, signal)
        if state is None:
            return State(model, parameters=settings.parameters)
        state.start_anew(model, settings.parameters)
        return state

    def _learn_signal(self, key: SignalKey, known: State | None, columns: SignalColumns) -> None:
        """Learn what its checkpoint does not cover. Raises: anything, if its state was altered."""
        batch, outcome = self.batch, self.outcome
        rest = _rest_of(columns, known, batch)
        if rest.indices or rest.skipped:
            settings = self.settings.of(key.signal)
            state = self._ready(known, key.signal, settings)
            reason = unreadable(state) if rest.indices else None
            if reason is not None:
                self._set_aside(key, columns, reason)
                return
            self._learn_unlearned(key, state, columns, rest, settings)
            outcome.signals += bool(rest.indices)
        outcome.redelivered += len(columns.records) + len(columns.skipped) - sum(map(len, rest))

    def go_on(self, key: SignalKey, begun: int) -> None:
        """Learn what a known signal has left, whose first `begun` observations were learned in arrays."""
        outcome, columns, settings = self.outcome, self.batch.signals[key], self.settings.of(key.signal)
        savepoint, rest = outcome.savepoint(), _Rest(range(len(columns.records)), ())
        try:
            self._learn_unlearned(key, self.states[key], columns, rest, settings, begun)
        except BaseException as error:  # its state may be anything, if its page was altered
            outcome.rollback_to(savepoint)
            outcome.observations -= begun
            outcome.raised[key] = failure_of(error, columns)
        self._put_back()

    def _learn_unlearned(
        self,
        key: SignalKey,
        state: State,
        columns: SignalColumns,
        rest: _Rest,
        settings: SignalSettings,
        begun: int = 0,
    ) -> None:
        left = len(self.batch.records)
        modes: ModeView | None = None
        track: ModeTrack | None = None
        if settings.mode is not None or settings.is_mode:
            modes, track = self._modes_of(key, state, columns, rest, settings)
        failed, indices = self.failed, rest.indices[begun:]
        reasons = failed.reasons(key, indices) if failed.raised else {}
        is_singly = bool(failed.raised) and failed.is_singly(key)
        signal = SignalLearner(
            self.name,
            self.batch,
            self.outcome,
            key,
            columns,
            state,
            settings,
            is_singly=is_singly,
            modes=modes,
        )
        if self.scores is not None:  # anew: those of a model that raised do not count
            signal.scores = self.scores[key] = {}
        signal.tell_silence()
        if indices and failed.raised:
            signal.forget_rows(failed.waiting(key))
        # The record within which the arrays left off must be learned whole.
        is_within = begun > 0 and columns.records[indices[0]] == columns.records[begun - 1]
        for chunk in chunks(indices, columns.records):
            if self._time_is_short(len(chunk)) and not (is_within and chunk[0] == begun):
                left = columns.records[chunk[0]]
                self.outcome.defer(left)
                break
            signal.learn(chunk, reasons)
        signal.check_quality(rest.skipped, left)
        if track is not None:
            track.go_to(left - 1)
        self._finish(key, state, columns, rest, left)

    def _modes_of(
        self, key: SignalKey, state: State, columns: SignalColumns, rest: _Rest, settings: SignalSettings
    ) -> tuple[ModeView | None, ModeTrack | None]:
        """The mode of a signal in this batch; and what the signal's own state knows of one, if it does."""
        rule = settings.mode
        if settings.use_case.learns_assets:
            assert rule is not None
            return view_of_asset(rule, key.signal, state, columns, rest.indices, self.batch)
        if rule is None:
            view = self._telling(key)
            timeline = timeline_of(state)
            return None, None if timeline is None else ModeTrack(timeline, view.tellings)
        telling = rule.signal_of(key)
        if telling not in self.batch.signals and telling not in self.states:
            self.outcome.modes_apart += [key.signal] if key.signal == key.record_signal else []
        return self._telling(telling)._replace(rule=rule), None

    def _telling(self, key: SignalKey) -> ModeView:
        """What is known of a mode by the signal that tells it: as it was before that learned this batch."""
        view = self._modes.get(key)
        if view is None:
            timeline, tellings = Timeline(), NOTHING
            state, columns = self.states.get(key), self.batch.signals.get(key)
            if state is not None and state.parameters == self.settings.of(key.signal).parameters:
                known = timeline_of(state)
                timeline = timeline if known is None else known.copy()
            is_refused = state is None and self.signals_max <= len(self.states)
            if columns is not None and not is_refused:  # what nobody keeps must not count in one batch alone
                tellings = Tellings.of(columns, unlearned(columns.records, state, self.batch), self.batch)
            view = self._modes[key] = ModeView(None, timeline, tellings)
        return view

    def _set_aside(self, key: SignalKey, columns: SignalColumns, reason: str) -> None:
        """Reject what a signal's checkpoint does not cover, and raise that; its model stays as it is.

        A new signal gets no state: perhaps there is none that can be kept.
        """
        batch, outcome = self.batch, self.outcome
        savepoint, state = outcome.savepoint(), self.states.get(key)
        if state is None:
            outcome.rejections += columns.rejected(key.signal, reason)
            return
        try:
            rest = _rest_of(columns, state, batch)
            if rest.indices:
                places = taken(columns.records, rest.indices), taken(columns.positions, rest.indices)
                outcome.rejections.append(RejectedColumns(key.signal, reason, *places))
            self._finish(key, state, columns, rest, len(batch.records))
        except BaseException as error:  # not even its checkpoints can be used: they stay too
            failure_of(error, columns)
            outcome.rollback_to(savepoint)
            outcome.rejections += columns.rejected(key.signal, reason)

    def _time_is_short(self, observations: int) -> bool:
        """True if the time is short; it is checked only once in a while."""
        if self._since_time_check >= OBSERVATIONS_PER_CHUNK:
            if self.is_short():
                return True
            self._since_time_check = 0
        self._since_time_check += observations
        return False

    def _finish(self, key: SignalKey, state: State, columns: SignalColumns, rest: _Rest, left: int) -> None:
        """Count the skipped and raise the checkpoint, up to record `left`."""
        outcome = self.outcome
        done = before_record(left, taken(columns.records, rest.indices))
        if rest.skipped:
            records_skipped = before_record(left, taken(columns.skipped, rest.skipped))
            state.skipped += len(records_skipped)
            outcome.skipped += len(records_skipped)
            done = sorted([*done, *records_skipped])
        if done:
            if key not in self.states:
                self.states[key] = state
                outcome.models_created += 1
            self._advance(state, done)
