"""What one batch holds for one page."""

from dataclasses import dataclass

from consumer.core.batch import Batch
from consumer.core.runs import Refusal
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
        runs = self.batch.runs
        return [refusal for key in self.keys for refusal in runs[key].refusals(key.signal, reason)]
