"""The block statistics of many series at once: the arithmetic of `block_statistics`, bit for bit."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from consumer.detectors.in_columns.lazy_fields import LazyFields, columns_of
from consumer.detectors.in_columns.vectorised import Bools, Rows, first_max, first_min, write
from consumer.detectors.state_columns import Floats, Integers, Places
from consumer.detectors.state_layouts import layout_of
from consumer.river_models import block_statistics as scalar
from consumer.river_models.block_statistics import WIDER, BlockStatistics

_LAYOUT = layout_of(BlockStatistics)
_INDEPENDENT = _LAYOUT.places["independent"].start


class BlockStatisticsTwin:
    """Statistics of one scale for many series: each method does for all what that of `BlockStatistics` does.

    Shape: `floats`, `integers` (fields, series), changed in place.
    """

    def __init__(self, floats: Floats, integers: Integers) -> None:
        self.floats, self.integers = floats, integers
        wholes: dict[str, Any] = {"floats": floats, "integers": integers}
        fields = {name: wholes[place.kind][place.start] for name, place in _LAYOUT.places.items()}
        self.blocks: Integers = fields["blocks"]
        self.mean: Floats = fields["mean"]
        self.variance: Floats = fields["variance"]
        self.mean_squared_successive_difference: Floats = fields["mean_squared_successive_difference"]
        self.drift: Floats = fields["drift"]
        self.lead: Floats = fields["lead"]
        self.last: Floats = fields["last"]
        self.independent: Floats = fields["independent"]
        self.slow: Floats = fields["slow"]
        self.excursion: Integers = fields["excursion"]
        self.outside: Integers = fields["outside"]
        self.excursion_sum: Floats = fields["excursion_sum"]
        self.rise_sum: Floats = fields["rise_sum"]
        self.rise_moment: Floats = fields["rise_moment"]

    @property
    def is_undecided(self) -> Bools:
        """Whether an excursion goes on of which it is soon known whether it lasts."""
        undecided: Bools = (self.excursion > 0) & (self.excursion < scalar._UNDECIDED_MAX)
        return undecided

    def learn_one(
        self, block: Floats, least: Floats, finer: Floats, independent_max: Any, slow: Any
    ) -> Floats:
        """The significance of a lasting change of each series."""
        is_over = (self.excursion == 0) | (self.excursion > scalar._UNDECIDED_MAX)
        write(self.slow, slow, is_over)
        off, deviation = block - self.mean, first_max(np.sqrt(self.variance), least)
        is_new = self.blocks < scalar._SLOW_MIN
        independent = first_min(self._independent(finer), independent_max)
        write(independent, independent_max, is_new)
        self.independent[...] = independent
        blocks_min = np.where(deviation > least, scalar._BLOCKS_MIN, scalar._BLOCKS_STILL)
        is_young = is_new | (self.blocks < blocks_min) | (independent < scalar._INDEPENDENT_MIN)
        far = scalar._OUTSIDE * deviation
        side = off * self.excursion_sum
        is_inside = np.abs(off) <= np.where(side > 0.0, scalar._INSIDE * deviation, far)
        extends = ~(is_young | is_inside | (self.excursion >= scalar._EXCURSION_MAX))
        self.end_excursion(~is_young & (~extends | (side < 0.0)))
        learned = block - self.mean  # the mean that an excursion's end may have moved
        write(learned, first_min(first_max(off, -far), far), is_young)
        write(learned, off, is_new)
        self._learn(learned, None if not extends.any() else ~extends)
        significance = np.zeros(len(block))
        outside = np.flatnonzero(extends)
        if outside.size:
            significance[outside] = self._extended(
                outside, off[outside], deviation[outside], independent[outside]
            )
        return significance

    def is_near(self, block: Floats, least: Floats) -> Bools:
        """Whether a block would end an excursion."""
        near: Bools = np.abs(block - self.mean) <= scalar._INSIDE * np.sqrt(self.variance) + least
        return near

    def is_outside(self, block: Floats, least: Floats) -> Bools:
        """Whether a block would begin an excursion."""
        deviation = first_max(np.sqrt(self.variance), least)
        outside: Bools = np.abs(block - self.mean) > scalar._OUTSIDE * deviation
        return outside

    def end_excursion(self, where: Bools) -> None:
        """The excursions did not last: learn that as much happens."""
        ended = np.flatnonzero(where & (self.excursion != 0))
        if ended.size:
            some = BlockStatisticsTwin(self.floats[:, ended], self.integers[:, ended])
            edge = np.copysign(scalar._OUTSIDE * np.sqrt(some.variance), some.excursion_sum)
            for time in range(scalar._EXCURSION_MIN):
                goes_on = some.excursion > time
                if goes_on.any():
                    some._learn(edge, goes_on)
            self.floats[:, ended], self.integers[:, ended] = some.floats, some.integers
        for counted in (self.excursion, self.outside):
            write(counted, 0, where)
        for summed in (self.excursion_sum, self.rise_sum, self.rise_moment):
            write(summed, 0.0, where)

    def coarser_deviation(self) -> Floats:
        """Of blocks of the next scale, if these were independent."""
        coarser: Floats = np.sqrt(self.variance) / scalar._HALVED
        return coarser

    def is_sound(self) -> Bools:
        """Where all numbers are finite; how many blocks are independent may be without a limit."""
        is_finite = np.isfinite(self.floats)
        is_finite[_INDEPENDENT] = True
        sound: Bools = np.logical_and.reduce(is_finite, axis=0)
        return sound

    def _independent(self, finer: Floats) -> Floats:
        blocks = np.minimum(self.blocks, scalar._REMEMBERED).astype(np.float64)
        rough = self.mean_squared_successive_difference / (2.0 * self.variance)
        share = np.where(finer > 0.0, scalar._MEMORY * finer * finer / self.variance, 1.0)
        return np.where(self.variance <= 0.0, blocks, blocks * first_min(first_min(1.0, rough), share))

    def _extended(self, series: Places, off: Floats, deviation: Floats, independent: Floats) -> Floats:
        """Extend the excursions of these series by one block; their significance."""
        excursion, summed = self.excursion[series], self.excursion_sum[series] + off
        goes_on = excursion > 0
        on, more = series[goes_on], off[goes_on]
        self.rise_sum[on] += more
        self.rise_moment[on] += (excursion[goes_on] - 1) * more
        excursion += 1
        outside = self.outside[series] + (np.abs(off) > scalar._OUTSIDE * deviation)
        self.excursion[series], self.outside[series], self.excursion_sum[series] = excursion, outside, summed
        share = independent / self.blocks[series]
        error = deviation * np.sqrt(1.0 / first_max(1.0, share * excursion) + 1.0 / independent)
        error = np.sqrt(error * error + self.slow[series])
        deviations = np.abs(summed) / excursion / error
        significance = deviations / (scalar._SIGNIFICANT + scalar._SIGNIFICANT_FEW / independent)
        is_lasting = (excursion >= scalar._EXCURSION_MIN) & (outside >= scalar._OUTSIDE_MIN)
        return np.where(is_lasting, significance, first_min(significance, 1.0) * excursion / (excursion + 1))

    def _learn(self, off: Floats, where: Bools | None) -> None:
        block = self.mean + off
        step = block - self.last
        weight = 1.0 / np.clip(self.blocks, 1, scalar._REMEMBERED)
        square, mean_square = step * step, self.mean_squared_successive_difference
        least = first_min(square, scalar._OUTSIDE * scalar._OUTSIDE * mean_square)
        write(square, least, self.blocks >= scalar._SLOW_MIN)
        has_last = self.blocks > 0 if where is None else where & (self.blocks > 0)
        write(mean_square, mean_square + weight * (square - mean_square), has_last)
        write(self.drift, self.drift + weight * (step - self.drift), has_last)
        write(self.lead, self.lead + scalar._LEAD * (off - self.lead), has_last)
        write(self.last, block, where)
        write(self.blocks, self.blocks + 1, where)
        weight = 1.0 / np.clip(self.blocks, 1, scalar._REMEMBERED)
        moved = weight * off
        write(self.mean, self.mean + moved, where)
        write(self.variance, (1.0 - weight) * (self.variance + moved * off), where)


class LearnedScale(NamedTuple):
    """What is to be written of one scale: for which tracks, and of which of the blocks each comes."""

    tracks: Places
    at: Places
    statistics: BlockStatisticsTwin
    sums: Floats


class DyadicScalesTwin:
    """The working copy of the `DyadicScales` at some paths of many states, each of which is a track.

    With each scale's statistics come, of the next one, the variance and the number of blocks: the rest only
    where a block is carried to it.
    """

    def __init__(self, in_order: Rows, made: type[Any], paths: Sequence[str]) -> None:
        self._scales = []
        for scale in range(scalar._SCALES):
            learned = [f"scales.{scale}.{name}" for name in _LAYOUT.places]
            learned += [] if scale else ["sums", "blocks"]
            known = [f"scales.{scale + 1}.{name}" for name in ("variance", "blocks")]
            known = known if scale + 1 < scalar._SCALES else []
            self._scales.append(LazyFields(in_order, made, paths, learned, known))
        shortest = self._scales[0]
        self._sums: Floats = shortest.floats[_LAYOUT.floats : _LAYOUT.floats + scalar._SCALES - 1]
        self._blocks: Integers = shortest.integers[_LAYOUT.integers]

    def blocks_of(self, tracks: Places) -> Integers:
        """How many blocks they have learned."""
        self._scales[0].load(tracks)
        blocks: Integers = self._blocks.take(tracks)
        return blocks

    def shortest_of(self, tracks: Places) -> BlockStatisticsTwin:
        """A copy of the statistics of the blocks that are learned."""
        return self._statistics(0, tracks)

    def learn_one(
        self, tracks: Places, shortest: BlockStatisticsTwin, block: Floats, least: Floats, finer: Floats
    ) -> tuple[Floats, Bools, list[LearnedScale]]:
        """Learn a block of each track on all scales that it completes; nothing is committed yet.

        Returns the highest significance, where all numbers are finite, and what is to be committed.
        """
        count = self.blocks_of(tracks) + 1
        best, is_sound = np.zeros(len(tracks)), np.ones(len(tracks), dtype=np.bool_)
        at, statistics, independent = np.arange(len(tracks)), shortest, np.full(len(tracks), np.inf)
        learned = []
        for scale in range(scalar._SCALES):
            is_longest = scale + 1 == scalar._SCALES
            coarser = statistics.coarser_deviation()
            slow = np.zeros(1) if is_longest else self._slow_variance(scale + 1, tracks, coarser)
            significance = statistics.learn_one(block, least, finer, independent, slow)
            is_sound[at] &= statistics.is_sound() & np.isfinite(significance) & (coarser >= 0.0)
            best[at] = np.where(significance > best[at], significance, best[at])
            if is_longest:
                learned.append(LearnedScale(tracks, at, statistics, np.empty(0)))
                break
            sums = self._sums[scale].take(tracks) + block
            carries = count % WIDER == 0
            learned.append(LearnedScale(tracks, at, statistics, np.where(carries, 0.0, sums)))
            on = np.flatnonzero(carries)
            if not on.size:
                break
            tracks, at, count, least = tracks[on], at[on], count[on] // WIDER, least[on]
            block, finer = sums[on] / WIDER, statistics.coarser_deviation()[on]
            independent = statistics.independent[on]
            statistics = self._statistics(scale + 1, tracks)
        return best, is_sound, learned

    def commit(self, learned: Sequence[LearnedScale], where: Bools) -> None:
        """Write what `learn_one` gave, for the blocks where True."""
        is_whole = bool(where.all())
        for scale, one in enumerate(learned):
            tracks, sums = one.tracks, one.sums
            floats, integers = one.statistics.floats, one.statistics.integers
            if not is_whole:
                kept = np.flatnonzero(where[one.at])
                tracks, sums = tracks[kept], sums[kept] if sums.size else sums
                floats, integers = floats.take(kept, axis=1), integers.take(kept, axis=1)
            self._scales[scale].write(tracks, floats, integers)
            if scale:
                finer, statistics = self._scales[scale - 1], BlockStatisticsTwin(floats, integers)
                finer.floats[-1, tracks], finer.integers[-1, tracks] = statistics.variance, statistics.blocks
            if sums.size:
                self._sums[scale, tracks] = sums
        self._blocks[learned[0].tracks[where]] += 1

    def scatter(self) -> None:
        """Write what has changed back to the pages' arrays."""
        for fields in self._scales:
            fields.scatter()

    def _statistics(self, scale: int, tracks: Places) -> BlockStatisticsTwin:
        fields = self._scales[scale]
        fields.load(tracks)
        floats, integers = fields.floats[: _LAYOUT.floats], fields.integers[: _LAYOUT.integers]
        return BlockStatisticsTwin(columns_of(floats, tracks), columns_of(integers, tracks))

    def _slow_variance(self, scale: int, tracks: Places, finer: Floats) -> Floats:
        """Of a scale, of which the next shorter one has the number of blocks and their variance."""
        fields = self._scales[scale - 1]
        beyond = fields.floats[-1].take(tracks) - finer * finer
        is_known = fields.integers[-1].take(tracks) >= scalar._SLOW_MIN
        return np.where(is_known & (beyond > 0.0), beyond, 0.0)
