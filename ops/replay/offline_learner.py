"""A use case learns retained records by the function's core, and tells nobody what it finds."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from consumer.decode.batch import Batch, Shard
from consumer.decode.lambda_event import batches_of
from consumer.decode.signal_names import SignalKey
from consumer.learning.outcome import FailedObservations
from consumer.learning.page_learner import PageLearner
from consumer.learning.state import Checkpoint, State
from consumer.pages.codec import PageCodec, States
from consumer.pages.layout import Layout
from consumer.settings.signal_settings import SettingsOfSignals

Records = list[dict[str, Any]]


def _nothing(details: list[dict[str, Any]]) -> None: ...


@dataclass(slots=True)
class SilentLearning:
    """The states of a use case by their pages; `limit` says of a signal how far it is to learn a shard.

    Without a limit it learns all that it is given. `found` gets the details of the events that the function
    would tell, part after part.
    """

    name: str
    settings: SettingsOfSignals
    layout: Layout
    pages: defaultdict[str, States] = field(default_factory=lambda: defaultdict(dict))
    limit: Callable[[SignalKey, Shard], Checkpoint | None] | None = None
    found: Callable[[list[dict[str, Any]]], None] = _nothing
    changed: set[str] = field(default_factory=set)
    """The keys of the pages that have learned something."""
    records: int = 0
    observations: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """What could not be learned, by the reason."""

    def learn(self, shard: Shard, records: Records) -> None:
        """Learn some records of a shard, in order; those that were learned before are known."""
        self.records += len(records)
        while records:
            batch = self._batch(records)
            if self._is_within(batch):
                self._learn_batch(batch)
            else:
                read = records if batch.unread_from is None else records[: batch.unread_from]
                for record in read:
                    self._learn_batch(self._one(record))
            records = [] if batch.unread_from is None else records[batch.unread_from :]

    def _batch(self, records: Records) -> Batch:
        [batch] = batches_of({"Records": records})
        self.settings.use_case.merge_signals(batch)
        if self.limit is not None:
            runs, limit = batch.runs, self.limit
            batch.runs = {key: runs[key] for key in runs if limit(key, batch.shard) is not None}
        return batch

    def _one(self, record: dict[str, Any]) -> Batch:
        """A record alone, of those signals within whose limit it lies."""
        one = self._batch([record])
        one.runs = {key: run for key, run in one.runs.items() if self._has(key, one)}
        return one

    def _is_within(self, batch: Batch) -> bool:
        """Whether all that the batch has of each signal lies within its limit, beyond doubt."""
        if self.limit is None:
            return True
        identifiers, slack = batch.records.identifiers, int(not batch.records.are_distinct)
        for key, run in batch.runs.items():
            mark = self.limit(key, batch.shard)
            last = max([*run.records[-1:], *run.skipped[-1:]])
            if mark is None or int(identifiers[last]) + slack > mark.sequence_number:
                return False
        return True

    def _has(self, key: SignalKey, one: Batch) -> bool:
        """Whether that record lies within the signal's limit: others may share its number."""
        mark = None if self.limit is None else self.limit(key, one.shard)
        record = one.records[0]
        return mark is not None and (
            record.sequence_number < mark.sequence_number
            or (
                record.sequence_number == mark.sequence_number and record.partition_key in mark.partition_keys
            )
        )

    def _learn_batch(self, batch: Batch) -> None:
        details: list[dict[str, Any]] = []
        for refusal in batch.refusals:
            self.refused[refusal.reason] += 1
        for page_key, keys in self.layout.grouped(batch.runs).items():
            details += self._learn_page(batch, page_key, keys)
        details.sort(key=lambda detail: int(detail["sequence_number"]))
        self.found(details)

    def _learn_page(self, batch: Batch, page_key: str, keys: Iterable[SignalKey]) -> list[dict[str, Any]]:
        states, codec = self.pages[page_key], PageCodec()
        known = {key: states[key] for key in keys if key in states}
        before = codec.encode(known) if known else None
        learning = PageLearner(
            self.name, self.settings, batch, states, FailedObservations(), lambda: False, 10**9
        )
        learning.learn(keys)
        while raised := learning.learned.raised:
            learning.exclusions.add(raised)
            learning.restore_from(codec.decode(before) if before else {})
            learning.learned.raised = {}
            learning.learn(raised)
        learned = learning.learned
        if learned.first_done is not None:
            self.changed.add(page_key)
        self.observations += learned.observations
        self.refused.update(refusal.reason for refusal in learned.refusals)
        return [json.loads(event.detail) for event in learned.events]


def is_behind(state: State | None, shard: Shard, mark: Checkpoint) -> bool:
    """Whether the state has not learned the shard as far as that."""
    own = None if state is None else state.checkpoints.get(shard)
    if own is None or own.sequence_number != mark.sequence_number:
        return own is None or own.sequence_number < mark.sequence_number
    return not set(mark.partition_keys) <= set(own.partition_keys)


def states_of(pages: Mapping[str, States]) -> States:
    """Those of all pages."""
    return {key: state for page in pages.values() for key, state in page.items()}
