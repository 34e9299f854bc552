"""What a use case would have told of a recording: the same core, one pass, nothing seen before its time.

It is not in the asset: operators run it before they deploy.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from consumer.core.batch import Batch
from consumer.core.exclusions import Exclusions
from consumer.core.learned import Learned
from consumer.core.learning import Learning
from consumer.core.records import Records, Shard
from consumer.core.runs import Refusal, Run
from consumer.core.signals import SignalKey
from consumer.core.state import State
from consumer.core.use_case import UseCase
from consumer.core.values import VALUE_MAX
from consumer.edge.page_codec import PageCodec

ROWS_AT_ONCE = 5_000
_SHARD = Shard("arn:aws:kinesis:local:000000000000:stream/backtest", "shardId-000000000000")

Row = tuple[float, Sequence[float | None]]
"""A time, seconds since 1970, and a value of each signal; None where there is none."""


@dataclass(slots=True)
class Backtest:
    """One use case at work on the signals of one asset, each of which has a model of its own."""

    name: str
    use_case: UseCase
    asset: str
    signals: Sequence[str]
    states: dict[SignalKey, State] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    """What could not be learned, by the reason."""
    learned: int = 0
    _rows: int = 0

    def events(self, rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
        """Learn the rows in order; the events' details, in the order of the rows they were found at."""
        left = iter(rows)
        while part := list(islice(left, ROWS_AT_ONCE)):
            learned = self._learn(part)
            self.learned += learned.observations
            self.refused.update(refusal.reason for refusal in learned.refusals)
            details = [json.loads(event.detail) for event in learned.events]
            yield from sorted(details, key=lambda detail: int(detail["sequence_number"]))

    def _learn(self, rows: Sequence[Row]) -> Learned:
        """As the pipeline does: a model that raises is taken afresh, and learns all but that value."""
        batch = self._batch(rows)
        codec, exclusions = PageCodec(), Exclusions()
        before = codec.encode(self.states)
        learning = Learning(
            self.name, self.use_case, batch, self.states, exclusions, lambda: False, signals_max=10**9
        )
        learning.learn(batch.runs)
        while raised := learning.learned.raised:
            exclusions.add(raised)
            learning.take_afresh(codec.decode(before))
            learning.learned.raised = {}
            learning.learn(raised)
        learning.learned.refusals += batch.refusals
        return learning.learned

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
                Refusal(place, position, f"the value is beyond ±{VALUE_MAX:g}", signal)
                for place in set(there) - set(good)
            ]
            if good:
                batch.runs[SignalKey(self.asset, signal)] = Run(
                    [column[place] for place in good],
                    [timestamps[place] for place in good],
                    good,
                    [position] * len(good),
                )
        return batch
