"""Times two things alternately in one run, so that a busy machine slows both equally."""

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple

Clock = Callable[[], float]
cpu_s: Clock = time.process_time
wall_s: Clock = time.perf_counter
Bound = Literal["at most", "at least"]


class Spread(NamedTuple):
    """A median between its quartiles."""

    low: float
    median: float
    high: float


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and its bar, if any; the median must meet it."""

    name: str
    measured: Spread
    unit: str = ""
    bound: Bound | None = None
    bar: float | None = None
    note: str = ""

    @property
    def holds(self) -> bool:
        """True if the median meets the bar."""
        if self.bar is None:
            return True
        return (
            self.measured.median <= self.bar if self.bound == "at most" else self.measured.median >= self.bar
        )


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
    rounds: int, clock: Clock, pairs: Iterator[tuple[Callable[[], object], Callable[[], object]]]
) -> Pair:
    """Time ours and theirs, as `pairs` prepares them, each first in every other round."""
    pair = Pair([], [])
    for number, (ours, theirs) in enumerate(islice(pairs, rounds)):
        if number % 2:
            pair.theirs_s.append(timed(clock, theirs))
            pair.ours_s.append(timed(clock, ours))
        else:
            pair.ours_s.append(timed(clock, ours))
            pair.theirs_s.append(timed(clock, theirs))
    return pair
