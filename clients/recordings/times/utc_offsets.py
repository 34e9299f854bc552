"""How far a time is from UTC, where a column says it: `+01:00`, `UTC+1`, 60, 3600, Europe/Berlin."""

import re
from datetime import datetime
from zoneinfo import available_timezones

from clients.recordings.cells import Cell

_NAMES = re.compile(
    r"(?!.*nano)(?=.*offset)(?:.*(?:utc|gmt|timezone|zeitzone).*|tz.*|.*tz)|"
    r"tz|tzinfo|tzname|timezone|timezonename|zeitzone|utc[+±-]*",
)
_WRITTEN = re.compile(
    r"(?:(?:UTC|GMT) ?)?([+-]?)(\d{1,2}):(\d\d)(?::00)?|(?:UTC|GMT) ?([+-])(\d{1,2})(\d\d)?|"
    r"([+-]|(?=0))(\d\d)(\d\d)",
    re.IGNORECASE,
)
_ZONE = re.compile(r"[A-Za-z]+/[A-Za-z_]+(?:/[A-Za-z_]+)?")
_MAY_BE = {"offset", "zone", "timeoffset", "zoneoffset"}
_OFFSET_IN_NAME = re.compile(r"(?:UTC|GMT) ?[+\-\u2212] ?\d{1,2}(?::?\d\d)?", re.IGNORECASE)
_ZONE_IN_NAME = re.compile(r"[A-Z][a-z]+/[A-Z][A-Za-z_]+")
_LETTERS_IN_NAME = re.compile(
    r"\b(?:[ECMP][SD]T|AK[SD]T|HST|A[EWC][SD]T|NZ[SD]T|[CEW]ES?T|MESZ?|MEZ|BST|IST|JST|KST|MSK|SAST|BRT|SGT)\b"
)
_HOURS_MAX = 14
"""No zone is further from UTC."""


def is_named_like_an_offset(name: str) -> bool:
    """True for `UTC offset`, tz, `Timezone` and the like.

    >>> is_named_like_an_offset("UTC offset (min)"), is_named_like_an_offset("UTC Time")
    (True, False)
    """
    return _NAMES.fullmatch(_bare(name)) is not None


def may_be_named_like_an_offset(name: str) -> bool:
    """True for names that signals have too, such as Offset."""
    return _bare(name) in _MAY_BE


def is_of_javascript(name: str, cell: Cell) -> bool:
    """True for a bare number of minutes under the name by which JavaScript has them, west of UTC."""
    minutes = offset_of(cell) if _is_number(str(cell)) else None
    return bool(minutes) and abs(float(cell)) < 1800.0 and _bare(name).startswith("timezoneoffset")


def is_zone(cell: Cell) -> bool:
    """True for a name such as Europe/Berlin."""
    return isinstance(cell, str) and _ZONE.fullmatch(cell.strip()) is not None


def is_written_as_an_offset(cell: Cell) -> bool:
    """True for one that is no plain number, such as +01:00, UTC+1 or +0100."""
    if not isinstance(cell, str) or offset_of(cell) is None:
        return False
    return _WRITTEN.fullmatch(cell.strip()) is not None or not _is_number(cell)


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _bare(name: str) -> str:
    return re.sub(r"[^\w+±-]+|_", "", name.casefold())


def offset_of(cell: Cell) -> float | None:
    """Seconds that a zone is ahead of UTC; None: it is none.

    A bare number tells by its size whether it has hours, minutes or seconds: no zone is 15 to 29 minutes or
    more than 14 hours from UTC.

    >>> [offset_of(cell) for cell in ("+01:00", "UTC+1", "0100", 60, "3600", "-3.5", "CET")]
    [3600.0, 3600.0, 3600.0, 3600.0, 3600.0, -12600.0, None]
    """
    text = " ".join(str(cell).replace("\u2212", "-").split())
    if text.casefold() in ("utc", "gmt", "z"):
        return 0.0
    found = _WRITTEN.fullmatch(text)
    if found is not None:
        sign, hours, minutes = next(each for each in _threes(found) if each[1] is not None)
        if int(hours) <= _HOURS_MAX and (minutes or "00") in ("00", "15", "30", "45"):
            return (int(hours) * 3600.0 + int(minutes or 0) * 60.0) * (-1.0 if sign == "-" else 1.0)
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        return None
    size = abs(number)
    for unit_s, least, step in ((3600.0, 0.0, 0.25), (60.0, 30.0, 15.0), (1.0, 1800.0, 900.0)):
        if least <= size <= _HOURS_MAX * 3600.0 / unit_s and not size % step:
            return number * unit_s
    return None


def _threes(found: re.Match[str]) -> list[tuple[str, str, str]]:
    groups = found.groups()
    return [groups[at : at + 3] for at in range(0, len(groups), 3)]  # type: ignore[misc]  # there are nine


def zone_in(name: str) -> str | None:
    """The zone that a column's name says: an offset, or such as Europe/Berlin.

    >>> zone_in("Timestamp (UTC+1)"), zone_in("Time [Europe/Berlin]"), zone_in("Date/Time")
    ('UTC+1', 'Europe/Berlin', None)
    """
    found = _OFFSET_IN_NAME.search(name)
    if found is not None:
        return found[0].replace(" ", "").replace("\u2212", "-")
    return next((zone for zone in _ZONE_IN_NAME.findall(name) if zone in available_timezones()), None)


def letters_in(name: str) -> str | None:
    """The letters of a zone in a column's name, such as CET, which do not say it for sure."""
    found = _LETTERS_IN_NAME.search(name)
    return found[0] if found else None


def with_offset(cell: Cell, offset: Cell) -> Cell:
    """A time with the offset that its row has; what is none stands behind it, to be refused."""
    offset_s = offset_of(offset)
    if offset_s is None:
        return f"{cell} {'without an offset' if offset in (None, '') else offset}"
    sign, minutes = "-" if offset_s < 0 else "+", int(abs(offset_s)) // 60
    zone = f"{sign}{minutes // 60:02}:{minutes % 60:02}"
    return f"{cell.isoformat() if isinstance(cell, datetime) else str(cell).strip()}{zone}"
