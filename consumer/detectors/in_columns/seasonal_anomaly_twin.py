"""Seasonal anomalies over many signals at once: the twin of `AnomalyUseCase` with a `SeasonalIsolation`."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from consumer.detectors import seasonal_anomaly
from consumer.detectors.alert_policy import AlertPolicy
from consumer.detectors.anomaly import AnomalyUseCase
from consumer.detectors.in_columns.alert_twin import AlertTwin, alert_fields
from consumer.detectors.in_columns.hour_cells import HourCells
from consumer.detectors.in_columns.isolation_columns import Samples, each, single
from consumer.detectors.in_columns.modes_columns import ModesColumns
from consumer.detectors.in_columns.recurrence_columns import RecurrenceColumns
from consumer.detectors.in_columns.strays_columns import StraysColumns
from consumer.detectors.in_columns.vectorised import Bools, Gathered, Rows, Source, Step, first_max, write
from consumer.detectors.in_columns.window_columns import WindowColumns
from consumer.detectors.local_time import clock_of
from consumer.detectors.seasonal_anomaly import SeasonalAnomalyState
from consumer.detectors.state_columns import COUNT_FAR, Floats, Integers, Places
from consumer.detectors.state_layouts import layout_of
from consumer.river_models import clock, counters, course, isolation, jumps
from consumer.river_models import seasonal_isolation as scalar
from consumer.river_models.seasonal_isolation import SeasonalIsolation
from consumer.river_models.strays import STILL_MIN

_HOURS_OF_WEEK = course.HOURS * course.DAYS
_PLACES = layout_of(SeasonalAnomalyState).places
_MEANS, _COUNTS = _PLACES["model.course.means"].start, _PLACES["model.course.counts"].start
_OF_COURSE = ("model.course.means", "model.course.counts")
_OF_EARLIER = "model.recurrence.known"
_NOT_OF_ALERT = tuple(
    path
    for path in _PLACES
    if path.startswith("model.") and path not in _OF_COURSE and not path.startswith(_OF_EARLIER)
)
_LEARNED = (*_NOT_OF_ALERT, *alert_fields("alert"))
_SAMPLES = ("values", "levels", "shapes", "changes")
_OF_SHAPES = _SAMPLES.index("shapes")


def _cells_of(hours: Places) -> Places:
    """The indices of what is learned at these hours: of all values, of the hour, of the hour of the week."""
    of_week = hours % _HOURS_OF_WEEK
    of_day = of_week % course.HOURS
    return np.stack((np.zeros_like(of_week), course.BY_HOUR + of_day, course.BY_WEEK + of_week))


class SeasonalAnomalyTwin:
    """What is known of the rows' signals, and their alerts.

    A row leaves before a value that would change its alert, is of a time far back, before 1970 or in the far
    future, decides that the signal is a counter, resets one, begins or ends a burst, or makes a number
    infinite. All leave at once if the use case is not of the classes known here.
    """

    def __init__(self, use_case: AnomalyUseCase, sources: Sequence[Source], order: Places) -> None:
        self._use_case, detector = use_case, use_case.detector
        self._given = scalar.Parameters() if type(detector) is not SeasonalIsolation else detector.parameters
        self._clock = clock_of(use_case.time_zone)
        rows = Rows(sources, order)
        self._cells = HourCells(rows, (_MEANS, _COUNTS), 3, _cells_of)
        self._gathered = gathered = Gathered(SeasonalAnomalyState, rows, _LEARNED)

        def field(name: str) -> Any:
            return gathered.field(f"model.{name}")

        self._last_s, self._before_jump_s, self._since_jump, self._behind = (
            field(f"clock.{name}") for name in ("last_s", "before_jump_s", "since_jump", "behind")
        )
        self._kind, self._seen, self._rises, self._falls, self._raw = (
            field(f"kind.{name}") for name in ("kind", "seen", "rises", "falls", "last")
        )
        self._level, self._whole, self._recent, self._expected = map(
            field, ("level", "whole", "recent", "expected")
        )
        self._random, self._count = map(field, ("random", "count"))
        self._strays = StraysColumns(gathered, "model.strays")
        self._jumps = StraysColumns(gathered, "model.jumps")
        self._recurrence = RecurrenceColumns(gathered, "model.recurrence")
        self._modes = ModesColumns(gathered, "model.modes")
        self._window = WindowColumns(gathered, "model.window")
        numbers = gathered.block("model.values", "model.changes")
        self._samples = Samples(
            numbers.reshape(len(_SAMPLES), scalar.SAMPLE_MAX, len(rows)),
            [field(f"{name}.length") for name in _SAMPLES],
        )
        self._alert = AlertTwin(use_case.alert, gathered)
        self._leaves = np.isinf(self._last_s) | (gathered.integers.max(axis=0, initial=0) > COUNT_FAR)
        if not _is_usual(use_case):
            self._leaves[:] = True

    def step(self, rows: slice, values: Floats, at_s: Floats) -> Step:
        """Score each value, then learn it."""
        given, leaves = self._given, self._leaves[rows].copy()
        local_s = at_s if self._clock is None else self._clock.all_local_s(at_s)
        has_no_cells = self._cells.move(rows, local_s)
        if has_no_cells is not None:
            leaves |= has_no_cells
        passed_s = at_s - self._last_s[rows]  # NaN at the first value, so that no comparison holds
        is_first = passed_s != passed_s
        leaves |= (passed_s < -clock.HOUR_S) | (np.abs(values) > scalar.VALUE_MAX)
        weight = np.where(is_first, 1.0, np.minimum(1.0, np.abs(passed_s) / given.step_s))

        raw, kind = self._raw[rows], self._kind[rows]
        raw_step = values - raw
        is_counter = kind == counters.COUNTER_KIND
        base = np.where(is_counter, raw, 0.0)
        kinds = self._kinds(rows, kind, raw_step)
        leaves |= (is_counter & ~(raw_step >= 0.0)) | kinds.leaves
        leaves |= (kind != counters.UNDECIDED) & (self._seen[rows] == 0)  # the first value, where it was said
        numbers, last = np.where(is_counter, raw_step, values), self._window.last[rows]
        numbers = np.where(np.abs(numbers - last) <= scalar.SAME * np.abs(last), last, numbers)

        means, counts = self._cells.floats[:, rows], self._cells.integers[:, rows]
        expected = _expected(numbers, means, counts, self._window.recent(rows))
        deviation = numbers - expected
        least = scalar.LEAST * first_max(np.abs(numbers), np.abs(expected))
        is_still, width = counts[0] >= STILL_MIN, self._strays.width(rows)
        learns = ~(is_still & (width <= least) & (least < np.abs(deviation)))
        new_counts = counts + 1
        slowness = np.empty(means.shape)
        slowness[0], slowness[1:] = given.all_rate, given.hour_rate * weight
        new_means = means + np.maximum(slowness, 1.0 / new_counts) * (numbers - means)
        level = self._level[rows]
        level = np.where(learns, level + given.level_rate * (deviation - level), level)
        strays = self._strays.step(rows, deviation, least, is_still, weight)
        count = self._count[rows] + 1
        follows = (is_first | (np.abs(passed_s) <= clock.HOUR_S)) & (count > 1)
        leaps = self._jumps.step(rows, numbers - last, least, is_still, weight)
        modes = self._modes.step(rows, numbers, numbers - last, 1.0 / count)
        window = self._window.step(rows, numbers, given.window_rate)
        leaves |= window.leaves

        change = np.where(window.change > scalar.RESOLUTION * width, window.change, 0.0)
        shape = each(math.log, np.where(leaves, 1.0, window.distance + scalar.LEAST_DISTANCE))
        of_streams = single(np.stack((deviation, level, shape, change)))
        reading = self._samples.read(rows, of_streams)
        streams = reading.isolation(given.known_from)
        random = self._random[rows] * isolation.GENERATOR % isolation.MODULUS
        drawn = random * given.memory // isolation.MODULUS
        sum_of_streams = streams[0] + streams[1] + streams[2] + streams[3]
        whole = self._whole[rows]
        whole = whole + scalar.SUM_RATE * (sum_of_streams - whole)
        ratio = (0.5 * sum_of_streams + 0.5 * whole) / given.limit
        is_known = reading.lengths[0] >= given.known_from
        further = np.where(is_known, strays.further, 0.0)
        usual_jump = np.where(follows, leaps.highs[0] - leaps.lows[0], self._jumps.width(rows))
        may_jump = follows & is_known & ~modes.is_in_mode
        may_jump &= usual_jump < jumps.SLOW * (strays.highs[0] - strays.lows[0])
        leapt = np.where(may_jump, leaps.further, 0.0)
        both, recent = sum_of_streams * np.sqrt(strays.exceedance), self._recent[rows]
        onset = first_max(0.0, both - recent)
        recent = first_max(both, scalar.ONSET_REST * recent)
        bar = self._strays.ratio_to_bar(rows, further, given.stray_limit, at_s)
        jump_bar = self._jumps.ratio_to_bar(rows, leapt, given.jump_limit, at_s)
        of_modes, is_in_mode = modes.stray / given.mode_limit, modes.is_in_mode
        ratio = np.where(is_in_mode, ratio / scalar.USUAL_IN_MODE, ratio)
        stray = np.where(is_in_mode | (sum_of_streams <= given.stray_gate), 0.0, bar.ratio)
        score = _score(first_max(ratio, of_modes), onset)
        is_unusual = (ratio >= 1.0) | (stray >= 1.0) | (jump_bar.ratio >= 1.0) | (of_modes >= 1.0)
        if self._use_case.alert.dead_band is not None:  # within it, they raise no bar and are no burst
            leaves |= is_unusual | (bar.ratio >= 1.0) | (jump_bar.ratio >= 1.0)
        recurrence = self._recurrence.step(rows, is_unusual, deviation)
        opens = is_unusual & (count > self._use_case.warm_up)  # or recurs, which the scalar code will see
        keeps = is_unusual | (ratio > seasonal_anomaly.KEEPS)
        of_alert = self._alert.next(rows, score, opens, keeps, at_s)
        leaves |= of_alert.leaves | recurrence.leaves
        finite = new_means.sum(axis=0) + window.whole + level + score + modes.change
        finite = finite + bar.ratio + jump_bar.ratio
        for ranges in (strays.lows, strays.highs, leaps.lows, leaps.highs):
            finite = finite + ranges.sum(axis=0)
        leaves |= ~np.isfinite(finite)

        learned = np.ones(of_streams.shape, np.bool_)
        learned[_OF_SHAPES] = window.has_shape

        def commit(where: Bools | None) -> None:
            of_course = learns if where is None else learns & where
            write(self._cells.floats[:, rows], new_means, of_course)
            write(self._cells.integers[:, rows], new_counts, of_course)
            self._commit_clock(rows, at_s, passed_s, where)
            kinds.commit(where)
            for to, new in (
                (self._raw, values),
                (self._level, level),
                (self._whole, whole),
                (self._recent, recent),
                (self._expected, base + expected),
                (self._random, random),
                (self._count, count),
            ):
                write(to[rows], new, where)
            self._strays.commit(strays, bar, where)
            self._jumps.commit(leaps, jump_bar, follows if where is None else follows & where)
            recurrence.commit(where)
            modes.commit(where)
            window.commit(where)
            learns_stream = learned if where is None else learned & where
            self._samples.learn(of_streams, reading, drawn, given.sample_size, learns_stream)
            of_alert.commit(where)

        return Step(leaves, commit)

    def scatter(self) -> None:
        """Write the working copy back to the pages' arrays."""
        self._gathered.scatter()
        self._cells.scatter()

    def _kinds(self, rows: slice, kind: Integers, raw_step: Floats) -> Step:
        """Count rises and falls until it is decided what a signal is; a row leaves that is a counter."""
        is_undecided = kind == counters.UNDECIDED
        if not is_undecided.any():
            return Step(np.zeros(len(kind), np.bool_), lambda _: None)
        seen = self._seen[rows]
        has_step = is_undecided & (seen != 0)
        rises = self._rises[rows] + (has_step & (raw_step > 0.0))
        falls = self._falls[rows] + (has_step & (raw_step < 0.0))
        is_decided = is_undecided & (seen >= counters.DECIDED_AT - 1)
        is_counter = (rises >= counters.RISES_MIN * seen) & (falls <= counters.FALLS_MAX * seen)

        def commit(where: Bools | None) -> None:
            own = is_undecided if where is None else is_undecided & where
            write(self._seen[rows], seen + 1, own)
            write(self._rises[rows], rises, own)
            write(self._falls[rows], falls, own)
            write(self._kind[rows], counters.LEVEL_KIND, own & is_decided)

        return Step(is_decided & is_counter, commit)

    def _commit_clock(self, rows: slice, at_s: Floats, passed_s: Floats, where: Bools | None) -> None:
        jumps = passed_s > clock.HOUR_S
        moves = passed_s == passed_s
        if where is not None:
            moves &= where
        write(self._before_jump_s[rows], self._last_s[rows], jumps & moves)
        since = np.where(jumps, 0, np.minimum(self._since_jump[rows] + 1, clock.BELIEVED_AFTER))
        write(self._since_jump[rows], since, moves)
        write(self._behind[rows], 0, moves)
        write(self._last_s[rows], at_s, where)


def _is_usual(use_case: AnomalyUseCase) -> bool:
    """Whether the scalar code is the one that this is the twin of, and divides by no 0."""
    is_known = type(use_case) is AnomalyUseCase and type(use_case.alert) is AlertPolicy
    return is_known and type(use_case.detector) is SeasonalIsolation and use_case.detector.step_s > 0.0


def _expected(values: Floats, means: Floats, counts: Integers, recent: Floats) -> Floats:
    """The nearer of the means of this hour and of this hour of the week; at first, what is recent."""
    off = np.abs(values - means)
    is_of_week = (counts[2] != 0) & (off[2] < off[1])
    nearest = np.where(is_of_week, means[2], means[1])
    is_new = (counts[1] == counts[2]) & (counts[1] < course.FEW)
    nearest = np.where(is_new, recent, nearest)
    expected: Floats = np.where(counts[0] != 0, nearest, values)
    return expected


def _score(level: Floats, onset: Floats) -> Floats:
    of_level = np.where(level <= 1.0, 0.5 * level, 0.5 + scalar.ABOVE_LIMIT * (1.0 - 1.0 / level))
    return first_max(of_level, onset / (onset + scalar.HALF_ONSET))
