"""What an invocation did, and what is left to do."""

from collections import Counter
from dataclasses import dataclass, field

from consumer.core.batch import Batch
from consumer.core.learned import Learned


@dataclass(slots=True)
class Report:
    """Counts of what took effect; `failed` are the sequence numbers from which Lambda is to deliver again."""

    failed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    page_bytes: list[int] = field(default_factory=list)
    oldest_arrived_s: float | None = None
    """When the oldest record that was learned had arrived."""

    def add(self, **counts: int) -> None:
        """Count what happened, by name."""
        self.counts.update(counts)

    def read(self, batch: Batch) -> None:
        """Count the batch's records, and say where some are left unread."""
        records = len(batch.records)
        if batch.unread_from is not None:
            self.problems.append(
                f"of {records} records {batch.unread_from} hold as much as one invocation learns, "
                f"{batch.observations} observations in {batch.unpacked_bytes} unpacked bytes; "
                "the others come again"
            )
            records = batch.unread_from
        self.add(records=records, uncertain=batch.uncertain)

    def committed(self, learned: Learned, batch: Batch, page_bytes: int) -> None:
        """Count what a page learned, now that it is committed."""
        self.add(
            observations_learned=learned.observations,
            skipped=learned.skipped,
            models_created=learned.models_created,
            signals_on_several_shards=learned.signals_spread,
            pages_committed=1,
        )
        self.page_bytes.append(page_bytes)
        if learned.first_done is not None:
            arrived_s = batch.records[learned.first_done].arrived_s
            if arrived_s is not None:
                self.oldest_arrived_s = min(arrived_s, self.oldest_arrived_s or arrived_s)
