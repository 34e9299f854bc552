"""Means, widths and correlations of an asset's signals, row by row, and what they are worth together."""

import math

from consumer.detectors.states import ModelState, model_state

_SAME = 1e-9
"""Share of a mean by which rounding may change it: a signal that stood still is as wide as this."""
_WIDTH_MIN = 1e-12
_UNLIKE = 0.02
"""Added to each variance, as a share: so signals that always moved as one may part by as little as noise."""
_FARTHER, _FARTHER_ROWS = 1.5, 500.0
"""Added to the variance of a signal that wanders, as a share of it, and more while so few rows are learned.

It has not been everywhere yet: a random walk that is known from n rows is expected 250 rows later at some
(2 + 1,500 / n) of the variance that it had within them.
"""
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

    def precision(self, widths: list[float], wandering: list[float]) -> tuple[list[list[float]], list[float]]:
        """The inverse of the correlations: what each deviation is worth, given all the others.

        Given these, a signal that wanders by itself is allowed more: `wandering` says of each how much of
        what the others do not explain lasts from block to block. Second, what the inverse has on its diagonal
        without that.

        Shape: d widths, as `widths` returns them -> d by d, symmetric but for rounding; d
        """
        together = self._correlations(widths)
        plain = _inverse(together)
        own = [max(row[number], _UNLIKE) for number, row in enumerate(plain)]
        if not any(wandering):
            return plain, own
        farther = _FARTHER * (1.0 + _FARTHER_ROWS / self.count)
        for number, share in enumerate(wandering):
            together[number][number] += farther * share / own[number]
        return _inverse(together), own

    def _correlations(self, widths: list[float]) -> list[list[float]]:
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
        return rows


def _inverse(matrix: list[list[float]]) -> list[list[float]]:
    """By Gauss-Jordan elimination. Not numpy's: its last digits differ between processors."""
    rows, size = [list(row) for row in matrix], len(matrix)
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
