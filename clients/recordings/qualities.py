"""Columns that say whether the values beside them are good: by words, OPC's codes, or true and false."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from clients.recordings.cells import Cell, CellsOfColumn, ValueReader
from clients.recordings.refusal import PassedOver
from clients.recordings.table import Column, Table

Quality = Literal["good", "uncertain", "bad"]
_NAMES = re.compile(
    r".*(?:quality|qualität|quality ?code|status|status ?code|validity)(?:_\d+)?|(?:.*[ _.:/-])?q(?:_\d+)?",
    re.IGNORECASE,
)
_FLAGS = re.compile(r"(?:.*[ _.:/-])?(?:is ?_?)?(?:good|valid)", re.IGNORECASE)
_BAD = ("bad", "error", "stale")
_UNCERTAIN = ("uncertain", "questionable", "substituted")
_WORDS = ("good", *_BAD, *_UNCERTAIN)
_CODE_MAX, _GOOD_FROM, _UNCERTAIN_FROM = 255, 192, 64
_SUBSTATUSES = {*range(8), *range(16, 23), 48, 54}
"""A code without its limit bits, as OPC DA has them."""


def is_named_like_a_quality(name: str) -> bool:
    """True for Quality, `P1 status`, IsGood and the like.

    >>> is_named_like_a_quality("DataQuality"), is_named_like_a_quality("pressure")
    (True, False)
    """
    return _NAMES.fullmatch(name.strip()) is not None or _FLAGS.fullmatch(name.strip()) is not None


def quality_by_word(cell: Cell) -> Quality:
    """The quality that a word says; none, or any other word than these, says nothing, which is good."""
    word = str("" if cell is None else cell).strip().casefold()
    return "bad" if word.startswith(_BAD) else "uncertain" if word.startswith(_UNCERTAIN) else "good"


def quality_by_code(cell: Cell) -> Quality:
    """The quality of an OPC code, of which the low byte counts; none is bad."""
    try:
        code = int(float(cell)) & 0xFF
    except (TypeError, ValueError, OverflowError):
        return "bad"
    return "good" if code >= _GOOD_FROM else "uncertain" if code >= _UNCERTAIN_FROM else "bad"


def _by_flag(cell: Cell) -> Quality:
    return "bad" if ValueReader(reads_t_and_f=True).value(cell) == 0.0 else "good"


@dataclass(frozen=True, slots=True)
class QualityColumn:
    """A column of qualities, and how its cells say them."""

    column: Column
    kind: Literal["words", "codes", "flags"]

    def of(self, cell: Cell) -> Quality:
        """The quality that a cell says."""
        if self.kind == "words":
            return quality_by_word(cell)
        return quality_by_code(cell) if self.kind == "codes" else _by_flag(cell)


def find_qualities(
    table: Table, columns: Sequence[Column], cells: Mapping[Column, CellsOfColumn]
) -> list[QualityColumn]:
    """The columns of qualities among these; numbers are looked at, whether they are codes."""
    named = [column for column in columns if is_named_like_a_quality(column.name)]
    found = [QualityColumn(one, "words") for one in named if _has_words(cells[one])]
    found += [QualityColumn(one, "flags") for one in named if _has_flags(one, cells[one])]
    others = [
        one for one in named if _may_have_codes(cells[one]) and one not in (each.column for each in found)
    ]
    return found + [QualityColumn(one, "codes") for one in _with_codes(table, others)]


def _has_words(cells: CellsOfColumn) -> bool:
    words = [word.casefold() for word in (*cells.texts, *cells.missing) if word]
    known = [word.startswith(_WORDS) for word in words]
    of_texts = (word.casefold().startswith(_WORDS) for word in cells.texts)
    return not cells.values and any(known) and all(of_texts)


def _has_flags(column: Column, cells: CellsOfColumn) -> bool:
    if not cells.values or cells.text_cells:
        return False
    is_flag = _FLAGS.fullmatch(column.name.strip()) is not None
    return (not cells.numbers and not column.name.casefold().endswith("status")) or (
        is_flag and not cells.first_of and cells.yes_and_no + cells.numbers == cells.values
    )


def _may_have_codes(cells: CellsOfColumn) -> bool:
    return bool(cells.numbers) and not cells.first_of and not cells.texts


def _with_codes(table: Table, columns: Sequence[Column]) -> Iterator[Column]:
    """Those whose numbers are all codes, one of them good."""
    if not columns:
        return
    codes: dict[Column, set[float]] = {column: set() for column in columns}
    reader = ValueReader()
    for _, row in table.read(PassedOver()):
        for column, found in codes.items():
            value = reader.value(row[column.index])
            if value is not None and len(found) <= _CODE_MAX:
                found.add(value)
    for column, found in codes.items():
        are_codes = all(
            0 <= code <= 0xFFFF and code.is_integer() and (int(code) & 0xFF) >> 2 in _SUBSTATUSES
            for code in found
        )
        if are_codes and any(quality_by_code(code) == "good" for code in found):
            yield column


def of_signals(qualities: Sequence[QualityColumn], signals: Sequence[Column]) -> dict[Column, QualityColumn]:
    """Which of them is whose in a wide table: by its name, or right of it; one alone is of all."""
    of: dict[Column, QualityColumn] = {}
    for quality in qualities:
        name = quality.column.name.casefold()
        owner = [one for one in signals if name.startswith(one.name.casefold())]
        if not owner and len(qualities) == 1:
            return dict.fromkeys(signals, quality)
        owner = owner or [one for one in signals if one.index == quality.column.index - 1]
        of |= dict.fromkeys(sorted(owner, key=lambda one: len(one.name))[-1:], quality)
    return of
