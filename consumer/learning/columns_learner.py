"""The usual signals of several pages learn a batch together, in arrays; the others learn one by one.

A signal is usual whose model lies in its page's arrays, is known, has all of the batch above its checkpoint,
skips nothing, and has no settings that change what it learns. One that comes to something unusual, such as an
alert, leaves the arrays at that value and goes on as the others do: that is the definition.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate, pairwise
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from consumer.decode.batch import Batch
from consumer.decode.signal_names import SignalKey
from consumer.decode.sorting import ranges, starts_of
from consumer.detectors.alert_policy import COUNT_MAX, Finding
from consumer.detectors.base import UseCase
from consumer.detectors.change_point import ChangePoint
from consumer.detectors.drift import DriftUseCase
from consumer.detectors.in_columns.adwin_columns import AdwinColumns
from consumer.detectors.in_columns.adwin_learning import AdwinSource, learn_adwins
from consumer.detectors.in_columns.change_point_twin import ChangePointTwin
from consumer.detectors.in_columns.seasonal_anomaly_twin import SeasonalAnomalyTwin
from consumer.detectors.in_columns.sensor_checks_twin import HealthTwin
from consumer.detectors.in_columns.vectorised import FEW, Source, Twin, learn_by_rank, pays
from consumer.detectors.seasonal_anomaly import SeasonalAnomaly
from consumer.detectors.state_columns import Places, StateColumns
from consumer.errors import ModelRaised
from consumer.events.event import Event, ObservationRef
from consumer.learning.outcome import ModelFailure
from consumer.learning.page_learner import PageLearner
from consumer.learning.page_parts import PagePart
from consumer.learning.signal_learner import event_at
from consumer.learning.states import States

OBSERVATIONS_PER_SLICE = 100_000
"""Between two checks of the time."""
_RANKS_BEFORE = 2
"""As long as these take what comes before the first one and after the last."""
TWINS: dict[type[UseCase], Callable[[Any, Sequence[Source], Places], Twin]] = {
    SeasonalAnomaly: SeasonalAnomalyTwin,
    ChangePoint: ChangePointTwin,
}
"""What learns as the class does, many signals at once."""


class Member(NamedTuple):
    """A page that learns, and what the batch holds for it."""

    learner: PageLearner
    part: PagePart


def learn_together(members: Sequence[Member], few: int = FEW) -> list[BaseException | None]:
    """Let pages learn one batch; signals that are too few, as `pays` has it, learn one by one.

    Returns, for each page, what it raised that is no signal's own failure.
    """
    if not members:
        return []
    others = _learn_usual(members, few)
    errors: list[BaseException | None] = []
    for (learner, _), keys in zip(members, others, strict=True):
        try:
            learner.learn(keys)
            errors.append(None)
        except BaseException as error:
            errors.append(error)
    return errors


@dataclass(slots=True)
class _Usual:
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
        return len(self.slots)

    def key(self, row: int) -> SignalKey:
        key: SignalKey = self.batch.numbering.keys[self.numbers[row]]
        return key

    def learner_of(self, row: int) -> PageLearner:
        return self.learners[bisect_right(self.bounds, row) - 1]

    def pages(self, rows: Places) -> list[tuple[PageLearner, slice]]:
        """The pages of these rows, which ascend, and which of them are of each."""
        bounds = np.searchsorted(rows, self.bounds).tolist()
        pages = zip(self.learners, pairwise(bounds), strict=True)
        return [(learner, slice(start, end)) for learner, (start, end) in pages if end > start]

    def within(self, begin: int, end: int) -> "_Runs":
        """What is to be learned of the batch's observations from `begin` to `end`."""
        if begin == 0 and end >= len(self.batch.record_of):
            taken = self.counts
        else:
            taken = np.add.reduceat((self.places >= begin) & (self.places < end), self.starts, dtype=np.intp)
        rows = np.flatnonzero(self.alive & (taken > 0))
        return _Runs(self, rows, self.starts[rows] + self.begun[rows], taken[rows])

    def defer(self, begin: int) -> None:
        """Have Lambda deliver again what signals still have to learn from place `begin` on."""
        is_left = (self.places >= begin) & np.repeat(self.alive, self.counts)
        firsts = np.minimum.reduceat(np.where(is_left, self.places, len(self.batch.record_of)), self.starts)
        rows = np.flatnonzero(np.logical_or.reduceat(is_left, self.starts))
        for learner, part in self.pages(rows):
            learner.outcome.defer(int(self.batch.record_of[firsts[rows[part]].min()]))


class _Runs(NamedTuple):
    """What signals learn at once: runs of `usual.places`. Shape: columns of one length, `rows` ascending."""

    usual: _Usual
    rows: Places
    starts: Places
    counts: Places

    def places(self) -> Places:
        """Their observations, one run after another."""
        places = self.usual.places
        if len(self.rows) == len(self.usual) and int(self.counts.sum()) == len(places):
            return places
        return places[ranges(self.starts, self.counts)]

    def add_event(self, row: int, finding: Finding) -> None:
        """Note the event for a finding. Raises: `ModelRaised` if none can be made."""
        usual, batch = self.usual, self.usual.batch
        at = int(self.rows[row])
        place = usual.places[self.starts[row] + finding.index]
        ref = ObservationRef(*batch.observation(place))
        learner, key = usual.learner_of(at), usual.key(at)
        learned = States.of(learner.states).learned[usual.slots[at]]
        observations = int(learned) + finding.index + 1
        settings = learner.settings.of(key.signal)
        event = event_at(learner.name, settings, batch, key, ref, observations, finding)
        usual.events.append((at, event))

    def fail(self, row: int, error: ModelRaised) -> None:
        """A signal's model raised: all of its batch is to be learned again, without that observation."""
        usual, at = self.usual, int(self.rows[row])
        outcome, begun = usual.learner_of(at).outcome, int(usual.begun[at])
        usual.alive[at] = False
        outcome.observations -= begun
        outcome.raised[usual.key(at)] = ModelFailure((begun + error.index,), error.reason)

    def account(self, learned: Places) -> None:
        """Count what was learned and raise the checkpoints; what left the arrays goes on from there."""
        usual = self.usual
        slots, is_alive = usual.slots[self.rows], usual.alive[self.rows]
        usual.begun[self.rows] += learned
        pages = usual.pages(self.rows)
        of_pages = np.add.reduceat(np.where(is_alive, learned, 0), [part.start for _, part in pages])
        for (learner, part), observations in zip(pages, of_pages.tolist(), strict=True):
            counts, own = States.of(learner.states).learned, slots[part]
            counts[own] = np.minimum(counts[own] + learned[part], COUNT_MAX)
            learner.outcome.observations += observations
        is_done = is_alive & (learned == self.counts)
        self._advance(np.flatnonzero(is_done))
        for row in self.rows[is_alive & ~is_done].tolist():
            usual.alive[row] = False
            usual.learner_of(row).go_on(usual.key(row), int(usual.begun[row]))

    def _advance(self, done: Places) -> None:
        """Raise the checkpoints of these, which have learned all."""
        if not len(done):
            return
        usual, batch, rows = self.usual, self.usual.batch, self.rows[done]
        texts = batch.records.texts
        assert texts is not None  # no signal is usual without them
        slots, starts = usual.slots[rows], self.starts[done]
        firsts = batch.record_of[usual.places[starts]]
        records = batch.record_of[usual.places[starts + self.counts[done] - 1]]
        keys: list[str] | None = None
        if not batch.are_keyed_by_signals:
            keys = [batch.records.partition_keys[record] for record in records.tolist()]
        arrived_s, highest = batch.records.arrival[records], int(texts[records.max()])
        texts = texts[records]
        for learner, part in usual.pages(rows):
            usual.spread[rows[part]] = States.of(learner.states).advance(
                slots[part], batch.shard, texts[part], arrived_s[part], highest, keys and keys[part]
            )
            learner.outcome.learned_from(int(firsts[part].min()))


def _learn_usual(members: Sequence[Member], few: int) -> list[list[SignalKey]]:
    """Let the usual signals learn; the other signals of each page."""
    first = members[0].learner
    usual, others = _split(members, few)
    if usual is None:
        return others
    learn = _learn_adwins if type(first.settings.use_case) is DriftUseCase else partial(_learn_twins, few=few)
    for begin, end in _slices(first.batch):
        runs = usual.within(begin, end)
        if not len(runs.rows):
            continue
        if first.is_short():
            usual.defer(begin)
            break
        learn(runs)
    for row, event in usual.events:
        if usual.alive[row]:
            usual.learner_of(row).outcome.events.append(event)
    for learner, part in usual.pages(np.flatnonzero(usual.spread & usual.alive)):
        learner.outcome.signals_spread += part.stop - part.start
    return others


def _slices(batch: Batch) -> Iterator[tuple[int, int]]:
    """Cut the batch's observations between records."""
    records, begin = batch.record_of, 0
    while begin < len(records):
        end = min(begin + OBSERVATIONS_PER_SLICE, len(records))
        end = int(np.searchsorted(records, records[end - 1], "right"))
        yield begin, end
        begin = end


def _split(members: Sequence[Member], few: int) -> tuple[_Usual | None, list[list[SignalKey]]]:
    """The usual signals of all pages, and the others of each."""
    batch = members[0].learner.batch
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
    for (learner, part), (start, end) in zip(candidates, pairwise(bounds), strict=True):
        own = slice(start, end)
        slots[own] = States.of(learner.states).slots_of(batch.numbering, numbers[own])
        is_usual[own] = _are_usual(learner, part, slots[own], numbers[own])
    settings = members[0].learner.settings
    if settings.are_set:
        keys = batch.numbering.keys
        own_settings = [settings.of(keys[number].signal) for number in numbers.tolist()]
        is_usual &= np.array([one.use_case is settings.use_case for one in own_settings], dtype=np.bool_)
    rows = np.flatnonzero(is_usual)
    ranks = 0 if type(settings.use_case) is DriftUseCase else int(counts[rows].max(initial=0))
    if not pays(ranks + _RANKS_BEFORE, int(counts[rows].sum()), len(rows), few):
        return None, [part.keys for _, part in members]
    others = _others(members, candidates, bounds, numbers, is_usual)
    if len(rows) < len(numbers):
        places = places[ranges(starts[rows], counts[rows])]
        numbers, slots, counts = numbers[rows], slots[rows], counts[rows]
        starts, bounds = starts_of(counts), np.searchsorted(rows, bounds).tolist()
    learners = [learner for learner, _ in candidates]
    for learner, (start, end) in zip(learners, pairwise(bounds), strict=True):
        learner.outcome.signals += end - start
    return _Usual(batch, learners, bounds, numbers, slots, places, starts, counts), others


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


def _are_usual(learner: PageLearner, part: PagePart, slots: Places, numbers: Places) -> npt.NDArray[np.bool_]:
    """Which of these signals of a page are usual; those that it does not have are at slot -1."""
    batch, states, settings = learner.batch, States.of(learner.states), learner.settings
    usual = states.plain[slots] & states.below(batch.shard, slots, batch.records.first_sequence_number)
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


def _learn_adwins(runs: _Runs) -> None:
    usual = runs.usual
    slots, sources = usual.slots[runs.rows], []
    for learner, part in usual.pages(runs.rows):
        columns = States.of(learner.states).models
        assert isinstance(columns, AdwinColumns)
        sources.append(AdwinSource(columns, slots[part]))
    findings, raised = learn_adwins(sources, runs.counts, usual.batch.value_array[runs.places()])
    for row, finding in findings:
        if row not in raised:
            try:
                runs.add_event(row, finding)
            except ModelRaised as failure:
                raised[row] = failure
    for row, error in raised.items():
        runs.fail(row, error)
    runs.account(runs.counts)


def _learn_twins(runs: _Runs, few: int) -> None:
    usual, counts = runs.usual, runs.counts
    use_case = usual.learners[0].settings.use_case
    slots, pages = usual.slots[runs.rows], usual.pages(runs.rows)
    starts = np.cumsum(counts) - counts
    places = runs.places()
    order = np.argsort(-counts, kind="stable")  # those with most values first

    def sources(columns_of: Callable[[States], Any]) -> list[Source]:
        return [Source(columns_of(States.of(learner.states)), slots[part]) for learner, part in pages]

    twins: list[Twin] = [TWINS[type(use_case)](use_case, sources(attrgetter("models")), order)]
    if use_case.sensor_checks is not None:
        twins.append(HealthTwin(use_case.sensor_checks, sources(attrgetter("health")), order))
    learned = np.empty_like(counts)
    values, at_s = usual.batch.value_array[places], usual.batch.at_s[places]
    learned[order] = learn_by_rank(twins, values, at_s, starts[order], counts[order], few)
    for twin in twins:
        twin.scatter()
    runs.account(learned)
