"""One signal learns its part of a batch, and what is found there becomes events."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from consumer.decode.batch import Batch, Indices, RejectedColumns, SignalColumns
from consumer.decode.signal_names import SignalKey
from consumer.detectors.alert_policy import Finding
from consumer.detectors.sensor_checks import Health
from consumer.errors import ModelRaised, is_models_own
from consumer.events.event import ObservationRef, event_of_finding
from consumer.learning.outcome import PageOutcome
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
    scores: dict[int, float] | None = None
    """If asked for: the score of each observation that was learned, by its index."""
    _indices: list[int] = field(default_factory=list)
    """Of the observations that were learned."""
    _last: float = field(init=False)
    """The last value learned before this batch, and how many were learned."""
    _before: int = field(init=False)

    def __post_init__(self) -> None:
        health = self.state.health
        self._last = 0.0 if health is None or health.last is None else health.last
        self._before = self.state.learned

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

    def learn(self, indices: Indices, reasons: dict[int, str]) -> None:
        """Learn these observations; reject those with a reason, and skip late ones if the use case says so.

        Raises: `ModelRaised` with the index of the observation in the columns.
        """
        columns, state, batch = self.columns, self.state, self.batch
        if reasons:
            self._reject([index for index in indices if index in reasons], reasons)
            indices = [index for index in indices if index not in reasons]
        use_case = self.settings.use_case
        if use_case.late == "skip":
            in_time = state.in_time(columns, indices, batch)
            self.outcome.skipped += len(indices) - len(in_time)
            indices = in_time
        if not indices:
            return
        values, timestamps = taken(columns.values, indices), times(columns, indices, batch)
        scores: list[float] = []
        try:
            if self.scores is None:
                findings = use_case.learn(state.model, values, timestamps)
            else:
                findings = use_case.learn(state.model, values, timestamps, scores)
                self.scores.update(zip(indices, scores, strict=True))
        except ModelRaised as error:
            raise ModelRaised(indices[error.index], error.reason) from error
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
        columns = self.columns
        for finding in findings:
            index = indices[finding.index]
            try:
                self._add(_ref(columns, index), self.state.learned + finding.index + 1, finding)
            except Exception as error:  # what the model of an altered page has seen may be anything
                if not is_models_own(error):
                    raise
                reason = f"no event can be made of what the model found: {type(error).__name__}: {error}"
                raise ModelRaised(index, reason) from error

    def check_quality(self, skipped: Indices, left: int) -> None:
        """Add the events for where observations before record `left` stop or start to carry a value."""
        state, rules = self.state, self.settings.use_case.sensor_checks
        if rules is None or not (skipped or (state.health is not None and state.health.has_empty)):
            return
        health = state.health = state.health or Health()
        arrived_s, observations = self.batch.records.arrived_s, self._before
        for ref, is_empty in refs_of(self.columns, self._indices, skipped, left, self._last):
            observations += not is_empty
            finding = rules.observed(health, is_empty, observations, arrived_s[ref.record])
            if finding is not None:
                self._add(ref, observations, finding)

    def _add(self, ref: ObservationRef, observations: int, finding: Finding) -> None:
        event = event_of_finding(
            self.name, self.settings, self.batch, self.key.signal, ref, observations, finding
        )
        self.outcome.events.append(event)
