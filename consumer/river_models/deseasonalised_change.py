"""Lasting changes of a signal's level, slope or spread: block means and deviations, hour by hour."""

import math
import sys
from functools import reduce
from operator import add
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from consumer.river_models.block_statistics import WIDER, DyadicScales
from consumer.river_models.dwelling import MOVED, DwellLevels

_BLOCK = 8
"""Values in the shortest blocks: few, to be soon; enough for a mean that single values hardly move."""
_HOURS = 24
_CELLS = 2 * _HOURS
"""The hours of workdays, and those of weekends."""
_OF_BLOCK = Meta(min_length=_BLOCK, max_length=_BLOCK)
_OF_CELLS = Meta(min_length=_CELLS, max_length=_CELLS)
_HOUR_S, _DAY_S = 3_600.0, 86_400.0
_WEEKDAY, _WORKDAYS = 3, 5
"""Days from Monday to the first of 1970; and from Monday to the weekend."""
_SUDDEN_S = 900.0
"""What takes longer may be the daily cycle, until a day has been seen."""
_HOUR_STEP, _STEP_S = 0.02, 300.0
"""Of a value, in the mean of its hour; values that come faster than every five minutes weigh less."""
_DIFFER, _DIFFER_WITHIN = 4.0, 20.0
"""Times the variance of means of as many values, by neighbouring blocks and within them: hours differ."""
_KNOWN_BLOCKS = 12
"""From so many on their deviation is known."""
_OTHER_DAY = 1.7
"""Of what counts in the mean of an hour: what is further from that of other days is another kind of day."""
_KNOWN_MAX = 2**53
"""Larger counts, which only an altered page has, are no longer exact."""
_SAME = 64.0 * sys.float_info.epsilon
"""Share of a value by which rounding may change it, and the means of blocks and of hours."""
_SMALLEST = 1e-140
"""A deviation whose square is not 0 yet: what differs by less does not differ."""
_LARGEST = 1e140
"""Squares of values, and sums of them, have to be finite."""
_OF_ABSOLUTE = 1.25
"""A normal deviation, in mean absolute ones."""
_OF_SPREAD = 0.19
"""Of the root of the mean absolute deviation within a block, its own deviation, where values are normal."""
_FAR = 100.0
"""Deviations: what was usual at each hour says nothing of a level that is so far away."""
_APART = 2.0
"""Deviations of what is new: by so much is it at another level, rather than of another spread."""
_SWITCHES = 6.0
"""Times the deviation of a block's mean by what is within it: blocks that vary by more switch levels."""
_RANGE = 3.0
"""Deviations from the mean within which what is usual lies."""


class DeseasonalisedChangeDetector(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Detects once that the level, slope or spread of a signal has changed for good; then that is usual.

    Means of blocks of 8, 32, ... 2,048 values are compared with how such means usually vary, and so are the
    values' deviations within their blocks. Once a day has been seen, each hour's mean is subtracted.

    Units: the signal's own. Hours are those of the clock, in UTC without one: where clocks are changed, a
    cycle that goes by them is the same in local time alone.
    State: some 200 numbers: 2 kB at most.
    """

    block: Annotated[list[float], Meta(max_length=_BLOCK)] = msgspec.field(default_factory=list)
    levels: DyadicScales = msgspec.field(default_factory=DyadicScales)
    spreads: DyadicScales = msgspec.field(default_factory=DyadicScales)
    before: float = 0.0
    """The mean of the last block: a hunting control loop moves whole blocks to and fro."""
    hours: Annotated[list[float], _OF_CELLS] = msgspec.field(default_factory=lambda: [0.0] * _CELLS)
    visits: Annotated[list[int], _OF_CELLS] = msgspec.field(default_factory=lambda: [0] * _CELLS)
    expected: float = 0.0
    """What was subtracted from the last value."""
    started_s: float | None = None
    last_s: float | None = None
    usual_s: float | None = None
    """When level and spread were last near their means."""
    is_of_hour: bool = False
    hours_wait: bool = False
    """Whether no hour's mean follows the values, until it is known whether these have changed for good."""
    most: float = math.inf
    """How far off a value counts in the mean of its hour: that stays as it was until a change is told."""
    known: Annotated[int, Meta(ge=0, le=_KNOWN_MAX)] = 0
    """Values since the first one, or since the last change."""
    known_s: float | None = None
    """When the first of them came."""
    score: float = 0.0
    raw: Annotated[list[float], _OF_BLOCK] = msgspec.field(default_factory=lambda: [0.0] * _BLOCK)
    """The values of `block` as they came."""
    dwelling: DwellLevels = msgspec.field(default_factory=DwellLevels)
    """The levels between which it switches, if it does."""

    def learn_one(
        self, value: float, timestamp_s: float | None, local_s: float | None = None
    ) -> tuple[float, dict[str, Any] | None]:
        """The significance of a lasting change, from 0 to 1, and the evidence once it is reached.

        `local_s` is what clocks show at the time, in seconds since 1970; by default they show UTC.
        """
        value = min(max(value, -_LARGEST), _LARGEST)
        self.raw[len(self.block)] = value
        at_s = self.last_s if timestamp_s is None else timestamp_s
        if at_s is not None:
            self.expected = self._expect(value, at_s, at_s if local_s is None else local_s)
            value -= self.expected
        self.block.append(value)
        if len(self.block) < _BLOCK:
            return self.score, None
        evidence = self._learn_block(at_s)
        self.hours_wait = self.is_of_hour and self.levels.shortest.is_undecided
        if self.is_of_hour and self.levels.shortest.blocks >= _KNOWN_BLOCKS:
            self.most = _RANGE * self._deviation() or math.inf
        score = self.score
        if evidence is not None:
            self.score = 0.0
        return score, evidence

    def _expect(self, value: float, at_s: float, local_s: float) -> float:
        """The mean of the hour, once a day has been seen; 0 before.

        That of workdays or that of weekends, whichever is nearer.
        """
        if self.started_s is None or at_s < self.started_s:
            self.started_s = at_s  # a clock that was ahead then would let its day never come
        hour, other = cells_of(local_s)
        seconds = _STEP_S if self.last_s is None else abs(at_s - self.last_s)
        self.last_s = at_s
        if self.is_of_hour and not self.visits[hour]:
            return self._expect_first(value, hour, other)
        usual, visits = self.hours[hour], self.visits[hour]
        if not self.hours_wait:
            self.visits[hour] = visits + 1
            weight = max(_HOUR_STEP * min(1.0, seconds / _STEP_S), 1.0 / (visits + 1))
            self.hours[hour] += weight * min(max(value - usual, -self.most), self.most)
        if not self.is_of_hour:
            return 0.0
        is_nearer = self.visits[other] and abs(value - self.hours[other]) < abs(value - usual)
        return self.hours[other] if is_nearer else usual

    def _expect_first(self, value: float, hour: int, other: int) -> float:
        """What is expected in an hour that was not seen before: what is usual then on other days.

        Unless that is far away: then weekends may differ, and the value is the first of what is usual.
        """
        usual, visits = self.hours[other], self.visits[other]
        if not visits or abs(value - usual) > _OTHER_DAY * self.most:
            usual, visits = value, 1
        self.hours[hour], self.visits[hour] = usual, visits
        return usual

    def _deviation(self) -> float:
        """Of single values, within their blocks and from block to block."""
        level, spread = self.levels.shortest.deviation, self.spreads.shortest.mean
        of_value = _OF_ABSOLUTE * (spread * spread)
        return math.sqrt(level * level + of_value * of_value)

    def _begins_hours(
        self, at_s: float | None, level: float, least: float, is_still: bool, is_usual: bool
    ) -> bool:
        """Subtract each hour's mean from now on, where a day has been seen; whether that begins now.

        What stood exactly still has no daily cycle: it does not begin. Where hours differ, what was learned
        of the signal with its cycle says nothing of the rest.
        """
        shortest = self.levels.shortest
        if self.is_of_hour or at_s is None or self.started_s is None or not shortest.blocks:
            return False
        if at_s - self.started_s < _DAY_S:
            return False
        if is_still:
            if not is_usual or self._is_same_each_hour(shortest.mean, least):
                return False  # else it stands still at this hour alone: what was learned of it holds on
            self._subtract(shortest.mean)
        elif shortest.excursion or shortest.is_outside(level, least):
            return False  # a change that is just happening would be taken for a difference of hours
        elif self._differ_by_hour():
            self._restart()
        else:
            self._subtract(shortest.mean)
        self.is_of_hour, self.started_s = True, at_s
        return True

    def _subtract(self, level: float) -> None:
        """What was learned of values holds on for what is left of them without this level."""
        count = self.levels.blocks
        for scale, statistics in enumerate(self.levels.scales):
            statistics.mean -= level
            statistics.last -= level
            if scale < len(self.levels.sums):
                self.levels.sums[scale] -= count % WIDER * level
            count //= WIDER
        self.before -= level

    def _differ_by_hour(self) -> bool:
        """Whether the hours' means differ by more than the noise of as many values explains."""
        seen = [(mean, n) for mean, n in zip(self.hours, self.visits, strict=True) if n]
        centre = _sum([mean for mean, _ in seen]) / len(seen)
        apart = _sum([min(n, 1.0 / _HOUR_STEP) * (mean - centre) ** 2 for mean, n in seen])
        between = 0.5 * _BLOCK * self.levels.shortest.mean_squared_successive_difference
        within = (_OF_ABSOLUTE * self.spreads.shortest.mean**2) ** 2
        # A schedule jumps from block to block, and noise with memory is small within them.
        return apart > len(seen) * min(_DIFFER * between, _DIFFER_WITHIN * within)

    def _is_same_each_hour(self, level: float, least: float) -> bool:
        """Whether each hour that was seen has this mean."""
        return all(
            abs(mean - level) <= least for mean, seen in zip(self.hours, self.visits, strict=True) if seen
        )

    def _is_still(self, least: float) -> bool:
        """Whether it stood exactly still until now, or before the excursion."""
        shortest = self.levels.shortest
        is_still = shortest.blocks > 0 and shortest.deviation <= least
        return is_still and self.spreads.shortest.mean <= math.sqrt(least)

    def _learn_block(self, at_s: float | None) -> dict[str, Any] | None:
        level = _sum(self.block) / _BLOCK
        if not self.levels.blocks:
            self.before = level
        centre, self.before = 0.5 * (level + self.before), level
        spread = math.sqrt(_sum([abs(value - centre) for value in self.block]) / _BLOCK)
        usual = self.expected
        least = max(_SAME * max(abs(level + usual), abs(self.levels.shortest.mean + usual)), _SMALLEST)
        self.block.clear()
        self.known = min(self.known + _BLOCK, _KNOWN_MAX)
        if at_s is not None and (self.known_s is None or at_s < self.known_s):
            self.known_s = at_s
        least_spread = math.sqrt(least)
        shortest, is_still = self.levels.shortest, self._is_still(least)
        is_usual = shortest.is_near(level, least) and self.spreads.shortest.is_near(spread, least_spread)
        if self._begins_hours(at_s, level, least, is_still, is_usual):
            return None
        if is_usual or self.usual_s is None:
            self.usual_s = at_s
        mean_spread = self.spreads.shortest.mean
        finer = _OF_ABSOLUTE * mean_spread * mean_spread / math.sqrt(_BLOCK - 1)
        switches = shortest.blocks >= _KNOWN_BLOCKS and shortest.deviation > _SWITCHES * finer
        moved = self.dwelling.learn_one(self.raw) if switches else None
        of_level, level_scale = self.levels.learn_one(level, least, finer)
        finer = _OF_SPREAD * mean_spread
        of_spread, spread_scale = self.spreads.learn_one(spread, least_spread, finer)
        if is_still:  # what deviates are the new values
            least = max(least, _OF_ABSOLUTE * spread * spread)
        is_step = of_level >= 1.0 and level_scale == 0 and self._is_step(least, is_still)
        if max(of_level, of_spread) >= 1.0 and not is_step and self._may_be_daily(at_s, is_still):
            self.levels.scales[level_scale].cut_excursion()
            self.spreads.scales[spread_scale].end_excursion()
            of_level = of_spread = 0.0
        self.score = min(1.0, max(of_level, of_spread))
        if is_step or (of_level >= 1.0 and self.spreads.shortest.excursion < 2):
            return self._level_evidence(level_scale, least, at_s, is_still)
        if of_spread >= 1.0 or of_level >= 1.0:
            evidence = self._spread_evidence(spread_scale if of_spread >= 1.0 else 0)
            if is_still:
                self._forget_hours(at_s)
            return evidence
        return None if moved is None else self._move_levels(*moved)

    def _move_levels(self, before: float, moved: float) -> dict[str, Any]:
        """All levels between which it switches have moved, this one from there: it is learned on at these."""
        half = _RANGE * _OF_ABSOLUTE * self.dwelling.narrow
        evidence = self._evidence(
            "level", before, before + moved, before - half, before + half, _BLOCK * MOVED
        )
        if self.is_of_hour:
            self.hours = [mean + moved for mean in self.hours]
        else:
            self._subtract(-moved)
        return evidence

    def _is_step(self, least: float, is_still: bool) -> bool:
        """Whether it is at another level now, and came there at once.

        That is no daily cycle, however long it takes until so many values are there: how fast they come says
        nothing of it. The shortest blocks have seen it first.
        """
        statistics = self.levels.shortest
        deviation = least if is_still else max(least, statistics.deviation)
        moved = abs(statistics.excursion_mean - statistics.mean)
        return moved > _APART * deviation and statistics.came_at_once(deviation)

    def _may_be_daily(self, at_s: float | None, is_still: bool) -> bool:
        """Whether it came slowly, before a day has been seen."""
        if at_s is None or self.started_s is None:
            return False
        if at_s - self.started_s >= _DAY_S and (self.is_of_hour or is_still):
            return False
        return at_s - (self.started_s if self.usual_s is None else self.usual_s) > _SUDDEN_S

    def _level_evidence(
        self, scale: int, least: float, at_s: float | None, is_still: bool
    ) -> dict[str, Any] | None:
        statistics, size = self.levels.scales[scale], _BLOCK * WIDER**scale
        gradual = statistics.is_rising() if is_still else statistics.is_gradual(least)
        if gradual is None:
            return None
        half = _RANGE * self._deviation()
        before, seen = self.expected + statistics.mean, statistics.excursion * size
        moved = statistics.excursion_mean - statistics.mean
        after = before + moved
        evidence = self._evidence("level", before, after, before - half, before + half, seen)
        if gradual:
            half = _RANGE * math.sqrt(statistics.mean_squared_successive_difference) / size
            before, after = statistics.drift / size, statistics.rise() / size
            evidence = self._evidence("slope", before, after, before - half, before + half, seen)
        if not self.is_of_hour or abs(moved) > _FAR * half / _RANGE:
            self._forget_hours(at_s)
        else:
            self.hours = [mean + moved for mean in self.hours]
        self._restart(is_change=True)
        return evidence

    def _forget_hours(self, at_s: float | None) -> None:
        """Learn anew what is usual at each hour."""
        self.is_of_hour, self.started_s, self.most = False, at_s, math.inf
        self.hours, self.visits = [0.0] * _CELLS, [0] * _CELLS

    def _spread_evidence(self, scale: int) -> dict[str, Any]:
        statistics = self.spreads.scales[scale]
        before, after = statistics.mean, statistics.excursion_mean
        half = _RANGE * self.spreads.shortest.deviation
        low, high = max(0.0, before - half), before + half
        before, after, low, high = before**2, after**2, low**2, high**2  # what was learned are roots
        seen = statistics.excursion * _BLOCK * WIDER**scale
        evidence = self._evidence("spread", before, after, low, high, seen)
        self._restart(is_change=True)
        return evidence

    def _evidence(
        self, shift: str, before: float, after: float, low: float, high: float, observations: int
    ) -> dict[str, Any]:
        return {
            "shift": shift,
            "before": before,
            "after": after,
            "usual_low": low,
            "usual_high": high,
            "observations": observations,
            "usual_of_hour": self.is_of_hour,
            "values_known": max(0, self.known - observations),
            "known_for_s": self._known_for_s(observations),
        }

    def _known_for_s(self, observations: int) -> float | None:
        """For how long what was usual had been seen, before as many values; None without times."""
        if self.known_s is None or self.last_s is None:
            return None
        share = max(0, self.known - observations) / self.known
        return share * max(0.0, self.last_s - self.known_s)

    def _restart(self, *, is_change: bool = False) -> None:
        """Start over: what comes next is usual. After a change, nothing is known of it."""
        if is_change:
            self.known, self.known_s, self.dwelling = 0, None, DwellLevels()
        self.block, self.usual_s = [], None
        self.levels, self.spreads = DyadicScales(), DyadicScales()


def cells_of(local_s: float) -> tuple[int, int]:
    """The place of an hour's mean, and that of the same hour of the other kind of day.

    >>> cells_of(0.0), cells_of(3 * _DAY_S - 1.0)  # a Thursday began 1970, a Saturday ended the third day
    ((0, 24), (47, 23))
    """
    hours = int(local_s // _HOUR_S)
    hour, is_weekend = hours % _HOURS, (hours // _HOURS + _WEEKDAY) % 7 >= _WORKDAYS
    return (hour + _HOURS, hour) if is_weekend else (hour, hour + _HOURS)


def _sum(values: list[float]) -> float:
    """From the first to the last: Python's own sum rounds otherwise since 3.12."""
    return reduce(add, values, 0.0)
