"""Times as programs print them, rewritten in the forms that `times` reads.

Java, .NET, JavaScript, Go and databases each have a form of their own: the zone before the year, what people
call the zone behind its offset, a day of the year. Of the names of zones, only UTC, GMT, UT and Z mean the
same everywhere: others are not read.
"""

import re
from collections.abc import Callable
from datetime import date, timedelta

_LENGTH_MAX = 200
_MARKS = str.maketrans({"\u2212": "-", "\u2010": "-", "\u2011": "-", "\u200e": None, "\u200f": None})
_TIME = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?[ap]\.?m\.?)?"
_ZONE = r"(?:(?:UTC|GMT|UT)(?: ?[+-]\d{1,2}(?::?\d\d)?)?|Z|[+-]\d\d(?::?\d\d)?)"
_NAMED_ZONE = re.compile(rf"{_TIME} ?(?P<zone>[a-z]{{3,5}})(?: \d{{4}})?\Z", re.IGNORECASE)

Rewrite = str | Callable[["re.Match[str]"], str]


def _in_seconds(found: "re.Match[str]") -> str:
    digits = found[2].rjust(4, "0")
    return f"{found[1]}{digits[:-3]}.{digits[-3:]}"


def _day_of_year(found: "re.Match[str]") -> str:
    try:
        day = date(int(found[1]), 1, 1) + timedelta(days=int(found[2]) - 1)
    except (ValueError, OverflowError):
        return found[0]
    return day.isoformat() if day.year == int(found[1]) else found[0]


# In this order: one may leave what the next rewrites.
_REWRITTEN: tuple[tuple[str, Rewrite], ...] = (
    # .NET's JSON: /Date(1700000000000+0100)/; the offset is how it was shown, and the number is of UTC.
    (r"\A\\?/Date\((-?)(\d{1,15})(?:[+-]\d{4})?\)\\?/\Z", _in_seconds),
    # Go's clock since the start; what JavaScript, Java and Go call the zone behind its offset.
    (r" m=[+-]\d+\.\d+\Z", ""),
    (r"([+-]\d\d(?::?\d\d)?|Z)(?: ?\([^()]*\)| ?\[[^\[\]]*\]| [A-Z]{3,5})\Z", r"\1"),
    # Java's Date.toString(), and what the command `date` prints: the zone before the year, or the time.
    (
        rf"\A((?:[^\W\d_]+,? )?(?:[^\W\d_]+ \d{{1,2}}|\d{{1,2}} [^\W\d_]+)) ({_TIME}) ({_ZONE}) (\d{{4}})\Z",
        r"\1 \4 \2 \3",
    ),
    (rf"\A((?:[^\W\d_]+,? )?\d{{1,2}} [^\W\d_]+) ({_TIME}) (\d{{4}})\Z", r"\1 \3 \2"),
    (r"(\d) ?UT\Z", r"\1 UTC"),
    (r"((?:UTC|GMT) ?[+-])(\d(?::\d\d)?)\Z", r"\g<1>0\2"),
    # A day of the year: 2023-318.
    (r"\A(\d{4})-(\d{3})(?=\D|\Z)", _day_of_year),
    # SAS and Oracle: 14NOV2023.
    (r"\A(\d{1,2})([^\W\d_]{3,})(\d{4}|\d\d)(?=\D|\Z)", r"\1-\2-\3"),
    # Db2, kdb+ and the names of files: 2023-11-14-22.13.20, 2023.11.14D22:13:20, 2023-11-14_22-13-20.
    (r"\A(\d{4}-\d\d-\d\d)-(\d\d)\.(\d\d)\.(\d\d)", r"\1 \2:\3:\4"),
    (r"\A(\d{4}\.\d\d\.\d\d)D(?=\d\d:)", r"\1 "),
    (r"\A(\d{4}-\d\d-\d\d)[ T_](\d\d)-(\d\d)-(\d\d)(?=\D|\Z)", r"\1 \2:\3:\4"),
    # Words between and behind.
    (r"(?<=\d),? (?:at|à|um) (?=\d)", " "),
    (r"(?<=\d) ?Uhr\Z", ""),
)
_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), rewrite) for pattern, rewrite in _REWRITTEN)


def rewritten(text: str) -> str | None:
    """The same time in another form; None: there is none.

    >>> rewritten("Tue Nov 14 22:13:20 UTC 2023"), rewritten("/Date(1700000000123)/")
    ('Tue Nov 14 2023 22:13:20 UTC', '1700000000.123')
    """
    if len(text) > _LENGTH_MAX:
        return None
    found = " ".join(text.translate(_MARKS).split())
    for pattern, rewrite in _PATTERNS:
        found = pattern.sub(rewrite, found, count=1)
    return None if found == text else found


def zone_named(text: str) -> str | None:
    """The name of a zone that is not read.

    >>> zone_named("Tue Nov 14 23:13:20 CET 2023")
    'CET'
    """
    found = _NAMED_ZONE.search(text)
    return None if found is None else found["zone"]
