"""The days that three parts of a date may mean: of two numbers nobody can say which is the month."""

from datetime import date
from functools import lru_cache
from typing import Literal

Order = Literal["DMY", "MDY", "YMD"]
"""What comes first in a date of three numbers: the day, the month or the year."""

_MONTHS = {
    name: month
    for month, names in enumerate(
        (
            "jan january januar jänner ene enero janv janvier gen gennaio",
            "feb february februar febrero févr février fevr fevrier febbraio",
            "mar march mär märz maerz mrz marzo mars",
            "apr april abr abril avr avril aprile",
            "may mai mayo mag maggio",
            "jun june juni junio juin giu giugno",
            "jul july juli julio juil juillet lug luglio",
            "aug august ago agosto août aout",
            "sep sept september septiembre septembre set settembre",
            "oct october okt oktober octubre octobre ott ottobre",
            "nov november noviembre novembre",
            "dec december dez dezember dic diciembre déc décembre decembre dicembre",
        ),
        1,
    )
    for name in names.split()
}


@lru_cache(4096)
def days_of(a: str, b: str, c: str) -> dict[Order | None, float]:
    """The days that three parts of a date may mean, by their order."""
    months = [_MONTHS.get(part.casefold()) for part in (a, b)]
    tried: list[tuple[Order | None, int | None, int | None, str]]
    if not a.isdecimal():
        tried = [(None, months[0], int(b) if b.isdecimal() else None, c)]
    elif not b.isdecimal():
        tried = [(None, months[1], int(c), a) if len(a) == 4 else (None, months[1], int(a), c)]
    elif len(c) == 1:
        tried = [(None, int(b), int(c), a)] if len(a) == 4 else []
    elif len(a) == 4:
        tried = [(None, int(b), int(c), a)]
    elif len(a) == 3:
        tried = []
    else:
        tried = [("DMY", int(b), int(a), c), ("MDY", int(a), int(b), c)]
        if len(c) == 2 and len(a) == 2:
            tried.append(("YMD", int(b), int(c), a))
    days: dict[Order | None, float] = {}
    for order, month, day, year in tried:
        if month is None or day is None:
            continue
        try:
            days[order] = began_s(_year(year), month, day)
        except ValueError:
            continue
    return days


def _year(text: str) -> int:
    year = int(text)
    return year if len(text) == 4 else year + (2000 if year < 69 else 1900)


@lru_cache(4096)
def began_s(year: int, month: int, day: int) -> float:
    """When a day began, in seconds since 1970. Raises: `ValueError` if there is no such day."""
    return (date(year, month, day).toordinal() - 719_163) * 86_400.0
