"""What a batch holds for each page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from consumer.decode.batch import Batch
from consumer.decode.rejections import RejectedColumns
from consumer.decode.signal_names import SignalKey
from consumer.decode.sorting import Runs, starts_of
from consumer.detectors.state_columns import Places

_NOTHING = Runs(*(np.zeros(0, np.int64) for _ in range(3)))


@dataclass
class PagePart:
    """What a batch holds for one page, signal by signal."""

    batch: Batch
    observed: Runs = _NOTHING
    """Places in the batch's columns."""
    skipped: Places = field(default_factory=_NOTHING.places.copy)
    apart: Sequence[SignalKey] = ()
    """Signals that are learned one by one, which `observed` does not have."""

    @cached_property
    def keys(self) -> list[SignalKey]:
        """Its signals, in the order of their first observations; those that are skipped follow."""
        batch, observed = self.batch, self.observed
        firsts = observed.places[starts_of(observed.counts)]
        skipped = [batch.skipped_numbers[place] for place in self.skipped.tolist()]
        numbers = [*observed.numbers[firsts.argsort()].tolist(), *skipped]
        names = batch.numbering.keys
        return [*(names[number] for number in dict.fromkeys(numbers)), *self.apart]

    @cached_property
    def first_record(self) -> int:
        """The first record that carries an observation for this page."""
        batch = self.batch
        firsts = [batch.signals[key].first_record() for key in self.apart]
        if len(self.observed.places):
            firsts.append(int(batch.record_of[self.observed.places.min()]))
        if len(self.skipped):
            firsts.append(batch.skipped_records[self.skipped[0]])
        return min(firsts)

    def records(self) -> set[int]:
        """The records that carry something for this page."""
        batch = self.batch
        found = set(batch.record_of[self.observed.places].tolist())
        found.update(batch.skipped_records[place] for place in self.skipped.tolist())
        for key in self.apart:
            found.update(batch.signals[key].records, batch.signals[key].skipped)
        return found

    def rejected(self, reason: str) -> list[RejectedColumns]:
        """All of its observations, those to be skipped included, rejected for one reason."""
        columns_of = self.batch.signals
        return [each for key in self.keys for each in columns_of[key].rejected(key.signal, reason)]
