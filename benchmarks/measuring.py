"""Times two things alternately in one run, so that a busy machine slows both equally."""

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Clock = Callable[[], float]
cpu_s: Clock = time.process_time
wall_s: Clock = time.perf_counter


class Spread(NamedTuple):
    """A median between its quartiles."""

    low: float
    median: float
    high: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Seconds of two things, measured alternately: one of each per round."""

    ours_s: list[float]
    theirs_s: list[float]

    @property
    def ratio(self) -> Spread:
        """Ours over theirs, round by round."""
        return spread([ours / theirs for ours, theirs in zip(self.ours_s, self.theirs_s, strict=True)])

    @property
    def difference_s(self) -> Spread:
        """How much longer ours took, round by round."""
        return spread([ours - theirs for ours, theirs in zip(self.ours_s, self.theirs_s, strict=True)])


def spread(measured: Sequence[float]) -> Spread:
    """The median and the quartiles."""
    if len(measured) == 1:
        return Spread(measured[0], measured[0], measured[0])
    low, _, high = statistics.quantiles(measured, n=4, method="inclusive")
    return Spread(low, statistics.median(measured), high)


def timed(clock: Clock, work: Callable[[], object]) -> float:
    """Seconds that `work` takes; earlier garbage is collected first."""
    gc.collect()
    start = clock()
    work()
    return clock() - start


def alternately(
    rounds: int, clock: Clock, next_pair: Callable[[], tuple[Callable[[], object], Callable[[], object]]]
) -> Pair:
    """Time ours and theirs, each first in every other round; `next_pair` prepares them."""
    pair = Pair([], [])
    for number in range(rounds):
        ours, theirs = next_pair()
        if number % 2:
            pair.theirs_s.append(timed(clock, theirs))
            pair.ours_s.append(timed(clock, ours))
        else:
            pair.ours_s.append(timed(clock, ours))
            pair.theirs_s.append(timed(clock, theirs))
    return pair
