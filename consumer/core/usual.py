"""What is usual for a signal: its daily and weekly course, and how far from it the values stray."""

from dataclasses import dataclass, field

_HOURS, _DAYS = 24, 7
_HOUR_S, _DAY_S = 3600.0, 86_400.0
_LEVEL, _BY_HOUR, _BY_WEEK = 0, 1, 1 + _HOURS
_MEANS = _BY_WEEK + _HOURS * _DAYS
_STILL_MIN = 50
"""Values that were all the same, before another one is a stray."""
_STRAY_MAX = 1.0
"""So that what a signal does first, when its range is narrow, does not hide all that follows."""
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
    rest: float = 0.9
    """What is left of a stray with each value after it: only what goes further is another one."""
    lasting: float = 0.03
    """Of a deviation, in their short mean, which sees what is small and lasts."""
    lasting_share: float = 0.3
    """Of that mean's stray in the whole; a deviation's own has the rest."""
    step_s: float = 300.0
    """Values that come faster weigh less in the means of hours, and in what is forgotten."""


USUAL_PACE = Pace()


@dataclass(slots=True)
class Usual:
    """A signal's means, by hour and by hour of the week, and the range of what strays from them.

    Units: the signal's own. Hours are UTC's: a day's course is the same in any zone.
    State: 193 means and counts, and some numbers: 3 kB at most.
    """

    means: list[float] = field(default_factory=lambda: [0.0] * _MEANS)
    counts: list[int] = field(default_factory=lambda: [0] * _MEANS)
    low: float = 0.0
    high: float = 0.0
    lasting: float = 0.0
    lasting_low: float = 0.0
    lasting_high: float = 0.0
    recent: float = 0.0
    last_s: float | None = None
    expected: float = 0.0
    """At the last value, before it was learned."""
    stray: float = 0.0
    """How far the last value strayed, whether or not one before it did so too."""

    def __reduce__(self) -> tuple[type["Usual"], tuple[object, ...]]:
        edges = (self.low, self.high, self.lasting, self.lasting_low, self.lasting_high)
        return Usual, (self.means, self.counts, *edges, self.recent, self.last_s, self.expected, self.stray)

    def learn_one(self, value: float, at_s: float | None, pace: Pace) -> float:
        """How far the value strays from what is usual, in widths of the range; 0 where it does not."""
        places = [_LEVEL] if at_s is None else _places(at_s)
        weight = self._weight(at_s, pace)
        self.expected = self._expected(value, places)
        deviation = value - self.expected
        for place in places:
            self._learn_mean(place, value, pace.level if place == _LEVEL else pace.course * weight)
        self.lasting += pace.lasting * (deviation - self.lasting)
        least = _SAME * max(abs(value), abs(self.expected))
        is_still = self.counts[_LEVEL] > _STILL_MIN
        own = _stray(deviation, self.low, self.high, least, is_still)
        lasting = _stray(self.lasting, self.lasting_low, self.lasting_high, least, is_still)
        kept = 1.0 - pace.shrinking * weight
        self.low, self.high = _learned(deviation, self.low, self.high, kept, pace.growth)
        self.lasting_low, self.lasting_high = _learned(
            self.lasting, self.lasting_low, self.lasting_high, kept, pace.growth
        )
        self.stray = (1.0 - pace.lasting_share) * own + pace.lasting_share * lasting
        further = max(0.0, self.stray - self.recent)
        self.recent = max(self.stray, pace.rest * self.recent)
        return further

    def _weight(self, at_s: float | None, pace: Pace) -> float:
        """From 0 to 1: how much of a usual step has passed since the last value."""
        last_s, self.last_s = self.last_s, at_s
        if at_s is None or last_s is None:
            return 1.0
        return min(1.0, abs(at_s - last_s) / pace.step_s)

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


def _stray(deviation: float, low: float, high: float, least: float, is_still: bool) -> float:
    """In widths, one at most; of a signal that stood still, one for whatever is more than rounding."""
    width, beyond = high - low, max(deviation - high, low - deviation, 0.0)
    if width > least:
        return min(beyond / width, _STRAY_MAX)
    return float(is_still and beyond > least)


def _learned(deviation: float, low: float, high: float, kept: float, growth: float) -> tuple[float, float]:
    """The range, a little narrower, and a little wider towards a deviation outside of it."""
    low, high = low * kept, high * kept
    grown = growth * (high - low)
    if deviation > high:
        high = min(deviation, high + grown) if grown > 0.0 else deviation
    if deviation < low:
        low = max(deviation, low - grown) if grown > 0.0 else deviation
    return low, high


def _places(at_s: float) -> list[int]:
    """Where the means of a time are: of all, of its hour, of its hour of the week.

    >>> _places(0.0), _places(7 * 86_400.0 - 1.0)
    ([0, 1, 25], [0, 24, 192])
    """
    hour, day = int(at_s // _HOUR_S) % _HOURS, int(at_s // _DAY_S) % _DAYS
    return [_LEVEL, _BY_HOUR + hour, _BY_WEEK + _HOURS * day + hour]
