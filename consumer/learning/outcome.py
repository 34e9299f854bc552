"""The outcome of learning: of one page, of observations at which models raised, of an invocation."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from consumer.decode.batch import Batch
from consumer.decode.observed_columns import SignalColumns
from consumer.decode.rejections import RejectedColumns
from consumer.decode.signal_names import SignalKey
from consumer.detectors.base import UseCase, can_learn
from consumer.errors import BadDeployment
from consumer.events.event import Event

SIGNALS_MIN = 20
"""Fewer signals are too few to say that the deployment is bad."""


@dataclass(slots=True)
class DeploymentCheck:
    """Whether the deployed code can learn at all: asked for a page of a batch where no model could.

    The answer depends on the code alone, so nothing that arrives and nothing in a page can hold a shard: a
    model that has learned nothing is given plain values. Where it learns them, whatever raised is the fault
    of a signal. What is alone, in one record or of one record signal, is too little to judge by.
    """

    name: str
    use_case: UseCase
    batch: Batch
    _is_good: bool = False

    def passed(self, outcome: "PageOutcome") -> None:
        """Go on, unless models can learn nothing.

        Raises: `BadDeployment`.
        """
        if self._is_good or outcome.signals > len(outcome.raised) or not self._are_many():
            return
        if not can_learn(self.name, self.use_case):
            raise BadDeployment(
                "no model can learn: one that has learned nothing raises at plain values too. Nothing was "
                "committed. Roll the deployment back"
            )
        self._is_good = True

    def _are_many(self) -> bool:
        signals = self.batch.signals
        return (
            len(signals) >= SIGNALS_MIN
            and len({key.record_signal for key in signals}) > 1
            and len({columns.first_record() for columns in signals.values()}) > 1
        )


RAISES_PER_SIGNAL_MAX = 3


class Waiting(NamedTuple):
    """Values of an asset that waited in its state for the rest of their row."""

    values: dict[str, float]
    started_s: float | None
    ended_by: int
    """The observation that ended their row, by its index in the signal's columns."""


class ModelFailure(NamedTuple):
    """What a model could not learn: observations, by their indices in the signal's columns, or a whole row.

    If neither is known, the signal is to be learned observation by observation.
    """

    indices: tuple[int, ...]
    reason: str
    waiting: Waiting | None = None

    @property
    def is_known(self) -> bool:
        """Whether it is known what to leave out."""
        return bool(self.indices or self.waiting)


@dataclass(slots=True)
class FailedObservations:
    """What to leave out of one batch, signal by signal.

    Each failure of a signal brings it nearer to its end: after one of which nothing is known, it is learned
    observation by observation, and after a second it is set aside; after a few others, what follows is left
    out, and if even then its model raises, it is set aside too.
    """

    raised: dict[SignalKey, list[ModelFailure]] = field(default_factory=dict)
    set_aside: dict[SignalKey, str] = field(default_factory=dict)
    """Signals of which nothing is to be learned, and why."""
    in_arrays: bool = False
    """Whether the arrays raised: then nothing is learned in them."""

    def add(self, raised: Mapping[SignalKey, ModelFailure]) -> None:
        """Leave these out from now on."""
        for key, failure in raised.items():
            before = self.raised.setdefault(key, [])
            known = sum(one.is_known for one in before)
            if known >= RAISES_PER_SIGNAL_MAX or (not failure.is_known and known < len(before)):
                self.set_aside[key] = failure.reason
            before.append(failure)

    def __bool__(self) -> bool:
        """Whether there is anything to leave out."""
        return bool(self.raised or self.set_aside or self.in_arrays)

    def is_singly(self, key: SignalKey) -> bool:
        """Whether to learn this signal observation by observation, so that the one that fails is known."""
        return any(not failure.is_known for failure in self.raised.get(key, ()))

    def waiting(self, key: SignalKey) -> list[tuple[Waiting, str]]:
        """The values that are to leave the state of an asset, with the reasons."""
        failures = self.raised.get(key, ())
        return [(failure.waiting, failure.reason) for failure in failures if failure.waiting]

    def reasons(self, key: SignalKey, indices: Sequence[int]) -> dict[int, str]:
        """The `indices` of a signal to leave out, with the reasons; after a few raises, all that follow."""
        raised = [failure for failure in self.raised.get(key, ()) if failure.is_known]
        reasons = {index: failure.reason for failure in raised for index in failure.indices}
        if len(raised) >= RAISES_PER_SIGNAL_MAX:
            given_up = f"not tried: the model of this signal raised {len(raised)} times in its batch"
            last = max(reasons, default=-1)
            reasons |= {index: given_up for index in indices if index > last}
        return reasons


class Savepoint(NamedTuple):
    """How much there was before a signal was learned."""

    events: int
    rejections: int
    observations: int
    skipped: int
    paused: int
    outside_modes: int
    mode_unknown: int
    modes_forgotten: int
    modes_apart: int


@dataclass(slots=True)
class PageOutcome:
    """The outcome of learning one batch for one page; it counts once the page is committed."""

    events: list[Event] = field(default_factory=list)
    rejections: list[RejectedColumns] = field(default_factory=list)
    raised: dict[SignalKey, ModelFailure] = field(default_factory=dict)
    signals: int = 0
    observations: int = 0
    redelivered: int = 0
    skipped: int = 0
    paused: int = 0
    """Observations of times at which a calendar says that nothing is learned."""
    outside_modes: int = 0
    """Observations while their machine was off, or its mode had changed just before."""
    mode_unknown: int = 0
    """Observations of which it is not known in which mode their machine was."""
    modes_forgotten: int = 0
    """Modes whose models had to give way to those of others."""
    modes_apart: list[str] = field(default_factory=list)
    """Signals that come alone, and have no signal on their page that tells their mode."""
    models_created: int = 0
    signals_refused: int = 0
    signals_spread: int = 0
    first_done: int | None = None
    """The first record that changed the states; None: there is nothing to commit."""
    first_left: int | None = None
    """The first record that is not learned whole, because the time ran short."""

    def savepoint(self) -> Savepoint:
        """How much there is now."""
        return Savepoint(
            len(self.events),
            len(self.rejections),
            self.observations,
            self.skipped,
            self.paused,
            self.outside_modes,
            self.mode_unknown,
            self.modes_forgotten,
            len(self.modes_apart),
        )

    def rollback_to(self, savepoint: Savepoint) -> None:
        """Forget what was added since, by a signal whose model raised."""
        del self.events[savepoint.events :]
        del self.rejections[savepoint.rejections :]
        self.observations, self.skipped = savepoint.observations, savepoint.skipped
        self.paused = savepoint.paused
        self.outside_modes, self.mode_unknown = savepoint.outside_modes, savepoint.mode_unknown
        self.modes_forgotten = savepoint.modes_forgotten
        del self.modes_apart[savepoint.modes_apart :]

    def reject_signal(self, key: SignalKey, columns: SignalColumns) -> None:
        """Reject all observations of a new signal."""
        self.rejections += columns.rejected(key.signal, "the signal is new, and its page is full")
        self.signals_refused += 1

    def learned_from(self, record: int) -> None:
        """Something was learned from `record`, and perhaps from records after it."""
        self.first_done = record if self.first_done is None else min(self.first_done, record)

    def defer(self, record: int) -> None:
        """Have Lambda deliver from `record` on again, at the latest."""
        self.first_left = record if self.first_left is None else min(self.first_left, record)

    @property
    def needs_confirmed_page(self) -> bool:
        """True if events, rejections or a no-op depend on this page version.

        The conditional PUT alone would notice too late.
        """
        return bool(self.events or self.rejections or self.raised) or self.first_done is None


@dataclass(slots=True)
class InvocationReport:
    """Counts of what took effect; `failed` are the sequence numbers from which Lambda is to deliver again."""

    failed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    page_bytes: list[int] = field(default_factory=list)
    oldest_arrived_s: float | None = None
    """When the oldest record that was learned had arrived."""

    def add(self, **counts: int) -> None:
        """Count what happened, by name."""
        for name, count in counts.items():  # `Counter.update` takes five times as long
            self.counts[name] += count

    def read(self, batch: Batch) -> None:
        """Count the batch's records, and say where some are left unread."""
        records = len(batch.records)
        if batch.unread_from is not None:
            self.problems.append(
                f"of {records} records {batch.unread_from} hold as much as one invocation learns, "
                f"{batch.observations} observations in {batch.unpacked_bytes} unpacked bytes; "
                "the others come again"
            )
            records = batch.unread_from
        self.add(
            records=records,
            uncertain=batch.uncertain,
            times_not_believed=batch.times_not_believed,
            of_no_asset=batch.of_no_asset,
        )

    def committed(self, learned: PageOutcome, batch: Batch, page_bytes: int) -> None:
        """Count what a page learned, now that it is committed."""
        self.add(
            observations_learned=learned.observations,
            skipped=learned.skipped,
            paused=learned.paused,
            outside_modes=learned.outside_modes,
            mode_unknown=learned.mode_unknown,
            modes_forgotten=learned.modes_forgotten,
            models_created=learned.models_created,
            signals_on_several_shards=learned.signals_spread,
            pages_committed=1,
        )
        if learned.modes_apart:
            self.problems.append(
                f"{len(learned.modes_apart)} signals, such as {min(learned.modes_apart)}, are not learned: "
                "what tells their modes is not on their pages. Send both as values of one record, or set "
                "`placement: asset`"
            )
        self.page_bytes.append(page_bytes)
        if learned.first_done is not None:
            arrived_s = batch.records[learned.first_done].arrived_s
            if arrived_s is not None:
                self.oldest_arrived_s = min(arrived_s, self.oldest_arrived_s or arrived_s)
