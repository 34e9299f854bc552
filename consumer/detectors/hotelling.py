"""A process as a whole: whether the signals of one asset still move together as they used to."""

import math
from operator import mul
from typing import Any

import msgspec

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


_SAME = 1e-9
"""Share of a mean by which rounding may change it: a signal that stood still is as wide as this."""
_WIDTH_MIN = 1e-12
_UNLIKE = 0.02
"""Added to each variance, as a share: so signals that always moved as one may part by as little as noise."""

_BOUND = 30.0
"""Widths of a deviation that is learned, where no alert is open."""


@model_state("running_covariance")
class RunningCovariance(ModelState):
    """Means of the signals, and sums of the products of their deviations.

    Shape: d means; `products` is the lower triangle of d by d, row after row
    Source: Chan, Golub & LeVeque (1983), Algorithms for computing the sample variance
    """

    means: list[float]
    products: list[float]
    count: float = 0.0

    @classmethod
    def empty(cls, size: int) -> "RunningCovariance":
        """Of so many signals, before the first row."""
        return cls([0.0] * size, [0.0] * (size * (size + 1) // 2))

    def learn_one(self, row: list[float]) -> None:
        """One row more."""
        self.count += 1.0
        weight = 1.0 - 1.0 / self.count
        deviations = [value - mean for value, mean in zip(row, self.means, strict=True)]
        self.means = [
            mean + deviation / self.count for mean, deviation in zip(self.means, deviations, strict=True)
        ]
        self._add_products(deviations, weight)

    def merge(self, other: "RunningCovariance", memory: float) -> None:
        """All rows of another; these here first forget what goes beyond `memory` rows."""
        if self.count > memory:
            kept = memory / self.count
            self.count = memory
            self.products = [product * kept for product in self.products]
        count = self.count + other.count
        share = other.count / count
        deviations = [mean - own for mean, own in zip(other.means, self.means, strict=True)]
        self.means = [
            mean + share * deviation for mean, deviation in zip(self.means, deviations, strict=True)
        ]
        self.products = [own + one for own, one in zip(self.products, other.products, strict=True)]
        self._add_products(deviations, self.count * other.count / count)
        self.count = count

    def _add_products(self, deviations: list[float], weight: float) -> None:
        place, products = 0, self.products
        for number, deviation in enumerate(deviations, 1):
            weighted = weight * deviation
            for other in deviations[:number]:
                products[place] += weighted * other
                place += 1

    def widths(self) -> list[float]:
        """Standard deviations, each in its signal's unit; above 0."""
        return [
            max(
                math.sqrt(max(0.0, self.products[number * (number + 3) // 2]) / self.count),
                _SAME * abs(mean),
                _WIDTH_MIN,
            )
            for number, mean in enumerate(self.means)
        ]

    def precision(self, widths: list[float]) -> list[list[float]]:
        """The inverse of the correlations: what each deviation is worth, given all the others.

        Shape: d widths, as `widths` returns them -> d by d, symmetric but for rounding
        """
        size = len(widths)
        rows = [[0.0] * size for _ in range(size)]
        place = 0
        for one in range(size):
            for other in range(one):
                together = self.products[place] / widths[one] / widths[other] / self.count
                rows[one][other] = rows[other][one] = max(-1.0, min(1.0, together))
                place += 1
            rows[one][one] = 1.0 + _UNLIKE
            place += 1
        # Gauss-Jordan elimination in place. Not numpy's: its last digits differ between processors.
        for one in range(size):
            pivot = max(rows[one][one], _UNLIKE)
            rows[one][one] = 1.0
            row = rows[one] = [value / pivot for value in rows[one]]
            for other in range(size):
                factor = rows[other][one]
                if other != one and factor:
                    rows[other][one] = 0.0
                    rows[other] = [value - factor * by for value, by in zip(rows[other], row, strict=True)]
        return rows


def bounded(values: list[float], means: list[float], widths: list[float]) -> list[float]:
    """A row without what is wild: a single code of a broken sensor would widen all that is normal.

    >>> bounded([65535.0, 1.0], [0.0, 0.0], [1.0, 1.0])
    [30.0, 1.0]
    """
    return [
        min(max(value, mean - _BOUND * width), mean + _BOUND * width)
        for value, mean, width in zip(values, means, widths, strict=True)
    ]


_VALUE_MAX = 1e100
"""Of a value, so that its square is still a number."""
_WIDTHS_MAX = 300.0
"""Of a deviation: what is further off is as anomalous as that, so one wild value is soon over."""
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
_USUAL_MIN = 0.6
"""Below which a statistic is not worth a finding, however quiet it was before."""
_GROWTH_MAX = 10.0
"""Times what is usual, of which a statistic is learned at most."""
_CLEAR_SHARE = 0.7
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
            statistic = max(0.0, sum(map(mul, weighed, self.smoothed))) / len(signals)
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

    def _change(self, multiple: float) -> str | None:
        """What this row does to the alert."""
        if not self.opened:
            if multiple <= self.limit:
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
        self.opened, self.blocks, self.block = 0, [], None

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
            self.normal.merge(oldest, _MEMORY)
        self._take(self.normal or oldest)

    def _take(self, normal: RunningCovariance) -> None:
        self.normal = normal
        if normal.count >= _ROWS_MIN:
            self.widths = normal.widths()
            self.precision = normal.precision(self.widths)
            self.smoothed = self.smoothed or [0.0] * len(normal.means)
            self.latest = self.latest or [0.0] * len(normal.means)
