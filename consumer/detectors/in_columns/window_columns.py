"""Window distances over many signals at once: the twin of `river_models/window.py`."""

import numpy as np

from consumer.detectors.in_columns.vectorised import Bools, Gathered, write
from consumer.detectors.state_columns import Floats
from consumer.river_models import window as scalar
from consumer.river_models.elimination import RIDGE

_FEATURES = scalar.FEATURES
_ROWS = [
    slice(start, start + _FEATURES - place)
    for place, start in enumerate(np.cumsum([0, *range(_FEATURES, 1, -1)]).tolist())
]
"""Where the products of each feature with itself and those behind it lie."""
_NUMBERS = ("last", "change", "usual", "distance")


class WindowColumns:
    """The windows of the rows."""

    def __init__(self, gathered: Gathered, path: str) -> None:
        def field(name: str) -> Floats:
            return gathered.field(f"{path}.{name}")

        self.last, self.change, self._usual, self._distance = map(field, _NUMBERS)
        self._means, self._centre, self._products = field("means"), field("centre"), field("products")
        self.count = gathered.field(f"{path}.count")

    def recent(self, rows: slice) -> Floats:
        """What the latest values of the first rows are about."""
        means: Floats = self._means[scalar.RECENT, rows]
        return means

    def step(self, rows: slice, values: Floats, smoothing: float) -> "WindowStep":
        """Measure and learn a value for each of the first rows."""
        last, means, count = self.last[rows], self._means[:, rows], self.count[rows]
        measures = count >= scalar.KNOWN_AFTER
        all_measure = bool(measures.all())
        if not all_measure:
            is_new = count == 0
            last, means = np.where(is_new, values, last), np.where(is_new, values, means)
        change = values - last
        deviations = np.empty((_FEATURES, len(values)))
        deviations[0], slow = change, values
        new_means = np.empty_like(means)
        for place, rate in enumerate(scalar.MEAN_RATES):
            new_means[place] = means[place] + rate * (values - means[place])
            deviations[place + 1] = slow - new_means[place]
            slow = new_means[place]
        mean_change = self.change[rows] + scalar.CHANGE_RATE * (np.abs(change) - self.change[rows])
        deviations[-2], deviations[-1] = slow, mean_change
        deviations -= self._centre[:, rows]
        products, squared = self._products[:, rows], np.zeros(len(values))
        if all_measure or measures.any():
            squared = _squared_distance(products, deviations)
        usual, distance = self._usual[rows], self._distance[rows]
        is_measured = squared < scalar.RATIO_MAX * usual
        ratio = np.where(usual > 0.0, np.where(is_measured, squared / usual, scalar.RATIO_MAX), 1.0)
        most = scalar.USUAL_MAX * usual + _FEATURES
        learned = np.where(squared < most, squared, most)
        usual = usual + (learned - usual) / (count + 1 - scalar.KNOWN_AFTER)
        distance = distance + smoothing * (ratio - distance)
        if not all_measure:
            usual = np.where(measures, usual, self._usual[rows])
            distance = np.where(measures, distance, self._distance[rows])
        count = np.minimum(count + 1, scalar.COUNT_MAX)
        weight = 1.0 / count
        for place, row in enumerate(_ROWS):
            furthest = scalar.CLIP * np.sqrt(products[row.start])
            own = deviations[place]
            is_far = (furthest > 0.0) & ~((-furthest <= own) & (own <= furthest)) & measures
            if is_far.any():
                deviations[place] = np.where(is_far, np.where(own > 0.0, furthest, -furthest), own)
        new_products, kept = np.empty_like(products), 1.0 - weight
        for place, row in enumerate(_ROWS):
            scaled = deviations[place] * kept
            new_products[row] = products[row] + weight * (scaled * deviations[place:] - products[row])
        centre = self._centre[:, rows] + weight * deviations
        news = (
            (self.last, values),
            (self.change, mean_change),
            (self._usual, usual),
            (self._distance, distance),
            (self._means, new_means),
            (self._centre, centre),
            (self._products, new_products),
            (self.count, count),
        )
        return WindowStep(rows, distance, mean_change, measures, measures & ~np.isfinite(squared), news)


class WindowStep:
    """What comes of a value for each row."""

    def __init__(
        self,
        rows: slice,
        distance: Floats,
        change: Floats,
        has_shape: Bools,
        leaves: Bools,
        news: "tuple[tuple[Floats, Floats], ...]",
    ) -> None:
        self._rows, self._news = rows, news
        self.distance, self.change, self.has_shape, self.leaves = distance, change, has_shape, leaves

    @property
    def whole(self) -> Floats:
        """The sum of what is new: not finite where one is not."""
        return sum((new.sum(axis=0) if new.ndim == 2 else new) for _, new in self._news[:-1])  # type: ignore[return-value]

    def commit(self, where: Bools | None) -> None:
        """Write it to the working copy."""
        for field, new in self._news:
            write(field[..., self._rows], new, where)


def _squared_distance(products: Floats, deviations: Floats) -> Floats:
    """The same numbers as of `elimination.py`. Shape: (products, rows), (features, rows) -> (rows,)."""
    left = deviations.copy()
    blocks = np.zeros((_FEATURES, _FEATURES, deviations.shape[1]))
    for place, row in enumerate(_ROWS):
        blocks[place, place:] = products[row]
        blocks[place, place] += RIDGE * products[row.start]
    squared = np.zeros(deviations.shape[1])
    for place in range(_FEATURES):
        pivot = blocks[place, place]
        varies = pivot > 0.0
        whole = bool(varies.all())
        own = left[place]
        added = own * own / pivot
        squared = squared + (added if whole else np.where(varies, added, 0.0))
        factors = blocks[place, place + 1 :] / pivot
        if not whole:
            factors = np.where(varies, factors, 0.0)
        left[place + 1 :] -= factors * own
        for behind in range(place + 1, _FEATURES):
            blocks[behind, behind:] -= factors[behind - place - 1] * blocks[place, behind:]
    return squared
