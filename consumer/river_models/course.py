"""A signal's course through day and week: means by hour and by hour of the week."""

from typing import Annotated

import msgspec
from msgspec import Meta

HOURS, DAYS = 24, 7
HOUR_S, DAY_S = 3600.0, 86_400.0
LEVEL, BY_HOUR, BY_WEEK = 0, 1, 1 + HOURS
MEANS = BY_WEEK + HOURS * DAYS
FEW = 2
"""Values of which the mean of an hour says less than the values just before it do."""
_OF_PLACES = Meta(min_length=MEANS, max_length=MEANS)


class Course(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The mean of all values, of each hour of the day and of each hour of the week.

    Units: the signal's own. State: 193 means and counts.
    """

    means: Annotated[list[float], _OF_PLACES] = msgspec.field(default_factory=lambda: [0.0] * MEANS)
    counts: Annotated[list[int], _OF_PLACES] = msgspec.field(default_factory=lambda: [0] * MEANS)

    def expect_one(self, value: float, places: list[int], recent: float) -> float:
        """The nearer of the means of this hour and of this hour of the week.

        For the first values of an hour of the day that never was before, it is `recent`, what the latest
        values are about: the course goes on. Without a time it is the mean of all.
        """
        means, counts = self.means, self.counts
        if not counts[LEVEL]:
            return value
        if len(places) == 1:
            return means[LEVEL]
        _, hour, hour_of_week = places
        if counts[hour] == counts[hour_of_week] and counts[hour] < FEW:
            return recent
        known = [means[place] for place in (hour, hour_of_week) if counts[place]]
        return min(known, key=lambda mean: abs(value - mean))

    def learn_one(self, value: float, places: list[int], of_level: float, of_hour: float) -> None:
        """Learn a value with these weights: a plain mean at first, then an exponential one."""
        means, counts = self.means, self.counts
        for place in places:
            count = counts[place] = counts[place] + 1
            weight = of_level if place == LEVEL else of_hour
            means[place] += max(weight, 1.0 / count) * (value - means[place])


def places_of(at_s: float | None) -> list[int]:
    """The indices of a time's means: of all, of its hour, of its hour of the week.

    `at_s` are the seconds that the clocks show whose day it is; without a time it is the first index alone.

    >>> places_of(0.0), places_of(7 * 86_400.0 - 1.0), places_of(None)
    ([0, 1, 25], [0, 24, 192], [0])
    """
    if at_s is None:
        return [LEVEL]
    hour, day = int(at_s // HOUR_S) % HOURS, int(at_s // DAY_S) % DAYS
    return [LEVEL, BY_HOUR + hour, BY_WEEK + HOURS * day + hour]
