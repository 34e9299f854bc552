"""Times and counts as operators write and read them."""

import re
from datetime import UTC, datetime

from consumer.decode.times import seconds_of
from consumer.decode.values import check_seconds, shortened
from consumer.errors import ConfigurationError, Unlearnable

_FROM_NOW = re.compile(r"\+?(\d+(?:\.\d+)?)(m|h|d|w)")
_UNITS_S = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


def moment(text: str, now_s: float) -> float:
    """Parse a time to Unix seconds: ISO 8601, UTC if it names no zone, or a duration from now.

    >>> moment("2h", 1000.0), moment("2023-11-14 22:13:20", 0.0)
    (8200.0, 1700000000.0)

    Raises: `ConfigurationError`.
    """
    try:
        if found := _FROM_NOW.fullmatch(text.strip()):
            return check_seconds(now_s + float(found[1]) * _UNITS_S[found[2]], text)
        return seconds_of(text.strip())
    except Unlearnable:
        raise ConfigurationError(
            f"{shortened(text)} is no time in the years 1 to 9999: write 2026-01-31T18:00:00Z, or with "
            "another zone such as +01:00, or a duration from now: 30m, 2h, 3d, 1w"
        ) from None


def past(text: str, option: str) -> float:
    """Parse the time of an option to Unix seconds. Raises: `ConfigurationError`."""
    try:
        return seconds_of(text)
    except Unlearnable as error:
        raise ConfigurationError(f"{option}: {error}. Write a time as 2026-01-31T12:00:00Z") from None


def shown(at_s: float | None) -> str:
    """A time to the second, in UTC; a dash if it is not known.

    >>> shown(1_700_000_000.0), shown(None)
    ('2023-11-14 22:13:20', '-')
    """
    if at_s is None:
        return "-"
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S")


def lasted(seconds_s: float | None) -> str:
    """A duration in the unit that fits; a dash if it is not known.

    >>> lasted(42.0), lasted(5000.0), lasted(90_000.0 * 9), lasted(None)
    ('42 s', '83 min', '9 d', '-')
    """
    if seconds_s is None:
        return "-"
    for unit, of_s, most in (("s", 1.0, 120.0), ("min", 60.0, 120.0), ("h", 3600.0, 72.0)):
        if abs(seconds_s) < of_s * most:
            return f"{seconds_s / of_s:.0f} {unit}"
    return f"{seconds_s / 86_400.0:.0f} d"


def pluralize(count: int, noun: str) -> str:
    """A count with its noun.

    >>> pluralize(1, "line"), pluralize(2000, "batch")
    ('1 line', '2,000 batches')
    """
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun}{'es' if noun.endswith(('s', 'ch')) else 's'}"
