"""`shift` over many signals at once: the vectorised twin of `ChangePoint`, bit for bit."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from consumer.detectors.change_point import ChangePoint, ChangePointState
from consumer.detectors.in_columns.alert_twin import AlertTwin, alert_fields
from consumer.detectors.in_columns.block_statistics_twin import (
    BlockStatisticsTwin,
    DyadicScalesTwin,
    LearnedScale,
)
from consumer.detectors.in_columns.dwelling_twin import DwellLevelsTwin
from consumer.detectors.in_columns.hour_cells import HOUR_S, HourCells
from consumer.detectors.in_columns.lazy_fields import columns_of
from consumer.detectors.in_columns.vectorised import (
    Bools,
    Gathered,
    Rows,
    Source,
    Step,
    first_max,
    neighbours,
    write,
)
from consumer.detectors.local_time import clock_of
from consumer.detectors.state_columns import Floats, Integers, Places
from consumer.detectors.state_layouts import layout_of
from consumer.river_models import deseasonalised_change as scalar
from consumer.river_models.dwelling import DwellLevels

_PLACES = layout_of(ChangePointState).places
_HOURS = _PLACES["detector.hours"].start, _PLACES["detector.visits"].start
_FIELDS = tuple(
    f"detector.{name}"
    for name in (
        *("block", "block.length", "before", "started_s", "last_s"),
        *("usual_s", "is_of_hour", "hours_wait", "most", "expected"),
        *("known", "known_s", "score", "raw"),
    )
)


class _Hour(NamedTuple):
    """The hours of some values: which of these are for the scalar code, and what is expected there."""

    leaves: Bools
    expected: Floats
    mean: Floats
    visits: Integers
    started_s: Floats


class _Blocks(NamedTuple):
    """The blocks that are complete: of which rows, and what is to be written of them."""

    rows: Places
    leaves: Bools
    level: Floats
    usual_s: Floats
    hours_wait: Bools
    most: Floats
    known: Integers
    known_s: Floats
    score: Floats
    scales: list[LearnedScale]
    dwelling: dict[int, DwellLevels]
    """Of the blocks that switch, by their place among these."""


class ChangePointTwin:
    """The working copy of the states of many rows, which learn as `ChangePoint.stepper` lets one.

    All those leave that find a lasting change, or would, were it not for the daily cycle; whose alert clears
    or is to be reported; that start over because a day has been seen; and whose numbers are not finite.
    """

    def __init__(self, use_case: ChangePoint, sources: Sequence[Source], order: Places) -> None:
        self._clock = clock_of(use_case.time_zone)
        rows = Rows(sources, order)
        in_order = rows if rows.is_in_order else Rows(sources, np.arange(len(order)))
        self._gathered = Gathered(ChangePointState, rows, (*_FIELDS, *alert_fields("alert")))
        (
            self._block,
            self._length,
            self._before,
            self._started_s,
            self._last_s,
            self._usual_s,
            is_of_hour,
            self._hours_wait,
            self._most,
            self._expected_before,
            self._known,
            self._known_s,
            self._score,
            self._raw,
        ) = map(self._gathered.field, _FIELDS)
        self._is_of_hour = is_of_hour != 0
        self._alert = AlertTwin(use_case.alert, self._gathered)
        self._hours = HourCells(rows, _HOURS, 2, _cells_of)
        self._scales = DyadicScalesTwin(in_order, ChangePointState, ["detector.levels", "detector.spreads"])
        self._dwelling = DwellLevelsTwin(in_order, ChangePointState, "detector.dwelling")
        self._order, self._is_in_order = order, rows.is_in_order
        self._is_gone = np.zeros(len(order), dtype=np.bool_)
        self._zeros, self._never = np.zeros(len(order)), np.zeros(len(order), dtype=np.bool_)

    def step(self, rows: slice, values: Floats, at_s: Floats) -> Step:
        """Let the first rows learn a value each; nothing is committed yet."""
        value = np.minimum(np.maximum(values, -scalar._LARGEST), scalar._LARGEST)
        hour = self._expected(rows, value, at_s)
        raw, value = value, value - hour.expected
        alert = self._alert.next(rows, self._zeros[rows], self._never[rows], self._never[rows], at_s)
        length = self._length[rows]
        leaves = hour.leaves | alert.leaves | (length >= scalar._BLOCK)
        is_full = (length == scalar._BLOCK - 1) & ~(leaves | self._is_gone[rows])
        blocks = None
        if is_full.any():
            full = np.flatnonzero(is_full)
            if not self._is_in_order:
                full = full[np.argsort(self._order[full])]
            blocks = self._learn_block(full, value[full], raw[full], at_s[full], hour)
            leaves[full] = blocks.leaves

        def commit(where: Bools | None) -> None:
            for field, new in (
                (self._started_s, hour.started_s),
                (self._last_s, at_s),
                (self._hours.floats[0], hour.mean),
                (self._hours.integers[0], hour.visits),
                (self._expected_before, hour.expected),
            ):
                write(field[rows], new, where)
            kept = np.arange(len(value)) if where is None else np.flatnonzero(where)
            self._block[length[kept], kept], self._raw[length[kept], kept] = value[kept], raw[kept]
            write(length, length + 1, where)
            if blocks is not None:
                self._commit_blocks(blocks, where)
            alert.commit(where)
            if where is not None:
                self._is_gone[rows] |= ~where

        return Step(leaves, commit)

    def scatter(self) -> None:
        """Write the working copy back to the pages' arrays."""
        self._gathered.scatter()
        self._hours.scatter()
        self._scales.scatter()
        self._dwelling.scatter()

    def _expected(self, rows: slice, value: Floats, at_s: Floats) -> _Hour:
        """What `_expected` of the scalar class says of each value."""
        has_no_cells = self._hours.move(rows, self._local_s(at_s))
        usual, visits = self._hours.floats[0, rows], self._hours.integers[0, rows]
        other, is_other_known = self._hours.floats[1, rows], self._hours.integers[1, rows] != 0
        started_s, is_of_hour = self._started_s[rows], self._is_of_hour[rows]
        started_s = np.where(started_s <= at_s, started_s, at_s)  # also where it is NaN: not started
        # 1 where no time is known: `fmin` skips NaN.
        passed = np.fmin(1.0, np.abs(at_s - self._last_s[rows]) / scalar._STEP_S)
        follows = self._hours_wait[rows] == 0
        weight = np.maximum(scalar._HOUR_STEP * passed, 1.0 / (visits + 1))
        off, most = value - usual, self._most[rows]
        mean = np.where(follows, usual + weight * np.minimum(np.maximum(off, -most), most), usual)
        leaves = ~np.isfinite(mean) | (is_of_hour & (visits == 0))
        if has_no_cells is not None:
            leaves |= has_no_cells
        is_nearer = is_other_known & (np.abs(value - other) < np.abs(off))
        expected = np.where(is_of_hour, np.where(is_nearer, other, usual), 0.0)
        return _Hour(leaves, expected, mean, visits + follows, started_s)

    def _learn_block(self, rows: Places, value: Floats, raw: Floats, at_s: Floats, hour: _Hour) -> _Blocks:
        """What `_learn_block` of the scalar class does, for blocks of which the values given are the last."""
        count = len(rows)
        cells = self._order[rows]
        block = columns_of(self._block, rows)
        block[-1] = value
        tracks = np.concatenate((cells, cells + len(self._order)))
        level = _sum(block) / scalar._BLOCK
        before = np.where(self._scales.blocks_of(tracks)[:count] == 0, level, self._before[rows])
        spread = np.sqrt(_sum(np.abs(block - 0.5 * (level + before))) / scalar._BLOCK)
        usual = hour.expected[rows]
        shortest = self._scales.shortest_of(tracks)
        mean_level, mean_spread = shortest.mean[:count], shortest.mean[count:]
        largest = first_max(np.abs(level + usual), np.abs(mean_level + usual))
        least_level = first_max(scalar._SAME * largest, scalar._SMALLEST)
        least = np.concatenate((least_level, np.sqrt(least_level)))
        learned = np.concatenate((level, spread))
        is_near = shortest.is_near(learned, least)
        is_usual = is_near[:count] & is_near[count:]
        is_still = (shortest.blocks[:count] > 0) & (np.sqrt(shortest.variance[:count]) <= least_level)
        is_still &= mean_spread <= least[count:]
        is_due = ~self._is_of_hour[rows] & (at_s - hour.started_s[rows] >= scalar._DAY_S)
        is_quiet = (shortest.excursion == 0) & ~shortest.is_outside(learned, least)
        is_quiet = np.where(is_still, is_usual, is_quiet[:count])
        begins = is_due & (shortest.blocks[:count] > 0) & is_quiet
        doubtful = np.flatnonzero(begins & is_still)
        if doubtful.size:
            is_same = self._is_same_each_hour(
                rows[doubtful], at_s[doubtful], hour, mean_level[doubtful], least_level[doubtful]
            )
            begins[doubtful] = ~is_same
        usual_s = self._usual_s[rows]
        usual_s = np.where(is_usual | np.isnan(usual_s), at_s, usual_s)
        finer = np.concatenate(
            (
                scalar._OF_ABSOLUTE * mean_spread * mean_spread / math.sqrt(scalar._BLOCK - 1),
                scalar._OF_SPREAD * mean_spread,
            )
        )
        switches = shortest.blocks[:count] >= scalar._KNOWN_BLOCKS
        switches &= np.sqrt(shortest.variance[:count]) > scalar._SWITCHES * finer[:count]
        best, is_sound, scales = self._scales.learn_one(tracks, shortest, learned, least, finer)
        score = first_max(best[:count], best[count:])
        leaves = (score >= 1.0) | begins | ~(is_sound[:count] & is_sound[count:])
        dwelling, has_moved = self._dwell(rows, raw, np.flatnonzero(switches & ~leaves))
        leaves[has_moved] = True
        known = np.minimum(self._known[rows] + scalar._BLOCK, scalar._KNOWN_MAX)
        known_s = self._known_s[rows]
        known_s = np.where(known_s <= at_s, known_s, at_s)
        hours_wait = self._is_of_hour[rows] & scales[0].statistics.is_undecided[:count]
        most = self._most_of(rows, scales[0].statistics, count)
        return _Blocks(
            rows, leaves, level, usual_s, hours_wait, most, known, known_s, score, scales, dwelling
        )

    def _dwell(self, rows: Places, raw: Floats, at: Places) -> tuple[dict[int, DwellLevels], list[int]]:
        """What is learned of the levels of these blocks, and which have moved."""
        learned, has_moved = {}, []
        for number, model in zip(at.tolist(), self._dwelling.models(self._order[rows[at]]), strict=True):
            values: list[float] = self._raw[:-1, rows[number]].tolist()
            if model.learn_one([*values, float(raw[number])]) is None:
                learned[number] = model
            else:
                has_moved.append(number)
        return learned, has_moved

    def _most_of(self, rows: Places, learned: BlockStatisticsTwin, count: int) -> Floats:
        """By how much a value may move the mean of its hour from now on, by the statistics as learned."""
        of_level, of_spread = np.sqrt(learned.variance[:count]), learned.mean[count:]
        of_value = scalar._OF_ABSOLUTE * (of_spread * of_spread)
        most = scalar._RANGE * np.sqrt(of_level * of_level + of_value * of_value)
        most = np.where(most == 0.0, np.inf, most)
        is_known = self._is_of_hour[rows] & (learned.blocks[:count] >= scalar._KNOWN_BLOCKS)
        return np.where(is_known, most, self._most[rows])

    def _is_same_each_hour(
        self, rows: Places, at_s: Floats, hour: _Hour, level: Floats, least: Floats
    ) -> Bools:
        means, visits = self._hours.of_all_hours(rows, scalar._CELLS)
        now = _cells_of((self._local_s(at_s) // HOUR_S).astype(np.intp))[0]
        at = np.arange(len(rows))
        means[now, at], visits[now, at] = hour.mean[rows], hour.visits[rows]
        is_same: Bools = ((visits == 0) | (np.abs(means - level) <= least)).all(axis=0)
        return is_same

    def _local_s(self, at_s: Floats) -> Floats:
        return at_s if self._clock is None else self._clock.all_local_s(at_s)

    def _commit_blocks(self, blocks: _Blocks, where: Bools | None) -> None:
        kept = ~blocks.leaves if where is None else where[blocks.rows]
        rows = blocks.rows[kept]
        self._block[:, neighbours(rows)], self._length[rows] = 0.0, 0
        self._before[rows], self._usual_s[rows] = blocks.level[kept], blocks.usual_s[kept]
        self._hours_wait[rows], self._most[rows] = blocks.hours_wait[kept], blocks.most[kept]
        self._score[rows] = blocks.score[kept]
        self._known[rows], self._known_s[rows] = blocks.known[kept], blocks.known_s[kept]
        self._scales.commit(blocks.scales, np.concatenate((kept, kept)))
        for number, model in blocks.dwelling.items():
            if kept[number]:
                self._dwelling.write(int(self._order[blocks.rows[number]]), model)


def _cells_of(hours: Places) -> Places:
    """The places of these hours, and those of the same hours of the other kind of day. Shape: (2, hours)."""
    hour = hours % scalar._HOURS
    is_weekend = (hours // scalar._HOURS + scalar._WEEKDAY) % 7 >= scalar._WORKDAYS
    places: Places = hour + scalar._HOURS * np.stack((is_weekend, ~is_weekend))
    return places


def _sum(values: Floats) -> Floats:
    """From the first to the last, as the scalar code does. Shape: (values, rows) -> (rows,)."""
    whole: Floats = 0.0 + values[0]
    for one in values[1:]:
        whole += one
    return whole
