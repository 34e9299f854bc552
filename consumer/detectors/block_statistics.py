"""How the means of equal blocks of values usually run, and since when they run elsewhere."""

import math
from dataclasses import dataclass, field

from consumer.detectors.states import state

_BLOCKS_MIN = 12
"""Before their spread says much."""
_SLOW_MIN = 6
"""Before their spread says whether shorter blocks miss something that is slow."""
_INDEPENDENT_MIN = 6.0
"""Of the blocks, as many as it takes to have seen the signal come and go: a part of a cycle is not enough."""
_REMEMBERED = 512
"""Blocks: what is usual may change slowly."""
_OUTSIDE, _INSIDE = 3.0, 1.0
"""Deviations: beyond the one a run begins, and within the other it ends; a lone block counts as three."""
_MEMORY = 2.0
"""Times the variance that independent values would give to blocks: beyond it, neighbours are alike."""
_RUN_MIN = 6
"""Blocks on one side that last; of fewer it cannot be told whether they rise."""
_RUN_MAX = 16
"""Blocks, after which it is not a change that would be sure, but how the signal wanders."""
_OUTSIDE_MIN = 4
"""Of them, as many have to be outside by themselves: a spike is in two at most, a burst in some more."""
_UNDECIDED_MAX = 8
"""Blocks, after which a change that is neither clearly gradual nor clearly sudden is told."""
_SURE, _SURER = 5.3, 50.0
"""Deviations of a run's mean: a chance of one in ten million, by Student's t with few independent blocks."""
_LEVEL_T, _GRADUAL_T = 1.0, 3.0
"""By Student's t of the rise within a run: below the one it is sudden, above the other gradual."""
_LEAD, _LEAD_BLOCKS = 1.0 / 3.0, 2.0
"""Of a block, in the mean of those just before a run; and how old that mean is."""


@state("block_statistics")
@dataclass(slots=True)
class BlockStatistics:
    """Mean and spread of blocks, and how much of the spread is from one block to the next.

    Blocks that resemble their neighbours (a cycle, a trend, noise with a memory) count as fewer independent
    ones, and the fewer there are, the further a change must go.
    """

    blocks: int = 0
    mean: float = 0.0
    variance: float = 0.0
    roughness: float = 0.0
    """Mean square of what neighbours differ by: twice the variance, where they are independent."""
    drift: float = 0.0
    """Mean of what neighbours differ by."""
    lead: float = 0.0
    """How far off the mean the blocks just before were."""
    last: float = 0.0
    independent: float = 0.0
    """How many independent blocks those learned are worth."""
    slow: float = 0.0
    """Of the variance, what does not average out, as it was known before the run."""
    run: int = 0
    """Blocks outside, on one side, one after the other, up to the last one."""
    outside: int = 0
    """Of the run's blocks, those that are as far outside as one that begins a run."""
    run_sum: float = 0.0
    rise_sum: float = 0.0
    rise_moment: float = 0.0
    """Of the run without its first block, which may lie across the change."""

    @property
    def deviation(self) -> float:
        """Of the blocks around their mean."""
        return math.sqrt(self.variance)

    @property
    def run_mean(self) -> float:
        """Where the run is; without its first block."""
        return self.mean + self.rise_sum / max(1, self.run - 1)

    def learn_one(
        self, block: float, least: float, finer: float, independent_max: float, slow: float
    ) -> float:
        """How sure it is that the course has changed for good: from 1 on it is.

        `least` is what rounding may do to a block, `finer` its deviation if its parts were independent. Of
        what other scales know: there are at most so many independent blocks, and `slow` is the variance that
        a run does not average out.
        """
        if self.run == 0 or self.run > _UNDECIDED_MAX:  # in between, it may have risen by what is to be told
            self.slow = slow
        off, deviation = block - self.mean, max(self.deviation, least)
        if self.blocks < _SLOW_MIN:
            self.independent = independent_max
            self._learn(off)
            return 0.0
        independent = min(self._independent(finer), independent_max)
        self.independent = independent
        if self.blocks < _BLOCKS_MIN or independent < _INDEPENDENT_MIN:
            self._learn(min(max(off, -_OUTSIDE * deviation), _OUTSIDE * deviation))
            return 0.0
        bound = _INSIDE if off * self.run_sum > 0.0 else _OUTSIDE
        if abs(off) <= bound * deviation or self.run >= _RUN_MAX:
            self.end_run()
            self._learn(block - self.mean)
            return 0.0
        if off * self.run_sum < 0.0:
            self.end_run()
        self._run_on(off, abs(off) > _OUTSIDE * deviation)
        share = independent / self.blocks
        error = deviation * math.sqrt(1.0 / max(1.0, share * self.run) + 1.0 / independent)
        error = math.sqrt(error * error + self.slow)
        sure = abs(self.run_sum) / self.run / error / (_SURE + _SURER / independent)
        is_lasting = self.run >= _RUN_MIN and self.outside >= _OUTSIDE_MIN
        return sure if is_lasting else min(sure, 1.0) * self.run / (self.run + 1)

    def is_near(self, block: float, least: float) -> bool:
        """Whether a block would end a run."""
        return abs(block - self.mean) <= _INSIDE * self.deviation + least

    def rise(self) -> float:
        """From block to block, since just before the run."""
        return (self.run_mean - self.mean - self.lead) / (0.5 * self.run + 1.0 + _LEAD_BLOCKS)

    def is_gradual(self, least: float) -> bool | None:
        """Whether it began before the run, or goes on within it; None while that is open."""
        rest, deviation = self.run - 1, max(self.deviation, least)
        if self.lead * self.run_sum > 0.0 and abs(self.lead) > deviation:
            return True
        middle, squares = (rest - 1) / 2.0, rest * (rest * rest - 1) / 12.0
        rise = (self.rise_moment - middle * self.rise_sum) / squares
        student = math.copysign(rise, rise * self.run_sum) * math.sqrt(squares) / deviation
        if _LEVEL_T < student < _GRADUAL_T and self.run < _UNDECIDED_MAX:
            return None
        return student >= _GRADUAL_T

    def end_run(self) -> None:
        """It did not last: learn that so much happens."""
        if self.run:
            edge = math.copysign(_OUTSIDE * self.deviation, self.run_sum)
            for _ in range(min(self.run, _RUN_MIN)):
                self._learn(edge)
        self.run, self.outside, self.run_sum, self.rise_sum, self.rise_moment = 0, 0, 0.0, 0.0, 0.0

    def slow_variance(self, finer: float) -> float:
        """Of the variance, what there is beyond that of independent parts: it does not average out."""
        return max(0.0, self.variance - finer * finer) if self.blocks >= _SLOW_MIN else 0.0

    def _independent(self, finer: float) -> float:
        """A course that stands still has no memory to see."""
        blocks = float(min(self.blocks, _REMEMBERED))
        if self.variance <= 0.0:
            return blocks
        rough = self.roughness / (2.0 * self.variance)
        return blocks * min(1.0, rough, _MEMORY * finer * finer / self.variance if finer > 0.0 else 1.0)

    def _run_on(self, off: float, is_outside: bool) -> None:
        if self.run:
            self.rise_sum += off
            self.rise_moment += (self.run - 1) * off
        self.run += 1
        self.outside += is_outside
        self.run_sum += off

    def _learn(self, off: float) -> None:
        """Plain means at first, then exponential ones; of a block so far off the mean."""
        block = self.mean + off
        if self.blocks:
            step = block - self.last
            weight = 1.0 / min(self.blocks, _REMEMBERED)
            square = step * step
            if self.blocks >= _SLOW_MIN:  # a single jump is not what makes neighbours independent
                square = min(square, _OUTSIDE * _OUTSIDE * self.roughness)
            self.roughness += weight * (square - self.roughness)
            self.drift += weight * (step - self.drift)
        self.lead += _LEAD * (off - self.lead)
        self.last = block
        self.blocks += 1
        weight = 1.0 / min(self.blocks, _REMEMBERED)
        self.mean += weight * off
        self.variance = (1.0 - weight) * (self.variance + weight * off * off)


WIDER = 4
"""Blocks that make one of the next scale."""
_HALVED = 2.0
"""The root of that: by how much the deviation of independent blocks falls with each scale."""
_SCALES = 5
"""With blocks of 8 values up to 2,048: means of whole cycles, in which the cycles do not show."""


def _courses() -> list[BlockStatistics]:
    return [BlockStatistics() for _ in range(_SCALES)]


def _sums() -> list[float]:
    return [0.0] * (_SCALES - 1)


@state("dyadic_scales")
@dataclass(slots=True)
class DyadicScales:
    """A step is seen soon on the shortest scale; what is small, slow, or in a cycle, on a longer one."""

    courses: list[BlockStatistics] = field(default_factory=_courses)
    sums: list[float] = field(default_factory=_sums)
    """Of the blocks that wait for the next scale."""
    blocks: int = 0

    @property
    def shortest(self) -> BlockStatistics:
        """That of the blocks that are learned."""
        return self.courses[0]

    def learn_one(self, block: float, least: float, finer: float) -> tuple[float, int]:
        """Learn a block on all scales that it completes: how sure the surest of them is, and which it is.

        `least` is what rounding may do to a block, `finer` its deviation if its values were independent.
        """
        self.blocks += 1
        best, best_scale, independent, count = 0.0, 0, math.inf, self.blocks
        for scale, course in enumerate(self.courses):
            slow, is_longest = 0.0, scale + 1 == _SCALES
            if not is_longest:
                slow = self.courses[scale + 1].slow_variance(course.deviation / _HALVED)
            sure = course.learn_one(block, least, finer, independent, slow)
            if sure > best:
                best, best_scale = sure, scale
            if is_longest:
                break
            self.sums[scale] += block
            if count % WIDER:
                break
            count //= WIDER
            block, self.sums[scale] = self.sums[scale] / WIDER, 0.0
            finer, independent = course.deviation / _HALVED, course.independent
        return best, best_scale
