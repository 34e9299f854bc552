"""The usual signals of several pages learn a batch together, in arrays; the others learn one by one.

One that comes to something unusual, such as an alert, leaves the arrays at that value and goes on as the
others do: that is the definition.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from consumer.decode.batch import Batch
from consumer.decode.signal_names import SignalKey
from consumer.decode.sorting import ranges
from consumer.detectors.alert_policy import COUNT_MAX, Finding
from consumer.detectors.base import UseCase
from consumer.detectors.drift import DriftUseCase
from consumer.detectors.in_columns.adwin_columns import AdwinColumns
from consumer.detectors.in_columns.adwin_learning import AdwinSource, learn_adwins
from consumer.detectors.in_columns.sensor_checks_twin import HealthTwin
from consumer.detectors.in_columns.vectorised import FEW, Source, Twin, learn_by_rank
from consumer.detectors.state_columns import Places
from consumer.errors import ModelRaised
from consumer.events.event import ObservationRef
from consumer.learning.outcome import ModelFailure
from consumer.learning.signal_learner import event_at
from consumer.learning.states import States
from consumer.learning.usual_signals import TWINS, Member, UsualSignals, split

OBSERVATIONS_PER_SLICE = 100_000
"""Between two checks of the time."""


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


class _Runs(NamedTuple):
    """What signals learn at once: runs of `usual.places`. Shape: columns of one length, `rows` ascending."""

    usual: UsualSignals
    rows: Places
    starts: Places
    counts: Places

    def places(self) -> Places:
        """Their observations, one run after another."""
        places = self.usual.places
        if len(self.rows) == len(self.usual) and int(self.counts.sum()) == len(places):
            return places
        return places[ranges(self.starts, self.counts)]

    def by_use_case(self) -> Iterator[tuple[UseCase, "_Runs"]]:
        """Those of each use case, as the signals' settings make it."""
        of = self.usual.use_case_of[self.rows]
        for index in np.unique(of).tolist():
            own = np.flatnonzero(of == index)
            yield (
                self.usual.use_cases[index],
                _Runs(self.usual, self.rows[own], self.starts[own], self.counts[own]),
            )

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
    usual, others = split(members, few)
    if usual is None:
        return others
    is_drift = type(first.settings.use_case) is DriftUseCase
    learn = _learn_adwins if is_drift else partial(_learn_twins, few=few)
    for begin, end in _slices(first.batch):
        runs = _within(usual, begin, end)
        if not len(runs.rows):
            continue
        if first.is_short():
            usual.defer(begin)
            break
        for use_case, of_use_case in runs.by_use_case():
            learn(of_use_case, use_case)
    for row, event in usual.events:
        if usual.alive[row]:
            usual.learner_of(row).outcome.events.append(event)
    for learner, part in usual.pages(np.flatnonzero(usual.spread & usual.alive)):
        learner.outcome.signals_spread += part.stop - part.start
    return others


def _within(usual: UsualSignals, begin: int, end: int) -> _Runs:
    """What is to be learned of the batch's observations from `begin` to `end`."""
    if begin == 0 and end >= len(usual.batch.record_of):
        taken = usual.counts
    else:
        taken = np.add.reduceat((usual.places >= begin) & (usual.places < end), usual.starts, dtype=np.intp)
    rows = np.flatnonzero(usual.alive & (taken > 0))
    return _Runs(usual, rows, usual.starts[rows] + usual.begun[rows], taken[rows])


def _slices(batch: Batch) -> Iterator[tuple[int, int]]:
    """Cut the batch's observations between records."""
    records, begin = batch.record_of, 0
    while begin < len(records):
        end = min(begin + OBSERVATIONS_PER_SLICE, len(records))
        end = int(np.searchsorted(records, records[end - 1], "right"))
        yield begin, end
        begin = end


def _learn_adwins(runs: _Runs, _: UseCase) -> None:
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


def _learn_twins(runs: _Runs, use_case: UseCase, few: int) -> None:
    learned = _learned_by_twins(runs, use_case, few)  # whose memory is free again for what goes on alone
    runs.account(learned)


def _learned_by_twins(runs: _Runs, use_case: UseCase, few: int) -> Places:
    """How many values each signal has learned in arrays, before one that is unusual."""
    usual, counts = runs.usual, runs.counts
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
    return learned
