"""What a batch holds for each page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from consumer.decode.batch import Batch
from consumer.decode.rejections import RejectedColumns
from consumer.decode.signal_names import SignalKey
from consumer.detectors.state_columns import Places

_NONE: Places = np.zeros(0, dtype=np.intp)


@dataclass
class PagePart:
    """The observations of one page, by their places in the batch's columns."""

    batch: Batch
    observations: Places = field(default_factory=_NONE.copy)
    skipped: Places = field(default_factory=_NONE.copy)
    apart: Sequence[SignalKey] = ()
    """Signals that are learned one by one, whose observations `observations` does not have."""

    @cached_property
    def keys(self) -> list[SignalKey]:
        """Its signals, in the order of their first observations; those that are skipped follow."""
        batch = self.batch
        skipped = [batch.skipped_numbers[place] for place in self.skipped.tolist()]
        numbers = [*batch.numbers[self.observations].tolist(), *skipped]
        names = batch.numbering.keys
        return [*(names[number] for number in dict.fromkeys(numbers)), *self.apart]

    @cached_property
    def first_record(self) -> int:
        """The first record that carries an observation for this page."""
        batch = self.batch
        firsts = [batch.signals[key].first_record() for key in self.apart]
        if len(self.observations):
            firsts.append(int(batch.record_of[self.observations[0]]))
        if len(self.skipped):
            firsts.append(batch.skipped_records[self.skipped[0]])
        return min(firsts)

    def records(self) -> set[int]:
        """The records that carry something for this page."""
        batch = self.batch
        found = set(batch.record_of[self.observations].tolist())
        found.update(batch.skipped_records[place] for place in self.skipped.tolist())
        for key in self.apart:
            found.update(batch.signals[key].records, batch.signals[key].skipped)
        return found

    def rejected(self, reason: str) -> list[RejectedColumns]:
        """All of its observations, those to be skipped included, rejected for one reason."""
        columns_of = self.batch.signals
        return [each for key in self.keys for each in columns_of[key].rejected(key.signal, reason)]
