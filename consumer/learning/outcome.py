"""The outcome of learning: of one page, of observations at which models raised, of an invocation."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from consumer.decode.batch import Batch, RejectedColumns, SignalColumns
from consumer.decode.signal_names import SignalKey
from consumer.errors import BadDeployment
from consumer.events.event import Event

SIGNALS_MIN = 20


class DeploymentCheck:
    """Each page of a batch reports once how many signals it has, and how many of their models raised.

    A page whose models did not raise need not wait. Any other waits until a model of some page has learned,
    or all pages have reported: if then 20 models or more raised and none learned, the code is bad.
    """

    def __init__(self, page_keys: Iterable[str]) -> None:
        self._awaited = set(page_keys)
        self._raised = 0
        self._one_learned = False
        self._decided = asyncio.Event()

    def report(self, page_key: str, signals: int, raised: int) -> None:
        """Report for a page, the first time only; one that could not be loaded reports zeros."""
        if page_key in self._awaited:
            self._awaited.remove(page_key)
            self._raised += raised
            self._one_learned |= raised < signals
            if self._one_learned or not self._awaited:
                self._decided.set()

    async def passed(self) -> None:
        """Wait until it is known that models can learn.

        Raises: `BadDeployment`.
        """
        await self._decided.wait()
        if not self._one_learned and self._raised >= SIGNALS_MIN:
            raise BadDeployment(
                f"the models of all {self._raised} signals of the batch raised: nothing was committed. "
                "Roll the deployment back"
            )


RAISES_PER_SIGNAL_MAX = 3


class ModelFailure(NamedTuple):
    """The observation at `at` in a signal's columns, which its model could not learn."""

    at: int
    reason: str


@dataclass(slots=True)
class FailedObservations:
    """What to leave out of one batch, signal by signal."""

    raised: dict[SignalKey, list[ModelFailure]] = field(default_factory=dict)

    def add(self, raised: Mapping[SignalKey, ModelFailure]) -> None:
        """Leave these out from now on."""
        for key, failure in raised.items():
            self.raised.setdefault(key, []).append(failure)

    def reasons(self, key: SignalKey, indices: Sequence[int]) -> dict[int, str]:
        """The `indices` of a signal to leave out, with the reasons; after a few raises, all that follow."""
        raised = self.raised.get(key, [])
        reasons = {failure.at: failure.reason for failure in raised}
        if len(raised) >= RAISES_PER_SIGNAL_MAX:
            given_up = f"not tried: the model of this signal raised {len(raised)} times in its batch"
            last = max(reasons)
            reasons |= {index: given_up for index in indices if index > last}
        return reasons


class Savepoint(NamedTuple):
    """How much there was before a signal was learned."""

    events: int
    rejections: int
    observations: int
    skipped: int


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
    models_created: int = 0
    signals_refused: int = 0
    signals_spread: int = 0
    first_done: int | None = None
    """The first record that changed the states; None: there is nothing to commit."""
    first_left: int | None = None
    """The first record that is not learned whole, because the time ran short."""

    def savepoint(self) -> Savepoint:
        """How much there is now."""
        return Savepoint(len(self.events), len(self.rejections), self.observations, self.skipped)

    def rollback_to(self, savepoint: Savepoint) -> None:
        """Forget what was added since, by a signal whose model raised."""
        del self.events[savepoint.events :]
        del self.rejections[savepoint.rejections :]
        self.observations, self.skipped = savepoint.observations, savepoint.skipped

    def reject_signal(self, key: SignalKey, columns: SignalColumns) -> None:
        """Reject all observations of a new signal."""
        self.rejections += columns.rejected(key.signal, "the signal is new, and its page is full")
        self.signals_refused += 1

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
        self.counts.update(counts)

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
        self.add(records=records, uncertain=batch.uncertain, of_no_asset=batch.of_no_asset)

    def committed(self, learned: PageOutcome, batch: Batch, page_bytes: int) -> None:
        """Count what a page learned, now that it is committed."""
        self.add(
            observations_learned=learned.observations,
            skipped=learned.skipped,
            models_created=learned.models_created,
            signals_on_several_shards=learned.signals_spread,
            pages_committed=1,
        )
        self.page_bytes.append(page_bytes)
        if learned.first_done is not None:
            arrived_s = batch.records[learned.first_done].arrived_s
            if arrived_s is not None:
                self.oldest_arrived_s = min(arrived_s, self.oldest_arrived_s or arrived_s)
