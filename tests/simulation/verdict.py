"""What has to be true once nothing moves any more."""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass

from consumer.learning.state import State
from consumer.settings.signal_settings import SettingsOfSignals
from tests.simulation.audit import Audit
from tests.simulation.plant import Observation, Place
from tests.simulation.reference import (
    History,
    Kept,
    Known,
    event_id,
    health_known,
    kinds_of,
    knowledge,
    reference_of,
)


@dataclass
class Verdict:
    """Adds to the audit's violations what is found in the end."""

    audit: Audit

    def look(
        self,
        states: dict[str, dict[str, State]],
        published: set[str],
        kept: Kept,
        settings: dict[str, SettingsOfSignals],
    ) -> None:
        """Look at what is left when nothing moves any more: states by prefix, ids, and what was kept.

        `settings` are those of each version that was deployed, by its prefix.
        """
        done: set[Known] = set()
        for prefix, of_signals in settings.items():
            found, histories = states.get(prefix, {}), self.audit.in_force(prefix)
            if found.keys() != histories.keys():
                self.audit.violations.append(
                    f"{prefix} has models of {sorted(found)}, not {sorted(histories)}"
                )
            for signal, history in histories.items():
                if signal in found:
                    self._check_model(prefix, signal, history, found[signal], of_signals, published)
            counted = Counter(
                (place, one.position)
                for history in histories.values()
                for place, one in history.learned + history.skipped + history.paused
            )
            done |= counted.keys()
            self.audit.violations += [
                f"{known} was done {times} times" for known, times in counted.items() if times > 1
            ]
        self._check_ids(settings, published, kept)
        self._check_nothing_is_lost(done | kept.quarantined, kept.stored)

    def _check_model(
        self,
        prefix: str,
        signal: str,
        history: History,
        state: State,
        settings: SettingsOfSignals,
        published: set[str],
    ) -> None:
        reference = reference_of(settings.of(signal).use_case, signal, history)
        if knowledge(state.model) != knowledge(reference.model):
            self.audit.violations.append(f"{prefix} {signal}: its model is not the reference's")
        if history.learned and health_known(state.health) != health_known(reference.health):
            self.audit.violations.append(f"{prefix} {signal}: its sensor's state is not the reference's")
        if state.learned != len(history.learned) or state.skipped != len(history.skipped + history.paused):
            self.audit.violations.append(f"{prefix} {signal}: its counters are not the reference's")
        if missing := reference.told - published:
            self.audit.violations.append(f"{prefix} {signal}: {len(missing)} events were never published")

    def _check_ids(self, settings: dict[str, SettingsOfSignals], published: set[str], kept: Kept) -> None:
        """No event but the reference's, where it says that for sure: see docs/guarantees.md."""
        allowed: set[str] = set()
        uncertain = len(settings) > 1
        spread = self._spread_signals()
        for prefix, of_signals in settings.items():
            for signal, history in self.audit.in_force(prefix).items():
                allowed |= reference_of(of_signals.of(signal).use_case, signal, history).told
        sure = {
            event_id(place, one, kind)
            for place, observations in self.audit.plant.records.items()
            for one in observations
            for kind in kinds_of(next(iter(settings.values())).use_case)
            if one.signal not in spread and one.signal not in kept.signals
        }
        if not uncertain and (extra := (published - allowed) & sure):
            self.audit.violations.append(f"{len(extra)} events are not the reference's")

    def _spread_signals(self) -> set[str]:
        shards: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for place, observations in self.audit.plant.records.items():
            for one in observations:
                shards[one.signal].add(place[:2])
        return {signal for signal, of in shards.items() if len(of) > 1}

    def _check_nothing_is_lost(self, done: set[Known], stored: set[Place]) -> None:
        lost = [
            (place, one.position, one.signal)
            for place, observations in self.audit.plant.records.items()
            if place not in stored
            for one in observations or [Observation("", 0, math.nan, None)]
            if (place, one.position) not in done
        ]
        if lost:
            self.audit.violations.append(f"{len(lost)} observations are lost, the first of them {lost[0]}")
