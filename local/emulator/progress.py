"""What a mapping has done so far, and how to wait for it."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from local.emulator.stream_source import StreamRecord


class MappingStopped(Exception):
    """The mapping ended before it had done what was waited for: start another one, or wait for less."""


@dataclass(slots=True)
class Progress:
    """Counters of one mapping. A record is done once the function took it or it was given up.

    Each record counts once, however often it was delivered. Records that were given up are at the
    destination, unless there is none or `destination_failures` counts them too.
    """

    records_read: int = 0
    records_delivered: int = 0
    records_given_up: int = 0
    invocations: int = 0
    retries: int = 0
    bisections: int = 0
    batches_stored: int = 0
    destination_failures: int = 0
    _stopped: bool = False
    _waiting: list[tuple[int, asyncio.Future[None]]] = field(default_factory=list)

    @property
    def records_done(self) -> int:
        """The records that will not be delivered again."""
        return self.records_delivered + self.records_given_up

    def delivered(self, records: int) -> None:
        """Count records that the function took."""
        self.records_delivered += records
        self._wake()

    def given_up(self, records: int) -> None:
        """Count records that will not be tried again."""
        self.records_given_up += records
        self._wake()

    async def wait_until_done(self, records: int) -> None:
        """Return when that many records are done. Raises: `MappingStopped` if it cannot happen any more."""
        if self.records_done >= records:
            return
        if self._stopped:
            raise MappingStopped(self._ended_early(records))
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((records, reached))
        await reached

    def stopped(self) -> None:
        """Wake everybody who still waits: nothing more is coming."""
        self._stopped = True
        for records, reached in self._waiting:
            if not reached.done():
                reached.set_exception(MappingStopped(self._ended_early(records)))
        self._waiting.clear()

    def _ended_early(self, records: int) -> str:
        return f"the mapping ended with {self.records_done} of {records} records done"

    def _wake(self) -> None:
        for records, reached in self._waiting:
            if records <= self.records_done and not reached.done():
                reached.set_result(None)
        self._waiting = [waiting for waiting in self._waiting if not waiting[1].done()]


class Checkpoint:
    """How far a shard is done: the last sequence number up to which nothing is left to do."""

    def __init__(self) -> None:
        """Start before the shard's first record."""
        self.sequence_number: str | None = None
        self._unsettled: deque[StreamRecord] = deque()
        self._done: Counter[tuple[str, str]] = Counter()

    def read(self, record: StreamRecord) -> None:
        """Add a record that was read; call it in the order of the shard."""
        self._unsettled.append(record)

    def done(self, records: Sequence[StreamRecord]) -> None:
        """Mark records as done, in whatever order the lanes finish them."""
        self._done.update(_key(record) for record in records)
        while self._unsettled and self._done[key := _key(self._unsettled[0])]:
            self._done[key] -= 1
            if not self._done[key]:
                del self._done[key]
            passed = self._unsettled.popleft().sequence_number
            # Two records may share a sequence number: it is done when the last of them is.
            if not self._unsettled or self._unsettled[0].sequence_number != passed:
                self.sequence_number = passed


def _key(record: StreamRecord) -> tuple[str, str]:
    return record.sequence_number, record.partition_key
