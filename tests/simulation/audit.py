"""What has to be true, followed at each commit."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations

from consumer.learning.outcome import RAISES_PER_SIGNAL_MAX
from consumer.learning.state import State, is_late
from consumer.pages.codec import PageCodec, moved, unmarked
from consumer.pages.layout import Layout, Recorded, recorded_in, where_of
from consumer.settings.assets import Assets
from tests.simulation.functions import Invocation
from tests.simulation.plant import POISON, Observation, Place, Plant
from tests.simulation.reference import (
    Done,
    Found,
    History,
    Known,
    arrival_of,
    is_below,
    is_out_of_order,
    quarantined_in,
    time_of,
)


@dataclass
class Audit:
    """Follows every page that is written. `violations` are sentences; none is what is wanted."""

    plant: Plant
    late: str
    raises: bool
    signals_max: int
    layouts: dict[str, Layout] = field(default_factory=dict)
    """The layout in force, by the prefix of a fingerprint."""
    histories: dict[str, dict[str, History]] = field(default_factory=lambda: defaultdict(dict))
    """By the folder of a layout, and by signal. Elsewhere than in force, it counts as nothing."""
    fenced: set[str] = field(default_factory=set)
    """The pages that the move under way has fenced."""
    quarantined: set[Known] = field(default_factory=set)
    violations: list[str] = field(default_factory=list)
    assets: Assets | None = None
    """The rules by which models are placed in this world; None: by record."""
    commits: int = 0
    codec: PageCodec = field(default_factory=PageCodec)

    def written(self, key: str, before: bytes | None, body: bytes, by: Invocation | None) -> None:
        """Take note of a PUT."""
        if key.startswith("quarantine/"):
            self.quarantined |= quarantined_in(body)
        elif key.endswith("/layout.json"):
            self._layout_written(key, recorded_in(key, body))
        elif "/assets-" in key:
            self._assets_written(key, before, body)
        elif by is not None:
            self._page_written(key, before, body, by)
        elif body == moved(body):
            self.fenced.add(key)

    def _assets_written(self, key: str, before: bytes | None, body: bytes) -> None:
        if before is not None or self.assets is None or body != self.assets.written():
            self.violations.append(f"{key}: rules were written that are not this world's, or once more")

    def _layout_written(self, key: str, recorded: Recorded) -> None:
        """Once another layout is in force, what was fenced in the old one is in it, and nothing else."""
        if recorded.moving_to is not None:
            return
        prefix = key.removesuffix("/layout.json")
        old, new = self.layouts.get(prefix), Layout(prefix, recorded.where.pages, self.assets)
        if recorded.where != where_of(new):
            self.violations.append(f"{key}: the models are placed otherwise than this world's")
        if old is not None and old != new:
            self.histories[new.folder] = {
                signal: history
                for signal, history in self.histories.pop(old.folder, {}).items()
                if old.key_of(history.record_signal) in self.fenced
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
        if new.keys() - old.keys() and len(new) > self.signals_max:
            self.violations.append(f"{key}: invocation {by.number} put {len(new)} signals in one page")
        if lost := old.keys() - new.keys():
            self.violations.append(f"{key}: invocation {by.number} lost the models of {sorted(lost)}")
        for signal_key, state in new.items():
            history = self.histories[folder].setdefault(signal_key.signal, History(signal_key.record_signal))
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
            learned, skipped, paused, latest_s = self._replayed(above, history, by, raised_before)
            refused = {_known(one) for one in above if one not in learned + skipped + paused}
            if (len(learned), len(skipped + paused)) == says and refused <= self.quarantined:
                break
        else:
            learned, skipped, paused, latest_s = self._replayed(above, history, by, ())
            self.violations.append(
                f"{signal}: invocation {by.number} says that it learned {says[0]} and skipped {says[1]}; "
                f"of its batch {len(learned)} and {len(skipped)} lie between the checkpoints"
            )
        history.learned += learned
        of_learned = set(learned)
        of_both = of_learned.union(skipped)
        history.done += [
            Done(
                place,
                one,
                (place, one) in of_learned,
                time_of(one, by, place, self.plant),
                arrival_of(by, place),
            )
            for place, one in above
            if (place, one) in of_both and not self._is_hushed(one, by, place)
        ]
        history.skipped += skipped
        history.paused += paused
        self.plant.chance.exercised["calendar pauses an observation"] += len(paused)
        history.latest_s = latest_s

    def _replayed(
        self, above: list[Found], history: History, by: Invocation, raised_before: Sequence[Found]
    ) -> tuple[list[Found], list[Found], list[Found], float | None]:
        """What of these is learned, what skipped and what paused, and the latest timestamp then."""
        learned, skipped, paused, raised, latest_s = [], [], [], 0, history.latest_s
        for place, one in above:
            arrived_s = arrival_of(by, place)
            at_s, is_unknown = (
                time_of(one, by, place, self.plant),
                is_out_of_order(one, arrived_s, self.plant),
            )
            late = self.late == "skip" and not is_unknown and is_late(at_s, latest_s, arrived_s)
            is_poison = self.raises and one.value == POISON
            if one.value is None:
                skipped.append((place, one))
            elif raised >= RAISES_PER_SIGNAL_MAX:
                continue
            elif self.plant.is_paused(one.signal, at_s):
                paused.append((place, one))
            elif is_poison and (not late or (place, one) in raised_before):
                raised += 1
            elif late:
                skipped.append((place, one))
            else:
                latest_s = latest_s if is_unknown else at_s
                learned.append((place, one))
        return learned, skipped, paused, latest_s

    def _is_hushed(self, one: Observation, by: Invocation, place: Place) -> bool:
        """Whether it carries nothing, and arrived within a pause: that is not told."""
        return one.value is None and self.plant.is_paused(one.signal, arrival_of(by, place))

    def _above(self, old: State | None, new: State, signal: str, by: Invocation) -> list[Found]:
        """What of the invocation's batch lies above the old checkpoint, and not above the new one."""
        found = []
        for place in by.arrivals:
            if not is_below(new, place) or (old and is_below(old, place)):
                continue
            for one in self.plant.records.get(place, []):
                if one.signal == signal and not (one.value is not None and math.isnan(one.value)):
                    found.append((place, one))
        return found

    def in_force(self, prefix: str) -> dict[str, History]:
        """The histories in the layout in force."""
        return self.histories[self.layouts[prefix].folder] if prefix in self.layouts else {}


def _known(found: Found) -> Known:
    place, one = found
    return place, one.position
