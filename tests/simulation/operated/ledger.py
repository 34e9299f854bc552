"""What has to be true of each page that is written, whoever writes it, by the values that its models learned.

Each value is put onto a stream once, or again by a redrive, and no two observations have the same one.
"""

import base64
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from consumer.decode.signal_names import SignalKey
from consumer.errors import ConsumerError
from consumer.learning.outcome import RAISES_PER_SIGNAL_MAX
from consumer.learning.state import State
from consumer.pages.codec import PageCodec, unmarked
from consumer.pages.layout import Layout, Recorded, recorded_in
from tests.simulation.functions import Invocation
from tests.simulation.operated.recorded import is_poison, is_venom, learned_in
from tests.simulation.plant import Observation, Place, Plant
from tests.simulation.reference import (
    Known,
    arrival_of,
    is_below,
    is_out_of_order,
    quarantined_in,
    time_of,
)

States = dict[SignalKey, State]
_BESIDE_POISON_MAX = 12
"""Values of an asset that may be quarantined for one at which its model raises: those of its row, of other
rows where a batch came again cut otherwise.
"""
_CLOCKS_DIFFER_S = 900.0
_SIGNALS_ANY = 10_000
"""A page takes as many signals as come."""


@dataclass
class Ledger:
    """Follows every object that is written. `violations` are sentences; none is what is wanted."""

    plant: Plant
    use_case: Any
    signals_max: int
    objects: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    """The bucket's."""
    layouts: dict[str, Layout] = field(default_factory=dict)
    """The layout in force, by the prefix of a fingerprint."""
    built_from: dict[str, str] = field(default_factory=dict)
    """The fingerprint that an upgrade builds from, by the prefix of what it builds."""
    learned_in: set[str] = field(default_factory=set)
    """The prefixes whose models are, or were, in force."""
    quarantined: set[Known] = field(default_factory=set)
    forgotten: dict[str, set[float]] = field(default_factory=lambda: defaultdict(set))
    """What an operator's command took out of a model, by signal."""
    edited: set[str] = field(default_factory=set)
    """Signals whose states operators have changed."""
    skipped: set[float] = field(default_factory=set)
    """Values that came late to a model which skips such."""
    rows_kept: set[float] = field(default_factory=set)
    """Values that waited in an asset's state for the rest of a row, at which its model raised then."""
    without_rows: set[str] = field(default_factory=set)
    """Assets of which such a row was taken out: what ended the rows before it may be gone."""
    poison: dict[str, set[float]] = field(default_factory=lambda: defaultdict(set))
    beside_poison: dict[str, set[float]] = field(default_factory=lambda: defaultdict(set))
    """Of each asset: what its models raise at, and what was quarantined as of the same rows."""
    spoilt: set[str] = field(default_factory=set)
    """Signals to whose models came what they raise ever after."""
    victims: set[str] = field(default_factory=set)
    """Signals whose models were planted."""
    harmed: set[str] = field(default_factory=set)
    """Signals of pages that could not be read for a while."""
    harmed_pages: set[str] = field(default_factory=set)
    are_all_harmed: bool = False
    """Whether no page could be written for a while."""
    violations: list[str] = field(default_factory=list)
    codec: PageCodec = field(default_factory=PageCodec)

    def put(self, observations: Iterable[Observation]) -> None:
        """Take note of what is put onto a stream."""
        for one in observations:
            if one.value is not None and is_poison(one.value):
                self.poison[self.learned_as(one)].add(one.value)
            elif one.value is not None and is_venom(one.value):
                self.spoilt.add(self.learned_as(one))

    def written(self, key: str, before: bytes | None, body: bytes, by: Invocation | None) -> None:
        """Take note of a PUT."""
        if key.startswith("quarantine/"):
            known = quarantined_in(body)
            self.quarantined |= known
            self.rows_kept |= set(_values_of_rows(body))
            if by is not None and not self.are_all_harmed and self.signals_max >= _SIGNALS_ANY:
                self._check_quarantined(known, by)
        elif key.endswith("/layout.json"):
            self._layout_written(key, recorded_in(key, body))
        elif key.startswith("models/"):
            self._page_written(key, before, body, by)

    def _layout_written(self, key: str, recorded: Recorded) -> None:
        prefix = key.removesuffix("/layout.json")
        if recorded.moving_to is not None:
            return
        if recorded.upgrade_from:
            if prefix in self.learned_in:
                self.violations.append(f"{prefix}: models that are in force are taken for ones being built")
            self.built_from[prefix] = recorded.upgrade_from
            return
        self.layouts[prefix] = Layout(prefix, recorded.where.pages)
        self.learned_in.add(prefix)
        if prefix in self.built_from:
            self._activated(prefix, self.built_from.pop(prefix))

    def _activated(self, prefix: str, source: str) -> None:
        """What the models before have learned, the new ones have too, or it is kept for a redrive.

        Models that skip what is late may skip others: shards are learned about in the order of arrival.
        """
        if self.use_case.late == "skip":
            return
        previous = prefix.rpartition("/")[0] + "/" + source
        new = self.states(prefix)
        kept = {
            one.value
            for place, observations in self.plant.records.items()
            for one in observations
            if (place, one.position) in self.quarantined
        }
        for key, state in self.states(previous).items():
            has = set(learned_in(new[key]) or ()) if key in new else set()
            missing = set(learned_in(state) or ()) - has - kept
            if missing and key.signal not in self.victims and not any(map(is_venom, has)):
                self.violations.append(f"{key.signal}: activated without {len(missing)} that were learned")

    def _check_quarantined(self, known: set[Known], by: Invocation) -> None:
        """Only what no model learns is quarantined, and what comes after some of it in the same batch."""
        raised: Counter[str] = Counter()
        for place in by.arrivals:
            for one in self.plant.records.get(place, []):
                signal = self.learned_as(one)
                raised[signal] += one.value is not None and is_poison(one.value)
        for place, position in known:
            for one in self.plant.records.get(place, []):
                signal = self.learned_as(one)
                if one.position != position or one.value is None or math.isnan(one.value):
                    continue
                if is_poison(one.value) or signal in self.victims | self.harmed | self.spoilt:
                    continue
                if raised[signal] >= RAISES_PER_SIGNAL_MAX or self._is_on_harmed_page(signal):
                    continue
                beside = self.beside_poison[signal]
                beside.add(one.value)
                allowed = _BESIDE_POISON_MAX * len(self.poison[signal]) if self.use_case.learns_assets else 0
                if len(beside) > allowed:
                    self.violations.append(
                        f"{signal}: {one.value} is quarantined, and nothing is wrong with it"
                    )

    def _is_on_harmed_page(self, signal: str) -> bool:
        record_signal = signal.partition(".")[0]
        return any(layout.key_of(record_signal) in self.harmed_pages for layout in self.layouts.values())

    def _page_written(self, key: str, before: bytes | None, body: bytes, by: Invocation | None) -> None:
        if by is not None and before is not None and unmarked(before) != before:
            self.violations.append(f"{key}: invocation {by.number} wrote over a page whose models were moved")
            return
        if not unmarked(body):
            return
        try:
            new = self.codec.decode(unmarked(body))
        except ConsumerError:
            if by is not None or body == unmarked(body):
                self.violations.append(f"{key}: what is written cannot be read")
            return  # fenced as it was, by a move that is going to fail
        for signal_key, state in new.items():
            self._check_once(signal_key, state)
        if body != unmarked(body) or (before is not None and unmarked(before) != before):
            return  # a move: what it takes along is looked at once it is in force
        try:
            old = self.codec.decode(before) if before else {}
        except ConsumerError:
            self.violations.append(f"{key}: a page that cannot be read is written over")
            return
        if by is not None and new.keys() - old.keys() and len(new) > self.signals_max:
            self.violations.append(f"{key}: invocation {by.number} put {len(new)} signals in one page")
        if lost := old.keys() - new.keys():
            self.violations.append(f"{key}: the models of {sorted(lost)} are lost")
        for signal_key, state in new.items():
            was = old.get(signal_key)
            if was is not None and was.checkpoints != state.checkpoints:
                self._check_checkpoints(signal_key, was, state)
            if by is not None:
                self._check_committed(signal_key, was, state, by)
            elif was is not None:
                if was != state:
                    self.edited.add(signal_key.signal)
                gone = set(learned_in(was) or ()) - set(learned_in(state) or ())
                self.forgotten[signal_key.signal] |= gone

    def _check_once(self, key: SignalKey, state: State) -> None:
        values = learned_in(state)
        if values is None:
            self.victims.add(key.signal)
        elif len(set(values)) < len(values):
            twice = [value for value in set(values) if values.count(value) > 1]
            self.violations.append(f"{key.signal}: {len(twice)} values are learned twice, such as {twice[0]}")
        elif key.signal not in self.victims and state.learned != len(values):
            self.violations.append(f"{key.signal}: counts {state.learned} learned, which are {len(values)}")

    def _check_checkpoints(self, key: SignalKey, old: State, new: State) -> None:
        for shard, checkpoint in old.checkpoints.items():
            now = new.checkpoints.get(shard)
            if now is None or now.sequence_number < checkpoint.sequence_number:
                self.violations.append(f"{key.signal}: its checkpoint of {shard.shard_id} went back")

    def _check_committed(self, key: SignalKey, old: State | None, new: State, by: Invocation) -> None:
        had, has = learned_in(old) if old else [], learned_in(new)
        if had is None or has is None or key.signal in self.victims:
            return
        gone = set(had) - set(has)
        if gone and gone <= self.rows_kept:
            self.without_rows.add(key.signal)
            had = [value for value in had if value not in gone]
        if has[: len(had)] != had:
            self.violations.append(
                f"{key.signal}: invocation {by.number} has not learned on from where it was"
            )
            return
        came = list(self._above(key, old, new, by))
        learned, at, skipped, kept = has[len(had) :], 0, 0, 0
        for place, one in came:
            if at < len(learned) and learned[at] == one.value:
                if new.model.times[len(had) + at] != time_of(one, by, place, self.plant):
                    self.violations.append(
                        f"{key.signal}: {one.value} is learned with another time than its own"
                    )
                at += 1
            elif one.value is None:
                skipped += 1
            elif (place, one.position) not in self.quarantined:
                skipped += 1
                self.skipped.add(one.value)
                times = [each for each in new.model.times if each is not None]
                if self.use_case.late == "learn" or time_of(one, by, place, self.plant) > max(
                    times, default=-math.inf
                ):
                    self.violations.append(f"{key.signal}: {one.value} was neither learned nor late")
                elif is_out_of_order(one, arrival_of(by, place), self.plant) or not self._is_late(
                    one, by, place, new
                ):
                    self.violations.append(
                        f"{key.signal}: {one.value} is late only by a clock that was ahead"
                    )
            else:
                kept += 1
        counted = new.skipped - (old.skipped if old else 0)
        if at < len(learned):
            self.violations.append(
                f"{key.signal}: invocation {by.number} learned {len(learned) - at} that are not to be"
            )
        elif not skipped <= counted <= skipped + kept * (self.use_case.late == "skip"):
            # What was quarantined before another's commit made it late is skipped now.
            self.violations.append(
                f"{key.signal}: invocation {by.number} counts {counted} skipped: {skipped}"
            )

    def _is_late(self, one: Observation, by: Invocation, place: Place, state: State) -> bool:
        """Whether something newer was learned whose own time had come by then, about."""
        at_s, arrived_s = time_of(one, by, place, self.plant), arrival_of(by, place)
        is_ahead = at_s > arrived_s + _CLOCKS_DIFFER_S
        times = [each for each in state.model.times if each is not None]
        return is_ahead or any(at_s <= each <= arrived_s + _CLOCKS_DIFFER_S for each in times)

    def _above(
        self, key: SignalKey, old: State | None, new: State, by: Invocation
    ) -> Iterator[tuple[Place, Observation]]:
        """What of the invocation's batch lies above the old checkpoint, and not above the new one."""
        for place in by.arrivals:
            if not is_below(new, place) or (old and is_below(old, place)):
                continue
            for one in self.plant.records.get(place, []):
                if self.learned_as(one) == key.signal and not (
                    one.value is not None and math.isnan(one.value)
                ):
                    yield place, one

    def learned_as(self, one: Observation) -> str:
        """The signal whose model learns an observation."""
        found = self.use_case.learned_as(SignalKey(one.signal.partition(".")[0], one.signal))
        return str(found.signal)

    def states(self, prefix: str) -> States:
        """All states in the layout in force."""
        found: States = {}
        folder = self.layouts[prefix].folder if prefix in self.layouts else "/"
        for key, (_, body) in self.objects.items():
            if key.startswith(folder) and unmarked(body):
                try:
                    page = self.codec.decode(unmarked(body))
                except ConsumerError:
                    continue
                if twice := page.keys() & found.keys():
                    self.violations.append(f"{min(twice).signal} has two models")
                found |= page
        return found


def _values_of_rows(lines: bytes) -> Iterator[float]:
    for line in map(json.loads, lines.splitlines()):
        if line["position"] < 0:
            yield from json.loads(base64.b64decode(line["data"]))["values"].values()
