"""The usual signals of several pages learn a batch together, in arrays; the others learn one by one.

A signal is usual whose model lies in its page's arrays, is known, has all of the batch above its checkpoint,
skips nothing, and has no settings that change what it learns. One that comes to something unusual, such as an
alert, leaves the arrays at that value and goes on as the others do: that is the definition.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from consumer.decode.batch import Batch
from consumer.decode.signal_names import SignalKey
from consumer.detectors.alert_policy import COUNT_MAX, Finding
from consumer.detectors.base import UseCase
from consumer.detectors.change_point import ChangePoint
from consumer.detectors.drift import DriftUseCase
from consumer.detectors.in_columns.adwin_columns import AdwinColumns
from consumer.detectors.in_columns.adwin_learning import learn_adwins
from consumer.detectors.in_columns.change_point_twin import ChangePointTwin
from consumer.detectors.in_columns.seasonal_anomaly_twin import SeasonalAnomalyTwin
from consumer.detectors.in_columns.sensor_checks_twin import HealthTwin
from consumer.detectors.in_columns.vectorised import FEW, Source, Twin, learn_by_rank
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
_FEW_OF_PAGE = 4
"""Signals of a page: its arrays take as long for fewer."""
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
    """Let pages learn one batch; fewer than `few` signals learn one by one.

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
    """The usual signals of a page, by row. `places` are theirs in the batch, signal by signal, in order."""

    learner: PageLearner
    states: States
    numbers: Places
    slots: Places
    places: Places
    starts: Places
    """Where each signal's run begins in `places`."""
    counts: Places
    """How many of the batch's observations each one has, of a slice."""
    begun: Places
    """How many each has learned in the slices before."""
    alive: npt.NDArray[np.bool_]
    """Which still learn in the arrays."""
    spread: npt.NDArray[np.bool_]
    """Which several shards bring, of those that learned."""
    events: list[tuple[int, Event]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.slots)

    def key(self, row: int) -> SignalKey:
        key: SignalKey = self.learner.batch.numbering.keys[self.numbers[row]]
        return key

    def within(self, begin: int, end: int) -> "_Runs":
        """What is to be learned of the batch's observations from `begin` to `end`."""
        if begin == 0 and end >= len(self.learner.batch.record_of):
            taken = self.counts
        else:
            taken = np.add.reduceat((self.places >= begin) & (self.places < end), self.starts, dtype=np.intp)
        rows = np.flatnonzero(self.alive & (taken > 0))
        return _Runs(self, rows, self.starts[rows] + self.begun[rows], taken[rows])

    def defer(self, begin: int) -> None:
        """Have Lambda deliver again what signals still have to learn from place `begin` on."""
        batch = self.learner.batch
        left = self.places[(self.places >= begin) & np.repeat(self.alive, self.counts)]
        if len(left):
            self.learner.outcome.defer(int(batch.record_of[left.min()]))


class _Runs(NamedTuple):
    """What signals of one page learn at once: runs of `usual.places`. Shape: columns of one length."""

    usual: _Usual
    rows: Places
    starts: Places
    counts: Places

    def places(self) -> Places:
        """Their observations, one run after another."""
        return self.usual.places[_ranges(self.starts, self.counts)]

    def add_event(self, row: int, finding: Finding) -> None:
        """Note the event for a finding. Raises: `ModelRaised` if none can be made."""
        usual, batch = self.usual, self.usual.learner.batch
        at = int(self.rows[row])
        place = usual.places[self.starts[row] + finding.index]
        ref = ObservationRef(*batch.observation(place))
        observations = int(usual.states.learned[usual.slots[at]]) + finding.index + 1
        learner, key = usual.learner, usual.key(at)
        settings = learner.settings.of(key.signal)
        event = event_at(learner.name, settings, batch, key, ref, observations, finding)
        usual.events.append((at, event))

    def fail(self, row: int, error: ModelRaised) -> None:
        """A signal's model raised: all of its batch is to be learned again, without that observation."""
        usual, at = self.usual, int(self.rows[row])
        outcome, begun = usual.learner.outcome, int(usual.begun[at])
        usual.alive[at] = False
        outcome.observations -= begun
        outcome.raised[usual.key(at)] = ModelFailure((begun + error.index,), error.reason)

    def account(self, learned: Places) -> None:
        """Count what was learned and raise the checkpoints; what left the arrays goes on from there."""
        usual = self.usual
        learner, states = usual.learner, usual.states
        outcome, batch, texts = learner.outcome, learner.batch, learner.batch.records.texts
        assert texts is not None  # no signal is usual without them
        is_alive = usual.alive[self.rows]
        slots = usual.slots[self.rows]
        states.learned[slots] = np.minimum(states.learned[slots] + learned, COUNT_MAX)
        usual.begun[self.rows] += learned
        outcome.observations += int(learned[is_alive].sum())
        is_done = is_alive & (learned == self.counts)
        if is_done.any():
            starts, slots = self.starts[is_done], usual.slots[self.rows[is_done]]
            records = batch.record_of[usual.places[starts + self.counts[is_done] - 1]]
            keys = None
            if not batch.are_keyed_by_signals:
                keys = [batch.records.partition_keys[record] for record in records.tolist()]
            arrived_s = batch.records.arrival[records]
            usual.spread[self.rows[is_done]] = states.advance(
                slots, batch.shard, texts[records], arrived_s, keys
            )
            first = int(batch.record_of[usual.places[starts]].min())
            outcome.first_done = first if outcome.first_done is None else min(first, outcome.first_done)
        for row in self.rows[is_alive & ~is_done].tolist():
            usual.alive[row] = False
            learner.go_on(usual.key(row), int(usual.begun[row]))


def _learn_usual(members: Sequence[Member], few: int) -> list[list[SignalKey]]:
    """Let the usual signals learn; the other signals of each page."""
    first = members[0].learner
    use_case = first.settings.use_case
    found, others = [], []
    for learner, part in members:
        usual, keys = _split(learner, part, few)
        others.append(keys)
        if usual is not None:
            found.append(usual)
    learn = _learn_adwins if type(use_case) is DriftUseCase else partial(_learn_twins, few=few)
    for begin, end in _slices(first.batch):
        slices = [runs for usual in found if len((runs := usual.within(begin, end)).rows)]
        if not slices:
            continue
        if first.is_short():
            for usual in found:
                usual.defer(begin)
            break
        learn(slices)
    for usual in found:
        outcome = usual.learner.outcome
        outcome.events += [event for row, event in usual.events if usual.alive[row]]
        outcome.signals_spread += int(np.count_nonzero(usual.spread & usual.alive))
    return others


def _ranges(starts: Places, counts: Places) -> Places:
    """The numbers from each start on, so many as its count says, one range after another."""
    ends = np.cumsum(counts)
    found: Places = np.arange(ends[-1]) + np.repeat(starts - ends + counts, counts)
    return found


def _slices(batch: Batch) -> Iterator[tuple[int, int]]:
    """Cut the batch's observations between records."""
    records, begin = batch.record_of, 0
    while begin < len(records):
        end = min(begin + OBSERVATIONS_PER_SLICE, len(records))
        end = int(np.searchsorted(records, records[end - 1], "right"))
        yield begin, end
        begin = end


def _split(learner: PageLearner, part: PagePart, few: int) -> tuple[_Usual | None, list[SignalKey]]:
    """The usual signals of a page, and the others."""
    batch, states, use_case = learner.batch, learner.states, learner.settings.use_case
    if (
        not isinstance(states, States)
        or len(part.observations) < min(few, _FEW_OF_PAGE)
        or not len(part.observations)
        or not len(states)
        or learner.failed
        or learner.scores is not None
        or use_case.late != "learn"
        or batch.records.texts is None
        or not _learns_in_arrays(states, use_case)
    ):
        return None, part.keys
    numbers = batch.numbers[part.observations]
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    counts = np.diff(starts, append=len(ordered))
    numbers, places = ordered[starts], part.observations[order]
    slots = states.slots_of(batch.numbering, numbers)
    is_usual = slots >= 0
    known = np.flatnonzero(is_usual)
    is_usual[known] = _are_usual(learner, part, slots[known], numbers[known])
    if np.count_nonzero(is_usual) < min(few, _FEW_OF_PAGE):
        return None, part.keys
    if is_usual.all() and not len(part.skipped):
        others: list[SignalKey] = []
    else:
        usual_numbers = set(numbers[is_usual].tolist())
        number_of = batch.numbering.number_of
        others = [key for key in part.keys if number_of(key) not in usual_numbers]
        places = places[_ranges(starts[is_usual], counts[is_usual])]
        slots, numbers, counts = slots[is_usual], numbers[is_usual], counts[is_usual]
        starts = np.cumsum(counts) - counts
    learner.outcome.signals += len(slots)
    begun, alive, spread = (np.full(len(slots), each) for each in (0, True, False))
    return _Usual(learner, states, numbers, slots, places, starts, counts, begun, alive, spread), others


def _learns_in_arrays(states: States, use_case: UseCase) -> bool:
    """Whether the page's models do; a subclass of a use case may learn in another way."""
    if isinstance(states.models, AdwinColumns):
        return type(use_case) is DriftUseCase and use_case.sensor_checks is None
    return isinstance(states.models, StateColumns) and type(use_case) in TWINS


def _are_usual(learner: PageLearner, part: PagePart, slots: Places, numbers: Places) -> npt.NDArray[np.bool_]:
    batch, states, settings = learner.batch, States.of(learner.states), learner.settings
    usual = states.plain[slots] & states.below(batch.shard, slots, batch.records.first_sequence_number)
    if len(part.skipped):
        usual &= ~np.isin(numbers, [batch.skipped_numbers[place] for place in part.skipped.tolist()])
    if settings.use_case.sensor_checks is not None:
        usual &= states.has_health[slots]
        if states.health is None:
            return np.zeros(len(slots), dtype=bool)
        for name in ("empty", "is_untold", "alerts.quality.is_open"):
            usual &= states.health.field(name)[slots] == 0
    if settings.are_set:
        keys, use_case = batch.numbering.keys, settings.use_case
        own = [settings.of(keys[number].signal).use_case for number in numbers.tolist()]
        usual &= np.array([each is use_case for each in own], dtype=bool)
    if isinstance(states.models, AdwinColumns):
        usual &= ~np.isin(slots, states.models.read(slots.tolist()))
    elif np.isnan(batch.at_s[part.observations]).any():
        return np.zeros(len(slots), dtype=bool)
    return usual


def _learn_adwins(slices: Sequence[_Runs]) -> None:
    for runs in slices:
        usual, rows = runs.usual, np.repeat(np.arange(len(runs.rows)), runs.counts)
        batch, columns = usual.learner.batch, usual.states.models
        assert isinstance(columns, AdwinColumns)
        places = runs.places()
        values = batch.value_array[places].tolist()
        findings, raised = learn_adwins(columns, usual.slots[runs.rows], rows, values)
        for row, finding in findings:
            if row not in raised:
                try:
                    runs.add_event(row, finding)
                except ModelRaised as failure:
                    raised[row] = failure
        for row, error in raised.items():
            runs.fail(row, error)
        runs.account(runs.counts)


def _learn_twins(slices: Sequence[_Runs], few: int) -> None:
    learner = slices[0].usual.learner
    batch, use_case = learner.batch, learner.settings.use_case
    counts = np.concatenate([runs.counts for runs in slices])
    starts = np.cumsum(counts) - counts
    places = np.concatenate([runs.places() for runs in slices])
    order = np.argsort(-counts, kind="stable")  # those with most values first

    def sources(columns_of: Callable[[States], Any]) -> list[Source]:
        return [Source(columns_of(runs.usual.states), runs.usual.slots[runs.rows]) for runs in slices]

    twins: list[Twin] = [TWINS[type(use_case)](use_case, sources(attrgetter("models")), order)]
    if use_case.sensor_checks is not None:
        twins.append(HealthTwin(use_case.sensor_checks, sources(attrgetter("health")), order))
    learned = np.empty_like(counts)
    learned[order] = learn_by_rank(
        twins, batch.value_array[places], batch.at_s[places], starts[order], counts[order], few
    )
    for twin in twins:
        twin.scatter()
    first = 0
    for runs in slices:
        runs.account(learned[first : first + len(runs.rows)])
        first += len(runs.rows)
