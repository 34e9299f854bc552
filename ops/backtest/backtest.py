"""What a use case would have found in a recording: the function's own learning, one pass, no look ahead."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from consumer.decode.batch import Batch
from consumer.decode.observed_columns import SignalColumns
from consumer.decode.records import Records, Shard
from consumer.decode.signal_names import SignalKey
from consumer.decode.values import VALUE_MAX
from consumer.errors import ConfigurationError
from consumer.settings.signal_settings import SettingsOfSignals
from ops.replay.offline_learner import LearnedBatch, OfflineLearner

ROWS_AT_ONCE = 5_000
_SHARD = Shard("arn:aws:kinesis:local:000000000000:stream/backtest", "shardId-000000000000")

Row = tuple[float, Sequence[float | None]]
"""A time, seconds since 1970, and a value of each signal; None where there is none."""


class Part(NamedTuple):
    """Some rows that were learned: their events, and the value and score of each row.

    In a row of several signals, those of the signal that scores highest; in a row of none, None and 0.
    """

    rows: Sequence[Row]
    events: list[dict[str, Any]]
    scored: list[tuple[float | None, float]]


@dataclass(slots=True)
class Backtest:
    """One use case at work on the signals of one recording, each of which has a model of its own."""

    name: str
    settings: SettingsOfSignals
    asset: str
    signals: Sequence[str]
    keys: Sequence[SignalKey] = ()
    """Of the signals, with the assets that they belong to; none: all to `asset`."""
    learner: OfflineLearner = field(init=False)
    _rows: int = 0

    def __post_init__(self) -> None:
        self.keys = self.keys or [SignalKey(self.asset, signal) for signal in self.signals]
        self.learner = OfflineLearner(self.name, self.settings, has_scores=True)

    def parts(self, rows: Iterable[Row]) -> Iterator[Part]:
        """Learn the rows in order, some at a time; events are in the order of their rows.

        Raises: `ConfigurationError` for a use case that skips late observations.
        """
        if self.settings.use_case.late != "learn":
            raise ConfigurationError(
                f"{self.name} skips late observations, and recordings have no arrival times"
            )
        left = iter(rows)
        while part := list(islice(left, ROWS_AT_ONCE)):
            learned = self.learner.learn_batch(self._batch(part))
            yield Part(part, learned.events, _scored(learned, len(part)))

    def _batch(self, rows: Sequence[Row]) -> Batch:
        timestamps = [timestamp_s for timestamp_s, _ in rows]
        numbers = range(self._rows, self._rows + len(rows))
        self._rows += len(rows)
        records = Records(
            list(map(str, numbers)), [self.asset] * len(rows), list(timestamps), [""] * len(rows), True
        )
        batch = Batch(_SHARD, records)
        found: dict[SignalKey, SignalColumns] = {}
        columns = zip(*(values for _, values in rows), strict=True)
        for position, (key, column) in enumerate(zip(self.keys, columns, strict=True)):
            values = {row: value for row, value in enumerate(column) if value is not None}
            good = [row for row, value in values.items() if -VALUE_MAX <= value <= VALUE_MAX]
            for row in sorted(values.keys() - set(good)):
                batch.rejections.add(row, position, f"the value is beyond ±{VALUE_MAX:g}", key.signal)
            if good:
                found[key] = SignalColumns(
                    [values[row] for row in good],
                    [timestamps[row] for row in good],
                    good,
                    [position] * len(good),
                )
        batch.signals = found
        self.settings.merge_signals(batch)
        return batch


def _scored(learned: LearnedBatch, rows: int) -> list[tuple[float | None, float]]:
    scored: list[tuple[float | None, float]] = [(None, 0.0)] * rows
    for key, columns in learned.batch.signals.items():
        scores = learned.scores[key]
        for index, (row, value) in enumerate(zip(columns.records, columns.values, strict=True)):
            score = scores.get(index, 0.0)  # a value that could not be learned scores 0
            if scored[row][0] is None or score > scored[row][1]:
                scored[row] = float(value), score
    return scored
