"""Figures formatted for people."""

from datetime import UTC, datetime


def moment(at_s: float) -> str:
    """A time of day, UTC, to the second.

    >>> moment(1_700_000_000.7)
    '2023-11-14 22:13:20'
    """
    try:
        return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return f"{at_s:g} s"


def seconds(value: float | None) -> str:
    """Seconds as people write them.

    >>> seconds(0.4321), seconds(12.345), seconds(5400.0), seconds(None)
    ('0.43 s', '12.3 s', '90 min', '-')
    """
    if value is None:
        return "-"
    if abs(value) < 10:
        return f"{value:.2f} s"
    if abs(value) < 600:
        return f"{value:.1f} s"
    return f"{value / 60:,.0f} min" if abs(value) < 36_000 else f"{value / 3600:,.0f} h"


def count(value: float | None) -> str:
    """A count with its thousands apart; a dash if unknown.

    >>> count(1234567), count(2.5), count(None)
    ('1,234,567', '2.5', '-')
    """
    return "-" if value is None else f"{value:,.10g}"
