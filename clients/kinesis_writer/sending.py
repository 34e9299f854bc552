"""What a sender has sent so far, and the errors that end it.

PutFailed           `sending` counts what is known to be stored; `acknowledgements` of `OrderedPut` say where
├── RecordRefused   a record was rejected at every attempt: the stream may need more shards
└── AnswerLost      it is unknown whether the records without acknowledgement were stored
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from clients.kinesis_writer.put_request import Acknowledgement

_LATE_FROM_S = 1.0


@dataclass(frozen=True, slots=True)
class ShardCount:
    """What was stored on one shard."""

    shard_id: str
    records: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Sending:
    """Counts of what was acknowledged, and of what it took.

    Units: `started_s` and `ended_s` are epoch seconds; `late_max_s` is in seconds, `first_late_s` in seconds
           after the start. A record is late if it is sent well after it was due.
    """

    records: int
    observations: int
    bytes: int
    taken: int
    """Observations taken from the source: those that are not acknowledged wait, or are on their way."""
    retries: int
    """Records that were sent again."""
    refused: int
    """Records that a request did not store: throttled, failed, or without an answer."""
    by_shard: Mapping[str, ShardCount]
    started_s: float
    ended_s: float
    late_max_s: float = 0.0
    first_late_s: float | None = None
    interrupted: bool = False

    @property
    def seconds(self) -> float:
        """How long sending took, or has taken so far."""
        return max(0.0, self.ended_s - self.started_s)

    @property
    def rate(self) -> float:
        """Observations acknowledged a second."""
        return self.observations / self.seconds if self.seconds else 0.0


def merged(sendings: Iterable[Sending]) -> Sending:
    """What several processes sent, as one; there is at least one."""
    parts = list(sendings)
    late = [part.first_late_s for part in parts if part.first_late_s is not None]
    return Sending(
        records=sum(part.records for part in parts),
        observations=sum(part.observations for part in parts),
        bytes=sum(part.bytes for part in parts),
        taken=sum(part.taken for part in parts),
        retries=sum(part.retries for part in parts),
        refused=sum(part.refused for part in parts),
        by_shard=_merged_shards(count for part in parts for count in part.by_shard.values()),
        started_s=min(part.started_s for part in parts),
        ended_s=max(part.ended_s for part in parts),
        late_max_s=max(part.late_max_s for part in parts),
        first_late_s=min(late) if late else None,
        interrupted=any(part.interrupted for part in parts),
    )


def _merged_shards(counts: Iterable[ShardCount]) -> dict[str, ShardCount]:
    by_shard: dict[str, ShardCount] = {}
    for count in counts:
        before = by_shard.get(count.shard_id, ShardCount(count.shard_id, 0, 0))
        by_shard[count.shard_id] = ShardCount(
            count.shard_id, before.records + count.records, before.bytes + count.bytes
        )
    return dict(sorted(by_shard.items()))


class Tally:
    """Counts while sending; `sending` returns them as they are."""

    def __init__(self, started_s: float) -> None:
        self.retries = 0
        self.refused = 0
        self._started_s = started_s
        self._records = self._observations = self._bytes = self._taken = 0
        self._late_max_s = 0.0
        self._first_late_s: float | None = None
        self._shards: dict[str, list[int]] = {}  # records and bytes

    def take(self, observations: int) -> None:
        """Count observations taken from the source."""
        self._taken += observations

    def leave(self, due_s: float, elapsed_s: float) -> None:
        """Note how late a record is sent for the first time, `elapsed_s` after the start."""
        late_s = elapsed_s - due_s if due_s else 0.0  # what is due at once is never late
        if late_s > self._late_max_s:
            self._late_max_s = late_s
            if late_s > _LATE_FROM_S and self._first_late_s is None:
                self._first_late_s = due_s

    def acknowledge(self, observations: int, size_bytes: int, acknowledgement: Acknowledgement) -> None:
        """Count a record that was stored."""
        self._records += 1
        self._observations += observations
        self._bytes += size_bytes
        shard = self._shards.setdefault(acknowledgement.shard_id, [0, 0])
        shard[0] += 1
        shard[1] += size_bytes

    def sending(self, now_s: float, interrupted: bool) -> Sending:
        """The counts at this time."""
        return Sending(
            records=self._records,
            observations=self._observations,
            bytes=self._bytes,
            taken=self._taken,
            retries=self.retries,
            refused=self.refused,
            by_shard={shard: ShardCount(shard, *counts) for shard, counts in sorted(self._shards.items())},
            started_s=self._started_s,
            ended_s=now_s,
            late_max_s=self._late_max_s,
            first_late_s=self._first_late_s,
            interrupted=interrupted,
        )


class PutFailed(Exception):
    """Not every record was acknowledged; the requests on their way were waited for, and are counted.

    `acknowledgements` are in order of submission where a list was sent, None for those without.
    """

    def __init__(
        self, reason: str, sending: Sending, acknowledgements: Sequence[Acknowledgement | None] = ()
    ) -> None:
        super().__init__(reason)
        self.sending = sending
        self.acknowledgements = tuple(acknowledgements)


class RecordRefused(PutFailed):
    """A record was rejected at every attempt: send it and those behind it later, slower, or add shards."""


class AnswerLost(PutFailed):
    """Records without acknowledgement may have been stored: read the stream before you send them again."""
