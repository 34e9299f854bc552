"""The means of equal blocks of values: how they usually vary, and excursions from that."""

import math
from typing import Annotated

import msgspec
from msgspec import Meta

_BLOCKS_MIN, _BLOCKS_STILL = 12, 10
"""Blocks before their spread says much; and before it says that they stand exactly still."""
_SLOW_MIN = 6
"""Blocks before their spread says whether shorter blocks miss something slow."""
_INDEPENDENT_MIN = 6.0
"""Independent blocks, as it takes to have seen the signal come and go: part of a cycle is not enough."""
_REMEMBERED = 512
"""Blocks: what is usual may change slowly."""
_OUTSIDE, _INSIDE = 3.0, 1.0
"""Deviations: an excursion begins beyond the first, ends within the second; a lone block counts as three."""
_MEMORY = 4.0
"""Times the block variance of independent values: beyond it, neighbours are alike."""
_EXCURSION_MIN = 6
"""Blocks on one side that count as lasting; fewer do not show whether they rise."""
_EXCURSION_MAX = 16
"""Blocks after which an excursion that is not significant is how the signal wanders."""
_OUTSIDE_MIN = 4
"""Blocks that must be outside by themselves: a spike is in two at most, a burst in some more."""
_UNDECIDED_MAX = 7
"""Blocks after which a change is reported even if it is neither clearly gradual nor clearly sudden."""
_SIGNIFICANT, _SIGNIFICANT_FEW = 5.3, 50.0
"""Deviations of an excursion's mean: one in ten million, by Student's t with few independent blocks."""
_LEVEL_T, _GRADUAL_T = 1.0, 3.0
"""Student's t of the rise within an excursion: below the first it is sudden, above the second gradual."""
_MUCH, _MOST = 0.25, 0.75
_LED = 0.25
"""Of the way it has come: what was as far off just before the excursion did not come at once."""
_LEAD, _LEAD_BLOCKS = 1.0 / 3.0, 2.0
"""Weight of a block in the mean of those just before an excursion; and how old that mean is."""


class BlockStatistics(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Mean and spread of blocks, and how much of the spread is from one block to the next.

    Blocks that resemble their neighbours (a cycle, a trend, autocorrelated noise) count as fewer independent
    ones, and the fewer there are, the further a change must go.
    """

    blocks: int = 0
    mean: float = 0.0
    variance: float = 0.0
    mean_squared_successive_difference: float = 0.0
    """Twice the variance if neighbours are independent, less if they are alike."""
    drift: float = 0.0
    """Mean difference of neighbours."""
    lead: float = 0.0
    """How far the latest blocks were off the mean."""
    last: float = 0.0
    independent: float = 0.0
    """How many independent blocks those learned are worth."""
    slow: float = 0.0
    """The part of the variance that does not average out, as known before the excursion."""
    excursion: int = 0
    """Length of the current excursion: the latest blocks in a row that are outside on one side."""
    outside: int = 0
    """Blocks of the excursion that are as far outside as one that begins it."""
    excursion_sum: float = 0.0
    rise_sum: float = 0.0
    rise_moment: float = 0.0
    """Of the excursion without its first block, which may lie across the change."""

    @property
    def deviation(self) -> float:
        """Standard deviation of the blocks."""
        return math.sqrt(self.variance)

    @property
    def excursion_mean(self) -> float:
        """The mean of the excursion without its first block."""
        return self.mean + self.rise_sum / max(1, self.excursion - 1)

    @property
    def is_undecided(self) -> bool:
        """Whether an excursion goes on of which it is soon known whether it lasts."""
        return 0 < self.excursion < _UNDECIDED_MAX

    def learn_one(
        self, block: float, least: float, finer: float, independent_max: float, slow: float
    ) -> float:
        """The significance of a lasting change: from 1 on it counts as one.

        `least` is what rounding may do to a block, `finer` its deviation if its parts were independent. From
        the other scales: `independent_max` is how many independent blocks there are at most, and `slow` the
        variance that an excursion does not average out.
        """
        # In between, the change itself may have raised it.
        if self.excursion == 0 or self.excursion > _UNDECIDED_MAX:
            self.slow = slow
        off, deviation = block - self.mean, max(self.deviation, least)
        if self.blocks < _SLOW_MIN:
            self.independent = independent_max
            self._learn(off)
            return 0.0
        independent = min(self._independent(finer), independent_max)
        self.independent = independent
        is_young = self.blocks < (_BLOCKS_MIN if deviation > least else _BLOCKS_STILL)
        if is_young or independent < _INDEPENDENT_MIN:
            self._learn(min(max(off, -_OUTSIDE * deviation), _OUTSIDE * deviation))
            return 0.0
        bound = _INSIDE if off * self.excursion_sum > 0.0 else _OUTSIDE
        if abs(off) <= bound * deviation or self.excursion >= _EXCURSION_MAX:
            self.end_excursion()
            self._learn(block - self.mean)
            return 0.0
        if off * self.excursion_sum < 0.0:
            self.end_excursion()
        self._extend_excursion(off, abs(off) > _OUTSIDE * deviation)
        share = independent / self.blocks
        error = deviation * math.sqrt(1.0 / max(1.0, share * self.excursion) + 1.0 / independent)
        error = math.sqrt(error * error + self.slow)
        deviations = abs(self.excursion_sum) / self.excursion / error
        significance = deviations / (_SIGNIFICANT + _SIGNIFICANT_FEW / independent)
        is_lasting = self.excursion >= _EXCURSION_MIN and self.outside >= _OUTSIDE_MIN
        return significance if is_lasting else min(significance, 1.0) * self.excursion / (self.excursion + 1)

    def is_near(self, block: float, least: float) -> bool:
        """Whether a block would end an excursion."""
        return abs(block - self.mean) <= _INSIDE * self.deviation + least

    def is_outside(self, block: float, least: float) -> bool:
        """Whether a block would begin an excursion."""
        return abs(block - self.mean) > _OUTSIDE * max(self.deviation, least)

    def rise(self) -> float:
        """The rise from block to block since just before the excursion."""
        return (self.excursion_mean - self.mean - self.lead) / (0.5 * self.excursion + 1.0 + _LEAD_BLOCKS)

    def is_gradual(self, least: float) -> bool | None:
        """Whether the change began before the excursion or goes on within it; None while undecided."""
        deviation = max(self.deviation, least)
        if self.lead * self.excursion_sum > 0.0 and abs(self.lead) > deviation:
            return True
        rise, squares = self._fitted()
        student = rise * math.sqrt(squares) / deviation
        if _LEVEL_T < student < _GRADUAL_T and self.excursion < _UNDECIDED_MAX:
            return None
        return student >= _GRADUAL_T

    def is_rising(self, share: float = _MOST) -> bool:
        """Whether it came this share of its way within the excursion, by a line through it."""
        rise, _ = self._fitted()
        return rise * self.excursion >= share * abs(self.excursion_mean - self.mean)

    def came_at_once(self, deviation: float) -> bool:
        """Whether the change was there at the excursion's begin, and not before.

        Much that came later is not noise of that deviation, or it is most of the way.
        """
        moved, (rise, squares) = self.excursion_mean - self.mean, self._fitted()
        is_clear = rise * math.sqrt(squares) >= _GRADUAL_T * deviation
        # As far off as blocks usually are, just before, is noise.
        is_led = self.lead * moved > 0.0 and abs(self.lead) >= max(_LED * abs(moved), self.deviation)
        return not (is_led or self.is_rising(_MUCH if is_clear else _MOST))

    def _fitted(self) -> tuple[float, float]:
        """By a line through all but the first block: how much further off each is than the one before.

        And the sum of the squares of the blocks' distances from their middle.
        """
        rest = self.excursion - 1
        middle, squares = (rest - 1) / 2.0, rest * (rest * rest - 1) / 12.0
        rise = (self.rise_moment - middle * self.rise_sum) / squares
        return math.copysign(rise, rise * self.excursion_sum), squares

    def end_excursion(self) -> None:
        """The excursion did not last: learn that as much happens."""
        if self.excursion:
            edge = math.copysign(_OUTSIDE * self.deviation, self.excursion_sum)
            for _ in range(min(self.excursion, _EXCURSION_MIN)):
                self._learn(edge)
        self.excursion, self.outside = 0, 0
        self.excursion_sum, self.rise_sum, self.rise_moment = 0.0, 0.0, 0.0

    def cut_excursion(self) -> None:
        """End an excursion that may go on: what comes next is led by it."""
        lead = self.excursion_sum / self.excursion if self.excursion else self.lead
        self.end_excursion()
        self.lead = lead

    def slow_variance(self, finer: float) -> float:
        """The variance beyond that of independent parts, which does not average out."""
        return max(0.0, self.variance - finer * finer) if self.blocks >= _SLOW_MIN else 0.0

    def _independent(self, finer: float) -> float:
        """How many independent blocks those learned are worth; all, if the signal stands still."""
        blocks = float(min(self.blocks, _REMEMBERED))
        if self.variance <= 0.0:
            return blocks
        rough = self.mean_squared_successive_difference / (2.0 * self.variance)
        return blocks * min(1.0, rough, _MEMORY * finer * finer / self.variance if finer > 0.0 else 1.0)

    def _extend_excursion(self, off: float, is_outside: bool) -> None:
        if self.excursion:
            self.rise_sum += off
            self.rise_moment += (self.excursion - 1) * off
        self.excursion += 1
        self.outside += is_outside
        self.excursion_sum += off

    def _learn(self, off: float) -> None:
        """Learn a block that is so far off the mean: plain means at first, then exponential ones."""
        block = self.mean + off
        if self.blocks:
            step = block - self.last
            weight = 1.0 / min(self.blocks, _REMEMBERED)
            square, mean_square = step * step, self.mean_squared_successive_difference
            if self.blocks >= _SLOW_MIN:  # a single jump is not what makes neighbours independent
                square = min(square, _OUTSIDE * _OUTSIDE * mean_square)
            self.mean_squared_successive_difference += weight * (square - mean_square)
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
"""Its root: by how much the deviation of independent blocks falls with each scale."""
_SCALES = 5
"""With blocks of 8 values up to 2,048: means of whole cycles, in which the cycles do not show."""


_OF_SCALES = Meta(min_length=_SCALES, max_length=_SCALES)
_OF_SUMS = Meta(min_length=_SCALES - 1, max_length=_SCALES - 1)


def _scales() -> list[BlockStatistics]:
    return [BlockStatistics() for _ in range(_SCALES)]


def _sums() -> list[float]:
    return [0.0] * (_SCALES - 1)


class DyadicScales(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Block statistics by scale: the shortest sees a step soon, longer ones what is small or slow."""

    scales: Annotated[list[BlockStatistics], _OF_SCALES] = msgspec.field(default_factory=_scales)
    sums: Annotated[list[float], _OF_SUMS] = msgspec.field(default_factory=_sums)
    """Sums of the blocks that wait for the next scale."""
    blocks: int = 0

    @property
    def shortest(self) -> BlockStatistics:
        """The scale of the blocks that are learned."""
        return self.scales[0]

    def learn_one(self, block: float, least: float, finer: float) -> tuple[float, int]:
        """Learn a block on all scales that it completes: the highest significance, and its scale.

        `least` is what rounding may do to a block, `finer` its deviation if its values were independent.
        """
        self.blocks += 1
        best, best_scale, independent, count = 0.0, 0, math.inf, self.blocks
        for scale, statistics in enumerate(self.scales):
            slow, is_longest = 0.0, scale + 1 == _SCALES
            if not is_longest:
                slow = self.scales[scale + 1].slow_variance(statistics.deviation / _HALVED)
            significance = statistics.learn_one(block, least, finer, independent, slow)
            if significance > best:
                best, best_scale = significance, scale
            if is_longest:
                break
            self.sums[scale] += block
            if count % WIDER:
                break
            count //= WIDER
            block, self.sums[scale] = self.sums[scale] / WIDER, 0.0
            finer, independent = statistics.deviation / _HALVED, statistics.independent
        return best, best_scale
