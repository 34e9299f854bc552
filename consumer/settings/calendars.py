"""Calendars: the times of their events, such as holidays and shutdowns, of a file in iCalendar's format.

A file is expanded once, by whoever reads the settings as written: `.ics` files repeat events by rules. The
function's settings have the times themselves, so that it needs no library for them.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from importlib import import_module
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from consumer.detectors.local_time import UTC_NAME, zone_of
from consumer.errors import ConfigurationError

Span = tuple[float, float]
"""From and until, in seconds since 1970."""

EXPANDED_UNTIL = 2041
"""The first year of which events that repeat are not known any more."""
_FROM = 1970
_SPANS_MAX = 20_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Calendar:
    """The times of all events of some calendars; events that overlap or follow each other are one."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans = joined(spans)
        self._starts = np.array([start_s for start_s, _ in self._spans])
        self._ends = np.array([end_s for _, end_s in self._spans])

    def is_on(self, at_s: float | None) -> bool:
        """Whether an event lasts at that time: from its beginning until right before its end."""
        return self.until(at_s) is not None

    def until(self, at_s: float | None) -> float | None:
        """When the event ends that lasts at that time; None if none does."""
        if at_s is None:
            return None
        before = bisect_right(self._spans, at_s, key=itemgetter(0))
        return self._spans[before - 1][1] if before and at_s < self._spans[before - 1][1] else None

    def are_on(self, at_s: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """As `is_on`, of many times. Shape: (times,) -> (times,)."""
        if not self._spans:
            return np.zeros(len(at_s), np.bool_)
        before = np.searchsorted(self._starts, at_s, "right") - 1
        on: npt.NDArray[np.bool_] = (before >= 0) & (at_s < self._ends[before])
        return on

    def seconds_on(self, from_s: float, until_s: float) -> float:
        """How long events last between two times."""
        seconds = 0.0
        for start_s, end_s in self._spans:
            seconds += max(0.0, min(end_s, until_s) - max(start_s, from_s))
        return seconds


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same times in order, without overlaps.

    >>> joined([(5.0, 9.0), (0.0, 2.0), (1.0, 3.0), (4.0, 4.0)])
    [(0.0, 3.0), (5.0, 9.0)]
    """
    found: list[Span] = []
    for start_s, end_s in sorted(span for span in spans if span[0] < span[1]):
        if found and start_s <= found[-1][1]:
            found[-1] = (found[-1][0], max(end_s, found[-1][1]))
        else:
            found.append((start_s, end_s))
    return found


def spans_in(text: str, time_zone: str | None) -> list[Span]:
    """The times of the events in a calendar's text; those without a zone, such as whole days, in this one.

    Raises: `ConfigurationError` for what is no calendar, has too many events, or where the library is not
        installed.
    """
    try:  # not in the function, whose settings have the times
        icalendar, recurring = map(import_module, ("icalendar", "recurring_ical_events"))
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"{error}: requirements.txt pins what reads calendars") from None
    zone = zone_of(time_zone or UTC_NAME)
    try:
        calendar = icalendar.Calendar.from_ical(text)
        events = recurring.of(calendar, skip_bad_series=False)
        found = events.between(date(_FROM, 1, 2), date(EXPANDED_UNTIL, 1, 1))
        spans = [_span(event, zone) for event in found if event.get("STATUS") != "CANCELLED"]
    except Exception as error:  # the library's errors are of many classes
        raise ConfigurationError(f"this is no calendar that can be read: {error}") from None
    whole = joined(spans)
    if len(whole) > _SPANS_MAX:
        raise ConfigurationError(f"it has {len(whole):,} events; allowed: {_SPANS_MAX:,}")
    return whole


def _span(event: Any, zone: tzinfo) -> Span:
    return _seconds(event.start, zone), _seconds(event.end, zone)


def _seconds(moment: date, zone: tzinfo) -> float:
    """Of a day, its beginning; of a time without a zone, in this one."""
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time(0), zone)
    elif moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return (moment - _EPOCH) / timedelta(seconds=1)


def run_out(spans: Sequence[Span], at_s: float) -> bool:
    """Whether there is no event after that time: the calendar has to be brought up to date."""
    return not spans or spans[-1][1] < at_s
