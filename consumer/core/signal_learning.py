"""One signal learns its part of a batch, and what is found there becomes events."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from consumer.core.batch import Batch
from consumer.core.entries import taken, times
from consumer.core.errors import ModelRaised, is_models_own
from consumer.core.finding_event import Place, event_of_finding
from consumer.core.health import Health, health_of
from consumer.core.learned import Learned
from consumer.core.places import places_of
from consumer.core.runs import Entries, Refusal, Run
from consumer.core.signal_settings import SignalSettings
from consumer.core.signals import SignalKey
from consumer.core.state import State
from consumer.core.use_case import Finding


@dataclass(slots=True)
class SignalLearning:
    """A signal's run, and the state that learns it; `learned` gets the events and what cannot be learned."""

    name: str
    batch: Batch
    learned: Learned
    key: SignalKey
    run: Run
    state: State
    settings: SignalSettings
    _entries: list[int] = field(default_factory=list)
    """Those that were learned."""
    _last: float = field(init=False)
    """The good value before the run, and how many there were."""
    _before: int = field(init=False)

    def __post_init__(self) -> None:
        health = self.state.health
        self._last = 0.0 if health is None or health.last is None else health.last
        self._before = self.state.learned

    def learn(self, entries: Entries, reasons: dict[int, str]) -> None:
        """Learn these, but for those that are refused, with the reasons, or late where that is skipped.

        Raises: `ModelRaised` with the entry at which it did.
        """
        run, state, batch = self.run, self.state, self.batch
        if reasons:
            self.learned.refusals += [
                Refusal(run.records[entry], run.positions[entry], reasons[entry], self.key.signal)
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
        try:
            findings = use_case.learn(state.model, values, timestamps)
        except ModelRaised as error:
            raise ModelRaised(entries[error.index], error.reason) from error
        rules = health_of(use_case)
        if rules is not None:
            state.health = state.health or Health()
            first_s = batch.records.arrived_s[run.records[entries[0]]]
            findings = rules.judged(state.health, findings, values, timestamps, first_s)
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
            place = Place(run.records[entry], run.positions[entry], run.values[entry], run.timestamps[entry])
            try:
                self._add(place, self.state.learned + finding.index + 1, finding)
            except Exception as error:  # what the model of an altered page has seen may be anything
                if not is_models_own(error):
                    raise
                reason = f"what the model found cannot be told: {type(error).__name__}: {error}"
                raise ModelRaised(entry, reason) from error

    def look_at_quality(self, skipped: Entries, left: int) -> None:
        """Tell where observations before record `left` stop, and start, to carry what can be learned."""
        state, rules = self.state, health_of(self.settings.use_case)
        if rules is None or not (skipped or (state.health is not None and state.health.has_empty)):
            return
        health = state.health = state.health or Health()
        arrived_s, observations = self.batch.records.arrived_s, self._before
        for place, is_empty in places_of(self.run, self._entries, skipped, left, self._last):
            observations += not is_empty
            finding = rules.observed(health, is_empty, observations, arrived_s[place.record])
            if finding is not None:
                self._add(place, observations, finding)

    def _add(self, place: Place, observations: int, finding: Finding) -> None:
        event = event_of_finding(
            self.name, self.settings, self.batch, self.key.signal, place, observations, finding
        )
        self.learned.events.append(event)
