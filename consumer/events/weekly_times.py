"""Times of the week that come again, by a plant's clocks: `Sat 06:00-14:00`, `Mon-Fri 22:00-06:00`."""

import re
from dataclasses import dataclass
from functools import cache

from consumer.detectors.local_time import LocalTime

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TEXT = re.compile(r"(?P<days>[a-z,\- ]+?) +(?P<h>\d\d):(?P<m>\d\d) ?- ?(?P<to_h>\d\d):(?P<to_m>\d\d)")
_MINUTE_S, _DAY_S, _WEEK_S = 60.0, 86_400.0, 604_800.0
_MONDAY_S = 4 * _DAY_S
"""The first Monday: 1970 began with a Thursday."""
ALLOWED = "such as 'Sat 06:00-14:00', 'Mon-Fri 22:00-06:00' or 'daily 02:00-03:00'"


@dataclass(frozen=True, slots=True)
class WeeklyTimes:
    """On some days of the week, from a time of day until another; one that is not later is the next day's."""

    days: frozenset[int]
    """Monday is 0."""
    start_s: float
    length_s: float

    def until(self, at_s: float, clock: LocalTime | None) -> float | None:
        """When the one ends that lasts at that time, by this clock, or UTC's; None if none does.

        >>> weekly_times("Sun 22:00-06:00").until(3 * 86_400.0 + 23 * 3_600.0, None) / 3_600.0
        102.0
        """
        local_s = at_s if clock is None else clock.local_s(at_s)
        of_week_s = (local_s - _MONDAY_S) % _WEEK_S
        ends = [
            passed_s
            for day in self.days
            if (passed_s := (of_week_s - day * _DAY_S - self.start_s) % _WEEK_S) < self.length_s
        ]
        if not ends:
            return None
        end_s = at_s + self.length_s - min(ends)
        if clock is not None:  # where clocks are changed before it ends
            end_s -= (clock.local_s(end_s) - end_s) - (local_s - at_s)
        return max(end_s, at_s + 1e-3)


@cache
def weekly_times(text: str) -> WeeklyTimes:
    """The times that a text means. Raises: `ValueError`."""
    found = _TEXT.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r} is no time of the week; allowed: one {ALLOWED}")
    start_s, end_s = (
        60.0 * _MINUTE_S * int(found[hour]) + _MINUTE_S * int(found[minute])
        for hour, minute in (("h", "m"), ("to_h", "to_m"))
    )
    are_times = int(found["m"]) < 60 and int(found["to_m"]) < 60 and start_s < _DAY_S and end_s <= _DAY_S
    days = _days(found["days"].replace(" ", ""))
    if not are_times or not days:
        raise ValueError(f"{text!r} is no time of the week; allowed: one {ALLOWED}")
    return WeeklyTimes(frozenset(days), start_s, end_s - start_s + (_DAY_S if end_s <= start_s else 0.0))


def _days(text: str) -> set[int]:
    """The days; none if one is unknown."""
    if text == "daily":
        return set(range(7))
    days: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        last = last if dash else first
        if first not in _DAYS or last not in _DAYS:
            return set()
        begin, end = _DAYS.index(first), _DAYS.index(last)
        days |= {day % 7 for day in range(begin, end + 1 + (7 if end < begin else 0))}
    return days
