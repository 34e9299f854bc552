"""Seasonal anomalies: values further from the signal's daily and weekly pattern than is usual for it."""

import dataclasses
import math
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, Self

import msgspec
from msgspec import Meta

from consumer.detectors.alert_policy import AlertPolicy, AlertState, DeadBand
from consumer.detectors.base import Found, Step, UseCase, finite
from consumer.detectors.local_time import UTC_NAME, LocalTime, clock_of
from consumer.detectors.sensor_checks import SENSOR_CHECKS, SensorChecks
from consumer.detectors.states import ModelState, model_state

_HOURS, _DAYS = 24, 7
_HOUR_S, _DAY_S = 3600.0, 86_400.0
_LEVEL, _BY_HOUR, _BY_WEEK = 0, 1, 1 + _HOURS
_MEANS = _BY_WEEK + _HOURS * _DAYS
_OF_PLACES = Meta(min_length=_MEANS, max_length=_MEANS)
_STILL_MIN = 50
"""Values that were all the same, before another one is an anomaly."""
_EXCEEDANCE_MAX = 1.0
"""Widths, so that what a signal does first, when its range is narrow, does not hide all that follows."""
_SAME = 1e-9
"""Share of a value by which rounding may change it."""


@dataclass(frozen=True, slots=True)
class DecayRates:
    """How fast the baseline follows the values."""

    course: float = 0.05
    """Weight of a value in the mean of its hour: some twenty are remembered."""
    level: float = 0.003
    """Weight of a value in the mean of all."""
    shrinking: float = 1e-4
    """Share of the range that is forgotten with each value."""
    growth: float = 0.08
    """Share of its width by which the range grows at most with a value outside: so rare ones stay outside."""
    rest: float = 0.9
    """What is left of an exceedance with each value after it: only what goes further is a new one."""
    lasting: float = 0.03
    """Weight of a deviation in their short mean, which sees what is small and lasts."""
    lasting_share: float = 0.3
    """Share of that mean's exceedance in the whole; the deviation's own has the rest."""
    step_s: float = 300.0
    """Values that come faster weigh less in the hourly means, and in what is forgotten."""


DECAY_RATES = DecayRates()


@model_state("seasonal_baseline")
class SeasonalBaseline(ModelState):
    """A signal's means, by hour and by hour of the week, and the usual range of deviations from them.

    Units: the signal's own. Hours are those of the clock, in UTC without one: where clocks are changed, a
    pattern that goes by them is the same in local time alone.
    State: 193 means and counts, and some numbers: 3 kB at most.
    """

    means: Annotated[list[float], _OF_PLACES] = msgspec.field(default_factory=lambda: [0.0] * _MEANS)
    counts: Annotated[list[int], _OF_PLACES] = msgspec.field(default_factory=lambda: [0] * _MEANS)
    low: float = 0.0
    high: float = 0.0
    lasting: float = 0.0
    lasting_low: float = 0.0
    lasting_high: float = 0.0
    recent: float = 0.0
    last_s: float | None = None
    expected: float = 0.0
    """What was expected at the last value, before it was learned."""
    exceedance: float = 0.0
    """How far the last value was outside the usual range, whether or not earlier ones were too."""

    def learn_one(
        self, value: float, at_s: float | None, rates: DecayRates, clock: LocalTime | None = None
    ) -> float:
        """Learn a value; how far it exceeds the range and recent exceedances, in widths of the range."""
        places = [_LEVEL] if at_s is None else _places(at_s if clock is None else clock.local_s(at_s))
        weight = self._weight(at_s, rates)
        self.expected = self._expected(value, places)
        deviation = value - self.expected
        for place in places:
            self._learn_mean(place, value, rates.level if place == _LEVEL else rates.course * weight)
        self.lasting += rates.lasting * (deviation - self.lasting)
        least = _SAME * max(abs(value), abs(self.expected))
        is_still = self.counts[_LEVEL] > _STILL_MIN
        own = _exceedance(deviation, self.low, self.high, least, is_still)
        lasting = _exceedance(self.lasting, self.lasting_low, self.lasting_high, least, is_still)
        kept = 1.0 - rates.shrinking * weight
        self.low, self.high = _learned(deviation, self.low, self.high, kept, rates.growth)
        self.lasting_low, self.lasting_high = _learned(
            self.lasting, self.lasting_low, self.lasting_high, kept, rates.growth
        )
        self.exceedance = (1.0 - rates.lasting_share) * own + rates.lasting_share * lasting
        further = max(0.0, self.exceedance - self.recent)
        self.recent = max(self.exceedance, rates.rest * self.recent)
        return further

    def _weight(self, at_s: float | None, rates: DecayRates) -> float:
        """From 0 to 1: the time since the last value as a share of `step_s`."""
        last_s, self.last_s = self.last_s, at_s
        if at_s is None or last_s is None:
            return 1.0
        return min(1.0, abs(at_s - last_s) / rates.step_s)

    def _expected(self, value: float, places: list[int]) -> float:
        """The nearer of the means of this hour and of this hour of the week; else the mean of all."""
        means = [self.means[place] for place in places[1:] if self.counts[place]]
        if means:
            return min(means, key=lambda mean: abs(value - mean))
        return self.means[_LEVEL] if self.counts[_LEVEL] else value

    def _learn_mean(self, place: int, value: float, slowness: float) -> None:
        """A plain mean at first, then an exponential one."""
        self.counts[place] += 1
        self.means[place] += max(slowness, 1.0 / self.counts[place]) * (value - self.means[place])


def _exceedance(deviation: float, low: float, high: float, least: float, is_still: bool) -> float:
    """In widths, one at most; if the signal stood still, one for whatever is more than rounding."""
    width, beyond = high - low, max(deviation - high, low - deviation, 0.0)
    if width > least:
        return min(beyond / width, _EXCEEDANCE_MAX)
    return float(is_still and beyond > least)


def _learned(deviation: float, low: float, high: float, kept: float, growth: float) -> tuple[float, float]:
    """The range, a little narrower, and a little wider towards a deviation outside it."""
    low, high = low * kept, high * kept
    grown = growth * (high - low)
    if deviation > high:
        high = min(deviation, high + grown) if grown > 0.0 else deviation
    if deviation < low:
        low = max(deviation, low - grown) if grown > 0.0 else deviation
    return low, high


def _places(at_s: float) -> list[int]:
    """The indices of a time's means: of all, of its hour, of its hour of the week.

    >>> _places(0.0), _places(7 * 86_400.0 - 1.0)
    ([0, 1, 25], [0, 24, 192])
    """
    hour, day = int(at_s // _HOUR_S) % _HOURS, int(at_s // _DAY_S) % _DAYS
    return [_LEVEL, _BY_HOUR + hour, _BY_WEEK + _HOURS * day + hour]


_DAY_S, _WEEK_S = 86_400.0, 604_800.0
_ONE_A_WEEK = AlertPolicy(alerts_per_week=1.0)
_KEEPS = 0.5
"""Share of the least exceedance that counts, which keeps an alert open."""


@model_state("seasonal_anomaly")
class SeasonalAnomalyState(ModelState):
    """A signal's baseline, and how far outside a value must be to be reported."""

    baseline: SeasonalBaseline = msgspec.field(default_factory=SeasonalBaseline)
    count: int = 0
    threshold: float = 0.0
    exceedances: int = 0
    exceeded_s: float | None = None
    """When a value last exceeded the threshold."""
    started_s: float | None = None
    alert: AlertState = msgspec.field(default_factory=AlertState)


@dataclass(frozen=True, slots=True)
class SeasonalAnomaly(UseCase):
    """Finds values outside what is usual at their time of day and week, and when they are usual again.

    A value that exceeds the threshold raises it to its own exceedance, and the threshold decays by a factor e
    in the time that `alerts_per_week` leaves between two: a signal that is often outside must go further, up
    to the width of its usual range. Half the least exceedance that counts keeps an alert open. Nothing is
    reported in the first `warm_up` values, and before a day has been seen only what is a whole width outside,
    for it may be the daily pattern.

    >>> use_case = SeasonalAnomaly()
    >>> times = [600.0 * number for number in range(1000)]
    >>> values = [math.sin(at_s / 86_400.0 * 2 * math.pi) + 0.01 * (at_s // 600 % 7) for at_s in times]
    >>> values[800] += 1.0
    >>> [opened, cleared] = use_case.learn(SeasonalAnomalyState(), values, times)
    >>> (opened.index, opened.change, round(opened.evidence["expected"], 1))
    (800, 'opened', -0.3)
    >>> (cleared.index, cleared.change, cleared.evidence["open_for_s"])
    (820, 'cleared', 12000.0)
    """

    exceedance: float = 0.0275
    """How far outside the usual range, in widths of it, is a score of 0.5."""
    warm_up: int = 400
    alert: AlertPolicy = _ONE_A_WEEK
    sensor_checks: SensorChecks | None = SENSOR_CHECKS
    decay_rates: DecayRates = DECAY_RATES
    _: KW_ONLY
    time_zone: str = UTC_NAME
    """By whose clocks the hours go, by its IANA name."""
    kind: str = "anomaly"
    detail_type: str = "Anomaly Detected"

    @property
    def parameters(self) -> Any:
        """What the models depend on: not when something is reported."""
        rates = self.decay_rates
        zone = [] if self.time_zone == UTC_NAME else [self.time_zone]
        return ["unusual alerts", *dataclasses.astuple(rates), *zone]

    def with_time_zone(self, name: str) -> Self:
        """The use case by the hours of that zone."""
        return dataclasses.replace(self, time_zone=name)

    def with_dead_band(self, band: DeadBand) -> Self:
        """The use case that tells only what goes beyond."""
        return dataclasses.replace(self, alert=dataclasses.replace(self.alert, dead_band=band))

    def create(self, seed: int) -> SeasonalAnomalyState:
        """An empty baseline; it has no randomness."""
        return SeasonalAnomalyState()

    def stepper(self, state: SeasonalAnomalyState) -> Step:
        """Score each value, then learn it."""
        clock = clock_of(self.time_zone)

        def step(value: float, at_s: float | None) -> tuple[float, Found | None]:
            baseline, alert = state.baseline, state.alert
            low, high, last_s = baseline.low, baseline.high, baseline.last_s
            exceedance = finite(baseline.learn_one(value, at_s, self.decay_rates, clock))
            if state.count == 0 or _is_before(at_s, state.started_s):
                state.started_s = at_s
            state.count += 1
            threshold = self._threshold(state, _seconds_between(last_s, at_s))
            score = exceedance / (exceedance + self.exceedance)
            exceeds, is_warm = exceedance >= threshold, self._is_warm(state, at_s)
            change = self.alert.next(
                alert,
                score,
                opens=exceeds and is_warm,
                keeps=baseline.exceedance > _KEEPS * self.exceedance,
                at_s=at_s,
                value=value,
                expected=baseline.expected,
            )
            found = None
            if change is not None:
                evidence = {
                    "expected": baseline.expected,
                    "usual_from": baseline.expected + low,
                    "usual_to": baseline.expected + high,
                    "score": score,
                    "strays_before": state.exceedances,
                    "since_last_stray_s": _seconds_between(state.exceeded_s, at_s),
                }
                found = change, evidence | self.alert.transition_details(alert, change, at_s)
            if exceeds:
                if not is_warm or not self.alert.is_near(value, baseline.expected):
                    state.threshold = min(exceedance, self._furthest)  # what is not told takes no budget
                state.exceedances, state.exceeded_s = state.exceedances + 1, at_s
            return score, found

        return step

    def alert_of(self, model: SeasonalAnomalyState) -> AlertState | None:
        """The state of its alert."""
        return model.alert

    def _is_warm(self, state: SeasonalAnomalyState, at_s: float | None) -> bool:
        """Whether enough is known to report an anomaly: before a day was seen, only the furthest."""
        known_s = _seconds_between(state.started_s, at_s)
        is_daily = known_s is None or known_s >= _DAY_S
        return state.count > self.warm_up and (is_daily or state.baseline.exceedance >= self._furthest)

    @property
    def _furthest(self) -> float:
        """A whole width, for a value whose neighbours are inside the range."""
        return 1.0 - self.decay_rates.lasting_share

    def _threshold(self, state: SeasonalAnomalyState, passed_s: float | None) -> float:
        """How far outside is far enough now: the threshold has decayed since the last value."""
        if passed_s is not None and passed_s > 0.0:
            state.threshold *= math.exp(-passed_s * self.alert.alerts_per_week / _WEEK_S)
        return max(state.threshold, self.exceedance)


def _seconds_between(start_s: float | None, end_s: float | None) -> float | None:
    return None if start_s is None or end_s is None else end_s - start_s


def _is_before(at_s: float | None, start_s: float | None) -> bool:
    """Whether the clock was ahead at the start: else the warm-up would wait for that time."""
    return at_s is not None and start_s is not None and at_s < start_s
