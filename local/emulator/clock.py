"""Time, passed in: the same mapping runs in real time or, in a simulation, instantly."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import Protocol

# Doubling thirty times passes any cap; an unlimited number of retries would overflow a float.
_DOUBLINGS_MAX = 30


class Clock(Protocol):
    """The time, and a way to wait; `sleep` may be cancelled."""

    def now(self) -> float:
        """The time in epoch seconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""
        ...


class RealClock:
    """The system clock."""

    def now(self) -> float:
        """The time in epoch seconds."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Polling intervals, read size and retry backoff of a mapping.

    The defaults are Lambda's, as far as they are documented: each shard is polled once a second.
    """

    poll_interval_s: float = 1.0
    discovery_interval_s: float = 10.0
    read_limit: int = 10_000
    backoff_first_s: float = 1.0
    backoff_cap_s: float = 60.0
    destination_attempts: int = 5

    def backoff_s(self, failures: int, rng: random.Random) -> float:
        """How long to wait after that many failures in a row: doubled each time, capped, with jitter."""
        doubled = self.backoff_first_s * 2.0 ** min(failures - 1, _DOUBLINGS_MAX)
        return min(self.backoff_cap_s, doubled) * rng.uniform(0.5, 1.0)


async def wait_at_most(event: asyncio.Event, seconds: float, clock: Clock) -> None:
    """Return when `event` is set or the time is up, whichever comes first."""
    either = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(clock.sleep(seconds))]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiting in either:
            waiting.cancel()
        await asyncio.gather(*either, return_exceptions=True)
