"""Seasonal anomalies over many signals at once: the vectorised twin of `SeasonalAnomaly`."""

import math
from collections.abc import Sequence

import numpy as np

from consumer.detectors import seasonal_anomaly as scalar
from consumer.detectors.alert_policy import AlertPolicy
from consumer.detectors.in_columns.alert_twin import AlertTwin, alert_fields
from consumer.detectors.in_columns.hour_cells import HourCells
from consumer.detectors.in_columns.vectorised import (
    Bools,
    Gathered,
    Rows,
    Source,
    Step,
    first_max,
    first_min,
    write,
)
from consumer.detectors.local_time import clock_of
from consumer.detectors.seasonal_anomaly import SeasonalAnomaly, SeasonalAnomalyState
from consumer.detectors.state_columns import COUNT_FAR, Floats, Integers, Places
from consumer.detectors.state_layouts import layout_of

_HOURS_OF_WEEK = scalar._HOURS * scalar._DAYS
_PLACES = layout_of(SeasonalAnomalyState).places
_MEANS, _COUNTS = _PLACES["baseline.means"].start, _PLACES["baseline.counts"].start
_BASELINE = (
    "low",
    "high",
    "lasting",
    "lasting_low",
    "lasting_high",
    "recent",
    "last_s",
    "expected",
    "exceedance",
)
_OWN = ("count", "threshold", "exceedances", "exceeded_s", "started_s")
_LEARNED = (*(f"baseline.{name}" for name in _BASELINE), *_OWN, *alert_fields("alert"))


def _cells_of(hours: Places) -> Places:
    """The indices of what is learned at these hours: of all values, of the hour, of the hour of the week."""
    of_week = hours % _HOURS_OF_WEEK
    of_day = of_week % scalar._HOURS
    return np.stack((np.zeros_like(of_week), scalar._BY_HOUR + of_day, scalar._BY_WEEK + of_week))


class SeasonalAnomalyTwin:
    """The baselines and alerts of the rows.

    A row leaves before a value that would change its alert, is of a time before 1970 or in the far future, or
    makes a number infinite. All leave at once if the use case has settings that no plant would choose, such
    as a negative weight.
    """

    def __init__(self, use_case: SeasonalAnomaly, sources: Sequence[Source], order: Places) -> None:
        self._use_case, self._rates = use_case, use_case.decay_rates
        self._clock = clock_of(use_case.time_zone)
        self._rows = Rows(sources, order)
        self._cells = HourCells(self._rows, (_MEANS, _COUNTS), 3, _cells_of)
        self._gathered = gathered = Gathered(SeasonalAnomalyState, self._rows, _LEARNED)
        self._lows = gathered.pair("baseline.low", "baseline.lasting_low")
        self._highs = gathered.pair("baseline.high", "baseline.lasting_high")
        self._lasting, self._recent, self._last_s, self._expected, self._exceedance = (
            gathered.field(f"baseline.{name}")
            for name in ("lasting", "recent", "last_s", "expected", "exceedance")
        )
        self._count, self._threshold, self._exceedances, self._exceeded_s, self._started_s = (
            gathered.field(name) for name in _OWN
        )
        self._alert = AlertTwin(use_case.alert, gathered)
        self._leaves = np.isinf(self._last_s) | (gathered.integers.max(axis=0, initial=0) > COUNT_FAR)
        if not _is_usual(use_case):
            self._leaves[:] = True

    def step(self, rows: slice, values: Floats, at_s: Floats) -> Step:
        """Score each value, then learn it."""
        leaves = self._leaves[rows].copy()
        local_s = at_s if self._clock is None else self._clock.all_local_s(at_s)
        has_no_cells = self._cells.move(rows, local_s)
        if has_no_cells is not None:
            leaves |= has_no_cells
        rates = self._rates
        passed_s = at_s - self._last_s[rows]
        weight = np.fmin(1.0, np.abs(passed_s) / rates.step_s)  # 1 where no time is known: `fmin` skips NaN
        means, counts = self._cells.floats[:, rows], self._cells.integers[:, rows]
        expected = self._nearest(values, means, counts)
        counts = counts + 1
        slowness = np.empty(means.shape)
        slowness[0], slowness[1:] = rates.level, rates.course * weight
        means = means + np.maximum(slowness, 1.0 / counts) * (values - means)

        deviations = np.empty((2, len(values)))
        np.subtract(values, expected, out=deviations[0])
        lasting = self._lasting[rows]
        np.add(lasting, rates.lasting * (deviations[0] - lasting), out=deviations[1])
        least = scalar._SAME * np.maximum(np.abs(values), np.abs(expected))
        lows, highs = self._lows[:, rows], self._highs[:, rows]
        own, of_lasting = _exceedance(deviations, lows, highs, least, counts[0] > scalar._STILL_MIN)
        exceedance = (1.0 - rates.lasting_share) * own + rates.lasting_share * of_lasting
        lows, highs = _learned(deviations, lows, highs, 1.0 - rates.shrinking * weight, rates.growth)
        recent = self._recent[rows]
        further = np.maximum(0.0, exceedance - recent)
        recent = first_max(exceedance, rates.rest * recent)
        whole = means.sum(axis=0) + lows.sum(axis=0) + highs.sum(axis=0) + deviations.sum(axis=0)
        leaves |= ~np.isfinite(whole + further)

        count, started_s = self._count[rows], self._started_s[rows]
        started_s = np.where((count == 0) | (at_s < started_s), at_s, started_s)
        count = count + 1
        threshold = self._decayed(self._threshold[rows], passed_s)
        score = further / (further + self._use_case.exceedance)
        exceeds = further >= np.maximum(threshold, self._use_case.exceedance)
        opens = exceeds
        if exceeds.any():
            opens = exceeds & self._is_warm(count, at_s - started_s, exceedance)
            threshold = np.where(exceeds, first_min(further, self._use_case._furthest), threshold)
        keeps = exceedance > scalar._KEEPS * self._use_case.exceedance
        of_alert = self._alert.next(rows, score, opens, keeps, at_s)
        leaves |= of_alert.leaves

        def commit(where: Bools | None) -> None:
            write(self._cells.floats[:, rows], means, where)
            write(self._cells.integers[:, rows], counts, where)
            write(self._lows[:, rows], lows, where)
            write(self._highs[:, rows], highs, where)
            for field, new in (
                (self._lasting, deviations[1]),
                (self._recent, recent),
                (self._last_s, at_s),
                (self._expected, expected),
                (self._exceedance, exceedance),
                (self._count, count),
                (self._threshold, threshold),
                (self._started_s, started_s),
            ):
                write(field[rows], new, where)
            far = exceeds if where is None else exceeds & where
            self._exceedances[rows] += far
            write(self._exceeded_s[rows], at_s, far)
            of_alert.commit(where)

        return Step(leaves, commit)

    def scatter(self) -> None:
        """Write the working copy back to the pages' arrays."""
        self._gathered.scatter()
        self._cells.scatter()

    def _nearest(self, values: Floats, means: Floats, counts: Integers) -> Floats:
        """The nearer of the means of this hour and of this hour of the week; else the mean of all."""
        has_any, has_hour, has_week = counts != 0
        off = np.abs(values - means)
        is_of_week = has_week & ((off[2] < off[1]) | ~has_hour)
        nearest: Floats = np.where(is_of_week, means[2], means[1])
        has_mean = has_hour | has_week
        if has_mean.all():
            return nearest
        return np.where(has_mean, nearest, np.where(has_any, means[0], values))

    def _decayed(self, threshold: Floats, passed_s: Floats) -> Floats:
        decays = (passed_s > 0.0) & (threshold != 0.0)
        if not decays.any():
            return threshold
        powers = -passed_s[decays] * self._use_case.alert.alerts_per_week / scalar._WEEK_S
        threshold = threshold.copy()
        threshold[decays] *= np.fromiter(map(math.exp, powers.tolist()), np.float64, len(powers))
        return threshold

    def _is_warm(self, count: Integers, known_s: Floats, exceedance: Floats) -> Bools:
        is_early = known_s < scalar._DAY_S
        use_case = self._use_case
        return (count > use_case.warm_up) & (~is_early | (exceedance >= use_case._furthest))


def _is_usual(use_case: SeasonalAnomaly) -> bool:
    """Whether nothing that the scalar code divides by can be 0, and no power overflow."""
    rates, policy = use_case.decay_rates, use_case.alert
    is_known = type(use_case) is SeasonalAnomaly and type(policy) is AlertPolicy
    return is_known and rates.step_s > 0.0 and use_case.exceedance > 0.0 and policy.alerts_per_week >= 0.0


def _exceedance(deviations: Floats, lows: Floats, highs: Floats, least: Floats, is_still: Bools) -> Floats:
    """In widths, one at most; if the signal stood still, one for whatever is more than rounding."""
    widths, beyond = highs - lows, first_max(first_max(deviations - highs, lows - deviations), 0.0)
    of_width = np.minimum(beyond / widths, scalar._EXCEEDANCE_MAX)
    is_wide = widths > least
    if is_wide.all():
        return of_width
    return np.where(is_wide, of_width, is_still & (beyond > least))


def _learned(
    deviations: Floats, lows: Floats, highs: Floats, kept: Floats, growth: float
) -> tuple[Floats, Floats]:
    """The ranges, a little narrower, and a little wider towards deviations outside them."""
    lows, highs = lows * kept, highs * kept
    grown = growth * (highs - lows)
    grows = grown > 0.0
    above, below = deviations > highs, deviations < lows
    if above.any():
        wider = np.where(grows, first_min(deviations, highs + grown), deviations)
        highs = np.where(above, wider, highs)
    if below.any():
        wider = np.where(grows, first_max(deviations, lows - grown), deviations)
        lows = np.where(below, wider, lows)
    return lows, highs
