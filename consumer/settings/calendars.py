"""Calendars: the times of their events, such as holidays and shutdowns, of a file in iCalendar's format.

A file is expanded once, by whoever reads the settings as written: `.ics` files repeat events by rules. The
function's settings have the times themselves, so that it needs no library for them.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
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
_TIMES_A_DAY_MAX = 24
_A_DAY = {"SECONDLY": 86_400, "MINUTELY": 1_440, "HOURLY": 24}
_TIMES_OF_DAY = ("BYHOUR", "BYMINUTE", "BYSECOND")
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
        seconds, at = 0.0, max(0, bisect_right(self._spans, from_s, key=itemgetter(0)) - 1)
        while at < len(self._spans) and self._spans[at][0] < until_s:
            start_s, end_s = self._spans[at]
            seconds += max(0.0, min(end_s, until_s) - max(start_s, from_s))
            at += 1
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
        for event in calendar.walk("VEVENT"):
            _check(event, zone)
        events = recurring.of(calendar, skip_bad_series=False)
        found = events.between(date(_FROM, 1, 2), date(EXPANDED_UNTIL, 1, 1))
        spans = [_span(event, zone) for event in found if event.get("STATUS") != "CANCELLED"]
    except ConfigurationError:
        raise
    except Exception as error:  # the library's errors are of many classes
        raise ConfigurationError(f"this is no calendar that can be read: {error}") from None
    whole = joined(spans)
    if len(whole) > _SPANS_MAX:
        raise ConfigurationError(
            f"it has {len(whole):,} events; allowed: {_SPANS_MAX:,}: end its rules with UNTIL, or COUNT"
        )
    return whole


def _check(event: Any, zone: tzinfo) -> None:
    """What the library would guess, or repeat without end, is refused. Raises: `ConfigurationError`."""
    wrong = ""
    if "DTSTART" not in event:
        wrong = "it has no DTSTART: say when it begins"
    elif unknown := [name for name, moment in _moments(event) if name and _is_floating(moment)]:
        wrong = f"its time zone, {unknown[0]!r}, is not known: take a name of the IANA's, or UTC"
    elif any(_times_a_day(rule) > _TIMES_A_DAY_MAX for rule in _each(event, "RRULE")):
        wrong = (
            f"it repeats more than {_TIMES_A_DAY_MAX} times a day: let one event last as long as all of them"
        )
    elif any(duration.dt < timedelta(0) for duration in _each(event, "DURATION")):
        wrong = "its DURATION is below zero"
    elif "DTEND" in event:
        start, end = event["DTSTART"].dt, event["DTEND"].dt
        is_day = not isinstance(start, datetime)
        if _seconds(end, zone) < _seconds(start, zone) or (is_day and end == start):
            wrong = f"its end, {end}, is not after its beginning, {start}"
            wrong += ": DTEND is the day after the last" if is_day else ""
    if wrong:
        raise ConfigurationError(f"the event {str(event.get('SUMMARY', event.get('UID', '')))!r}: {wrong}")


def _moments(event: Any) -> Iterator[tuple[str | None, date]]:
    """The times that are written in an event, each with the name of its zone."""
    for name in ("DTSTART", "DTEND", "RECURRENCE-ID"):
        if name in event:
            yield event[name].params.get("TZID"), event[name].dt
    for name in ("EXDATE", "RDATE"):
        for times in _each(event, name):
            for one in times.dts:
                yield times.params.get("TZID"), one.dt[0] if isinstance(one.dt, tuple) else one.dt


def _is_floating(moment: date) -> bool:
    return isinstance(moment, datetime) and moment.tzinfo is None


def _each(event: Any, name: str) -> list[Any]:
    """The property, as often as it is there."""
    found = event.get(name, [])
    return found if isinstance(found, list) else [found]


def _times_a_day(rule: Any) -> float:
    """How often a rule repeats an event a day, at most."""
    often = _A_DAY.get(str(rule["FREQ"][0]).upper(), 1) / max(1, *rule.get("INTERVAL", [1]))
    return math.prod([max(1.0, often), *(len(rule.get(name, [0])) for name in _TIMES_OF_DAY)])


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
