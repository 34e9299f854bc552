"""How the signals of one asset move together: their means and covariances, and what follows from them."""

import math
from dataclasses import dataclass, field

_SAME = 1e-9
"""Share of a mean by which rounding may change it: a signal that stood still is as wide as this."""
_WIDTH_MIN = 1e-12
_UNLIKE = 0.02
"""Added to each variance, as a share: so signals that always moved as one may part by as little as noise."""

_BOUND = 30.0
"""Widths of a deviation that is learned, where no alert is open."""


@dataclass(slots=True)
class Moments:
    """Means of the signals, and sums of the products of their deviations.

    Shape: d means; `products` is the lower triangle of d by d, row after row
    Source: Chan, Golub & LeVeque (1983), Algorithms for computing the sample variance
    """

    means: list[float]
    products: list[float] = field(default_factory=list)
    count: float = 0.0

    def __post_init__(self) -> None:
        if not self.products:
            self.products = [0.0] * (len(self.means) * (len(self.means) + 1) // 2)

    def __reduce__(self) -> tuple[type["Moments"], tuple[object, ...]]:
        return Moments, (self.means, self.products, self.count)

    def learn_one(self, row: list[float]) -> None:
        """One row more."""
        self.count += 1.0
        weight = 1.0 - 1.0 / self.count
        deviations = [value - mean for value, mean in zip(row, self.means, strict=True)]
        self.means = [
            mean + deviation / self.count for mean, deviation in zip(self.means, deviations, strict=True)
        ]
        self._add_products(deviations, weight)

    def merge(self, other: "Moments", memory: float) -> None:
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
        rows = [[0.0] * size + [float(one == other) for other in range(size)] for one in range(size)]
        place = 0
        for one in range(size):
            for other in range(one):
                together = self.products[place] / widths[one] / widths[other] / self.count
                rows[one][other] = rows[other][one] = max(-1.0, min(1.0, together))
                place += 1
            rows[one][one] = 1.0 + _UNLIKE
            place += 1
        for one in range(size):
            pivot = max(rows[one][one], _UNLIKE)
            row = rows[one] = [value / pivot for value in rows[one]]
            for other in range(size):
                factor = rows[other][one]
                if other != one and factor:
                    rows[other] = [value - factor * by for value, by in zip(rows[other], row, strict=True)]
        return [row[size:] for row in rows]


def bounded(values: list[float], means: list[float], widths: list[float]) -> list[float]:
    """A row without what is wild: a single code of a broken sensor would widen all that is normal.

    >>> bounded([65535.0, 1.0], [0.0, 0.0], [1.0, 1.0])
    [30.0, 1.0]
    """
    return [
        min(max(value, mean - _BOUND * width), mean + _BOUND * width)
        for value, mean, width in zip(values, means, widths, strict=True)
    ]
