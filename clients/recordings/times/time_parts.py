"""Times in several columns: year, month, day, hour, minute, second; digits of a clock; thousandths."""

import re
from collections.abc import Sequence

from clients.recordings.cells import Cell
from clients.recordings.table import Column

_PARTS = (
    {"year", "yyyy", "yy", "yr", "jahr", "an", "année", "annee", "año", "ano", "anno", "jaar"},
    {"month", "mon", "mo", "monat", "mois", "mes", "mese", "maand"},
    {"day", "dd", "dy", "tag", "jour", "día", "dia", "giorno", "dag", "dayofmonth"},
    {"hour", "hours", "hh", "hr", "stunde", "heure", "hora", "ora", "uur"},
    {"minute", "minutes", "min", "mn", "minuto", "minuut"},
    {"second", "seconds", "sec", "ss", "sekunde", "seconde", "segundo", "secondo"},
)
_MONTH, _HOUR, _MINUTE = 1, 3, 4
_THOUSANDTHS = {
    "millitm", "ms", "msec", "msek", "millis", "milli", "millisecond", "milliseconds", "millisekunde",
    "millisekunden", "milliseconde", "millisecondes", "milisegundo", "milisegundos", "timems",
}  # fmt: skip
_CLOCKS = {"time", "timeofday", "hhmm", "hhmmss", "clock", "uhrzeit", "zeit", "hora", "heure", "ora", "tijd"}
_CENTURY = 70
"""Years of two digits below it are of this century."""


def _bare(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def parts_of_times(columns: Sequence[Column]) -> list[Column | None]:
    """The columns of year, month, day, hour, minute and second, in this order, by their names.

    `mm` has minutes where it is right of the hours, else months; `min` beside `max` has no minutes.
    """
    has_max = any(_bare(column.name).startswith("max") for column in columns)
    found: list[Column | None] = [None] * len(_PARTS)
    before = -1
    for column in columns:
        name = _bare(column.name)
        part = next((at for at, names in enumerate(_PARTS) if name in names), -1)
        if name == "mm":
            part = _MINUTE if before == _HOUR else _MONTH
        if name == "min" and has_max:
            part = -1
        if part >= 0 and found[part] is None:
            found[part] = column
        before = part
    return found


def is_named_like_thousandths(name: str) -> bool:
    """True for columns of milliseconds beside a time, such as FactoryTalk's Millitm."""
    return _bare(name) in _THOUSANDTHS


def is_named_like_a_clock(name: str) -> bool:
    """True for columns that may have times of day in digits alone."""
    return _bare(name) in _CLOCKS


def are_clocks(cells: Sequence[Cell]) -> bool:
    """Whether all are HHMM, or all HHMMSS, with their zeros."""
    texts = [str(cell).strip() for cell in cells]
    pattern = re.compile(r"(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?", re.ASCII)
    return len(set(map(len, texts))) == 1 and all(map(pattern.fullmatch, texts))


def day_of_parts(year: str, month: str, day: str) -> str:
    """A day as ISO 8601 has it.

    >>> day_of_parts("24", "3", "1")
    '2024-03-01'
    """
    if len(year) <= len("24") and year.isdecimal():
        year = f"{'20' if int(year) < _CENTURY else '19'}{year:>02}"
    return "-".join((year, month.rjust(2, "0"), day.rjust(2, "0")))


def clock_of_parts(parts: Sequence[str]) -> str:
    """A time of day of hour, minute and second, as many as there are.

    >>> clock_of_parts(["7"]), clock_of_parts(["7", "5", "2.5"]), clock_of_parts(["07:05"])
    ('07:00', '07:05:02.5', '07:05')
    """
    if len(parts) == 1 and ":" in parts[0]:
        return parts[0]
    padded = [f"0{part}" if len(part.partition(".")[0]) == 1 else part for part in parts]
    return ":".join(padded if len(padded) > 1 else [*padded, "00"])
