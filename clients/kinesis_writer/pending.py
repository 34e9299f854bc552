"""The records that wait: the next one of a key moves up when the one before it is stored."""

import heapq
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from clients.kinesis_writer.put_request import RECORDS_PER_REQUEST_MAX, REQUEST_BYTES_MAX, StreamRecord


class ScheduledRecord(NamedTuple):
    """A record and when it is due, in seconds after the start; 0 is at once."""

    due_s: float
    record: StreamRecord
    observations: int


@dataclass(slots=True, eq=False)
class Waiting:
    """A scheduled record in the line, by its position in order of submission."""

    position: int
    scheduled: ScheduledRecord
    size_bytes: int
    refusals: int = 0

    @property
    def key(self) -> str:
        """The partition key."""
        return self.scheduled.record.partition_key


class PendingRecords:
    """At most one record of a key is ready, resting or on its way; the others of that key stand behind it."""

    def __init__(self) -> None:
        self.records = 0
        """How many have entered and are not acknowledged, those on their way included."""
        self.bytes = 0
        self._ready: deque[Waiting] = deque()
        self._resting: list[tuple[float, int, Waiting]] = []  # refused, as a heap by when to try again
        self._behind: dict[str, deque[Waiting] | None] = {}  # of each key in the line; None: nothing behind

    def enter(self, waiting: Waiting) -> None:
        """Add a record at the end."""
        self.records += 1
        self.bytes += waiting.size_bytes
        key = waiting.scheduled.record.partition_key
        if key not in self._behind:
            self._behind[key] = None
            self._ready.append(waiting)
        elif (behind := self._behind[key]) is None:
            self._behind[key] = deque((waiting,))
        else:
            behind.append(waiting)

    def take(self) -> list[Waiting]:
        """One request's records, each of another key; empty if none is ready."""
        taken: list[Waiting] = []
        room = REQUEST_BYTES_MAX
        ready = self._ready
        while ready and len(taken) < RECORDS_PER_REQUEST_MAX:
            room -= ready[0].size_bytes
            if room < 0:
                break
            taken.append(ready.popleft())
        return taken

    def acknowledge(self, waiting: Waiting) -> None:
        """Let the next record of its key move up."""
        self.records -= 1
        self.bytes -= waiting.size_bytes
        behind = self._behind[waiting.key]
        if behind:
            self._ready.append(behind.popleft())
        else:
            del self._behind[waiting.key]

    def rest(self, waiting: Waiting, until: float) -> None:
        """Hold a refused record back, and so all behind it."""
        heapq.heappush(self._resting, (until, waiting.position, waiting))

    def wake(self, now: float) -> None:
        """Make ready what has rested long enough, ahead of what came later."""
        awake = []
        while self._resting and self._resting[0][0] <= now:
            awake.append(heapq.heappop(self._resting)[2])
        self._ready.extendleft(reversed(awake))

    @property
    def fills_a_request(self) -> bool:
        """Whether as many are ready as a request takes."""
        return len(self._ready) >= RECORDS_PER_REQUEST_MAX

    @property
    def oldest_due_s(self) -> float | None:
        """When the first of those ready was due; None if none is ready."""
        return self._ready[0].scheduled.due_s if self._ready else None

    @property
    def next_wake(self) -> float | None:
        """When the first of those resting may be sent again; None if none rests."""
        return self._resting[0][0] if self._resting else None
