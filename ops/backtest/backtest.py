"""What a use case would have told of a recording: the same core, one pass, nothing seen before its time.

It is not in the asset: operators run it before they deploy.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, NamedTuple, cast

from consumer.decode.batch import Batch, Records, Rejection, Shard, SignalColumns
from consumer.decode.signal_names import SignalKey
from consumer.decode.values import VALUE_MAX
from consumer.detectors.base import UseCase
from consumer.detectors.finding import Finding
from consumer.errors import ConfigurationError
from consumer.learning.outcome import FailedObservations, PageOutcome
from consumer.learning.page_learner import PageLearner
from consumer.learning.state import State
from consumer.pages.codec import PageCodec
from consumer.settings.signal_settings import SettingsOfSignals, SignalSettings

ROWS_AT_ONCE = 5_000
_SHARD = Shard("arn:aws:kinesis:local:000000000000:stream/backtest", "shardId-000000000000")

Row = tuple[float, Sequence[float | None]]
"""A time, seconds since 1970, and a value of each signal; None where there is none."""


class Part(NamedTuple):
    """Some rows that were learned: the events found at them, and the value and score of each row.

    Where a row has several signals, these are of the one that scores highest; without any, None and 0.
    """

    rows: Sequence[Row]
    events: list[dict[str, Any]]
    scored: list[tuple[float | None, float]]


class _Scoring:
    """A use case that is asked for scores too; they are kept with the model that gave them."""

    def __init__(self, use_case: UseCase, kept: list[tuple[Any, list[float]]]) -> None:
        self._use_case, self.kept = use_case, kept

    def __getattr__(self, name: str) -> Any:
        return getattr(self._use_case, name)

    def learn(self, model: Any, values: Sequence[float], timestamps: Sequence[float | None]) -> list[Finding]:
        scores: list[float] = []
        findings = self._use_case.learn(model, values, timestamps, scores)
        self.kept.append((model, scores))
        return findings


class _ScoringSettings:
    """The settings of signals, with use cases that are asked for scores."""

    def __init__(self, settings: SettingsOfSignals) -> None:
        self._settings, self.are_set = settings, settings.are_set
        self.kept: list[tuple[Any, list[float]]] = []
        self._scoring: dict[int, _Scoring] = {}
        self.use_case = self._asked(settings.use_case)

    def of(self, signal: str) -> SignalSettings:
        settings = self._settings.of(signal)
        return replace(settings, use_case=cast("UseCase", self._asked(settings.use_case)))

    def _asked(self, use_case: UseCase) -> _Scoring:
        return self._scoring.setdefault(id(use_case), _Scoring(use_case, self.kept))

    def scores_of(self, model: Any) -> list[float]:
        return [score for by, scores in self.kept if by is model for score in scores]


@dataclass(slots=True)
class Backtest:
    """One use case at work on the signals of one asset, each of which has a model of its own."""

    name: str
    settings: SettingsOfSignals
    asset: str
    signals: Sequence[str]
    states: dict[SignalKey, State] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    """What could not be learned, by the reason."""
    learned: int = 0
    _rows: int = 0

    def parts(self, rows: Iterable[Row]) -> Iterator[Part]:
        """Learn the rows in order, some at a time; events are in the order of the rows they were found at.

        Raises: `ConfigurationError` for a use case that skips what comes late.
        """
        if self.settings.use_case.late != "learn":
            raise ConfigurationError(f"{self.name} skips what comes late, and recordings have no arrival")
        left = iter(rows)
        while part := list(islice(left, ROWS_AT_ONCE)):
            yield self._learn(part)

    def _learn(self, rows: Sequence[Row]) -> Part:
        """As the pipeline does: a model that raises is taken afresh, and learns all but that value."""
        batch, scoring = self._batch(rows), _ScoringSettings(self.settings)
        self.settings.use_case.merge_signals(batch)
        codec, exclusions = PageCodec(), FailedObservations()
        before = codec.encode(self.states)
        learning = PageLearner(
            self.name,
            cast("SettingsOfSignals", scoring),
            batch,
            self.states,
            exclusions,
            lambda: False,
            10**9,
        )
        learning.learn(batch.runs)
        while raised := learning.learned.raised:
            exclusions.add(raised)
            learning.restore_from(codec.decode(before))
            learning.learned.raised = {}
            learning.learn(raised)
        learned = learning.learned
        learned.refusals += batch.refusals
        self.learned += learned.observations
        self.refused.update(refusal.reason for refusal in learned.refusals)
        details = [json.loads(event.detail) for event in learned.events]
        details.sort(key=lambda detail: int(detail["sequence_number"]))
        return Part(rows, details, self._scored(batch, scoring, learned, len(rows)))

    def _scored(
        self, batch: Batch, scoring: _ScoringSettings, learned: PageOutcome, rows: int
    ) -> list[tuple[float | None, float]]:
        scored: list[tuple[float | None, float]] = [(None, 0.0)] * rows
        refused = {(refusal.signal, refusal.record) for refusal in learned.refusals}
        for key, run in batch.runs.items():
            scores = iter(scoring.scores_of(self.states[key].model) if key in self.states else ())
            for row, value in zip(run.records, run.values, strict=True):
                score = 0.0 if (key.signal, row) in refused else next(scores)
                if scored[row][0] is None or score > scored[row][1]:
                    scored[row] = float(value), score
        return scored

    def _batch(self, rows: Sequence[Row]) -> Batch:
        timestamps = [timestamp_s for timestamp_s, _ in rows]
        numbers = range(self._rows, self._rows + len(rows))
        self._rows += len(rows)
        records = Records(
            list(map(str, numbers)), [self.asset] * len(rows), list(timestamps), [""] * len(rows), True
        )
        batch = Batch(_SHARD, records)
        columns = zip(*(values for _, values in rows), strict=True)
        for position, (signal, column) in enumerate(zip(self.signals, columns, strict=True)):
            there = [place for place, value in enumerate(column) if value is not None]
            good = [place for place in there if -VALUE_MAX <= column[place] <= VALUE_MAX]
            batch.refusals += [
                Rejection(place, position, f"the value is beyond ±{VALUE_MAX:g}", signal)
                for place in set(there) - set(good)
            ]
            if good:
                batch.runs[SignalKey(self.asset, signal)] = SignalColumns(
                    [column[place] for place in good],
                    [timestamps[place] for place in good],
                    good,
                    [position] * len(good),
                )
        return batch
