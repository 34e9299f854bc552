"""Where a signal's observations stop, and start again, to carry what can be learned."""

from collections.abc import Iterator
from typing import NamedTuple

from consumer.core.batch import Batch
from consumer.core.events import Event
from consumer.core.finding_event import Place, event_of_finding
from consumer.core.health import Health, health_of
from consumer.core.runs import Entries, Run
from consumer.core.signal_settings import SettingsOfSignals
from consumer.core.state import State


class Observed(NamedTuple):
    """What was done of a run: these entries, and these of its skipped ones, before record `left`.

    `last` and `learned` are the last good value and the count of values, before the run.
    """

    run: Run
    entries: Entries
    skipped: Entries
    left: int
    last: float
    learned: int

    def places(self) -> Iterator[tuple[Place, bool, int]]:
        """In order: where it was, whether nothing was carried, and how many were learned by then.

        Where nothing was carried, the value is that before.
        """
        run, last, learned = self.run, self.last, self.learned
        places = [
            (Place(run.records[entry], run.positions[entry], run.values[entry], run.timestamps[entry]), False)
            for entry in self.entries
        ]
        places += [
            (Place(run.skipped[entry], run.skipped_positions[entry], 0.0, None), True)
            for entry in self.skipped
        ]
        for place, is_empty in sorted(places, key=lambda one: one[0][:2]):
            if place.record >= self.left:
                return
            if is_empty:
                place = place._replace(value=last)
            else:
                last, learned = place.value, learned + 1
            yield place, is_empty, learned


def quality_events(
    name: str, settings: SettingsOfSignals, batch: Batch, signal: str, state: State, observed: Observed
) -> list[Event]:
    """Events of what changes in the quality of these observations, which the model has learned by now."""
    of_signal = settings.of(signal)
    rules = health_of(of_signal.use_case)
    if rules is None:
        return []
    health = state.health = state.health or Health()
    events = []
    for place, is_empty, learned in observed.places():
        finding = rules.observed(health, is_empty, learned, batch.records.arrived_s[place.record])
        if finding is not None:
            events.append(event_of_finding(name, of_signal, batch, signal, place, learned, finding))
    return events
