"""What has to be true: followed at each commit, and looked at once the dust has settled."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations
from typing import Any

from consumer.core.events import identity
from consumer.core.exclusions import RAISES_PER_SIGNAL_MAX
from consumer.core.layout import Layout
from consumer.core.state import State
from consumer.edge.layout_store import Recorded, recorded_in
from consumer.edge.page_codec import PageCodec, moved, unmarked
from tests.simulation.functions import Invocation
from tests.simulation.plant import POISON, Observation, Place, Plant
from tests.simulation.reference import (
    Found,
    History,
    Kept,
    Known,
    is_below,
    knowledge,
    places_of,
    quarantined_in,
    reference_of,
    time_of,
)


@dataclass
class Audit:
    """Follows every page that is written. `violations` are sentences; none is what is wanted."""

    plant: Plant
    late: str
    raises: bool
    layouts: dict[str, Layout] = field(default_factory=dict)
    """The layout in force, by the prefix of a fingerprint."""
    histories: dict[str, dict[str, History]] = field(default_factory=lambda: defaultdict(dict))
    """By the folder of a layout, and by signal. Elsewhere than in force, it counts as nothing."""
    fenced: set[str] = field(default_factory=set)
    """The pages that the move under way has fenced."""
    quarantined: set[Known] = field(default_factory=set)
    violations: list[str] = field(default_factory=list)
    commits: int = 0
    codec: PageCodec = field(default_factory=PageCodec)

    def written(self, key: str, before: bytes | None, body: bytes, by: Invocation | None) -> None:
        """Take note of a PUT."""
        if key.startswith("quarantine/"):
            self.quarantined |= quarantined_in(body)
        elif key.endswith("/layout.json"):
            self._layout_written(key, recorded_in(key, body))
        elif by is not None:
            self._page_written(key, before, body, by)
        elif body == moved(body):
            self.fenced.add(key)

    def _layout_written(self, key: str, recorded: Recorded) -> None:
        """Once another layout is in force, what was fenced in the old one is in it, and nothing else."""
        if recorded.moving_to is not None:
            return
        prefix = key.removesuffix("/layout.json")
        old, new = self.layouts.get(prefix), Layout(prefix, recorded.pages)
        if old is not None and old != new:
            self.histories[new.folder] = {
                signal: history
                for signal, history in self.histories.pop(old.folder, {}).items()
                if old.key_of(history.carrier) in self.fenced
            }
        self.layouts[prefix] = new
        self.fenced = {key for key in self.fenced if not key.startswith(prefix)}

    def _page_written(self, key: str, before: bytes | None, body: bytes, by: Invocation) -> None:
        self.commits += 1
        if before is not None and unmarked(before) != before:
            self.violations.append(f"{key}: invocation {by.number} wrote over a page whose models were moved")
            return
        old = self.codec.decode(before) if before else {}
        new = self.codec.decode(body)
        folder = key[: key.rindex("/") + 1]
        if lost := old.keys() - new.keys():
            self.violations.append(f"{key}: invocation {by.number} lost the models of {sorted(lost)}")
        for signal_key, state in new.items():
            history = self.histories[folder].setdefault(signal_key.signal, History(signal_key.carrier))
            self._committed(history, signal_key.signal, old.get(signal_key), state, by)

    def _committed(
        self, history: History, signal: str, old: State | None, new: State, by: Invocation
    ) -> None:
        says = new.learned - (old.learned if old else 0), new.skipped - (old.skipped if old else 0)
        above = self._above(old, new, signal, by)
        # A model may have raised at poison before another's commit made it late: then it is quarantined as
        # poison, and counts among those after which the rest of the batch is, though it would be skipped now.
        perhaps = [one for one in above if one[1].value == POISON and _known(one) in self.quarantined]
        for raised_before in chain.from_iterable(
            combinations(perhaps, size) for size in range(RAISES_PER_SIGNAL_MAX + 1)
        ):
            learned, skipped, latest_s = self._replayed(above, history, by, raised_before)
            refused = {_known(one) for one in above if one not in learned + skipped}
            if (len(learned), len(skipped)) == says and refused <= self.quarantined:
                break
        else:
            learned, skipped, latest_s = self._replayed(above, history, by, ())
            self.violations.append(
                f"{signal}: invocation {by.number} says that it learned {says[0]} and skipped {says[1]}; "
                f"of its batch {len(learned)} and {len(skipped)} lie between the watermarks"
            )
        history.learned += learned
        history.skipped += skipped
        history.latest_s = latest_s

    def _replayed(
        self, above: list[Found], history: History, by: Invocation, raised_before: Sequence[Found]
    ) -> tuple[list[Found], list[Found], float | None]:
        """What of these is learned and what skipped, and the latest timestamp then."""
        learned, skipped, raised, latest_s = [], [], 0, history.latest_s
        for place, one in above:
            is_late = self.late == "skip" and latest_s is not None and time_of(one, by, place) <= latest_s
            is_poison = self.raises and one.value == POISON
            if one.value is None:
                skipped.append((place, one))
            elif raised >= RAISES_PER_SIGNAL_MAX:
                continue
            elif is_poison and (not is_late or (place, one) in raised_before):
                raised += 1
            elif is_late:
                skipped.append((place, one))
            else:
                latest_s = time_of(one, by, place)
                learned.append((place, one))
        return learned, skipped, latest_s

    def _above(self, old: State | None, new: State, signal: str, by: Invocation) -> list[Found]:
        """What of the invocation's batch lies above the old watermark, and not above the new one."""
        found = []
        for place in places_of(by.event):
            if not is_below(new, place) or (old and is_below(old, place)):
                continue
            for one in self.plant.records.get(place, []):
                if one.signal == signal and not (one.value is not None and math.isnan(one.value)):
                    found.append((place, one))
        return found

    def settled(
        self,
        states: dict[str, dict[str, State]],
        published: set[str],
        kept: Kept,
        use_cases: dict[str, Any],
    ) -> None:
        """Look at what is left when nothing moves any more: all states by prefix, ids, and what was kept."""
        done: set[Known] = set()
        for prefix, use_case in use_cases.items():
            found, histories = states.get(prefix, {}), self._in_force(prefix)
            if found.keys() != histories.keys():
                self.violations.append(f"{prefix} has models of {sorted(found)}, not {sorted(histories)}")
            for signal, history in histories.items():
                if signal in found:
                    self._check_model(prefix, signal, history, found[signal], use_case, published)
            counted = Counter(
                (place, one.position)
                for history in histories.values()
                for place, one in history.learned + history.skipped
            )
            done |= counted.keys()
            self.violations += [
                f"{known} was done {times} times" for known, times in counted.items() if times > 1
            ]
        self._check_ids(use_cases, published, kept)
        self._check_nothing_is_lost(done | kept.quarantined, kept.stored)

    def _in_force(self, prefix: str) -> dict[str, History]:
        return self.histories[self.layouts[prefix].folder] if prefix in self.layouts else {}

    def _check_model(
        self, prefix: str, signal: str, history: History, state: State, use_case: Any, published: set[str]
    ) -> None:
        reference, drifts = reference_of(use_case, signal, history)
        if knowledge(state.model.detector) != knowledge(reference):
            self.violations.append(f"{prefix} {signal}: its model is not the reference's")
        if state.learned != len(history.learned) or state.skipped != len(history.skipped):
            self.violations.append(f"{prefix} {signal}: its counters are not the reference's")
        if missing := drifts - published:
            self.violations.append(f"{prefix} {signal}: {len(missing)} events were never published")

    def _check_ids(self, use_cases: dict[str, Any], published: set[str], kept: Kept) -> None:
        """No event but the reference's, where it says that for sure: see docs/guarantees.md."""
        allowed: set[str] = set()
        uncertain = len(use_cases) > 1
        spread = self._spread_signals()
        for prefix, use_case in use_cases.items():
            for signal, history in self._in_force(prefix).items():
                allowed |= reference_of(use_case, signal, history)[1]
        sure = {
            identity("drift", *place[:2], str(place[2]), place[3], one.signal, "drift", one.position)
            for place, observations in self.plant.records.items()
            for one in observations
            if one.signal not in spread and one.signal not in kept.signals
        }
        if not uncertain and (extra := (published - allowed) & sure):
            self.violations.append(f"{len(extra)} events are not the reference's")

    def _spread_signals(self) -> set[str]:
        shards: dict[str, set[tuple[str, str]]] = defaultdict(set)
        for place, observations in self.plant.records.items():
            for one in observations:
                shards[one.signal].add(place[:2])
        return {signal for signal, of in shards.items() if len(of) > 1}

    def _check_nothing_is_lost(self, done: set[Known], stored: set[Place]) -> None:
        lost = [
            (place, one.position, one.signal)
            for place, observations in self.plant.records.items()
            if place not in stored
            for one in observations or [Observation("", 0, math.nan, None)]
            if (place, one.position) not in done
        ]
        if lost:
            self.violations.append(f"{len(lost)} observations are lost, the first of them {lost[0]}")


def _known(found: Found) -> Known:
    place, one = found
    return place, one.position
