"""How unusual the shape of a signal's latest values is: a window distance, without keeping a window."""

import math
from typing import Annotated

import msgspec
from msgspec import Meta

from consumer.river_models.elimination import squared_distance

FEATURES = 7
PRODUCTS = FEATURES * (FEATURES + 1) // 2
MEAN_RATES = (0.4, 0.118, 0.031, 0.0078)
"""Weights of a value in means that look back on some 2, 8, 32 and 128 values."""
RECENT = 2
"""Which of these says what the latest values are about."""
CHANGE_RATE = 0.1
KNOWN_AFTER = 20
"""Values, before a distance is measured; until then it is 0."""
CLIP = 6.0
"""Deviations: a feature further away is learned as if it were this far."""
COUNT_MAX = 20_000
"""Values that are remembered."""
RATIO_MAX = 1e6
USUAL_MAX = 50.0
"""Times the usual distance: a larger one is learned as this large."""
_MEANS, _OF_FEATURES, _OF_PRODUCTS = (
    Meta(min_length=count, max_length=count) for count in (len(MEAN_RATES), FEATURES, PRODUCTS)
)


def _zeros(count: int) -> list[float]:
    return msgspec.field(default_factory=lambda: [0.0] * count)


class Window(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """What is known of the shape of a signal's values, an online Sub-PCA (Aggarwal 2017).

    The features are the change since the value before; the differences of the value and its means over ever
    longer times, each to the next; the slowest mean; and the mean absolute change. Their distance is squared,
    under their own running mean and covariance, in usual distances.
    State: 48 numbers.
    """

    last: float = 0.0
    change: float = 0.0
    """The mean absolute change from value to value."""
    means: Annotated[list[float], _MEANS] = _zeros(len(MEAN_RATES))
    centre: Annotated[list[float], _OF_FEATURES] = _zeros(FEATURES)
    products: Annotated[list[float], _OF_PRODUCTS] = _zeros(PRODUCTS)
    """Covariances, by row: of the first feature with all, of the second with itself and those behind it, …"""
    count: int = 0
    usual: float = 0.0
    """The usual squared distance."""
    distance: float = 0.0
    """The short mean of squared distances, in usual ones."""

    def learn_one(self, value: float, smoothing: float) -> float:
        """Learn a value; the short mean of distances, its own included."""
        if not self.count:
            self.last, self.means = value, [value] * len(MEAN_RATES)
        change, self.last = value - self.last, value
        means = self.means
        slow = value
        deviations = [change]
        for place, rate in enumerate(MEAN_RATES):
            mean = means[place] = means[place] + rate * (value - means[place])
            deviations.append(slow - mean)
            slow = mean
        self.change += CHANGE_RATE * (abs(change) - self.change)
        deviations += (slow, self.change)
        for place, middle in enumerate(self.centre):
            deviations[place] -= middle
        if self.count >= KNOWN_AFTER:
            self._measure(squared_distance(self.products, deviations), smoothing)
        self.count = min(self.count + 1, COUNT_MAX)
        self._learn(deviations, 1.0 / self.count)
        return self.distance

    def _measure(self, squared: float, smoothing: float) -> None:
        usual = self.usual
        ratio = 1.0
        if usual > 0.0:
            ratio = squared / usual if squared < RATIO_MAX * usual else RATIO_MAX
        most = USUAL_MAX * usual + FEATURES
        learned = squared if squared < most else most
        self.usual += (learned - usual) / (self.count + 1 - KNOWN_AFTER)
        self.distance += smoothing * (ratio - self.distance)

    def _learn(self, deviations: list[float], weight: float) -> None:
        products, centre = self.products, self.centre
        at = 0
        if self.count > KNOWN_AFTER:
            for place, deviation in enumerate(deviations):
                furthest = CLIP * math.sqrt(products[at])
                at += FEATURES - place
                # What never varied has no deviations to be clipped at.
                if furthest > 0.0 and not -furthest <= deviation <= furthest:
                    deviations[place] = furthest if deviation > 0.0 else -furthest
        at, kept = 0, 1.0 - weight
        for place, deviation in enumerate(deviations):
            scaled = deviation * kept
            for other in deviations[place:]:
                product = products[at]
                products[at] = product + weight * (scaled * other - product)
                at += 1
            centre[place] += weight * deviation
