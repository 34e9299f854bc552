"""Time and patience, passed in: the same mapping runs in real time and, in a simulation, in no time."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import Protocol

# Doubling thirty times passes any cap; an unlimited number of retries would overflow a float.
_DOUBLINGS_MAX = 30


class Clock(Protocol):
    """The time, and a way to let it pass; `sleep` has to bear being cancelled."""

    def now(self) -> float:
        """Tell the time in epoch seconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when that much time has passed."""
        ...


class RealClock:
    """The clock on the wall."""

    def now(self) -> float:
        """Tell the time in epoch seconds."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Return when that much time has passed."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often the mapping asks, how much it reads at once, and how long it waits after failures.

    The defaults are Lambda's, as far as it documents them: each shard is polled once a second.
    """

    poll_interval_s: float = 1.0
    discovery_interval_s: float = 10.0
    read_limit: int = 10_000
    backoff_first_s: float = 1.0
    backoff_cap_s: float = 60.0
    destination_attempts: int = 5

    def backoff_s(self, failures: int, rng: random.Random) -> float:
        """Tell how long to wait after so many failures in a row: doubled each time, capped, with jitter."""
        doubled = self.backoff_first_s * 2.0 ** min(failures - 1, _DOUBLINGS_MAX)
        return min(self.backoff_cap_s, doubled) * rng.uniform(0.5, 1.0)


async def wait_at_most(event: asyncio.Event, seconds: float, clock: Clock) -> None:
    """Return when `event` is set or the time has passed, whichever comes first."""
    either = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(clock.sleep(seconds))]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiting in either:
            waiting.cancel()
        await asyncio.gather(*either, return_exceptions=True)
