"""What is usual for a signal: its daily and weekly course, and how far from it the values stray."""

from dataclasses import dataclass, field

_HOURS, _DAYS = 24, 7
_HOUR_S, _DAY_S = 3600.0, 86_400.0
_LEVEL, _BY_HOUR, _BY_WEEK = 0, 1, 1 + _HOURS
_MEANS = _BY_WEEK + _HOURS * _DAYS
_STILL_MIN = 50
"""Values that were all the same, before another one is a stray."""
_SAME = 1e-9
"""Share of a value by which rounding may change it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast what is usual follows the values."""

    course: float = 0.05
    """Of a value, in the mean of its hour: some twenty are remembered."""
    level: float = 0.003
    """Of a value, in the mean of all."""
    shrinking: float = 1e-4
    """Share of the range that is forgotten with each value."""
    growth: float = 0.08
    """Share of its width by which the range grows with a value outside, at most: so rare ones stay strays."""
    rest: float = 0.95
    """What is left of a stray with each value after it: only what goes further is another one."""


USUAL_PACE = Pace()


@dataclass(slots=True)
class Usual:
    """A signal's means, by hour and by hour of the week, and the range of what strays from them.

    Units: the signal's own. Hours are UTC's: a day's course is the same in any zone.
    State: 193 means and counts, about 2 kB.
    """

    means: list[float] = field(default_factory=lambda: [0.0] * _MEANS)
    counts: list[int] = field(default_factory=lambda: [0] * _MEANS)
    low: float = 0.0
    high: float = 0.0
    recent: float = 0.0
    expected: float = 0.0
    """At the last value, before it was learned."""

    def __reduce__(self) -> tuple[type["Usual"], tuple[object, ...]]:
        return Usual, (self.means, self.counts, self.low, self.high, self.recent, self.expected)

    def learn_one(self, value: float, at_s: float | None, pace: Pace) -> float:
        """How far the value strays from what is usual, in widths of the range; 0 where it does not."""
        places = [_LEVEL] if at_s is None else _places(at_s)
        self.expected = self._expected(value, places)
        rest = value - self.expected
        for place in places:
            self._learn_mean(place, value, pace.level if place == _LEVEL else pace.course)
        stray = self._stray(rest, value)
        self._learn_range(rest, pace)
        further = max(0.0, stray - self.recent)
        self.recent = max(further, pace.rest * self.recent)
        return further

    def _expected(self, value: float, places: list[int]) -> float:
        """Of the means of this hour and of this hour of the week the nearer one; else that of all."""
        means = [self.means[place] for place in places[1:] if self.counts[place]]
        if means:
            return min(means, key=lambda mean: abs(value - mean))
        return self.means[_LEVEL] if self.counts[_LEVEL] else value

    def _learn_mean(self, place: int, value: float, slowness: float) -> None:
        """A plain mean at first, then an exponential one."""
        self.counts[place] += 1
        self.means[place] += max(slowness, 1.0 / self.counts[place]) * (value - self.means[place])

    def _stray(self, rest: float, value: float) -> float:
        width = self.high - self.low
        beyond = max(rest - self.high, self.low - rest, 0.0)
        if width > 0.0:
            return beyond / width
        has_moved = beyond > _SAME * max(abs(value), abs(self.expected))
        return float(has_moved and self.counts[_LEVEL] > _STILL_MIN)

    def _learn_range(self, rest: float, pace: Pace) -> None:
        self.high *= 1.0 - pace.shrinking
        self.low *= 1.0 - pace.shrinking
        grown = pace.growth * (self.high - self.low)
        if rest > self.high:
            self.high = min(rest, self.high + grown) if grown > 0.0 else rest
        if rest < self.low:
            self.low = max(rest, self.low - grown) if grown > 0.0 else rest


def _places(at_s: float) -> list[int]:
    """Where the means of a time are: of all, of its hour, of its hour of the week.

    >>> _places(0.0), _places(7 * 86_400.0 - 1.0)
    ([0, 1, 25], [0, 24, 192])
    """
    hour, day = int(at_s // _HOUR_S) % _HOURS, int(at_s // _DAY_S) % _DAYS
    return [_LEVEL, _BY_HOUR + hour, _BY_WEEK + _HOURS * day + hour]
