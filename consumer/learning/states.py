"""The states of a page as arrays, by slot: a signal's place in the page."""

import math
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from consumer.decode.records import Shard
from consumer.decode.signal_names import SignalKey
from consumer.detectors.alert_policy import COUNT_MAX
from consumer.detectors.in_columns.adwin_columns import AdwinColumns, AdwinNumbers
from consumer.detectors.sensor_checks import Health
from consumer.detectors.state_columns import Floats, Integers, Places, StateColumns
from consumer.detectors.state_layouts import Numbers, Unfit
from consumer.learning.checkpoints import PageCheckpoints
from consumer.learning.marks import Flags, Texts, number_of_time
from consumer.learning.state import Packed, State
from consumer.learning.stored_models import (
    ModelColumns,
    columns_for,
    numbers_in,
    read_health,
    read_numbers,
    without_health,
    write_health,
)

AnyStates = MutableMapping[SignalKey, State]
"""States of a page, or a dict of some."""
_OUT_MAX, _OUT_SHARE = 64, 16
"""States that are out of the arrays at the same time: so many, or of a large page one of so many."""


def out_max(states: int) -> int:
    """How many of a page's states are objects at the same time while it learns: as such they take most.

    >>> out_max(10), out_max(10_000)
    (10, 625)
    """
    return min(states, max(_OUT_MAX, states // _OUT_SHARE))


class Numbering(Protocol):
    """Numbers of signals, which a function gives for as long as it lives."""

    def number_of(self, key: SignalKey) -> int:
        """The signal's number."""


class _Numbers:
    """The numbers of a page's signals by slot, and sorted."""

    def __init__(self, of: Numbering, numbers: npt.NDArray[np.intp]) -> None:
        self.of, self.by_slot = of, numbers
        self.slots: Places = np.argsort(numbers, kind="stable")
        self.ascending = numbers[self.slots]


class Names(NamedTuple):
    """Of a page's signals, by slot: the record signals, and the others' own names."""

    record_signals: list[str]
    signals: list[tuple[int, str]]


class States(MutableMapping[SignalKey, State]):
    """The states of a page's signals, in the order in which they came.

    `states[key]` takes a state out of the arrays, and whatever is done to it is kept: `settle` puts it back.
    From then on it is no longer the page's, and what is done to it is not kept: ask for it again.

    Arrays have a place for each slot, but for those of signals that came since `settle` or `slots_of` was
    called. A state that is out, or does not fit, has no meaning there, which `plain` says.
    """

    def __init__(self) -> None:
        self._keys: list[SignalKey] = []
        self._slots: dict[SignalKey, int] = {}
        self._out: dict[int, State] = {}
        self._stuck = 0
        """How many were out when one could not be put back."""
        self._numbers: _Numbers | None = None
        self._names: Names | None = None
        self.learned: Integers = np.zeros(0, np.int64)
        self.skipped: Integers = np.zeros(0, np.int64)
        self.latest_s: Floats = np.zeros(0)
        """NaN for None."""
        self.checkpoints = PageCheckpoints()
        self.plain: Flags = np.zeros(0, np.bool_)
        """Which models are in `models`, and have no parameters of their own."""
        self.models: ModelColumns | None = None
        """Of one class, that of the first that fits."""
        self.in_models: Flags = np.zeros(0, np.bool_)
        """Which have their models there."""
        self.health: StateColumns | None = None
        self.has_health: Flags = np.zeros(0, np.bool_)
        self.others: dict[int, Any] = {}
        """Models that are not in `models`, or `Packed` ones, by slot."""
        self.parameters: dict[int, str] = {}
        """Those of models whose parameters were set for their signals alone, by slot."""
        self.health_apart: dict[int, bytes] = {}
        """Of sensors, as pages have it, that is not in `health`: perhaps it cannot be read."""

    @classmethod
    def of(cls, states: Mapping[SignalKey, State]) -> "States":
        """These states; themselves, if they are a page's already."""
        if isinstance(states, States):
            return states
        made = cls()
        for key, state in states.items():
            made[key] = state
        return made

    # As a mapping.

    @property
    def keys_in_order(self) -> list[SignalKey]:
        """The signals by slot."""
        return self._keys

    def names(self) -> "Names":
        """The names of the signals, by slot."""
        if self._names is None:
            self._names = Names(
                [key.record_signal for key in self._keys],
                [
                    (slot, key.signal)
                    for slot, key in enumerate(self._keys)
                    if key.signal != key.record_signal
                ],
            )
        return self._names

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[SignalKey]:
        return iter(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._slots

    def __getitem__(self, key: SignalKey) -> State:
        slot = self._slots[key]
        state = self._out.get(slot)
        return self._taken_out(slot) if state is None else state

    def __setitem__(self, key: SignalKey, state: State) -> None:
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = len(self._keys)
            self._keys.append(key)
            self._numbers = self._names = None
        elif slot not in self._out:
            self._forget(slot)
        self._out[slot] = state

    def __delitem__(self, key: SignalKey) -> None:
        slot = self._slots[key]
        self._grow()
        kept: Places = np.delete(np.arange(len(self)), slot)
        del self._keys[slot]
        self._slots = {key: index for index, key in enumerate(self._keys)}
        self._out.pop(slot, None)
        self._numbers = self._names = None
        for name in ("learned", "skipped", "latest_s", "plain", "in_models", "has_health"):
            setattr(self, name, getattr(self, name)[kept])
        for columns in (self.checkpoints, self.models, self.health):
            if columns is not None:
                columns.keep(kept)
        if not self.in_models.any():  # a page with arrays of nothing could not be read
            self.models = None
        for by_slot in (self._out, self.others, self.parameters, self.health_apart):
            _close_gap(by_slot, slot)

    def add_slots(self, keys: list[SignalKey]) -> None:
        """Have these signals, whose states come as arrays. Raises: `ValueError` if one is there twice."""
        self._keys, self._slots = keys, dict(zip(keys, range(len(keys)), strict=True))
        if len(self._slots) != len(keys):
            raise ValueError("a signal is there twice")
        self.checkpoints.grow(len(keys))

    # By number, for what is learned vectorised.

    def numbers(self, of: Numbering) -> npt.NDArray[np.intp]:
        """The numbers of the signals, by slot."""
        return self._numbered(of).by_slot

    def slots_of(self, of: Numbering, numbers: npt.NDArray[np.intp]) -> Places:
        """The slots of the signals with these numbers, -1 for those that the page does not have."""
        self._grow()
        known = self._numbered(of)
        if len(known.slots) == 0:
            return np.full(len(numbers), -1, np.intp)
        at = np.minimum(np.searchsorted(known.ascending, numbers), len(known.slots) - 1)
        return np.where(known.ascending[at] == numbers, known.slots[at], -1)

    def are_ready(self, slots: Places, parameters: Sequence[str]) -> Flags:
        """Which of the models at these slots lie in the arrays, and have these parameters of their own."""
        ready: Flags = self.plain[slots]
        if not self.parameters and not any(parameters):
            return ready
        for at, (slot, wanted) in enumerate(zip(slots.tolist(), parameters, strict=True)):
            if wanted:
                ready[at] = self.parameters.get(slot) == wanted and self._is_ready(slot)
        return ready

    def _is_ready(self, slot: int) -> bool:
        is_here = slot not in self._out and slot not in self.health_apart and bool(self.in_models[slot])
        return is_here and self.models is not None and not self.models.are_far([slot])[0]

    def below(self, shard: Shard, slots: Places, first_sequence_number: int) -> Flags:
        """Which of these have a checkpoint for the shard that lies below the number."""
        return self.checkpoints.below(shard, slots, first_sequence_number)

    def advance(
        self,
        slots: Places,
        shard: Shard,
        sequence_numbers: Texts,
        arrived_s: Floats,
        highest: int,
        partition_keys: Sequence[str] | None = None,
    ) -> Flags:
        """Raise the checkpoints of signals to records above them; of each the last that it has learned.

        `arrived_s` has NaN where that is unknown, and no sequence number is above `highest`. Without
        `partition_keys`, each is that of the signal's record signal. Returns which of these are spread over
        several shards, as `State.is_spread` says.
        """
        own = None
        if partition_keys is not None:
            names = map(self._keys.__getitem__, slots.tolist())
            own = [
                None if at.record_signal == key else (key,)
                for at, key in zip(names, partition_keys, strict=True)
            ]
        return self.checkpoints.advance(slots, shard, sequence_numbers, arrived_s, highest, own)

    # What is out.

    def put_back(self) -> None:
        """Put back what was taken out once it is `out_max`: whoever took it out is done with it.

        If one of them cannot be put back they stay out, and `settle` says why when the page is written.
        """
        if len(self._out) < max(out_max(len(self)), 2 * self._stuck):
            return
        try:
            self.settle()
        except Exception:
            self._stuck = len(self._out)

    def settle(self) -> None:
        """Put back what was taken out.

        Raises: `UnwritableModels` for the health of a sensor that no page can hold; `ValueError`, `TypeError`
            and others for counters and checkpoints of other types.
        """
        self._grow()
        if not self._out:
            return
        slots = sorted(self._out)
        states = [self._out[slot] for slot in slots]
        health = self._numbers_of_health(slots, states)
        for slot, state in zip(slots, states, strict=True):
            counts, latest_s = (_count(state.learned), _count(state.skipped)), number_of_time(state.latest_s)
            self.checkpoints.put(slot, self._keys[slot].record_signal, state.checkpoints)
            self.learned[slot], self.skipped[slot] = counts
            self.latest_s[slot] = latest_s
            _put(self.parameters, slot, state.parameters or None)
        self._put_health(slots, health)
        self._put_models(slots, states)
        self._out.clear()
        self._stuck = 0

    def _numbered(self, of: Numbering) -> _Numbers:
        if self._numbers is None or self._numbers.of is not of:
            self._numbers = _Numbers(of, np.array([*map(of.number_of, self._keys)], np.intp))
        return self._numbers

    def _grow(self) -> None:
        """Have places for the signals that are new."""
        slots = len(self._keys)
        added = slots - len(self.learned)
        if added <= 0:
            return
        for name in ("learned", "skipped", "plain", "in_models", "has_health"):
            setattr(self, name, np.pad(getattr(self, name), (0, added)))
        self.latest_s = np.pad(self.latest_s, (0, added), constant_values=np.nan)
        for columns in (self.checkpoints, self.models, self.health):
            if columns is not None:
                columns.grow(slots)

    def _taken_out(self, slot: int) -> State:
        latest_s = self.latest_s.item(slot)
        state = State(
            self._stored(slot),
            self.checkpoints.of(slot, self._keys[slot].record_signal),
            self.learned.item(slot),
            self.skipped.item(slot),
            None if math.isnan(latest_s) else latest_s,
            self.parameters.get(slot, ""),
        )
        if slot in self.health_apart:
            read_health(state, self.health_apart[slot])
        elif self.has_health[slot] and self.health is not None:
            state.health = self.health.take(slot)
        self._out[slot] = state
        self.plain[slot] = False
        return state

    def _stored(self, slot: int) -> Any:
        if slot in self.others or self.models is None or not self.in_models[slot]:
            return self.others.get(slot)
        numbers = self.models.numbers_at(slot)
        if isinstance(numbers, AdwinNumbers) and type(numbers.window) is not bytes:
            return AdwinColumns.state_of(numbers)
        return Packed(numbers, read_numbers)

    def _forget(self, slot: int) -> None:
        """A state in the arrays that another takes the place of."""
        if slot < len(self.plain):
            self.plain[slot] = False

    def _numbers_of_health(self, slots: list[int], states: list[State]) -> list[Numbers | bytes | None]:
        """What to keep of each sensor: its numbers, or if they do not fit, what a page has of it."""
        if self.health is None and any(state.health is not None for state in states):
            self.health = StateColumns.empty(Health, len(self))
        found: list[Numbers | bytes | None] = []
        for slot, state in zip(slots, states, strict=True):
            stored = state.stored
            if type(stored) is Packed and stored.health:
                found.append(stored.health)
            elif state.health is None or self.health is None:
                found.append(None)
            else:
                try:
                    found.append(self.health.numbers_of(state.health))
                except Unfit:
                    found.append(write_health(self._keys[slot], state.health))
        return found

    def _put_health(self, slots: list[int], kept: list[Numbers | bytes | None]) -> None:
        for slot, one in zip(slots, kept, strict=True):
            _put(self.health_apart, slot, one if type(one) is bytes else None)
        if self.health is not None:
            fitting = {slot: one for slot, one in zip(slots, kept, strict=True) if type(one) is Numbers}
            self.has_health[slots] = [slot in fitting for slot in slots]
            self.health.clear([slot for slot in slots if slot not in fitting])
            self.health.put([*fitting], [*fitting.values()])

    def _put_models(self, slots: list[int], states: list[State]) -> None:
        stored = [without_health(state.stored) for state in states]
        if self.models is None:
            self.models = columns_for(stored, len(self))
        models, places, fitting = self.models, [], []
        for slot, one in zip(slots, stored, strict=True):
            numbers = None if models is None else numbers_in(models, one)
            if numbers is not None:
                places.append(slot)
                fitting.append(numbers)
                _put(self.others, slot, None)
                continue
            if models is not None and self.in_models[slot]:
                models.clear([slot])
            self.in_models[slot] = self.plain[slot] = False
            _put(self.others, slot, one)
        if models is not None and places:
            models.put(places, fitting)
            self.in_models[places] = True
            self.plain[places] = ~models.are_far(places)
            if self.parameters or self.health_apart:
                self.plain[[*self.parameters, *self.health_apart]] = False
        elif not self.in_models.any():
            self.models = None


def _count(number: int) -> int:
    """An altered page may say as many as there can be: one more, and it could not be read again."""
    if type(number) is not int or number < 0:
        raise ValueError("a count below zero, or of another type")
    return min(number, COUNT_MAX)


def _put(by_slot: dict[int, Any], slot: int, value: Any) -> None:
    """Write what is not None, and forget what was there before."""
    if value is not None:
        by_slot[slot] = value
    elif by_slot:
        by_slot.pop(slot, None)


def _close_gap(by_slot: dict[int, Any], slot: int) -> None:
    """Leave out a slot; those behind it move up."""
    kept = {at - (at > slot): value for at, value in by_slot.items() if at != slot}
    by_slot.clear()
    by_slot.update(kept)
