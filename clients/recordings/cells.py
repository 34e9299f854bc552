"""What a cell holds: a number as some locale writes it, yes or no, a word for a gap, or another text."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import compress
from typing import Any, Literal

Cell = Any
"""A text of CSV; of JSON and Parquet also a number, a boolean, a moment, or None."""
DecimalSign = Literal[".", ","]

MISSING = frozenset(
    word.casefold()
    for word in (
        # spreadsheets, pandas, R, SQL, JSON
        "", "NaN", "-NaN", "NA", "N/A", "n.a.", "<NA>", "NaT", "null", "(null)", "none", "nil",
        "missing", "\\N",
        "#N/A", "#N/A N/A", "#NA", "#VALUE!", "#REF!",
        "#DIV/0!", "#NUM!", "#NAME?", "#NULL!", "-1.#IND", "1.#QNAN",
        "-", "--", "---", "?", ".", "..", "...", "*", "undefined", "empty",
        # historians: states of a point or of its interface
        "Bad", "Bad Input", "Bad Data", "Bad Quality",
        "Bad Value", "No Data", "NoData", "No Good Data", "No Result",
        "No Value", "No Sample", "No Input", "I/O Timeout",
        "IO Timeout", "Timeout", "Comm Fail", "Comm Error",
        "Pt Created", "Shutdown", "Intf Shut", "Scan Off", "Scan Timeout", "Configure", "Config Error",
        "Calc Failed", "Calc Off", "Calc Overflow",
        "Not Connect", "Not Connected", "Out of Serv", "Out of Service",
        "Over Range", "Under Range", "Over", "Under",
        "Access Denied", "Arc Off-line", "Offline", "Error", "Err",
        "Invalid", "Invalid Data", "Failed", "Device Failure", "Sensor Failure", "Equip Fail", "Unit Down",
        "Intf Not Run", "Doubtful", "Blank", "Unavailable", "Unknown", "Not Available", "Filter Tag",
    )
)  # fmt: skip
"""Words that say there is no value, in small letters."""
_YES = "true yes on wahr ja ein vrai oui vero verdadero sí si"
_NO = "false no off falsch nein aus faux non falso"
_YES_AND_NO = dict.fromkeys(_YES.split(), 1.0) | dict.fromkeys(_NO.split(), 0.0)
_T_AND_F = {"t": 1.0, "f": 0.0, "y": 1.0, "n": 0.0}
"""Read so only where a column has no other texts."""
_NOT_FINITE = frozenset({"inf", "+inf", "-inf", "infinity", "-infinity", "+infinity", "∞", "-∞"})

_PLAIN = frozenset("0123456789.+-eE")
_PLAIN_WITH_COMMA = _PLAIN | {","}
_GROUP_SIGNS = " '\u2019\u00a0\u2007\u2009\u202f"
"""Besides points and commas, what stands between thousands: blanks of any width, apostrophes."""
_EXPONENT = r"(?:[eE][+-]?\d+)?"
_GROUPS = {
    sign: rf"[+-]?(?!0)\d{{1,3}}(?:([{other}{_GROUP_SIGNS}])\d{{3}})(?:\1\d{{3}})*"
    for sign, other in ((".", ","), (",", "."))
}
_NUMBERS = {
    sign: re.compile(
        rf"[+-]?(?:\d+(?:{re.escape(sign)}\d*)?|{re.escape(sign)}\d+){_EXPONENT}|{_GROUPS[sign]}(?:{re.escape(sign)}\d+)?",
        re.ASCII,
    )
    for sign in (".", ",")
}
_MAY_BE_GROUPED = re.compile(r"[+-]?(?!0)\d{1,3}(?:\.\d{3})+", re.ASCII)
_NOT_GROUPED = re.compile(rf"^(?!{_MAY_BE_GROUPED.pattern}$).*\.", re.ASCII | re.MULTILINE)
"""Among lines, the first with a dot that cannot be one of thousands."""
_COMMAS = {
    "?": re.compile(r"^[+-]?(?!0)\d{1,3},\d{3}$", re.ASCII | re.MULTILINE),
    ",": re.compile(r"^(?![+-]?(?!0)\d{1,3},\d{3}$).*,", re.ASCII | re.MULTILINE),
}
"""Among lines, the first with a comma that may be one of thousands, and the first with one that cannot."""
_WITH_UNIT = re.compile(  # 1.5D+02 is Fortran's exponent, and 0x10 sixteen: D+02 and x10 are no units
    rf"([+\-\u2212]?[\d.,{_GROUP_SIGNS}]*\d)\s*"
    r"((?![DdQqXx][+-]?\d)[%°µμΩ€$A-Za-z][^\s]{0,15})"
)
_TEXTS_MAX = 1000


def number_of(text: str, sign: DecimalSign) -> float | None:
    """The number that a text is with this decimal sign; None: it is none.

    >>> number_of("1.234,5", ","), number_of("1.234,5", "."), number_of("1 234.5", ".")
    (1234.5, None, 1234.5)
    """
    text = text.replace("\u2212", "-")
    if not _NUMBERS[sign].fullmatch(text):
        return None
    if sign == ",":
        text = text.replace(".", "").replace(",", ".")
    for group in "," + _GROUP_SIGNS:
        text = text.replace(group, "")
    return float(text)


def is_number(text: str) -> bool:
    """True for a number with either decimal sign."""
    return number_of(text, ".") is not None or number_of(text, ",") is not None


@dataclass(slots=True)
class Seen:
    """A text among numbers: how often, and where first."""

    times: int
    row: int


@dataclass(slots=True)
class CellsOfColumn:
    """What all cells of one column hold, counted in one pass."""

    numbers: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    """Words for gaps as they are written, the empty cell included."""
    texts: dict[str, Seen] = field(default_factory=dict)
    """Others, up to a thousand different ones."""
    other_texts: int = 0
    yes_and_no: int = 0
    t_and_f: Counter[str] = field(default_factory=Counter)
    not_finite: int = 0
    moments: int = 0
    unit: str = ""
    """What stands behind each number: they are read without it."""
    first_of: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Where a number can be read with a point alone, with a comma alone, or as two different ones."""
    _dots_may_group: bool = True
    _has_dots: tuple[int, str] | None = None
    _units: Counter[str] = field(default_factory=Counter)
    _before_units: "CellsOfColumn | None" = None
    """The numbers in texts that are a number and a unit."""

    def add(self, rows: Sequence[int], cells: Sequence[Cell]) -> None:
        """Count some more cells."""
        if self._add_plain(rows, cells):
            return
        plain = [
            type(cell) is str and cell[-1:].isdecimal() and _PLAIN_WITH_COMMA.issuperset(cell)
            for cell in cells
        ]
        numbers = [list(compress(each, plain)) for each in (rows, cells)]
        if len(numbers[0]) == len(cells) or not (numbers[0] and self._add_plain(*numbers)):
            plain = [False] * len(cells)
        for row, cell, is_counted in zip(rows, cells, plain, strict=True):
            if not is_counted:
                self._add_one(row, cell)

    def _add_plain(self, rows: Sequence[int], cells: Sequence[Cell]) -> bool:
        kinds = set(map(type, cells))
        if kinds == {str}:
            joined = "".join(cells)
            if not _PLAIN.issuperset(joined):
                return self._add_with_commas(rows, cells, joined)
            try:
                numbers = list(map(float, cells))
            except ValueError:
                return False
        elif kinds <= {float, int}:
            try:
                numbers = list(map(float, cells))
            except OverflowError:
                return False
        else:
            return False
        if not math.isfinite(sum(numbers)) and not all(map(math.isfinite, numbers)):
            return False
        self.numbers += len(cells)
        if kinds == {str} and self._dots_may_group and "." in joined:
            self._look_at_column_of_dots(rows, cells)
        return True

    def _add_with_commas(self, rows: Sequence[int], cells: Sequence[str], joined: str) -> bool:
        """Count numbers that all have decimal commas, or none, if they do."""
        if "." in joined or not _PLAIN_WITH_COMMA.issuperset(joined):
            return False
        lines = "\n".join(cells)
        try:
            numbers = list(map(float, lines.replace(",", ".").split("\n")))
        except ValueError:
            return False
        if not all(map(math.isfinite, numbers)):
            return False
        self.numbers += len(cells)
        for sign, pattern in _COMMAS.items():
            found = None if sign in self.first_of else pattern.search(lines)
            if found is not None:
                at = lines.count("\n", 0, found.start())
                self._note(sign, rows[at], cells[at])
        return True

    def _look_at_column_of_dots(self, rows: Sequence[int], cells: Sequence[str]) -> None:
        lines = "\n".join(cells)
        found = _NOT_GROUPED.search(lines)
        at = lines.find(".") if found is None else found.start()
        number = lines.count("\n", 0, at)
        self._look_at_dots(rows[number], cells[number])

    def _note(self, sign: str, row: int, text: str) -> None:
        """Keep the first that can be read so: plain numbers are looked at before the others of their rows."""
        if sign not in self.first_of or row < self.first_of[sign][0]:
            self.first_of[sign] = (row, text)

    def _look_at_dots(self, row: int, cell: str) -> None:
        if "." in cell:
            if self._has_dots is None or row < self._has_dots[0]:
                self._has_dots = (row, cell)
            if not _MAY_BE_GROUPED.fullmatch(cell):
                self._dots_may_group = False
                self._note(".", row, cell)

    def _add_one(self, row: int, cell: Cell) -> None:
        if cell is None:
            self.missing[""] += 1
        elif isinstance(cell, bool):
            self.yes_and_no += 1
        elif isinstance(cell, int | float | Decimal):
            self._count_number(_finite(cell))
        elif isinstance(cell, date | datetime):
            self.moments += 1
        elif isinstance(cell, str):
            self._add_text(row, cell)
        else:
            self._count_text(row, str(cell))

    def _count_number(self, number: float | None) -> None:
        if number is None:
            self.not_finite += 1
        else:
            self.numbers += 1

    def _add_text(self, row: int, cell: str) -> None:
        text = cell.strip()
        point, comma = number_of(text, "."), number_of(text, ",")
        if point is not None or comma is not None:
            self._count_number(_finite(point if point is not None else comma or 0.0))
            if comma is None:
                self._dots_may_group = False
                self._note(".", row, text)
            elif point is None:
                self._note(",", row, text)
            elif point != comma:
                if "," in text:
                    self._note("?", row, text)
                else:
                    self._look_at_dots(row, text)
            return
        word = text.casefold()
        if word in MISSING:
            self.missing[text] += 1
        elif word in _YES_AND_NO:
            self.yes_and_no += 1
        elif word in _NOT_FINITE:
            self.not_finite += 1
        elif word in _T_AND_F:
            self.t_and_f[word] += 1
            self._count_text(row, text)
        else:
            self._count_text(row, text)
            with_unit = _WITH_UNIT.fullmatch(text)
            if with_unit is not None:
                self._units[with_unit[2]] += 1
                self._before_units = self._before_units or CellsOfColumn()
                self._before_units.add([row], [with_unit[1].strip()])

    def settled(self) -> "CellsOfColumn":
        """The same, after all cells: a column whose numbers all have one unit behind them has numbers."""
        bare = self._before_units
        if bare is None or self.values or len(self._units) > 1 or bare.numbers != self._units.total():
            return self
        (unit,) = self._units
        others = {text: seen for text, seen in self.texts.items() if not _WITH_UNIT.fullmatch(text)}
        bare.other_texts = self.text_cells - bare.numbers - sum(seen.times for seen in others.values())
        bare.missing, bare.not_finite, bare.moments = self.missing, self.not_finite, self.moments
        bare.texts, bare.unit = others, unit
        return bare

    def _count_text(self, row: int, text: str) -> None:
        seen = self.texts.get(text)
        if seen is not None:
            seen.times += 1
        elif len(self.texts) < _TEXTS_MAX:
            self.texts[text] = Seen(1, row)
        else:
            self.other_texts += 1

    @property
    def text_cells(self) -> int:
        """Cells with a text that is no word for a gap."""
        return 0 if self.reads_t_and_f else sum(seen.times for seen in self.texts.values()) + self.other_texts

    @property
    def reads_t_and_f(self) -> bool:
        """Whether `t` and `f`, or `y` and `n`, are all the texts that there are."""
        words = set(self.t_and_f)
        return (
            bool(words)
            and {text.casefold() for text in self.texts} == words
            and (words <= {"t", "f"} or words <= {"y", "n"})
        )

    @property
    def values(self) -> int:
        """Cells with a value."""
        return self.numbers + self.yes_and_no + (self.t_and_f.total() if self.reads_t_and_f else 0)

    @property
    def holds_numbers(self) -> bool:
        """Whether it is a signal's: values, and rarely a text among them."""
        return self.values > 0 and self.values >= self.text_cells + self.moments

    @property
    def has_comma_only(self) -> bool:
        """Whether a number of it has a decimal comma for sure."""
        return "," in self.first_of

    @property
    def dots_may_group(self) -> tuple[int, str] | None:
        """A number such as 1.234, if all with a dot are such: after a decimal comma it is 1,234 for sure."""
        return self._has_dots if self._dots_may_group else None


def _finite(number: float | Decimal) -> float | None:
    try:
        found = float(number)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


@dataclass(frozen=True, slots=True)
class ValueReader:
    """Reads the cells of a column as it was found to be written; None where there is no value."""

    sign: DecimalSign = "."
    reads_t_and_f: bool = False
    unit: str = ""

    def column(self, cells: Sequence[Cell]) -> list[float | None]:
        """The values of some cells."""
        plain = _PLAIN if self.sign == "." else _PLAIN_WITH_COMMA - {"."}
        if set(map(type, cells)) == {str} and plain.issuperset("".join(cells)):
            try:
                numbers = list(map(float, "\n".join(cells).replace(",", ".").split("\n")))
            except ValueError:
                pass
            else:
                if all(map(math.isfinite, numbers)):
                    return [*numbers]
        return [
            _plain_number(cell) if type(cell) is str and plain.issuperset(cell) else self.value(cell)
            for cell in cells
        ]

    def value(self, cell: Cell) -> float | None:
        """The value of one cell."""
        if isinstance(cell, str):
            return _value_of_text(cell, self.sign, self.reads_t_and_f, self.unit)
        if isinstance(cell, bool | int | float | Decimal):
            return _finite(cell)
        return None


def _plain_number(cell: str) -> float | None:
    """The value of a text of digits, signs, and points or commas, as `number_of` has it."""
    try:
        return _finite(float(cell.replace(",", ".")))
    except ValueError:
        return None


@lru_cache(50_000)
def _value_of_text(cell: str, sign: DecimalSign, reads_t_and_f: bool, unit: str) -> float | None:
    text = cell.strip().removesuffix(unit).rstrip()
    number = number_of(text, sign)
    if number is not None:
        return _finite(number)
    word = text.casefold()
    found = _YES_AND_NO.get(word)
    return _T_AND_F.get(word) if found is None and reads_t_and_f else found
