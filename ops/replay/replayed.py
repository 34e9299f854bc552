"""A signal's records learned once more, on a state of its own: what the function found, and the way there."""

import json
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from consumer.decode.batch import Batch
from consumer.decode.lambda_event import batches_of
from consumer.decode.signal_names import SignalKey
from consumer.detectors.base import new_model
from consumer.errors import ModelRaised
from consumer.learning.outcome import FailedObservations
from consumer.learning.page_learner import PageLearner
from consumer.learning.signal_learner import taken, times, unlearned
from consumer.learning.state import State
from consumer.pages.codec import PageCodec, States
from consumer.settings.signal_settings import SettingsOfSignals

_VALUES_KEPT = 200


class Scored(NamedTuple):
    """An observation that was learned again."""

    sequence_number: str
    position: int
    at_s: float | None
    value: float
    score: float | None


@dataclass(slots=True)
class Replay:
    """One signal of a use case, from some state on; None: from nothing."""

    name: str
    settings: SettingsOfSignals
    key: SignalKey
    state: State | None
    records: int = 0
    observations: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)
    """Their details."""
    scored: deque[Scored] = field(default_factory=lambda: deque(maxlen=_VALUES_KEPT))
    problems: list[str] = field(default_factory=list)

    def learn(self, records: Sequence[dict[str, Any]]) -> None:
        """Learn what these records bring of the signal, as the function does.

        Raises: `MalformedEvent`.
        """
        for batch in batches_of({"Records": list(records)}):
            self.records += len(batch.records)
            self.settings.use_case.merge_signals(batch)
            if self.key in batch.runs:
                self._learn_batch(batch)

    def _learn_batch(self, batch: Batch) -> None:
        self._score(batch)
        states = {} if self.state is None else {self.key: self.state}
        exclusions = FailedObservations()
        while True:
            tried = _copied(states)
            learning = PageLearner(self.name, self.settings, batch, tried, exclusions, lambda: False, 1)
            learning.learn([self.key])
            raised = learning.learned.raised
            if not raised:
                break
            exclusions.add(raised)
            self.problems += [each.reason for each in raised.values()]
        self.state = tried.get(self.key)
        self.observations += learning.learned.observations
        self.events += [json.loads(event.detail) for event in learning.learned.events]

    def _score(self, batch: Batch) -> None:
        """Have a copy of the model score each value; the learning itself asks for no scores."""
        run, settings = batch.runs[self.key], self.settings.of(self.key.signal)
        entries = unlearned(run.records, self.state, batch)
        values = taken(run.values, entries)
        timestamps = times(run, entries, batch)
        known = None if self.state is None or self.state.parameters != settings.parameters else self.state
        model = (
            new_model(self.name, settings.use_case, self.key.signal)
            if known is None
            else _copied({self.key: known})[self.key].model
        )
        scores: list[float] = []
        try:
            settings.use_case.learn(model, values, timestamps, scores)
        except ModelRaised:
            scores = []
        of_each: Iterable[float | None] = scores if len(scores) == len(values) else [None] * len(values)
        for entry, value, at_s, score in zip(entries, values, timestamps, of_each, strict=True):
            identifier = batch.records.identifiers[run.records[entry]]
            self.scored.append(Scored(identifier, run.positions[entry], at_s, float(value), score))


def _copied(states: States) -> States:
    """As the function has them when it reads them: a model that is written is one that can be read."""
    codec = PageCodec()
    return codec.decode(codec.encode(states)) if states else {}
