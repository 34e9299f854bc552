"""One signal learns its part of a batch, and what is found there becomes events."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from consumer.decode.batch import Batch, Indices, Rejection, SignalColumns
from consumer.decode.signal_names import SignalKey
from consumer.detectors.finding import Finding
from consumer.detectors.sensor_checks import Health
from consumer.errors import ModelRaised, is_models_own
from consumer.events.event import ObservationRef, event_of_finding
from consumer.learning.outcome import PageOutcome
from consumer.learning.state import State
from consumer.settings.signal_settings import SignalSettings

# How much is learned between two looks at the time; a KSWIN takes half a millisecond for each.
OBSERVATIONS_PER_LOOK = 128

_T = TypeVar("_T")


def unlearned(records: list[int], state: State | None, batch: Batch) -> Sequence[int]:
    """Which entries of the column `records` lie above the checkpoint."""
    return range(len(records)) if state is None else state.after_checkpoint(records, batch)


def looks(entries: Sequence[int], records: list[int]) -> Iterator[Sequence[int]] | tuple[Sequence[int]]:
    """Cut `entries` at records' ends, so that the time is looked at now and then."""
    return (entries,) if 0 < len(entries) <= OBSERVATIONS_PER_LOOK else _parts(entries, records)


def _parts(entries: Sequence[int], records: list[int]) -> Iterator[Sequence[int]]:
    start = 0
    while start < len(entries):
        end = min(start + OBSERVATIONS_PER_LOOK, len(entries))
        while end < len(entries) and records[entries[end]] == records[entries[end - 1]]:
            end += 1
        yield entries[start:end]
        start = end


def taken(column: list[_T], entries: Sequence[int]) -> list[_T]:
    """These entries of a column: the column itself where it is all of them."""
    return column if len(entries) == len(column) else [column[entry] for entry in entries]


def times(run: SignalColumns, entries: Sequence[int], batch: Batch) -> list[float | None]:
    """When these entries were observed, in seconds: where nobody said, when they arrived."""
    timestamps = taken(run.timestamps, entries)
    if not batch.has_untimed:
        return timestamps
    arrived_s = batch.records.arrived_s
    return [
        arrived_s[run.records[entry]] if timestamp is None else timestamp
        for entry, timestamp in zip(entries, timestamps, strict=True)
    ]


def before_record(left: int, records: list[int]) -> list[int]:
    """Those of the ascending `records` that lie before record `left`: the list itself where it is all."""
    return records if not records or records[-1] < left else records[: bisect_left(records, left)]


def places_of(
    run: SignalColumns, entries: Indices, skipped: Indices, left: int, last: float
) -> Iterator[tuple[ObservationRef, bool]]:
    """Where these are that lie before record `left`, and whether nothing was carried there.

    Where nothing was, the value is that before; `last` is that before the run.
    """
    places = [
        (
            ObservationRef(
                run.records[entry], run.positions[entry], run.values[entry], run.timestamps[entry]
            ),
            False,
        )
        for entry in entries
    ]
    places += [
        (ObservationRef(run.skipped[entry], run.skipped_positions[entry], 0.0, None), True)
        for entry in skipped
    ]
    for place, is_empty in sorted(places, key=lambda one: one[0][:2]):
        if place.record >= left:
            return
        last = last if is_empty else place.value
        yield place._replace(value=last), is_empty


@dataclass(slots=True)
class SignalLearner:
    """A signal's run, and the state that learns it; `learned` gets the events and what cannot be learned."""

    name: str
    batch: Batch
    learned: PageOutcome
    key: SignalKey
    run: SignalColumns
    state: State
    settings: SignalSettings
    scores: dict[int, float] | None = None
    """If asked for: the score of each observation that was learned, by its index."""
    _entries: list[int] = field(default_factory=list)
    """Those that were learned."""
    _last: float = field(init=False)
    """The good value before the run, and how many there were."""
    _before: int = field(init=False)

    def __post_init__(self) -> None:
        health = self.state.health
        self._last = 0.0 if health is None or health.last is None else health.last
        self._before = self.state.learned

    def learn(self, entries: Indices, reasons: dict[int, str]) -> None:
        """Learn these, but for those that are refused, with the reasons, or late where that is skipped.

        Raises: `ModelRaised` with the entry at which it did.
        """
        run, state, batch = self.run, self.state, self.batch
        if reasons:
            self.learned.refusals += [
                Rejection(run.records[entry], run.positions[entry], reasons[entry], self.key.signal)
                for entry in entries
                if entry in reasons
            ]
            entries = [entry for entry in entries if entry not in reasons]
        use_case = self.settings.use_case
        if use_case.late == "skip":
            in_time = state.in_time(run, entries, batch)
            self.learned.skipped += len(entries) - len(in_time)
            entries = in_time
        if not entries:
            return
        values, timestamps = taken(run.values, entries), times(run, entries, batch)
        scores: list[float] = []
        try:
            if self.scores is None:
                findings = use_case.learn(state.model, values, timestamps)
            else:
                findings = use_case.learn(state.model, values, timestamps, scores)
                self.scores.update(zip(entries, scores, strict=True))
        except ModelRaised as error:
            raise ModelRaised(entries[error.index], error.reason) from error
        rules = use_case.sensor_checks
        if rules is not None:
            state.health = state.health or Health()
            first_s = batch.records.arrived_s[run.records[entries[0]]]
            findings = rules.apply(state.health, findings, values, timestamps, first_s)
        self.tell(findings, entries)
        state.learned += len(entries)
        self.learned.observations += len(entries)
        self._entries += entries

    def tell(self, findings: Iterable[Finding], entries: Sequence[int]) -> None:
        """Add the events of what was found at these entries, which the state does not count yet.

        Raises: `ModelRaised` where one cannot be told.
        """
        run = self.run
        for finding in findings:
            entry = entries[finding.index]
            place = ObservationRef(
                run.records[entry], run.positions[entry], run.values[entry], run.timestamps[entry]
            )
            try:
                self._add(place, self.state.learned + finding.index + 1, finding)
            except Exception as error:  # what the model of an altered page has seen may be anything
                if not is_models_own(error):
                    raise
                reason = f"what the model found cannot be told: {type(error).__name__}: {error}"
                raise ModelRaised(entry, reason) from error

    def look_at_quality(self, skipped: Indices, left: int) -> None:
        """Tell where observations before record `left` stop, and start, to carry what can be learned."""
        state, rules = self.state, self.settings.use_case.sensor_checks
        if rules is None or not (skipped or (state.health is not None and state.health.has_empty)):
            return
        health = state.health = state.health or Health()
        arrived_s, observations = self.batch.records.arrived_s, self._before
        for place, is_empty in places_of(self.run, self._entries, skipped, left, self._last):
            observations += not is_empty
            finding = rules.observed(health, is_empty, observations, arrived_s[place.record])
            if finding is not None:
                self._add(place, observations, finding)

    def _add(self, place: ObservationRef, observations: int, finding: Finding) -> None:
        event = event_of_finding(
            self.name, self.settings, self.batch, self.key.signal, place, observations, finding
        )
        self.learned.events.append(event)
