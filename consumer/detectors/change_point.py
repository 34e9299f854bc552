"""Lasting changes: a signal's level, slope or spread has changed for good."""

import math
import sys
from collections import Counter
from dataclasses import KW_ONLY, dataclass, replace
from functools import reduce
from operator import add
from typing import Annotated, Any, Self

import msgspec
from msgspec import Meta

from consumer.detectors.alert_policy import AlertPolicy, AlertState, DeadBand
from consumer.detectors.base import Found, Step, UseCase
from consumer.detectors.block_statistics import WIDER, BlockStatistics, DyadicScales
from consumer.detectors.change_evidence import may_be_of_hour, moved, sentence, size_of
from consumer.detectors.local_time import UTC_NAME, LocalTime, clock_of, hour_of_day
from consumer.detectors.sensor_checks import SensorChecks
from consumer.detectors.states import ModelState, model_state

_BLOCK = 8
"""Values in the shortest blocks: few, to be soon; enough for a mean that single values hardly move."""
_HOURS = 24
_OF_HOURS = Meta(min_length=_HOURS, max_length=_HOURS)
_DAY_S = 86_400.0
_SUDDEN_S = 900.0
"""What takes longer may be the daily cycle, until a day has been seen."""
_HOUR_STEP, _STEP_S = 0.02, 300.0
"""Of a value, in the mean of its hour; values that come faster than every five minutes weigh less."""
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
_RANGE = 3.0
"""Deviations from the mean within which what is usual lies."""


@model_state("change_detector")
class DeseasonalisedChangeDetector(ModelState):
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
    hours: Annotated[list[float], _OF_HOURS] = msgspec.field(default_factory=lambda: [0.0] * _HOURS)
    visits: Annotated[list[int], _OF_HOURS] = msgspec.field(default_factory=lambda: [0] * _HOURS)
    started_s: float | None = None
    last_s: float | None = None
    usual_s: float | None = None
    """When level and spread were last near their means."""
    is_of_hour: bool = False
    score: float = 0.0

    def learn_one(
        self, value: float, timestamp_s: float | None, clock: LocalTime | None = None
    ) -> tuple[float, dict[str, Any] | None]:
        """The significance of a lasting change, from 0 to 1, and the evidence once it is reached."""
        value = min(max(value, -_LARGEST), _LARGEST)
        at_s = self.last_s if timestamp_s is None else timestamp_s
        if at_s is not None:
            value -= self._expected(value, at_s, clock)
        self.block.append(value)
        if len(self.block) < _BLOCK:
            return self.score, None
        evidence = self._learn_block(at_s, clock)
        score = self.score
        if evidence is not None:
            self.score = 0.0
        return score, evidence

    def _expected(self, value: float, at_s: float, clock: LocalTime | None) -> float:
        """The mean of the hour, once a day has been seen; 0 before."""
        if self.started_s is None or at_s < self.started_s:
            self.started_s = at_s  # a clock that was ahead then would let its day never come
        hour = hour_of_day(at_s, clock)
        seconds = _STEP_S if self.last_s is None else abs(at_s - self.last_s)
        self.last_s = at_s
        usual = self.hours[hour]
        self.visits[hour] += 1
        weight = max(_HOUR_STEP * min(1.0, seconds / _STEP_S), 1.0 / self.visits[hour])
        self.hours[hour] += weight * (value - usual)
        if not self.is_of_hour:
            return 0.0
        return usual if self.visits[hour] > 1 else value

    def _usual(self, at_s: float | None, clock: LocalTime | None) -> float:
        return self.hours[hour_of_day(at_s, clock)] if self.is_of_hour and at_s is not None else 0.0

    def _begins_hours(self, at_s: float | None, least: float, is_still: bool, is_usual: bool) -> bool:
        """Subtract each hour's mean from now on, where a day has been seen; whether that begins now.

        What stood exactly still has no daily cycle: it does not begin.
        """
        shortest = self.levels.shortest
        if self.is_of_hour or at_s is None or self.started_s is None or not shortest.blocks:
            return False
        if at_s - self.started_s < _DAY_S:
            return False
        if not is_still:
            self._restart()
        elif not is_usual or self._is_same_each_hour(shortest.mean, least):
            return False
        else:  # it stands still at this hour alone: what was learned of it holds on
            for statistics in self.levels.scales:
                statistics.mean = statistics.last = 0.0
            self.levels.sums = [0.0] * len(self.levels.sums)
            self.before = 0.0
        self.is_of_hour, self.started_s = True, at_s
        return True

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

    def _learn_block(self, at_s: float | None, clock: LocalTime | None) -> dict[str, Any] | None:
        level = _sum(self.block) / _BLOCK
        if not self.levels.blocks:
            self.before = level
        centre, self.before = 0.5 * (level + self.before), level
        spread = math.sqrt(_sum([abs(value - centre) for value in self.block]) / _BLOCK)
        usual = self._usual(at_s, clock)
        least = max(_SAME * max(abs(level + usual), abs(self.levels.shortest.mean + usual)), _SMALLEST)
        self.block.clear()
        least_spread = math.sqrt(least)
        shortest, is_still = self.levels.shortest, self._is_still(least)
        is_usual = shortest.is_near(level, least) and self.spreads.shortest.is_near(spread, least_spread)
        if self._begins_hours(at_s, least, is_still, is_usual):
            return None
        if is_usual or self.usual_s is None:
            self.usual_s = at_s
        mean_spread = self.spreads.shortest.mean
        finer = _OF_ABSOLUTE * mean_spread * mean_spread / math.sqrt(_BLOCK - 1)
        of_level, level_scale = self.levels.learn_one(level, least, finer)
        finer = _OF_SPREAD * mean_spread
        of_spread, spread_scale = self.spreads.learn_one(spread, least_spread, finer)
        if is_still:  # what deviates are the new values
            least = max(least, _OF_ABSOLUTE * spread * spread)
        is_step = is_still and of_level >= 1.0 and level_scale == 0 and self._is_step(least)
        if max(of_level, of_spread) >= 1.0 and not is_step and self._may_be_daily(at_s):
            self.levels.scales[level_scale].cut_excursion()
            self.spreads.scales[spread_scale].end_excursion()
            of_level = of_spread = 0.0
        self.score = min(1.0, max(of_level, of_spread))
        if is_step or (of_level >= 1.0 and self.spreads.shortest.excursion < 2):
            return self._level_evidence(level_scale, least, at_s, clock, is_still)
        if of_spread >= 1.0 or of_level >= 1.0:
            evidence = self._spread_evidence(spread_scale if of_spread >= 1.0 else 0)
            if is_still:
                self._forget_hours(at_s)
            return evidence
        return None

    def _is_step(self, deviation: float) -> bool:
        """Whether what stood exactly still is at another level now, and came there at once.

        That is no daily cycle, however long it takes until so many values are there: how fast they come says
        nothing of it. The shortest blocks have seen it first.
        """
        statistics = self.levels.shortest
        moved = abs(statistics.excursion_mean - statistics.mean)
        return moved > _APART * deviation and statistics.came_at_once(deviation)

    def _may_be_daily(self, at_s: float | None) -> bool:
        """Whether it came slowly, before a day has been seen."""
        if at_s is None or self.started_s is None or at_s - self.started_s >= _DAY_S:
            return False
        return at_s - (self.started_s if self.usual_s is None else self.usual_s) > _SUDDEN_S

    def _level_evidence(
        self, scale: int, least: float, at_s: float | None, clock: LocalTime | None, is_still: bool
    ) -> dict[str, Any] | None:
        statistics, size = self.levels.scales[scale], _BLOCK * WIDER**scale
        gradual = statistics.is_rising() if is_still else statistics.is_gradual(least)
        if gradual is None:
            return None
        half = _RANGE * math.hypot(
            self.levels.shortest.deviation, _OF_ABSOLUTE * self.spreads.shortest.mean**2
        )
        before, seen = self._usual(at_s, clock) + statistics.mean, statistics.excursion * size
        moved, followed = statistics.excursion_mean - statistics.mean, [0.0] * _HOURS
        if self.is_of_hour and at_s is not None:
            moved, followed = self._followed(statistics, size, at_s, clock)
            before -= followed[hour_of_day(at_s, clock)] * moved
        after = before + moved
        evidence = self._evidence("level", before, after, before - half, before + half, seen)
        if gradual:
            half = _RANGE * math.sqrt(statistics.mean_squared_successive_difference) / size
            before, after = statistics.drift / size, statistics.rise() / size
            evidence = self._evidence("slope", before, after, before - half, before + half, seen)
        if abs(moved) > _FAR * half / _RANGE:
            self._forget_hours(at_s)
        elif self.is_of_hour:
            self.hours = [
                mean + moved * (1.0 - share) for mean, share in zip(self.hours, followed, strict=True)
            ]
        self._restart()
        return evidence

    def _followed(
        self, statistics: BlockStatistics, size: int, at_s: float, clock: LocalTime | None
    ) -> tuple[float, list[float]]:
        """How far the signal has moved, and the share of it that each hour's mean has followed already.

        They follow within an excursion, where values are rare: so less of it is seen at its end.
        """
        moved, followed = statistics.excursion_mean - statistics.mean, [0.0] * _HOURS
        first = (statistics.excursion_sum - statistics.rise_sum) / moved if moved else 0.0
        begun = round(size * min(1.0, max(0.0, first)))  # so much of the first block was after it
        count = (statistics.excursion - 1) * size
        since_s = _STEP_S * (count + size) if self.usual_s is None else abs(at_s - self.usual_s)
        interval_s = since_s / (count + size)
        hours = [hour_of_day(at_s - interval_s * back, clock) for back in range(count + begun - 1, -1, -1)]
        within = Counter(hours)
        visits = [known - within[hour] for hour, known in enumerate(self.visits)]
        seen, share = 0.0, _HOUR_STEP * min(1.0, interval_s / _STEP_S)
        for number, hour in enumerate(hours):
            visits[hour] += 1
            if number >= begun:
                seen += 1.0 - followed[hour]
            followed[hour] += max(share, 1.0 / max(1, visits[hour])) * (1.0 - followed[hour])
        return moved * count / seen if seen > 0.0 else moved, followed

    def _forget_hours(self, at_s: float | None) -> None:
        """Learn anew what is usual at each hour."""
        self.is_of_hour, self.started_s = False, at_s
        self.hours, self.visits = [0.0] * _HOURS, [0] * _HOURS

    def _spread_evidence(self, scale: int) -> dict[str, Any]:
        statistics = self.spreads.scales[scale]
        before, after = statistics.mean, statistics.excursion_mean
        half = _RANGE * self.spreads.shortest.deviation
        low, high = max(0.0, before - half), before + half
        before, after, low, high = before**2, after**2, low**2, high**2  # what was learned are roots
        seen = statistics.excursion * _BLOCK * WIDER**scale
        evidence = self._evidence("spread", before, after, low, high, seen)
        self._restart()
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
        }

    def _restart(self) -> None:
        """Start over: what comes next is usual."""
        self.block, self.usual_s = [], None
        self.levels, self.spreads = DyadicScales(), DyadicScales()


_SETTLED = AlertPolicy(clear_after=400, still_open_s=604_800.0)
"""A new level is usual after as many values as the detector needed to learn the first."""
_SILENT = SensorChecks(is_told=False)
"""`anomaly` reports sensor faults; here they only keep a stuck sensor from being taken for a change."""
_SPREAD_MIN = 0.57
"""Least size of a change of spread before a day was seen: some three and a half times the spread."""


@model_state("change_point")
class ChangePointState(ModelState):
    """A detector, and the alert."""

    detector: DeseasonalisedChangeDetector = msgspec.field(default_factory=DeseasonalisedChangeDetector)
    alert: AlertState = msgspec.field(default_factory=AlertState)


@dataclass(frozen=True, slots=True)
class ChangePoint(UseCase):
    """Finds that a signal has changed for good, and when what it changed to has become usual.

    The daily cycle is removed once a day was seen. Each change is reported once: the first opens an alert,
    later ones while it is open are reported as still open, and it clears when nothing has changed for some
    hundred values.

    >>> use_case = ChangePoint()
    >>> values = [10.0 + row * 7919 % 13 / 13.0 + (2.0 if row >= 600 else 0.0) for row in range(1200)]
    >>> opened, cleared = use_case.learn(use_case.create(seed=1), values, [None] * 1200)
    >>> (opened.change, opened.evidence["shift"], round(opened.evidence["after"]), cleared.change)
    ('opened', 'level', 12, 'cleared')
    >>> 600 < opened.index < 650 and cleared.index - opened.index
    400
    """

    alert: AlertPolicy = _SETTLED
    sensor_checks: SensorChecks | None = _SILENT
    _: KW_ONLY
    time_zone: str = UTC_NAME
    """By whose clocks the hours go, by its IANA name."""
    kind: str = "shift"
    detail_type: str = "Lasting Change Detected"

    @property
    def parameters(self) -> Any:
        """What the models depend on: the detector has no parameters but the hours'."""
        return ["shift"] if self.time_zone == UTC_NAME else ["shift", self.time_zone]

    def with_time_zone(self, name: str) -> Self:
        """The use case by the hours of that zone."""
        return replace(self, time_zone=name)

    def create(self, seed: int) -> ChangePointState:
        """Nothing is usual yet; it has no randomness."""
        return ChangePointState()

    def stepper(self, state: ChangePointState) -> Step:
        """Let the detector learn each value; the score is the significance of a change."""
        detector, alert, clock = state.detector, state.alert, clock_of(self.time_zone)

        def step(value: float, at_s: float | None) -> tuple[float, Found | None]:
            score, evidence = detector.learn_one(value, at_s, clock)
            size = 0.0 if evidence is None else size_of(evidence)
            if (
                evidence is None
                or (size < _SPREAD_MIN and may_be_of_hour(evidence))
                or self.alert.is_near(*moved(evidence))
            ):
                change = self.alert.next(alert, 0.0, opens=False, keeps=False, at_s=at_s)
                return score, change and (change, self.alert.transition_details(alert, change, at_s))
            was_open = alert.is_open
            change = self.alert.next(alert, size, opens=True, keeps=True, at_s=at_s)
            if was_open:
                change = "still_open"
            if change is None:
                return score, None
            details = (
                evidence | {"says": sentence(evidence)} | self.alert.transition_details(alert, change, at_s)
            )
            return score, (change, details)

        return step

    def with_dead_band(self, band: DeadBand) -> Self:
        """The use case that tells only what goes beyond."""
        return replace(self, alert=replace(self.alert, dead_band=band))

    def alert_of(self, model: ChangePointState) -> AlertState | None:
        """The state of its alert."""
        return model.alert


def _sum(values: list[float]) -> float:
    """From the first to the last: Python's own sum rounds otherwise since 3.12."""
    return reduce(add, values, 0.0)
