"""A process as a whole: whether the signals of one asset still move together as they used to."""

import math
from operator import mul
from typing import Any

import msgspec

from consumer.detectors.running_covariance import RunningCovariance, bounded
from consumer.detectors.states import ModelState, model_state

SIGNALS_TOLD = 3


def contributions(
    weighed: list[float],
    deviations: list[float],
    precision: list[list[float]],
    widths: list[float],
    means: list[float],
) -> dict[int, dict[str, float]]:
    """The signals that differ most from what the others let expect, most first.

    Given all others, a signal's deviation has the variance 1 / precision[i][i], and is off by
    weighed[i] / precision[i][i].

    Shape: of d signals, `weighed` is `precision` times `deviations` -> at most 3 of them, by their place
    Units: `deviations` in `widths`; in what is returned `observed` and `expected` in the signal's own unit,
        `deviations` in standard ones, `share` of all signals' squares of these
    Source: Mason, Tracy & Young (1995), Decomposition of T2 for multivariate control chart interpretation

    >>> one = contributions([2.0, 0.0], [2.0, 0.0], [[1.0, 0.0], [0.0, 1.0]], [0.5, 1.0], [10.0, 0.0])
    >>> one[0]
    {'share': 1.0, 'expected': 10.0, 'observed': 11.0, 'deviations': 2.0}
    """
    own = [row[number] for number, row in enumerate(precision)]
    parts = [weight * weight / one for weight, one in zip(weighed, own, strict=True)]
    whole = sum(parts)
    largest = {}
    for number in sorted(range(len(parts)), key=lambda number: (-parts[number], number))[:SIGNALS_TOLD]:
        observed = means[number] + deviations[number] * widths[number]
        largest[number] = {
            "share": parts[number] / whole if whole else 0.0,
            "expected": observed - weighed[number] / own[number] * widths[number],
            "observed": observed,
            "deviations": weighed[number] / math.sqrt(own[number]),
        }
    return largest


_VALUE_MAX = 1e100
"""Of a value, so that its square is still a number."""
_WIDTHS_MAX = 300.0
"""Of a deviation: what is further off is as anomalous as that, so one wild value is soon over."""
_FARTHEST = 4.0
"""Of a block's squared deviation, in multiples of all that its rows can make: none counts for more."""
_RESTED = 0.5
"""Of the limit, added to it right after an alert, and less with each row until `delay` have come.

Where the asset came to rest is known from few rows.
"""
_BLOCK = 25
"""Rows that are learned at a time: inverting the correlations with each would cost more than all the rest."""
_ROWS_MIN = 60
"""Learned, before rows are judged at all."""
_MEMORY = 3000.0
"""Rows that the covariances remember: less than an hour at one a second."""
_SMOOTHING = 0.025
"""Of a row, in the mean deviation: noise is no change, and what stays for some forty rows is."""
_LATEST = 0.1
"""Of a row, in the mean that shows where the asset came to rest after an alert."""
_USUAL_PACE = 0.0002
"""Of a row, in what is usual for the statistic."""
_USUAL_MIN = 0.5
"""Below which a statistic is not worth a finding, however quiet it was before."""
_FEW = 8
"""Signals: among more, the one that is furthest off counts as it does among so many."""
_GROWTH_MAX = 10.0
"""Times what is usual, of which a statistic is learned at most."""
_CLEAR_SHARE = 0.5
"""Of the limit, below which an alert ends."""
_PEAK_SHARE = 0.03
"""Of an alert's highest statistic, below which it ends too: what is left is where the asset came to rest."""
_EASING = 0.002
"""Share by which an alert ends more easily with each row: what is normal drifts while nothing is learned."""


@model_state("hotelling_monitor")
class HotellingMonitor(ModelState):
    """Tells when the signals of one asset, taken together, leave what is normal, and when they are back.

    The statistic is the squared distance of the smoothed row from the normal one, by how the signals vary
    together (Hotelling's T2), in multiples of what it usually is. A row becomes part of what is normal when
    it is `delay` rows old, and only if no alert was opened meanwhile: so an anomaly is judged before it is
    learned. An alert that lasts for more than `open_max` rows ends, with the latest rows as what is normal.

    State: for d signals some (delay / 25 + 4) * d * d / 2 numbers; 6 kB in a page for eight.
    Source: Lowry et al. (1992), A multivariate exponentially weighted moving average control chart
    """

    limit: float = 5.0
    """In multiples of what is usual; a score of 0.5."""
    warm_up: int = 400
    """Rows before anything is reported; all of them are normal."""
    delay: int = 250
    """Rows that an anomaly may take to show, before it is learned."""
    open_max: int = 600
    """Rows after which what is anomalous counts as a new state."""
    signals: list[int] = msgspec.field(default_factory=list)
    rows: int = 0
    opened: int = 0
    """Rows since the alert was opened, counting that one; 0 without an alert."""
    peak: float = 0.0
    usual: float = 0.0
    judged: int = 0
    smoothed: list[float] = msgspec.field(default_factory=list)
    latest: list[float] = msgspec.field(default_factory=list)
    """The same over some ten rows."""
    normal: RunningCovariance | None = None
    widths: list[float] = msgspec.field(default_factory=list)
    precision: list[list[float]] = msgspec.field(default_factory=list)
    block: RunningCovariance | None = None
    blocks: list[RunningCovariance] = msgspec.field(default_factory=list)
    """Full ones that are not learned yet, oldest first."""
    rested: int = 0
    """Rows since the last alert ended, or since the first one."""
    own: list[float] = msgspec.field(default_factory=list)
    """What each deviation is worth by itself, given all the others: one by its variance then."""
    lasting: list[float] = msgspec.field(default_factory=list)
    """The variance of each signal's blocks, given all the others, in multiples of that of noise."""
    compared: int = 0
    """Blocks that `lasting` is known from."""

    def step(self, row: dict[int, float], at_s: float | None) -> tuple[float, bool, dict[str, Any] | None]:
        """Judge a row, then learn it: its score, whether it is anomalous, and evidence where that changes.

        Rows are counted, not timed: `at_s` changes nothing. Other signals than before start all over.

        Units: score from 0 to 1, 0.5 at the limit; in the evidence `observed` and `expected`, by all other
            signals, in the signal's own, both smoothed; `deviations` in standard ones; `share` of all
        """
        signals = sorted(row)
        if signals != self.signals:
            self._restart(signals)
        values = [max(-_VALUE_MAX, min(_VALUE_MAX, row[signal])) for signal in signals]
        self.rows += 1
        score, evidence = 0.0, None
        if self.precision and self.normal is not None:
            weighed = self._weigh(values, self.normal)
            statistic = self._statistic(weighed)
            if self.judged == 0:
                self.usual = statistic
            multiple = statistic / max(self.usual, _USUAL_MIN)
            if self.rows > self.warm_up:
                score = multiple / (multiple + self.limit)
                change = self._change(multiple)
                if change is not None:
                    largest = contributions(
                        weighed, self.smoothed, self.precision, self.widths, self.normal.means
                    )
                    by_signal = {signals[number]: one for number, one in largest.items()}
                    evidence = {
                        "change": change,
                        "statistic": multiple,
                        "limit": self.limit,
                        "signals": by_signal,
                    }
                    if change == "cleared":
                        self._rest(self.normal)
            if not self.opened:
                self._learn_usual(statistic)
        self._learn(values)
        return score, self.opened > 0, evidence

    def _restart(self, signals: list[int]) -> None:
        fresh = HotellingMonitor(self.limit, self.warm_up, self.delay, self.open_max, signals)
        for name in self.__struct_fields__:
            setattr(self, name, getattr(fresh, name))

    def _weigh(self, values: list[float], normal: RunningCovariance) -> list[float]:
        """Take the row into the smoothed one; then each deviation of that less what the others explain."""
        for number, (value, mean, width) in enumerate(zip(values, normal.means, self.widths, strict=True)):
            deviation = max(-_WIDTHS_MAX, min(_WIDTHS_MAX, (value - mean) / width))
            self.smoothed[number] += _SMOOTHING * (deviation - self.smoothed[number])
            self.latest[number] += _LATEST * (deviation - self.latest[number])
        smoothed = self.smoothed
        return [sum(map(mul, weights, smoothed)) for weights in self.precision]

    def _statistic(self, weighed: list[float]) -> float:
        """The squared distance by signal; or that of one signal from what the others let expect, if larger.

        Of many signals one that is off by itself would be lost in the mean.
        """
        whole: float = max(0.0, sum(map(mul, weighed, self.smoothed))) / len(weighed)
        if len(weighed) <= _FEW:
            return whole
        own: float = max(
            weight * weight / self.precision[number][number] for number, weight in enumerate(weighed)
        )
        own /= _FEW
        return own if own > whole else whole

    def _change(self, multiple: float) -> str | None:
        """What this row does to the alert."""
        if not self.opened:
            self.rested += 1
            if multiple <= self.limit * (1.0 + _RESTED * max(0.0, 1.0 - self.rested / self.delay)):
                return None
            self.opened, self.peak = 1, multiple
            return "opened"
        self.opened += 1
        self.peak = max(self.peak, multiple)
        low = _CLEAR_SHARE * self.limit * (1.0 + _EASING * self.opened)
        if multiple < max(low, _PEAK_SHARE * self.peak) or self.opened > self.open_max:
            return "cleared"
        return None

    def _rest(self, normal: RunningCovariance) -> None:
        """After an alert: what is normal starts from where the asset came to rest."""
        if self.opened > self.open_max and self.blocks:
            state = self.blocks[0]
            for block in self.blocks[1:]:
                state.merge(block, _MEMORY)
            self._take(state)
            self.judged = 0
        else:
            normal.means = [
                mean + deviation * width
                for mean, deviation, width in zip(normal.means, self.latest, self.widths, strict=True)
            ]
        self.smoothed = [0.0] * len(self.signals)
        self.latest = [0.0] * len(self.signals)
        self.opened, self.rested, self.blocks, self.block = 0, 0, [], None

    def _learn_usual(self, statistic: float) -> None:
        """Its mean, that no single row moves far."""
        self.judged += 1
        most = _GROWTH_MAX * max(self.usual, _USUAL_MIN)
        self.usual += max(_USUAL_PACE, 1.0 / self.judged) * (min(statistic, most) - self.usual)

    def _learn(self, values: list[float]) -> None:
        """Add the row to its block, and to what is normal the block that is old enough."""
        if self.block is None:
            self.block = RunningCovariance.empty(len(values))
        if self.normal is not None and self.widths and not self.opened:
            values = bounded(values, self.normal.means, self.widths)
        self.block.learn_one(values)
        if self.block.count < _BLOCK:
            return
        self.blocks.append(self.block)
        self.block = None
        delay = 0 if self.rows <= self.warm_up else self.delay
        if len(self.blocks) * _BLOCK <= delay:
            return
        oldest = self.blocks.pop(0)
        if self.opened:
            return
        if self.normal is not None:
            self._compare(oldest, self.normal)
            self.normal.merge(oldest, _MEMORY)
        self._take(self.normal or oldest)

    def _compare(self, block: RunningCovariance, normal: RunningCovariance) -> None:
        """How far the means of a block are from what the others let expect: those of noise are near."""
        if not self.own or block.count < _BLOCK:
            return
        deviations = [
            max(-_WIDTHS_MAX, min(_WIDTHS_MAX, (mean - before) / width))
            for mean, before, width in zip(block.means, normal.means, self.widths, strict=True)
        ]
        self.lasting = self.lasting or [0.0] * len(deviations)
        self.compared = min(self.compared + 1, round(_MEMORY / _BLOCK))
        for number, weights in enumerate(self.precision):
            off = sum(map(mul, weights, deviations)) / weights[number]
            square = min(_BLOCK * off * off * self.own[number], _FARTHEST * _BLOCK)
            self.lasting[number] += (square - self.lasting[number]) / self.compared

    def _take(self, normal: RunningCovariance) -> None:
        self.normal = normal
        if normal.count >= _ROWS_MIN:
            self.widths = normal.widths()
            most = _BLOCK - 1.0
            wandering = [min(1.0, max(0.0, (one - 1.0) / most)) for one in self.lasting]
            self.precision, self.own = normal.precision(self.widths, wandering or [0.0] * len(self.widths))
            self.smoothed = self.smoothed or [0.0] * len(normal.means)
            self.latest = self.latest or [0.0] * len(normal.means)
