"""`shift` over many signals at once: the vectorised twin of `ChangePoint`, bit for bit."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from consumer.detectors import change_point as scalar
from consumer.detectors.change_point import ChangePoint, ChangePointState
from consumer.detectors.in_columns.alert_twin import AlertTwin, alert_fields
from consumer.detectors.in_columns.block_statistics_twin import DyadicScalesTwin, LearnedScale
from consumer.detectors.in_columns.lazy_fields import LazyFields, columns_of, neighbours
from consumer.detectors.in_columns.vectorised import Bools, Gathered, Rows, Source, Step, first_max, write
from consumer.detectors.state_columns import Floats, Integers, Places, layout_of

_LATEST_S = 1e11
"""Times beyond it, thousands of years ahead, are for the scalar code."""
_HOUR_S = int(scalar._HOUR_S)
_FIELDS = (
    "block.length",
    "before",
    "started_s",
    "last_s",
    "usual_s",
    "is_of_hour",
    "score",
)


class _Hour(NamedTuple):
    """The hours of some values: which of these are for the scalar code, and what is expected there."""

    leaves: Bools
    expected: Floats
    cells: Places
    mean: Floats
    visits: Integers
    started_s: Floats


class _Blocks(NamedTuple):
    """The blocks that are complete: of which rows, and what is to be written of them."""

    rows: Places
    leaves: Bools
    level: Floats
    usual_s: Floats
    score: Floats
    scales: list[LearnedScale]


class ChangePointTwin:
    """The working copy of the states of many rows, which learn as `ChangePoint.stepper` lets one.

    All those leave that find a lasting change, or would, were it not for the daily cycle; whose alert clears
    or is to be reported; that start over because a day has been seen; and whose numbers are not finite.
    """

    def __init__(self, use_case: ChangePoint, sources: Sequence[Source], order: Places) -> None:
        rows, in_order = Rows(sources, order), Rows(sources, np.arange(len(order)))
        places = layout_of(ChangePointState).places
        paths = [f"detector.{name}" for name in _FIELDS]
        self._gathered = Gathered(ChangePointState, rows, [*paths, *alert_fields("alert")])
        field = self._gathered.field
        (
            self._length,
            self._before,
            self._started_s,
            self._last_s,
            self._usual_s,
            self._is_of_hour,
            self._score,
        ) = (field(path) for path in paths)
        self._alert = AlertTwin(use_case.alert, self._gathered)
        self._block = LazyFields(in_order, scalar._BLOCK, [places["detector.block"].start], 0, [0])
        hours, visits = places["detector.hours"].start, places["detector.visits"].start
        self._hours = LazyFields(
            in_order, 1, range(hours, hours + scalar._HOURS), 1, range(visits, visits + scalar._HOURS)
        )
        self._scales = DyadicScalesTwin(in_order, ChangePointState, ["detector.levels", "detector.spreads"])
        self._order, self._is_gone = order, np.zeros(len(order), dtype=np.bool_)
        self._block.load(order)

    def step(self, rows: slice, values: Floats, at_s: Floats) -> Step:
        """Let the first rows learn a value each; nothing is committed yet."""
        is_timed = (at_s >= 0.0) & (at_s <= _LATEST_S)
        at_s = np.where(is_timed, at_s, 0.0)
        value = np.minimum(np.maximum(values, -scalar._LARGEST), scalar._LARGEST)
        hour = self._expected(rows, value, at_s)
        value = value - hour.expected
        never = np.zeros(len(value), dtype=np.bool_)
        alert = self._alert.next(rows, np.zeros(len(value)), never, never, at_s)
        length = self._length[rows].copy()
        leaves = ~is_timed | hour.leaves | alert.leaves | (length >= scalar._BLOCK)
        is_full = (length == scalar._BLOCK - 1) & ~(leaves | self._is_gone[rows])
        blocks = None
        if is_full.any():
            full = np.flatnonzero(is_full)
            full = full[np.argsort(self._order[full])]
            blocks = self._learn_block(full, value[full], at_s[full], hour.mean[full])
            leaves[full] = blocks.leaves

        def commit(where: Bools | None) -> None:
            self._commit_hour(rows, hour, at_s, where)
            cells, at, new = self._order[rows], length, value
            if where is not None:
                cells, at, new = cells[where], at[where], new[where]
            self._block.floats[at, cells] = new
            self._block.changed(cells)
            write(self._length[rows], length + 1, where)
            if blocks is not None:
                self._commit_blocks(blocks, where)
            alert.commit(where)
            if where is not None:
                self._is_gone[rows] |= ~where

        return Step(leaves, commit)

    def scatter(self) -> None:
        """Write the working copy back to the pages' arrays."""
        self._gathered.scatter()
        for fields in (self._block, self._hours, self._scales):
            fields.scatter()

    def _expected(self, rows: slice, value: Floats, at_s: Floats) -> _Hour:
        """What `_expected` of the scalar class says of each value."""
        number = (at_s.astype(np.int64) // _HOUR_S) % scalar._HOURS
        cells = number * len(self._order) + self._order[rows]
        self._hours.load(cells)
        usual, visits = self._hours.floats[0].take(cells), self._hours.integers[0].take(cells)
        started_s, last_s = self._started_s[rows], self._last_s[rows]
        started_s = np.where(started_s <= at_s, started_s, at_s)  # also where it is NaN: not started
        is_of_hour = self._is_of_hour[rows] != 0
        leaves = ~is_of_hour & (at_s - started_s >= scalar._DAY_S) & (visits > 0)
        seconds = np.where(np.isnan(last_s), scalar._STEP_S, np.abs(at_s - last_s))
        visits += 1
        weight = first_max(scalar._HOUR_STEP * np.minimum(1.0, seconds / scalar._STEP_S), 1.0 / visits)
        mean = usual + weight * (value - usual)
        leaves |= ~np.isfinite(mean)
        expected = np.where(is_of_hour, np.where(visits > 1, usual, value), 0.0)
        return _Hour(leaves, expected, cells, mean, visits, started_s)

    def _commit_hour(self, rows: slice, hour: _Hour, at_s: Floats, where: Bools | None) -> None:
        write(self._started_s[rows], hour.started_s, where)
        write(self._last_s[rows], at_s, where)
        cells, mean, visits = hour.cells, hour.mean, hour.visits
        if where is not None:
            cells, mean, visits = cells[where], mean[where], visits[where]
        self._hours.write(cells, mean, visits)

    def _learn_block(self, rows: Places, value: Floats, at_s: Floats, mean_of_hour: Floats) -> _Blocks:
        """What `_learn_block` of the scalar class does, for blocks of which the values given are the last."""
        count = len(rows)
        cells = self._order[rows]
        block = columns_of(self._block.floats, cells)
        block[-1] = value
        tracks = np.concatenate((cells, cells + len(self._order)))
        level = _sum(block) / scalar._BLOCK
        before = np.where(self._scales.blocks_of(tracks)[:count] == 0, level, self._before[rows])
        spread = np.sqrt(_sum(np.abs(block - 0.5 * (level + before))) / scalar._BLOCK)
        usual = np.where(self._is_of_hour[rows] != 0, mean_of_hour, 0.0)
        shortest = self._scales.shortest_of(tracks)
        mean_level, mean_spread = shortest.mean[:count], shortest.mean[count:]
        largest = first_max(np.abs(level + usual), np.abs(mean_level + usual))
        least_level = first_max(scalar._SAME * largest, scalar._SMALLEST)
        least = np.concatenate((least_level, np.sqrt(least_level)))
        learned = np.concatenate((level, spread))
        is_near = shortest.is_near(learned, least)
        is_usual = is_near[:count] & is_near[count:]
        usual_s = self._usual_s[rows]
        usual_s = np.where(is_usual | np.isnan(usual_s), at_s, usual_s)
        finer = np.concatenate(
            (
                scalar._OF_ABSOLUTE * mean_spread * mean_spread / math.sqrt(scalar._BLOCK - 1),
                scalar._OF_SPREAD * mean_spread,
            )
        )
        best, is_sound, scales = self._scales.learn_one(tracks, shortest, learned, least, finer)
        score = first_max(best[:count], best[count:])
        leaves = (score >= 1.0) | ~(is_sound[:count] & is_sound[count:])
        return _Blocks(rows, leaves, level, usual_s, score, scales)

    def _commit_blocks(self, blocks: _Blocks, where: Bools | None) -> None:
        kept = ~blocks.leaves if where is None else where[blocks.rows]
        rows = blocks.rows[kept]
        self._block.floats[:, neighbours(self._order[rows])], self._length[rows] = 0.0, 0
        self._before[rows], self._usual_s[rows] = blocks.level[kept], blocks.usual_s[kept]
        self._score[rows] = blocks.score[kept]
        self._scales.commit(blocks.scales, np.concatenate((kept, kept)))


def _sum(values: Floats) -> Floats:
    """From the first to the last, as the scalar code does. Shape: (values, rows) -> (rows,)."""
    whole: Floats = 0.0 + values[0]
    for one in values[1:]:
        whole += one
    return whole
