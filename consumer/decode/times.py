"""Times as machines and people write them: one set of rules for payloads and for recordings.

A number is told to be seconds, milliseconds, microseconds or nanoseconds by its size, or digits of a date; a
text is ISO 8601, such digits, or a date as historians and spreadsheets write it. Of `03/04/2024` nobody can
say whether the day comes first: `readings` has both, and who reads a whole column decides between them.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from consumer.decode.calendar_days import Order as Order
from consumer.decode.calendar_days import began_s, days_of
from consumer.decode.printed_times import rewritten, zone_named
from consumer.decode.values import END_S, check_seconds, shortened
from consumer.errors import Unlearnable

Floats = npt.NDArray[np.float64]
Kind = Literal["number", "digits", "ISO 8601", "date"]
"""How a time is written; `digits` are those of YYYYMMDDhhmmss."""

BELIEVED_FROM_S = 946_684_800.0
"""2000-01-01: earlier ones are of a clock that was never set."""
AHEAD_MAX_S = 86_400.0
"""How far ahead of its arrival a time may be."""


class TimeLimits(NamedTuple):
    """The times at which something may have been measured; others are not believed."""

    from_s: float = BELIEVED_FROM_S
    ahead_max_s: float = AHEAD_MAX_S
    """Of the arrival; where that is not known, any time is early enough."""

    def excluded(self, at_s: Floats, arrived_s: Floats) -> npt.NDArray[np.bool_]:
        """Where something cannot have been measured then; NaN is no time.

        >>> now = 1_700_000_000.0
        >>> TimeLimits().excluded(np.array([now, 0.0, now + 1e6, math.nan]), np.array([now] * 4)).tolist()
        [False, True, True, False]
        """
        return (at_s < self.from_s) | (at_s > arrived_s + self.ahead_max_s)


ANY_TIME = TimeLimits(-math.inf, math.inf)
"""Every time is believed."""


class Readings(NamedTuple):
    """What a time may mean: seconds since 1970, by the order of its date; None: there is but one order."""

    kind: Kind
    seconds: Mapping[Order | None, float]
    has_time_of_day: bool = True
    has_dots: bool = False


def seconds_of(timestamp: Any, order: Order | None = None, zone: tzinfo = UTC) -> float:
    """Seconds since 1970, of a number or a text; `zone` is that of a text without one.

    >>> seconds_of("2023-11-14t22:13:20z"), seconds_of(1_700_000_000_000), seconds_of("14-Nov-23 22:13:20")
    (1700000000.0, 1700000000.0, 1700000000.0)

    Raises:
        Unlearnable: It is none, or may be several.
    """
    if type(timestamp) is str and (at_s := iso_seconds(timestamp, zone)) is not None:
        return check_seconds(at_s, timestamp)
    found = readings(timestamp, zone)
    at_s = of_order(found, order)
    if at_s is None:
        if order is not None:
            raise Unlearnable(f"the timestamp {shortened(timestamp)} is no date whose order is {order}")
        raise Unlearnable(
            f"the timestamp {shortened(timestamp)} may have the day first or the month: write ISO 8601"
        )
    return check_seconds(at_s, timestamp)


def of_order(found: Readings, order: Order | None) -> float | None:
    """The reading that has this order, or the only one; None: there are several, or not that one."""
    if None in found.seconds:
        return found.seconds[None]
    if order is not None:
        return found.seconds.get(order)
    if len(found.seconds) == 1:
        return next(iter(found.seconds.values()))
    return (
        found.seconds.get("DMY") if found.has_dots else None
    )  # nobody writes 03.04.2024 for the 4th of March


def readings(timestamp: Any, zone: tzinfo = UTC) -> Readings:
    """All that a number or a text may mean as a time.

    >>> sorted(readings("03/04/2024").seconds.items())
    [('DMY', 1712102400.0), ('MDY', 1709510400.0)]

    Raises:
        Unlearnable: It is no time.
    """
    kind = type(timestamp)
    if kind is str:
        return _of_text(timestamp, zone)
    if kind is float or kind is int:
        return _of_number(timestamp)
    raise Unlearnable(f"a timestamp is ISO 8601 text or a number, not {kind.__name__}")


# Numbers. Ten thousand years lie between: no plausible number of one unit is also one of another.

_UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6))
_NANOSECONDS = 1e9
_DIGITS_OF_DATES = (8, 12, 14, 17, 20)
"""YYYYMMDD, with hhmm, hhmmss, milliseconds, microseconds: as epochs they would be 1970, 1976 or 2611."""
_DIGITS_OF_A_DAY = 8
_FIRST_DATE, _LAST_DATE = 19_000_101, 20_991_231
_DIGITS_BELOW = 1e20
_OF_100_NS = (
    (1.25e17, 1.58e17, "Windows file time, or nanoseconds of 1974"),
    (6.3e17, 6.63e17, ".NET ticks, or nanoseconds of 1990"),
)
"""From, below: what counts 100 ns since 1601, or since the year 1."""
_OF_ONE_UNIT = (
    (1e8, 1e11, 1.0),
    (1e12, 1e13, 1e3),
    (1e14, 1e16, 1e6),
    (1e17, 1.25e17, 1e9),
    (1.58e17, 6.3e17, 1e9),
    (6.63e17, 1e19, 1e9),
    (-62_135_596_800.0, 19_000_101.0, 1.0),
)
"""From, below, and how many in a second: what cannot be the digits of a date, whatever its number is."""


def _of_number(number: float) -> Readings:
    try:
        found = float(number)
    except OverflowError:
        return Readings("number", {None: math.inf})
    if _FIRST_DATE <= found < _DIGITS_BELOW:
        digits, fraction_s = str(int(number)), 0.0 if found.is_integer() else found % 1.0
        as_date = _of_digits(digits, UTC, fraction_s) if not fraction_s or len(digits) > 8 else None
        if as_date is not None:
            return as_date
    size = abs(found)
    for start, below, name in _OF_100_NS:
        if start <= found < below:
            raise Unlearnable(f"the timestamp {shortened(number)} is {name}: write ISO 8601")
    return Readings(
        "number", {None: found / next((unit for below, unit in _UNITS if size < below), _NANOSECONDS)}
    )


def seconds_column(timestamps: list[Any]) -> list[float] | None:
    """Seconds since 1970, if all are numbers of one unit at a glance; None: each needs `seconds_of`."""
    if not set(map(type, timestamps)) <= {float, int}:
        return None
    try:
        found = seconds_array(np.array(timestamps, np.float64))
    except OverflowError:
        return None
    return None if found is None else found.tolist()


def seconds_array(timestamps: Floats) -> Floats | None:
    """The same of an array: itself, if it holds seconds."""
    if not len(timestamps):
        return None
    first, last = timestamps.min(), timestamps.max()
    for start, below, unit in _OF_ONE_UNIT:
        if start <= first and last < below:  # false for NaN too
            return timestamps if unit == 1.0 else timestamps / unit
    return None


def _of_digits(digits: str, zone: tzinfo, fraction_s: float = 0.0) -> Readings | None:
    if len(digits) not in _DIGITS_OF_DATES or not _FIRST_DATE <= int(digits[:8]) <= _LAST_DATE:
        return None
    try:
        day_s = began_s(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None
    hour, minute, second = (int(digits[at : at + 2] or 0) for at in (8, 10, 12))
    if hour > 23 or minute > 59 or second > 59:
        return None
    at_s = day_s + hour * 3600 + minute * 60 + second + float(f"0.{digits[14:] or 0}") + fraction_s
    return Readings("digits", {None: at_s - _offset_s(at_s, zone)}, len(digits) > 8)


# Texts.

_ZONE = re.compile(r" ?(?:(?:UTC|GMT)? ?([+-])(\d\d):?(\d\d)?(?: ?(?:UTC|GMT))?|UTC|GMT|Z)\Z", re.IGNORECASE)
_WITH_OFFSET_AND_NAME = re.compile(r"(Z|[+-]\d\d:?\d\d)\[[A-Za-z0-9_/+-]+\]\Z")
_TIME_OF_DAY = (
    r"(?P<hour>\d{1,2})[:.h](?P<minute>\d\d)(?:[:.](?P<second>\d\d)(?:[.,:](?P<fraction>\d{1,9}))?)?"
    r"(?: ?(?P<half>[ap])\.?m\.?)?"
)
_WEEKDAY = r"(?:[^\W\d_]{2,10}\.?,? )?"
_DATE = (
    re.compile(  # Nov 14 22:13:20 has no year: a colon before the hour takes one of four digits, or seconds
        _WEEKDAY
        + r"(?P<a>\d{1,4}|[^\W\d_]+)(?P<separator>\. ?|[-/ ]|, )"
        + r"(?P<b>\d{1,2}|[^\W\d_]+)(?:\.-|\. ?|[-/ ]|, )(?P<c>\d{4}|\d{1,2})"
        + rf"(?:(?:[ T]|, |(?:(?<=\d{{4}})|(?<=[-/.]\d\d)(?=(?::\d\d){{3}})):){_TIME_OF_DAY})?",
        re.IGNORECASE,
    )
)
_DATE_AROUND_TIME = re.compile(  # as C's asctime writes it
    _WEEKDAY + rf"(?P<a>[^\W\d_]+) (?P<b>\d{{1,2}}) {_TIME_OF_DAY} (?P<c>\d{{4}})", re.IGNORECASE
)
_DIGITS = re.compile(r"(\d{9,24})(?:[.,](\d{1,9}))?", re.ASCII)
_DAY_AND_OFFSET = re.compile(r"\d{4}-?(?:W\d\d-?\d|\d\d-?\d\d)[+-]\d\d:?\d\d", re.ASCII)
_WITH_SECONDS = len("2023-11-14T22:13:20")
_ONLY_TIME = re.compile(_TIME_OF_DAY, re.IGNORECASE)


def _of_text(text: str, zone: tzinfo, *, may_be_rewritten: bool = True) -> Readings:
    if "  " in text or not text or not text[0].isalnum() or text[-1].isspace():
        text = " ".join(text.split())
    if text.isdecimal():
        if text[0] == "0" and len(text) > _DIGITS_OF_A_DAY:  # 01032024120000 would be an epoch of 2002
            raise Unlearnable(
                f"the timestamp {shortened(text)} begins with 0, as no epoch does: write ISO 8601"
            )
        return _of_digits(text, zone) or _of_number(int(text) if len(text) < 25 else math.inf)
    at_s = iso_seconds(text, zone)
    if at_s is not None:
        return Readings("ISO 8601", {None: at_s}, len(text) > 10)
    if text[-1:] == "]":  # as Java writes it: 2024-03-01T00:00+01:00[Europe/Berlin]
        text = _WITH_OFFSET_AND_NAME.sub(r"\1", text)
    bare, offset = _without_zone(text)
    found = _DIGITS.fullmatch(bare)
    if found:
        as_date = _of_digits(found[1], offset or zone, float(f"0.{found[2] or 0}"))
        if as_date is None and offset is None:
            return _of_number(float(f"{found[1]}.{found[2] or 0}"))
        if as_date is None:
            raise Unlearnable(f"the timestamp {shortened(text)} is no date of any calendar")
        return as_date
    try:  # what Python refuses: a small t or z, a blank before the zone, the name UTC
        at_s = seconds_of_moment(_from_iso(bare.replace("t", "T")), offset or zone)
        return Readings("ISO 8601", {None: at_s}, len(bare) > 10)
    except ValueError:
        pass
    found = _DATE.fullmatch(bare) or _DATE_AROUND_TIME.fullmatch(bare)
    if found:
        return _of_date(found, text, offset or zone)
    try:
        number = float(text) if text.isascii() and "_" not in text else None
    except ValueError:
        number = None
    if number is not None:
        return _of_number(number)
    as_is_read = rewritten(text) if may_be_rewritten else None
    if as_is_read is not None:
        return _of_text(as_is_read, zone, may_be_rewritten=False)
    named = zone_named(text)
    hint = "" if named is None else f" ({named} is not one zone everywhere: write UTC or an offset)"
    raise Unlearnable(f"the timestamp {shortened(text)} is neither ISO 8601 nor a number{hint}")


def iso_seconds(text: str, zone: tzinfo = UTC) -> float | None:
    """Seconds since 1970, of a text that Python reads as ISO 8601; None: it is written otherwise."""
    try:
        return seconds_of_moment(_from_iso(text), zone)
    except ValueError:
        return None


def _from_iso(text: str) -> datetime:
    if text[:9].isdecimal() or text.isdecimal():  # Python would take the ninth digit for the T
        raise ValueError
    if len(text) < _WITH_SECONDS and _DAY_AND_OFFSET.fullmatch(text):  # and here the sign
        raise ValueError
    return datetime.fromisoformat(text)


def seconds_of_moment(moment: datetime, zone: tzinfo = UTC) -> float:
    """Seconds since 1970; `zone` is that of a moment without one.

    Raises:
        Unlearnable: The clocks of the zone never showed it, as they were put ahead.
    """
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
        if zone is not UTC:
            _check_shown(moment)
    at_s = (moment - _EPOCH).total_seconds()
    if at_s == END_S and moment.microsecond:  # .NET's last moment: a float of it is that of the year 10000
        at_s -= 1.0
    return at_s


def _check_shown(moment: datetime) -> None:
    first, second = moment.utcoffset(), moment.replace(fold=1).utcoffset()
    if first is not None and second is not None and first < second:
        raise Unlearnable(
            f"clocks in {moment.tzinfo} never showed {moment:%Y-%m-%d %H:%M}, as they were put ahead"
        )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _without_zone(text: str) -> tuple[str, tzinfo | None]:
    found = _ZONE.search(text)
    if found is None or not found.start():
        return text, None
    bare = text[: found.start()]
    if found[1] and ":" not in bare and not bare[:9].isdecimal():  # 13-03-2024 ends in no zone
        return text, None
    minutes = int(found[2] or 0) * 60 + int(found[3] or 0)
    if minutes >= 24 * 60:
        return text, None
    return bare, timezone(timedelta(minutes=-minutes if found[1] == "-" else minutes))


def names_zone(text: str) -> bool:
    """True for a time of day with a zone or an offset behind it.

    >>> names_zone("2024-03-01T00:00:00Z"), names_zone("2024-03-01"), names_zone("2024-03-01 00:00:00-05:00")
    (True, False, True)
    """
    text = " ".join(text.split())
    found = _ZONE.search(text)
    if found is None or not found.start():
        return False
    bare = text[: found.start()]
    return found[1] is None or ":" in bare or (bare[:8].isdecimal() and len(bare) > 8)


def _of_date(found: re.Match[str], text: str, zone: tzinfo) -> Readings:
    a, b, c = found["a"], found["b"], found["c"]
    days = days_of(a, b, c)
    if not days:
        raise Unlearnable(f"the timestamp {shortened(text)} is no date of any calendar")
    time_s = _time_s(found, text)
    seconds: dict[Order | None, float] = {}
    for order, day_s in days.items():
        at_s = day_s + time_s
        seconds[order] = at_s - _offset_s(at_s, zone)
    separator = found["separator"] if "separator" in found.re.groupindex else ""
    kind: Kind = "ISO 8601" if separator == "-" and len(a) == 4 and b.isdecimal() else "date"  # 24:00, :60
    return Readings(kind, seconds, found["hour"] is not None, separator.startswith("."))


def is_time_of_day(text: str) -> bool:
    """True for a time without a date, such as 13:05 or 1:05:00 PM."""
    found = _ONLY_TIME.fullmatch(text.strip())
    is_marked = ":" in text or "h" in text.casefold()
    return found is not None and (is_marked or bool(found["half"]) or bool(found["second"]))


def _time_s(found: re.Match[str], text: str) -> float:
    if found["hour"] is None:
        return 0.0
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    half = found["half"]
    if half and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half.lower() == "p" else 0)
    is_midnight = (hour, minute, second) == (24, 0, 0)
    contradicts = hour > 12 and half in ("a", "A")
    if (hour > 23 and not is_midnight) or minute > 59 or second > 60 or contradicts:
        raise Unlearnable(f"the timestamp {shortened(text)} has no such time of day")
    return hour * 3600.0 + minute * 60.0 + second + float(f"0.{found['fraction'] or 0}")


def _offset_s(local_s: float, zone: tzinfo) -> float:
    if zone is UTC:
        return 0.0
    try:
        moment = (datetime(1970, 1, 1) + timedelta(seconds=local_s)).replace(tzinfo=zone)  # noqa: DTZ001
        offset = moment.utcoffset()
    except OverflowError:  # beyond the year 9999, which is refused in any zone
        return 0.0
    _check_shown(moment)
    return offset.total_seconds() if offset else 0.0
