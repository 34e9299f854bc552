"""One lane of a shard: gathers records into batches and delivers one batch at a time."""

from __future__ import annotations

import asyncio

from local.emulator.batching import Batch, Gathering
from local.emulator.clock import Clock, wait_at_most
from local.emulator.delivery import Delivery


class Lane:
    """Takes records from the shard's reader, which has to wait for room."""

    def __init__(self, gathering: Gathering, delivery: Delivery, clock: Clock) -> None:
        """Start empty and open."""
        self._gathering = gathering
        self._delivery = delivery
        self._clock = clock
        self._changed = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._closed = False
        self._stopped = False

    async def wait_for_room(self) -> None:
        """Return when the lane holds less than a batch, so that no more than one read runs ahead."""
        await self._has_room.wait()

    def put(self, records: Batch) -> None:
        """Take the next records of the lane, in order."""
        now = self._clock.now()
        for record in records:
            self._gathering.add(record, now)
        self._look_again()

    def close(self) -> None:
        """Expect no more records: the last batch need not wait for its window."""
        self._closed = True
        self._look_again()

    def stop(self) -> None:
        """End after the batch under way; what was only gathered stays in the stream."""
        self._stopped = True
        self._look_again()

    async def run(self) -> None:
        """Deliver batch after batch, until closed and empty, or stopped."""
        while batch := await self._next_batch():
            await self._delivery.deliver(batch)

    async def _next_batch(self) -> Batch:
        """Return the next batch, which is empty when there will be none."""
        while not self._stopped and not self._is_due():
            self._changed.clear()
            if self._gathering:
                window_s = self._gathering.closes_at - self._clock.now()
                await wait_at_most(self._changed, window_s, self._clock)
            else:
                await self._changed.wait()
        batch = () if self._stopped else self._gathering.cut()
        self._look_again()
        return batch

    def _is_due(self) -> bool:
        if not self._gathering:
            return self._closed
        return self._closed or self._gathering.is_full or self._clock.now() >= self._gathering.closes_at

    def _look_again(self) -> None:
        self._changed.set()
        if self._gathering.is_full:
            self._has_room.clear()
        else:
            self._has_room.set()
