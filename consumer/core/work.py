"""What one batch holds for one page."""

from dataclasses import dataclass

from consumer.core.batch import Batch, Refusal
from consumer.core.signals import SignalKey


@dataclass(frozen=True, slots=True)
class Work:
    """What one batch holds for one page, of which `first_record` is the first record."""

    batch: Batch
    page_key: str
    keys: list[SignalKey]
    first_record: int

    def refused(self, reason: str) -> list[Refusal]:
        """Each observation of it, those that are skipped too."""
        refusals = []
        for key in self.keys:
            run = self.batch.runs[key]
            records, positions = run.records + run.skipped, run.positions + run.skipped_positions
            refusals += [
                Refusal(*place, reason, key.signal) for place in zip(records, positions, strict=True)
            ]
        return refusals
