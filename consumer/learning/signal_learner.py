"""One signal learns its part of a batch, and what is found there becomes events."""

import base64
import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from consumer.decode.batch import Batch, Indices
from consumer.decode.observed_columns import SignalColumns
from consumer.decode.rejections import RejectedColumns
from consumer.decode.signal_names import SignalKey
from consumer.detectors.alert_policy import Finding
from consumer.detectors.asset_rows import name_of
from consumer.detectors.modes.by_mode import ByMode, InMode
from consumer.detectors.modes.mode_rule import Phase
from consumer.detectors.sensor_checks import Health
from consumer.errors import JoinedRow, ModelRaised, brief, is_models_own
from consumer.events.event import Event, ObservationRef, event_of_finding
from consumer.learning.mode_tracks import UNKNOWN, ModeTrack, ModeView
from consumer.learning.outcome import ModelFailure, PageOutcome, Waiting
from consumer.learning.staleness import silence_event
from consumer.learning.state import State
from consumer.settings.signal_settings import SignalSettings

# Between two checks of the time; a KSWIN takes half a millisecond for each observation.
OBSERVATIONS_PER_CHUNK = 128

_T = TypeVar("_T")


def unlearned(records: list[int], state: State | None, batch: Batch) -> Sequence[int]:
    """Indices into the column `records` of what lies after the checkpoint."""
    return range(len(records)) if state is None else state.after_checkpoint(records, batch)


def chunks(indices: Sequence[int], records: list[int]) -> Iterator[Sequence[int]] | tuple[Sequence[int]]:
    """Cut `indices` between records, so that the time can be checked once in a while."""
    return (indices,) if 0 < len(indices) <= OBSERVATIONS_PER_CHUNK else _parts(indices, records)


def _parts(indices: Sequence[int], records: list[int]) -> Iterator[Sequence[int]]:
    start = 0
    while start < len(indices):
        end = min(start + OBSERVATIONS_PER_CHUNK, len(indices))
        while end < len(indices) and records[indices[end]] == records[indices[end - 1]]:
            end += 1
        yield indices[start:end]
        start = end


def taken(column: list[_T], indices: Sequence[int]) -> list[_T]:
    """The column's values at `indices`; the column itself if that is all of them."""
    return column if len(indices) == len(column) else [column[index] for index in indices]


def times(columns: SignalColumns, indices: Sequence[int], batch: Batch) -> list[float | None]:
    """The times of observations, in seconds: the payload's own, or else the arrival's."""
    timestamps = taken(columns.timestamps, indices)
    if not batch.has_untimed:
        return timestamps
    arrived_s = batch.records.arrived_s
    return [
        arrived_s[columns.records[index]] if timestamp is None else timestamp
        for index, timestamp in zip(indices, timestamps, strict=True)
    ]


def before_record(left: int, records: list[int]) -> list[int]:
    """The prefix of sorted `records` that is smaller than `left`; the same list if nothing is cut."""
    return records if not records or records[-1] < left else records[: bisect_left(records, left)]


def refs_of(
    columns: SignalColumns, indices: Indices, skipped: Indices, left: int, last: float
) -> Iterator[tuple[ObservationRef, bool]]:
    """The observations before record `left` in order, and which of them carry nothing to learn.

    One that carries nothing has the value of the one before it; `last` is the value before the first.
    """
    refs = [(_ref(columns, index), False) for index in indices]
    refs += [
        (ObservationRef(columns.skipped[index], columns.skipped_positions[index], 0.0, None), True)
        for index in skipped
    ]
    for ref, is_empty in sorted(refs, key=lambda one: one[0][:2]):
        if ref.record >= left:
            return
        last = last if is_empty else ref.value
        yield ref._replace(value=last), is_empty


class SignalFailed(Exception):
    """Something of a signal raised, and this is what to leave out."""

    def __init__(self, failure: ModelFailure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


def failure_of(
    error: BaseException, columns: SignalColumns, indices: Indices = (), learned: Indices = ()
) -> ModelFailure:
    """What to leave out of a signal that raised this while it learned `indices`, and `learned` before.

    Raises: the error itself, if no signal is to blame for it.
    """
    if isinstance(error, SignalFailed):
        return error.failure
    if isinstance(error, ModelRaised) and 0 <= error.index < len(indices):
        if error.row is None:
            return ModelFailure((indices[error.index],), error.reason)
        return _failed_row(columns, error.row, error.reason, indices, error.index, learned)
    # No page and no model may end an invocation: one that asks for all memory would do so again and again.
    if not (is_models_own(error) or isinstance(error, MemoryError)):
        raise error
    found = (indices[0],) if len(indices) == 1 else ()
    return ModelFailure(found, f"what is kept of this signal cannot be used: {brief(error)}")


def _failed_row(
    columns: SignalColumns, row: JoinedRow, reason: str, indices: Indices, ended_by: int, learned: Indices
) -> ModelFailure:
    """The observations that a row was joined from, those that were learned before included.

    What is left then waited in the state already: its records are not of this batch.
    """
    joined, waiting = [indices[index] for index in row.indices], dict(row.waiting)
    for index in reversed(learned):
        if not waiting:
            break
        if waiting.pop(name_of(columns.values[index]), None) is not None:
            joined.append(index)
    left = Waiting(waiting, row.started_s, indices[ended_by]) if waiting else None
    return ModelFailure(tuple(sorted(joined)), reason, left)


def _ref(columns: SignalColumns, index: int) -> ObservationRef:
    return ObservationRef(
        columns.records[index], columns.positions[index], columns.values[index], columns.timestamps[index]
    )


@dataclass(slots=True)
class SignalLearner:
    """Lets one signal's model learn its columns of a batch; events and rejections go to `outcome`."""

    name: str
    batch: Batch
    outcome: PageOutcome
    key: SignalKey
    columns: SignalColumns
    state: State
    settings: SignalSettings
    is_singly: bool = False
    """Whether to learn observation by observation."""
    scores: dict[int, float] | None = None
    """If asked for: the score of each observation that was learned, by its index."""
    modes: ModeView | None = None
    """The mode that the signal's machine is in, where the signal has one."""
    _track: ModeTrack | None = field(init=False)
    _in_modes: dict[int, float] = field(default_factory=dict)
    """The mode of each observation that is learned in one, by its index."""
    _indices: list[int] = field(default_factory=list)
    """Of the observations that were learned."""
    _last: float = field(init=False)
    """The last value learned before this batch, and how many were learned."""
    _before: int = field(init=False)

    def __post_init__(self) -> None:
        health = self.state.health
        self._last = 0.0 if health is None or health.last is None else health.last
        self._before = self.state.learned
        self._track = None if self.modes is None else self.modes.track()

    def tell_silence(self) -> None:
        """Add the event for a silence that a sweep has noted, and may not have published: it is over now.

        The sweep would give it the same id, which depends on the last record before this batch.
        """
        health = self.state.health
        if health is None or not health.is_untold:
            return
        health.is_untold = False
        if health.is_stale_alone:  # the return of many at once is no event
            event = silence_event(self.name, self.settings, self.key, self.state)
            self.outcome.events += [] if event is None else [event]

    def forget_rows(self, failed: list[tuple[Waiting, str]]) -> None:
        """Remove rows that wait for further values, and reject them: no model has learned them.

        Each is kept as a record of its own, since those that brought it are not of this batch.
        """
        columns, state = self.columns, self.state
        for row, reason in failed:
            if not self.settings.use_case.forget_row(state.model, row.values):
                continue  # somebody else has, or has learned it
            state.learned = max(0, state.learned - len(row.values))  # an altered page may say less
            self._before = state.learned
            payload: dict[str, object] = {"signal": self.key.signal, "values": row.values}
            if row.started_s is not None:
                payload["timestamp"] = row.started_s
            data = base64.b64encode(json.dumps(payload).encode()).decode()
            record, position = columns.records[row.ended_by], -1 - columns.positions[row.ended_by]
            self.outcome.rejections.append(
                RejectedColumns(self.key.signal, reason, [record], [position], payload=data)
            )

    def learn(self, indices: Indices, reasons: dict[int, str]) -> None:
        """Learn these observations; reject those with a reason, and skip late ones if the use case says so.

        Raises: `SignalFailed` with what to leave out.
        """
        columns, state, batch = self.columns, self.state, self.batch
        if reasons:
            self._reject([index for index in indices if index in reasons], reasons)
            indices = [index for index in indices if index not in reasons]
        pauses = self.settings.pauses
        if pauses is not None:
            at_s = times(columns, indices, batch)
            learned = [index for index, one_s in zip(indices, at_s, strict=True) if not pauses.is_on(one_s)]
            paused = len(indices) - len(learned)
            self.outcome.paused += paused
            state.skipped += paused  # a redrive counts by it what was passed and not learned
            indices = learned
        stretches: Sequence[tuple[bool, Indices]] = [(True, indices)]
        if self._track is not None:
            stretches = self._by_phase(indices)
        for is_told, stretch in stretches:
            if is_told:
                self._learn_stretch(stretch)
            else:
                self._leave_mode(stretch)

    def _learn_stretch(self, indices: Indices) -> None:
        """Learn observations of which nothing keeps."""
        columns, state, batch = self.columns, self.state, self.batch
        if self.settings.use_case.late == "skip":
            in_time = state.in_time(columns, indices, batch)
            self.outcome.skipped += len(indices) - len(in_time)
            indices = in_time
        parts: Iterable[Indices] = ((index,) for index in indices) if self.is_singly else (indices,)
        for part in parts:
            try:
                self._learn(part)
            except BaseException as error:
                learned = self._learned_beside(error, part)
                raise SignalFailed(failure_of(error, columns, part, learned)) from error

    def _learned_beside(self, error: BaseException, part: Indices) -> Indices:
        """What this batch has brought to the model that raised: with modes, only what was of its mode."""
        if self._track is None or not isinstance(error, ModelRaised) or not 0 <= error.index < len(part):
            return self._indices
        mode = self._in_modes[part[error.index]]
        return [index for index in self._indices if self._in_modes[index] == mode]

    def _phase(self, track: ModeTrack, record: int, at_s: float | None) -> Phase:
        """What the machine did at that time, by all that came with that record or before."""
        track.go_to(record)
        rule = None if self.modes is None else self.modes.rule
        return UNKNOWN if rule is None else rule.phase(track.timeline, at_s)

    def _by_phase(self, indices: Indices) -> list[tuple[bool, list[int]]]:
        """Cut them where the machine begins or ends to be in a mode in which it is learned.

        What is of no such mode is counted, and passed. Of an asset, the values that tell its mode are too.
        """
        track, view, columns = self._track, self.modes, self.columns
        assert track is not None
        assert view is not None
        stretches: list[tuple[bool, list[int]]] = []
        for index, at_s in zip(indices, times(columns, indices, self.batch), strict=True):
            if view.own is not None and name_of(columns.values[index]) == view.own:
                self.state.skipped += 1  # a redrive counts by it what was passed and not learned
                continue
            phase = self._phase(track, columns.records[index], at_s)
            if phase.mode is None:
                self.state.skipped += 1
                self.outcome.outside_modes += phase.is_known
                self.outcome.mode_unknown += not phase.is_known
                if not phase.is_known:
                    continue  # nothing says that the machine has left its mode
            else:
                self._in_modes[index] = phase.mode
            is_told = phase.mode is not None
            if stretches and stretches[-1][0] == is_told:
                stretches[-1][1].append(index)
            else:
                stretches.append((is_told, [index]))
        return stretches

    def _leave_mode(self, indices: Indices) -> None:
        """The machine is off, or settles: what is open is over. Raises: `SignalFailed`."""
        use_case, first = self.settings.use_case, indices[0]
        assert isinstance(use_case, ByMode)
        [at_s] = times(self.columns, [first], self.batch)
        try:
            for finding in use_case.leave(self.state.model, None, at_s):
                if self.state.health is None or not self.state.health.is_hiding:
                    self._add(_ref(self.columns, first), self.state.learned, finding)
        except BaseException as error:
            raise SignalFailed(failure_of(error, self.columns, (first,), self._indices)) from error

    def _learn(self, indices: Indices) -> None:
        if not indices:
            return
        columns, state, batch = self.columns, self.state, self.batch
        use_case = self.settings.use_case
        values, timestamps = taken(columns.values, indices), times(columns, indices, batch)
        scores: list[float] = []
        forgotten = 0
        if self._track is not None:
            forgotten = state.model.forgotten
            values = [
                InMode(value, self._in_modes[index]) for index, value in zip(indices, values, strict=True)
            ]
        if self.scores is None:
            findings = use_case.learn(state.model, values, timestamps)
        else:
            findings = use_case.learn(state.model, values, timestamps, scores)
            self.scores.update(zip(indices, scores, strict=True))
        if self._track is not None:
            self.outcome.modes_forgotten += state.model.forgotten - forgotten
            values = list(map(float, values))
        rules = use_case.sensor_checks
        if rules is not None:
            state.health = state.health or Health()
            first_s = batch.records.arrived_s[columns.records[indices[0]]]
            findings = rules.apply(state.health, findings, values, timestamps, first_s)
        self.add_events(findings, indices)
        state.learned += len(indices)
        self.outcome.observations += len(indices)
        self._indices += indices

    def _reject(self, indices: Indices, reasons: dict[int, str]) -> None:
        of_reasons: dict[str, list[int]] = {}
        for index in indices:
            of_reasons.setdefault(reasons[index], []).append(index)
        for reason, of_reason in of_reasons.items():
            records, positions = (
                taken(column, of_reason) for column in (self.columns.records, self.columns.positions)
            )
            self.outcome.rejections.append(RejectedColumns(self.key.signal, reason, records, positions))

    def add_events(self, findings: Iterable[Finding], indices: Sequence[int]) -> None:
        """Add the events for findings at these indices, which the state does not count yet.

        Raises: `ModelRaised` if no event can be made of a finding.
        """
        columns, count = self.columns, len(indices)
        for finding in findings:
            at = finding.index
            if not 0 <= at < count:
                raise IndexError(f"the model found something at value {at} of {count}")
            self._add(_ref(columns, indices[at]), self.state.learned + at + 1, finding)

    def check_quality(self, skipped: Indices, left: int) -> None:
        """Add the events for where observations before record `left` stop or start to carry a value."""
        state, rules = self.state, self.settings.use_case.sensor_checks
        if rules is None or not (skipped or (state.health is not None and state.health.has_empty)):
            return
        health = state.health = state.health or Health()
        arrived_s, observations = self.batch.records.arrived_s, self._before
        pauses, track = self.settings.pauses, None if self.modes is None else self.modes.track()
        for ref, is_empty in refs_of(self.columns, self._indices, skipped, left, self._last):
            observations += not is_empty
            if is_empty and pauses is not None and pauses.is_on(arrived_s[ref.record]):
                continue
            at_s = arrived_s[ref.record]
            if is_empty and track is not None and self._phase(track, ref.record, at_s).mode is None:
                continue
            finding = rules.observed(health, is_empty, observations, arrived_s[ref.record])
            if finding is not None:
                self._add(ref, observations, finding)

    def _add(self, ref: ObservationRef, observations: int, finding: Finding) -> None:
        event = event_at(self.name, self.settings, self.batch, self.key, ref, observations, finding)
        self.outcome.events.append(event)


def event_at(
    name: str,
    settings: SignalSettings,
    batch: Batch,
    key: SignalKey,
    ref: ObservationRef,
    observations: int,
    finding: Finding,
) -> Event:
    """The event for a finding. Raises: `ModelRaised` if none can be made."""
    try:
        return event_of_finding(name, settings, batch, key.signal, ref, observations, finding)
    except Exception as error:  # what the model of an altered page has seen may be anything
        if not is_models_own(error):
            raise
        reason = f"no event can be made of what the model found: {brief(error)}"
        raise ModelRaised(finding.index, reason) from error
