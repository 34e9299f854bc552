"""Learn records outside of the function, exactly as it does; what is found is returned, not published."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from consumer.decode.batch import Batch
from consumer.decode.lambda_event import decode_all
from consumer.decode.observed_columns import SignalColumns
from consumer.decode.records import Shard
from consumer.decode.rejections import RejectedColumns
from consumer.decode.signal_names import SignalKey
from consumer.learning.outcome import FailedObservations
from consumer.learning.page_learner import PageLearner
from consumer.learning.signal_learner import taken
from consumer.learning.state import Checkpoint, State
from consumer.pages.codec import PageCodec, States
from consumer.pages.layout import Layout
from consumer.settings.signal_settings import SettingsOfSignals
from ops.quarantine.left_out import IN_QUARANTINE, QuarantinedObservations
from ops.replay.stream_reader import Records

_ONE_PAGE = Layout("", 1)
Limit = Callable[[SignalKey, Shard], Checkpoint | None]
"""How far to learn a shard's records of a signal; None: not at all."""


@dataclass(frozen=True, slots=True)
class LearnedBatch:
    """The outcome of learning one batch, for all its signals."""

    batch: Batch
    events: list[dict[str, Any]] = field(default_factory=list)
    """The details of the events, in the order of their records."""
    rejections: list[RejectedColumns] = field(default_factory=list)
    """The observations that the models could not learn; the batch has those that could not be decoded."""
    scores: dict[SignalKey, dict[int, float]] = field(default_factory=dict)
    """If asked for: of each signal, the score of each observation that was learned, by its index."""


@dataclass(slots=True)
class OfflineLearner:
    """The states of a use case, page by page, and how they learn.

    Where a model raises, its state from before the batch is restored, and it learns all but that observation.
    With `only`, no other signal learns but the one that tells its mode; with `limit`, each signal learns a
    shard up to there; with `quarantined`, what is in quarantine is passed over, as the function has.
    """

    name: str
    settings: SettingsOfSignals
    layout: Layout = _ONE_PAGE
    pages: defaultdict[str, States] = field(default_factory=lambda: defaultdict(States))
    only: SignalKey | None = None
    limit: Limit | None = None
    has_scores: bool = False
    quarantined: QuarantinedObservations | None = None
    changed: set[str] = field(default_factory=set)
    """The keys of the pages that have learned something."""
    records: int = 0
    observations: int = 0
    paused: int = 0
    """Observations of times at which a calendar says that nothing is learned."""
    outside_modes: int = 0
    """Observations while their machine was off or changed its mode, or that are of no mode that is known."""
    rejected: Counter[str] = field(default_factory=Counter)
    """How many observations and records could not be learned, by the reason."""
    raised: Counter[str] = field(default_factory=Counter)
    """Of these, the observations that models could not learn."""
    left_out: int = 0
    """Observations that were passed over because they are in quarantine."""

    @property
    def states(self) -> dict[SignalKey, State]:
        """The states of all pages."""
        return {key: state for page in self.pages.values() for key, state in page.items()}

    def add(self, key: SignalKey, state: State) -> None:
        """Go on from this state of a signal; it is changed in place."""
        self.pages[self.layout.key_of(key.record_signal)][key] = state

    def learn(self, records: Records) -> list[LearnedBatch]:
        """Learn some records of a shard, in order; those below the checkpoints are skipped."""
        self.records += len(records)
        return [self.learn_batch(batch) for batch in decode_all(records, self.settings.make_ready)]

    def learn_batch(self, batch: Batch) -> LearnedBatch:
        """Learn one batch, in which the signals of an asset are merged already."""
        if self.only is not None:
            rule = self.settings.of(self.only.signal).mode
            wanted = {self.only, self.only if rule is None else rule.signal_of(self.only)}
            batch.signals = {key: columns for key, columns in batch.signals.items() if key in wanted}
        if self.limit is not None:
            batch.signals = dict(_within(batch, self.limit))
        learned = LearnedBatch(batch)
        left_out = {} if self.quarantined is None else self._in_quarantine(batch)
        for page_key, keys in self.layout.grouped(batch.signals).items():
            self._learn_page(learned, page_key, keys, _LeftOut(left_out))
        learned.events.sort(key=lambda detail: int(detail["sequence_number"]))
        self.rejected += batch.rejections.reasons()
        raised = Counter[str]()
        for each in learned.rejections:
            raised[each.reason] += len(each.records)
        self.raised += raised
        self.rejected += raised
        return learned

    def _in_quarantine(self, batch: Batch) -> dict[SignalKey, dict[int, str]]:
        """What of the batch to leave out; what waits in the states of its signals is taken out of them."""
        assert self.quarantined is not None
        rows = self.quarantined.rows(self.settings.make_ready)
        for page_key, keys in self.layout.grouped(batch.signals).items():
            for key in keys:
                if key in self.pages[page_key]:
                    use_case = self.settings.of(key.signal).use_case
                    self.left_out += rows.forget(use_case, key, self.pages[page_key][key])
        return self.quarantined.of(batch, self.settings.make_ready)

    def _learn_page(
        self, learned: LearnedBatch, page_key: str, keys: Iterable[SignalKey], failed: FailedObservations
    ) -> None:
        states, codec = self.pages[page_key], PageCodec()
        keys = [*keys]
        before = codec.encode({key: states[key] for key in keys if key in states})
        learner = PageLearner(self.name, self.settings, learned.batch, states, failed, lambda: False, 10**9)
        learner.scores = learned.scores if self.has_scores else None
        learner.learn(keys)
        while raised := learner.outcome.raised:
            learner.failed.add(raised)
            learner.restore_from(codec.decode(before))
            learner.outcome.raised = {}
            learner.learn(raised)
        outcome = learner.outcome
        if outcome.first_done is not None:
            self.changed.add(page_key)
        self.observations += outcome.observations
        self.paused += outcome.paused
        self.outside_modes += outcome.outside_modes + outcome.mode_unknown
        for each in outcome.rejections:
            if each.reason == IN_QUARANTINE:
                self.left_out += len(each.records)
            else:
                learned.rejections.append(each)
        learned.events.extend(json.loads(event.detail) for event in outcome.events)


class _LeftOut(FailedObservations):
    """Also leaves out other observations, however many: indices into their signals' columns, with reasons."""

    def __init__(self, others: dict[SignalKey, dict[int, str]]) -> None:
        super().__init__({key: [] for key in others})
        self.others = others

    def reasons(self, key: SignalKey, indices: Sequence[int]) -> dict[int, str]:
        """Those of the models that raised, and of the others."""
        return super().reasons(key, indices) | self.others.get(key, {})


def covers(checkpoint: Checkpoint, sequence_number: int, partition_key: str) -> bool:
    """Whether a record had been learned at this checkpoint: others may share its sequence number.

    >>> covers(Checkpoint(7, ("a",), None), 7, "a"), covers(Checkpoint(7, ("a",), None), 7, "b")
    (True, False)
    """
    if sequence_number == checkpoint.sequence_number:
        return partition_key in checkpoint.partition_keys
    return sequence_number < checkpoint.sequence_number


def _within(batch: Batch, limit: Limit) -> Iterator[tuple[SignalKey, SignalColumns]]:
    """What the batch holds of each signal up to its limit."""
    numbers, partition_keys = batch.records.sequence_numbers, batch.records.partition_keys

    def is_covered(record: int) -> bool:
        return checkpoint is not None and covers(checkpoint, numbers[record], partition_keys[record])

    for key, columns in batch.signals.items():
        checkpoint = limit(key, batch.shard)
        if checkpoint is None:
            continue
        last = max([*columns.records[-1:], *columns.skipped[-1:]])
        if numbers[last] >= checkpoint.sequence_number:
            columns = _filtered(columns, is_covered)
        if columns.records or columns.skipped:
            yield key, columns


def _filtered(columns: SignalColumns, is_covered: Callable[[int], bool]) -> SignalColumns:
    """What of the columns lies in some of the records."""
    indices = [index for index, record in enumerate(columns.records) if is_covered(record)]
    skipped = [index for index, record in enumerate(columns.skipped) if is_covered(record)]
    return SignalColumns(
        taken(columns.values, indices),
        taken(columns.timestamps, indices),
        taken(columns.records, indices),
        taken(columns.positions, indices),
        taken(columns.skipped, skipped),
        taken(columns.skipped_positions, skipped),
    )


def is_behind(own: Checkpoint | None, limit: Checkpoint) -> bool:
    """Whether one who is there has not learned a shard as far as the limit.

    >>> is_behind(Checkpoint(7, ("a",), None), Checkpoint(7, ("a",), None))
    False
    >>> is_behind(Checkpoint(7, ("a",), None), Checkpoint(7, ("a", "b"), None))
    True
    """
    if own is None or own.sequence_number != limit.sequence_number:
        return own is None or own.sequence_number < limit.sequence_number
    return not set(limit.partition_keys) <= set(own.partition_keys)
