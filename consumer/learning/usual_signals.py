"""Which signals of a batch are usual, and learn together in arrays.

A signal is usual whose model lies in its page's arrays with the parameters that are set for it, has all of
the batch above its checkpoint, and skips nothing. Those of one use case, as their settings make it, learn
together.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from consumer.decode.batch import Batch
from consumer.decode.signal_names import SignalKey
from consumer.decode.sorting import ranges, starts_of
from consumer.detectors.anomaly import AnomalyUseCase
from consumer.detectors.base import UseCase
from consumer.detectors.change_point import ChangePoint
from consumer.detectors.drift import DriftUseCase
from consumer.detectors.in_columns.adwin_columns import AdwinColumns
from consumer.detectors.in_columns.change_point_twin import ChangePointTwin
from consumer.detectors.in_columns.seasonal_anomaly_twin import SeasonalAnomalyTwin
from consumer.detectors.in_columns.vectorised import Source, Twin, pays
from consumer.detectors.state_columns import Places, StateColumns
from consumer.events.event import Event
from consumer.learning.page_learner import PageLearner
from consumer.learning.page_parts import PagePart
from consumer.learning.states import States
from consumer.settings.signal_settings import SettingsOfSignals

_RANKS_BEFORE = 2
"""As long as these take what comes before the first one and after the last."""
TWINS: dict[type[UseCase], Callable[[Any, Sequence[Source], Places], Twin]] = {
    AnomalyUseCase: SeasonalAnomalyTwin,
    ChangePoint: ChangePointTwin,
}
"""What learns as the class does, many signals at once."""


class Member(NamedTuple):
    """A page that learns, and what the batch holds for it."""

    learner: PageLearner
    part: PagePart


@dataclass(slots=True)
class UsualSignals:
    """The usual signals of the pages, by row: those of one page follow each other.

    `places` are their observations in the batch, signal by signal, in order.
    """

    batch: Batch
    learners: list[PageLearner]
    """Of the pages."""
    bounds: list[int]
    """Between which rows each page's lie: one more than there are pages."""
    numbers: Places
    slots: Places
    """Each in the states of its page."""
    places: Places
    starts: Places
    """Where each signal's run begins in `places`."""
    counts: Places
    """How many of the batch's observations each one has."""
    use_cases: list[UseCase]
    use_case_of: Places
    """The index of each one's among `use_cases`."""
    begun: Places = field(init=False)
    """How many each has learned in the slices before."""
    alive: npt.NDArray[np.bool_] = field(init=False)
    """Which still learn in the arrays."""
    spread: npt.NDArray[np.bool_] = field(init=False)
    """Which several shards bring, of those that learned."""
    events: list[tuple[int, Event]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begun = np.zeros_like(self.counts)
        self.alive, self.spread = np.ones(len(self), np.bool_), np.zeros(len(self), np.bool_)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.slots)

    def key(self, row: int) -> SignalKey:
        """The signal."""
        key: SignalKey = self.batch.numbering.keys[self.numbers[row]]
        return key

    def learner_of(self, row: int) -> PageLearner:
        """That of the signal's page."""
        return self.learners[bisect_right(self.bounds, row) - 1]

    def pages(self, rows: Places) -> list[tuple[PageLearner, slice]]:
        """The pages of these rows, which ascend, and which of them are of each."""
        bounds = np.searchsorted(rows, self.bounds).tolist()
        pages = zip(self.learners, pairwise(bounds), strict=True)
        return [(learner, slice(start, end)) for learner, (start, end) in pages if end > start]

    def defer(self, begin: int) -> None:
        """Have Lambda deliver again what signals still have to learn from place `begin` on."""
        is_left = (self.places >= begin) & np.repeat(self.alive, self.counts)
        firsts = np.minimum.reduceat(np.where(is_left, self.places, len(self.batch.record_of)), self.starts)
        rows = np.flatnonzero(np.logical_or.reduceat(is_left, self.starts))
        for learner, part in self.pages(rows):
            learner.outcome.defer(int(self.batch.record_of[firsts[rows[part]].min()]))


def split(members: Sequence[Member], few: int) -> tuple[UsualSignals | None, list[list[SignalKey]]]:
    """The usual signals of all pages, and the others of each."""
    batch, settings = members[0].learner.batch, members[0].learner.settings
    candidates = [member for member in members if _has_usual(member)]
    most = sum(len(part.observed.places) for _, part in candidates)
    if not pays(_RANKS_BEFORE, most, most, few):
        return None, [part.keys for _, part in members]
    numbers, counts, places = (
        np.concatenate(columns) for columns in zip(*(part.observed for _, part in candidates), strict=True)
    )
    starts = starts_of(counts)
    bounds = [0, *accumulate(len(part.observed.numbers) for _, part in candidates)]
    slots, is_usual = np.empty(len(numbers), np.intp), np.empty(len(numbers), np.bool_)
    groups = _groups(settings, batch, numbers)
    for (learner, part), (start, end) in zip(candidates, pairwise(bounds), strict=True):
        own = slice(start, end)
        slots[own] = States.of(learner.states).slots_of(batch.numbering, numbers[own])
        is_usual[own] = _are_usual(learner, part, slots[own], numbers[own], groups.parameters[own])
    is_usual &= groups.learns_alike()[groups.of]
    is_usual &= ~_are_paused(settings, batch, numbers, places, starts)
    is_usual &= _pay(groups.of, is_usual, counts, few, has_ranks=type(settings.use_case) is not DriftUseCase)
    rows = np.flatnonzero(is_usual)
    if not len(rows):
        return None, [part.keys for _, part in members]
    others = _others(members, candidates, bounds, numbers, is_usual)
    of = groups.of
    if len(rows) < len(numbers):
        places = places[ranges(starts[rows], counts[rows])]
        numbers, slots, counts, of = numbers[rows], slots[rows], counts[rows], of[rows]
        starts, bounds = starts_of(counts), np.searchsorted(rows, bounds).tolist()
    learners = [learner for learner, _ in candidates]
    for learner, (start, end) in zip(learners, pairwise(bounds), strict=True):
        learner.outcome.signals += end - start
    found = UsualSignals(
        batch, learners, bounds, numbers, slots, places, starts, counts, groups.use_cases, of
    )
    return found, others


def _are_paused(
    settings: SettingsOfSignals, batch: Batch, numbers: Places, places: Places, starts: Places
) -> npt.NDArray[np.bool_]:
    """Of which signals the batch has observations at which a calendar says that nothing is learned."""
    paused = np.zeros(len(numbers), np.bool_)
    if not settings.have_pauses or not len(numbers):
        return paused
    keys, at_s = batch.numbering.keys, batch.at_s[places]
    pauses = [settings.of(keys[number].signal).pauses for number in numbers.tolist()]
    for calendar in {id(each): each for each in pauses if each is not None}.values():
        own = np.array([each is calendar for each in pauses], np.bool_)
        paused |= own & np.logical_or.reduceat(calendar.are_on(at_s), starts)
    return paused


class _Groups(NamedTuple):
    """Signals by the use case that their settings make."""

    use_cases: list[UseCase]
    """First that which has no settings."""
    of: Places
    """The index of each signal's."""
    parameters: Sequence[str]
    """Of each signal's model, as a state has them."""

    def learns_alike(self) -> npt.NDArray[np.bool_]:
        """Which of the use cases learn in arrays: a sensor's range is looked at value by value."""
        plain = self.use_cases[0]
        alike = [one is plain or (type(one) in TWINS and not _has_range(one)) for one in self.use_cases]
        return np.array(alike, np.bool_)


def _groups(settings: SettingsOfSignals, batch: Batch, numbers: Places) -> _Groups:
    if not settings.are_set:
        return _Groups([settings.use_case], np.zeros(len(numbers), np.intp), [""] * len(numbers))
    keys, indices = batch.numbering.keys, {id(settings.use_case): 0}
    use_cases, of, parameters = [settings.use_case], list[int](), list[str]()
    for number in numbers.tolist():
        own = settings.of(keys[number].signal)
        index = indices.setdefault(id(own.use_case), len(use_cases))
        if index == len(use_cases):
            use_cases.append(own.use_case)
        of.append(index)
        parameters.append(own.parameters)
    return _Groups(use_cases, np.array(of, np.intp), parameters)


def _has_range(use_case: UseCase) -> bool:
    checks = use_case.sensor_checks
    return checks is not None and (checks.lowest is not None or checks.highest is not None)


def _pay(
    group_of: Places, is_usual: npt.NDArray[np.bool_], counts: Places, few: int, *, has_ranks: bool
) -> npt.NDArray[np.bool_]:
    """Which signals are of a group whose usual ones rather learn together."""
    rows = np.flatnonzero(is_usual)
    of, most = group_of[rows], int(group_of.max(initial=-1)) + 1
    ranks = np.zeros(most, np.intp)
    if has_ranks:
        np.maximum.at(ranks, of, counts[rows])
    values = np.bincount(of, weights=counts[rows], minlength=most)
    groups = zip(ranks.tolist(), values.tolist(), np.bincount(of, minlength=most).tolist(), strict=True)
    pay = np.array(
        [pays(most_values + _RANKS_BEFORE, whole, count, few) for most_values, whole, count in groups],
        np.bool_,
    )
    return pay[group_of]


def _has_usual(member: Member) -> bool:
    """Whether there may be usual signals on the page."""
    learner, part = member
    states, use_case = learner.states, learner.settings.use_case
    return (
        isinstance(states, States)
        and len(part.observed.numbers) > 0
        and len(states) > 0
        and not learner.failed
        and learner.scores is None
        and use_case.late == "learn"
        and learner.batch.records.texts is not None
        and _learns_in_arrays(states, use_case)
    )


def _others(
    members: Sequence[Member],
    candidates: Sequence[Member],
    bounds: Sequence[int],
    numbers: Places,
    is_usual: npt.NDArray[np.bool_],
) -> list[list[SignalKey]]:
    """The signals of each page that are not usual; `bounds` are those of the candidates' rows."""
    found, left, rows_of = list[list[SignalKey]](), iter(candidates), iter(pairwise(bounds))
    candidate = next(left, None)
    for member in members:
        part, usual = member.part, set[int]()
        if member is candidate:
            start, end = next(rows_of)
            candidate = next(left, None)
            if is_usual[start:end].all() and not len(part.skipped):
                found.append([])
                continue
            usual = set(numbers[start:end][is_usual[start:end]].tolist())
        number_of = part.batch.numbering.number_of
        found.append([key for key in part.keys if number_of(key) not in usual] if usual else part.keys)
    return found


def _learns_in_arrays(states: States, use_case: UseCase) -> bool:
    """Whether the page's models do; a subclass of a use case may learn in another way."""
    if isinstance(states.models, AdwinColumns):
        return type(use_case) is DriftUseCase and use_case.sensor_checks is None
    return isinstance(states.models, StateColumns) and type(use_case) in TWINS


def _are_usual(
    learner: PageLearner, part: PagePart, slots: Places, numbers: Places, parameters: Sequence[str]
) -> npt.NDArray[np.bool_]:
    """Which of these signals of a page are usual; those that it does not have are at slot -1."""
    batch, states, settings = learner.batch, States.of(learner.states), learner.settings
    usual = states.are_ready(slots, parameters)
    usual &= states.below(batch.shard, slots, batch.records.first_sequence_number)
    usual &= slots >= 0
    if len(part.skipped):
        usual &= ~np.isin(numbers, [batch.skipped_numbers[place] for place in part.skipped.tolist()])
    if settings.use_case.sensor_checks is not None:
        if states.health is None:
            return np.zeros(len(slots), dtype=bool)
        usual &= states.has_health[slots]
    if isinstance(states.models, AdwinColumns):
        unreadable = states.models.read(slots[usual].tolist())
        if unreadable:
            usual &= ~np.isin(slots, unreadable)
    return usual
