"""Unusual values: they stray from the signal's daily and weekly course further than it is used to."""

import dataclasses
import math
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from consumer.detectors.alert_policy import AlertPolicy, AlertState
from consumer.detectors.base import Found, Step, UseCase, finite
from consumer.detectors.sensor_checks import SENSOR_CHECKS, SensorChecks
from consumer.detectors.states import state

_HOURS, _DAYS = 24, 7
_HOUR_S, _DAY_S = 3600.0, 86_400.0
_LEVEL, _BY_HOUR, _BY_WEEK = 0, 1, 1 + _HOURS
_MEANS = _BY_WEEK + _HOURS * _DAYS
_STILL_MIN = 50
"""Values that were all the same, before another one is a stray."""
_STRAY_MAX = 1.0
"""So that what a signal does first, when its range is narrow, does not hide all that follows."""
_SAME = 1e-9
"""Share of a value by which rounding may change it."""


@dataclass(frozen=True, slots=True)
class DecayRates:
    """How fast what is usual follows the values."""

    course: float = 0.05
    """Of a value, in the mean of its hour: some twenty are remembered."""
    level: float = 0.003
    """Of a value, in the mean of all."""
    shrinking: float = 1e-4
    """Share of the range that is forgotten with each value."""
    growth: float = 0.08
    """Share of its width by which the range grows with a value outside, at most: so rare ones stay strays."""
    rest: float = 0.9
    """What is left of a stray with each value after it: only what goes further is another one."""
    lasting: float = 0.03
    """Of a deviation, in their short mean, which sees what is small and lasts."""
    lasting_share: float = 0.3
    """Of that mean's stray in the whole; a deviation's own has the rest."""
    step_s: float = 300.0
    """Values that come faster weigh less in the means of hours, and in what is forgotten."""


DECAY_RATES = DecayRates()


@state("seasonal_baseline")
@dataclass(slots=True)
class SeasonalBaseline:
    """A signal's means, by hour and by hour of the week, and the range of what strays from them.

    Units: the signal's own. Hours are UTC's: a day's course is the same in any zone.
    State: 193 means and counts, and some numbers: 3 kB at most.
    """

    means: list[float] = field(default_factory=lambda: [0.0] * _MEANS)
    counts: list[int] = field(default_factory=lambda: [0] * _MEANS)
    low: float = 0.0
    high: float = 0.0
    lasting: float = 0.0
    lasting_low: float = 0.0
    lasting_high: float = 0.0
    recent: float = 0.0
    last_s: float | None = None
    expected: float = 0.0
    """At the last value, before it was learned."""
    stray: float = 0.0
    """How far the last value strayed, whether or not one before it did so too."""

    def learn_one(self, value: float, at_s: float | None, pace: DecayRates) -> float:
        """How far the value strays from what is usual, in widths of the range; 0 where it does not."""
        places = [_LEVEL] if at_s is None else _places(at_s)
        weight = self._weight(at_s, pace)
        self.expected = self._expected(value, places)
        deviation = value - self.expected
        for place in places:
            self._learn_mean(place, value, pace.level if place == _LEVEL else pace.course * weight)
        self.lasting += pace.lasting * (deviation - self.lasting)
        least = _SAME * max(abs(value), abs(self.expected))
        is_still = self.counts[_LEVEL] > _STILL_MIN
        own = _stray(deviation, self.low, self.high, least, is_still)
        lasting = _stray(self.lasting, self.lasting_low, self.lasting_high, least, is_still)
        kept = 1.0 - pace.shrinking * weight
        self.low, self.high = _learned(deviation, self.low, self.high, kept, pace.growth)
        self.lasting_low, self.lasting_high = _learned(
            self.lasting, self.lasting_low, self.lasting_high, kept, pace.growth
        )
        self.stray = (1.0 - pace.lasting_share) * own + pace.lasting_share * lasting
        further = max(0.0, self.stray - self.recent)
        self.recent = max(self.stray, pace.rest * self.recent)
        return further

    def _weight(self, at_s: float | None, pace: DecayRates) -> float:
        """From 0 to 1: how much of a usual step has passed since the last value."""
        last_s, self.last_s = self.last_s, at_s
        if at_s is None or last_s is None:
            return 1.0
        return min(1.0, abs(at_s - last_s) / pace.step_s)

    def _expected(self, value: float, places: list[int]) -> float:
        """Of the means of this hour and of this hour of the week the nearer one; else that of all."""
        means = [self.means[place] for place in places[1:] if self.counts[place]]
        if means:
            return min(means, key=lambda mean: abs(value - mean))
        return self.means[_LEVEL] if self.counts[_LEVEL] else value

    def _learn_mean(self, place: int, value: float, slowness: float) -> None:
        """A plain mean at first, then an exponential one."""
        self.counts[place] += 1
        self.means[place] += max(slowness, 1.0 / self.counts[place]) * (value - self.means[place])


def _stray(deviation: float, low: float, high: float, least: float, is_still: bool) -> float:
    """In widths, one at most; of a signal that stood still, one for whatever is more than rounding."""
    width, beyond = high - low, max(deviation - high, low - deviation, 0.0)
    if width > least:
        return min(beyond / width, _STRAY_MAX)
    return float(is_still and beyond > least)


def _learned(deviation: float, low: float, high: float, kept: float, growth: float) -> tuple[float, float]:
    """The range, a little narrower, and a little wider towards a deviation outside of it."""
    low, high = low * kept, high * kept
    grown = growth * (high - low)
    if deviation > high:
        high = min(deviation, high + grown) if grown > 0.0 else deviation
    if deviation < low:
        low = max(deviation, low - grown) if grown > 0.0 else deviation
    return low, high


def _places(at_s: float) -> list[int]:
    """Where the means of a time are: of all, of its hour, of its hour of the week.

    >>> _places(0.0), _places(7 * 86_400.0 - 1.0)
    ([0, 1, 25], [0, 24, 192])
    """
    hour, day = int(at_s // _HOUR_S) % _HOURS, int(at_s // _DAY_S) % _DAYS
    return [_LEVEL, _BY_HOUR + hour, _BY_WEEK + _HOURS * day + hour]


_DAY_S, _WEEK_S = 86_400.0, 604_800.0
_ONE_A_WEEK = AlertPolicy(alerts_per_week=1.0)
_KEEPS = 0.5
"""Of the least stray that counts, what keeps an alert open."""


@state("seasonal_anomaly")
@dataclass(slots=True)
class Watching:
    """What is usual, and how far a value has to stray before it is told."""

    usual: SeasonalBaseline = field(default_factory=SeasonalBaseline)
    count: int = 0
    bar: float = 0.0
    strays: int = 0
    stray_s: float | None = None
    """When it last strayed as far as that."""
    started_s: float | None = None
    alert: AlertState = field(default_factory=AlertState)


@dataclass(frozen=True, slots=True)
class SeasonalAnomaly(UseCase):
    """Tells when values stray from what is usual at their time of day and week, and when they no longer do.

    A stray raises the bar to itself, and the bar comes down again by a factor e in the time that
    `alerts_per_week` leaves between two: a signal that strays often has to stray further, up to once the
    width of its usual range. Half the least stray that counts keeps an alert open. Nothing is told before
    `warm_up` values; before a day has been seen, only a stray by a whole width, for the day has its course.

    >>> use_case = SeasonalAnomaly()
    >>> times = [600.0 * number for number in range(1000)]
    >>> values = [math.sin(at_s / 86_400.0 * 2 * math.pi) + 0.01 * (at_s // 600 % 7) for at_s in times]
    >>> values[800] += 1.0
    >>> [opened, cleared] = use_case.learn(Watching(), values, times)
    >>> (opened.index, opened.change, round(opened.evidence["expected"], 1))
    (800, 'opened', -0.3)
    >>> (cleared.index, cleared.change, cleared.evidence["open_for_s"])
    (820, 'cleared', 12000.0)
    """

    stray: float = 0.0275
    """How far, in widths of the usual range, is a score of 0.5."""
    warm_up: int = 400
    alert: AlertPolicy = _ONE_A_WEEK
    sensor_checks: SensorChecks | None = SENSOR_CHECKS
    pace: DecayRates = DECAY_RATES
    _: KW_ONLY
    kind: str = "anomaly"
    detail_type: str = "Anomaly Detected"

    @property
    def parameters(self) -> Any:
        """What the models depend on: not when something is told."""
        pace = self.pace
        return ["unusual alerts", *dataclasses.astuple(pace)]

    def create(self, seed: int) -> Watching:
        """Nothing is usual yet; it has no randomness."""
        return Watching()

    def stepper(self, watching: Watching) -> Step:
        """Score each value, then learn it."""

        def step(value: float, at_s: float | None) -> tuple[float, Found | None]:
            usual, alert = watching.usual, watching.alert
            low, high, last_s = usual.low, usual.high, usual.last_s
            stray = finite(usual.learn_one(value, at_s, self.pace))
            if watching.count == 0 or _is_before(at_s, watching.started_s):
                watching.started_s = at_s
            watching.count += 1
            bar = self._bar(watching, _seconds_between(last_s, at_s))
            score = stray / (stray + self.stray)
            strays = stray >= bar
            change = self.alert.next(
                alert,
                score,
                opens=strays and self._is_warm(watching, at_s),
                keeps=usual.stray > _KEEPS * self.stray,
                at_s=at_s,
            )
            found = None
            if change is not None:
                evidence = {
                    "expected": usual.expected,
                    "usual_from": usual.expected + low,
                    "usual_to": usual.expected + high,
                    "score": score,
                    "strays_before": watching.strays,
                    "since_last_stray_s": _seconds_between(watching.stray_s, at_s),
                }
                found = change, evidence | self.alert.course(alert, change, at_s)
            if strays:
                watching.bar = min(stray, self._furthest)
                watching.strays, watching.stray_s = watching.strays + 1, at_s
            return score, found

        return step

    def alert_of(self, model: Watching) -> AlertState | None:
        """The state of its alert."""
        return model.alert

    def _is_warm(self, watching: Watching, at_s: float | None) -> bool:
        """Whether enough is known to tell of a stray: before a day was seen, only of the furthest."""
        known_s = _seconds_between(watching.started_s, at_s)
        is_daily = known_s is None or known_s >= _DAY_S
        return watching.count > self.warm_up and (is_daily or watching.usual.stray >= self._furthest)

    @property
    def _furthest(self) -> float:
        """A whole width, of a value whose neighbours do not stray."""
        return 1.0 - self.pace.lasting_share

    def _bar(self, watching: Watching, passed_s: float | None) -> float:
        """How far is far enough now: the bar has come down since the last value."""
        if passed_s is not None and passed_s > 0.0:
            watching.bar *= math.exp(-passed_s * self.alert.alerts_per_week / _WEEK_S)
        return max(watching.bar, self.stray)


def _seconds_between(start_s: float | None, end_s: float | None) -> float | None:
    return None if start_s is None or end_s is None else end_s - start_s


def _is_before(at_s: float | None, start_s: float | None) -> bool:
    """Whether the clock was ahead when it started, by what would else be waited for."""
    return at_s is not None and start_s is not None and at_s < start_s
