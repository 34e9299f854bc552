"""Long tables: a row for each value, with the name of its signal beside it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from clients.recordings.cell_words import YES_AND_NO
from clients.recordings.cells import Cell, CellsOfColumn, DecimalSign, Seen, ValueReader
from clients.recordings.refusal import PassedOver, ReplayRefused, refused_cell, sample
from clients.recordings.table import Cells, Column, Table
from clients.recordings.tags.finding_tags import (
    bare,
    found_tags,
    is_named_like_a_unit,
    is_named_like_a_value,
    tags_by_name,
)
from clients.recordings.tags.qualities import Quality, QualityColumn, find_qualities
from clients.recordings.times.time_columns import TimeColumns
from clients.recordings.times.times_of_column import TimeReader

_NO_TAGS = {"", "nan", "null", "none", "<na>", "nat"}
_TAGS_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Tags:
    """The columns of a long table by their use, and the signals in it."""

    columns: tuple[Column, ...]
    values: tuple[Column, ...]
    names: tuple[str, ...]
    """Of the signals that have a number; with several columns of values, `tag.column`."""
    without_numbers: tuple[str, ...]
    not_named: tuple[str, ...] = ()
    """Signals of the table that were not asked for."""
    separator: str = "."
    quality: QualityColumn | None = None
    measured: frozenset[str] = frozenset()
    """Signals with other numbers than 0 and 1, of which yes and no are gaps."""

    def only(self, path: Path, signals: Sequence[str]) -> "Tags":
        """The same, with these signals alone. Raises: `ReplayRefused` if one is not there."""
        for signal in signals:
            if signal not in self.names:
                shown = ", ".join(map(repr, self.names[:10]))
                raise ReplayRefused(f"{path} has no signal {signal!r}; it has {shown}")
        others = tuple(name for name in self.names if name not in signals)
        return replace(self, names=tuple(dict.fromkeys(signals)), not_named=others)

    def tag_of(self, cells: Cells) -> str:
        """The tag of a row."""
        return self.separator.join(str(cells[column.index]).strip() for column in self.columns)

    def name(self, tag: str, column: Column) -> str:
        """The signal's name."""
        return tag if len(self.values) == 1 else f"{tag}.{column.name}"

    def quality_of(self, cells: Cells) -> Quality:
        """The quality of a row; where it says none, good."""
        return "good" if self.quality is None else self.quality.of(cells[self.quality.column.index])


def find_tags(
    table: Table,
    times: TimeColumns,
    reader: TimeReader,
    cells: Mapping[Column, CellsOfColumn],
    signs: Mapping[Column, DecimalSign],
    named: str | None,
    aside: Collection[Column] = (),
    is_shared: bool = False,
    is_mixed: bool = False,
) -> Tags | None:
    """The tags of a long table; None: it is wide.

    `is_shared`: many rows have the time of the row before; `is_mixed`: some are earlier.

    Raises:
        ReplayRefused: It is long, and which column has the tags cannot be told.
    """
    separator = "."
    if named is not None:
        names = [named] if named in table.names else [name.strip() for name in named.split(",")]
        columns = tuple(table.column(name) for name in names)
    else:
        found = tags_by_name(table, cells) or found_tags(table, times, reader, cells, is_shared, is_mixed)
        if found is None:
            return None
        columns, separator = found
    if (
        separator == "."
        and len(columns) == 2
        and [bare(column.name) for column in columns] == ["assetid", "propertyid"]
    ):
        separator = ":"
    if any(column in times.all_columns for column in columns):
        raise ReplayRefused(f"{table.path}: --tag names {_names(columns)}, which has the times: name another")
    return _tags(table, times, columns, separator, cells, signs, aside)


def _tags(
    table: Table,
    times: TimeColumns,
    columns: tuple[Column, ...],
    separator: str,
    cells: Mapping[Column, CellsOfColumn],
    signs: Mapping[Column, DecimalSign],
    aside: Collection[Column],
) -> Tags:
    free = [column for column in table.columns if column not in (*times.all_columns, *columns)]
    qualities = find_qualities(table, free, cells)
    not_values = {each.column for each in qualities} | set(aside)
    values = [column for column in free if column not in not_values and cells[column].values]
    by_name = [column for column in values if is_named_like_a_value(column.name)]
    values = by_name or [
        column
        for column in values
        if cells[column].holds_numbers and column.name != f"column{column.index}"  # it had no name
    ]
    if not table.tags and {"result", "table"} <= set(table.names):
        values = [column for column in values if column.name not in ("result", "table")]
    if not values:
        raise ReplayRefused(f"{table.path} has no column of numbers beside {times.name!r} and the tags")
    quality = qualities[0] if qualities else None
    tags = Tags(columns, tuple(values), (), (), (), separator, quality)
    readers = [
        ValueReader(signs[column], cells[column].words | YES_AND_NO, cells[column].unit) for column in values
    ]
    words = _WordsOfTags()
    numbers: dict[str, bool] = {}
    units = [_UnitsOfTags(column) for column in free if is_named_like_a_unit(column.name)]
    for row, row_cells in table.read(PassedOver()):
        tag = tags.tag_of(row_cells)
        for unit in units:
            unit.check(table.path, row, tag, row_cells)
        if tag.strip(separator).casefold() in _NO_TAGS:
            raise ReplayRefused(
                f"{table.path}, row {row}: there is no tag in {_names(columns)}. Remove the row"
            )
        for column, reader in zip(values, readers, strict=True):
            name = tags.name(tag, column)
            value = reader.value(row_cells[column.index])
            numbers[name] = value is not None or numbers.get(name, False)
            if value is not None:
                words.add(row, name, column, value, row_cells[column.index])
        if len(numbers) > _TAGS_MAX:
            raise ReplayRefused(f"{table.path}: {_names(columns)} has more than {_TAGS_MAX:,} different tags")
    names = tuple(name for name, has_one in numbers.items() if has_one)
    if not names:
        raise ReplayRefused(f"{table.path} has no number in {_names(values)}")
    without = tuple(name for name, has_one in numbers.items() if not has_one)
    for column in values:
        cells[column].texts |= words.gaps(column)
    return replace(tags, names=names, without_numbers=without, measured=frozenset(words.measured))


@dataclass(slots=True)
class _WordsOfTags:
    """Yes and no are values of one tag, and gaps of another that has other numbers than 0 and 1."""

    measured: set[str] = field(default_factory=set)
    _seen: dict[Column, dict[tuple[str, str], Seen]] = field(default_factory=dict)

    def add(self, row: int, name: str, column: Column, value: float, cell: Cell) -> None:
        if value not in (0.0, 1.0):
            self.measured.add(name)
        elif isinstance(cell, str | bool) and (text := str(cell).strip()).isalpha():
            self._seen.setdefault(column, {}).setdefault((name, text), Seen(0, row)).times += 1

    def gaps(self, column: Column) -> dict[str, Seen]:
        """The words of all tags that are gaps."""
        found: dict[str, Seen] = {}
        for (name, text), seen in self._seen.get(column, {}).items():
            if name in self.measured:
                found.setdefault(text, Seen(0, seen.row)).times += seen.times
        return found


@dataclass(slots=True)
class _UnitsOfTags:
    """The unit of each tag, which is one."""

    column: Column
    found: dict[str, tuple[int, Cell]] = field(default_factory=dict)

    def check(self, path: Path, row: int, tag: str, cells: Cells) -> None:
        unit = cells[self.column.index]
        if unit is None or unit == "":
            return
        first_row, first = self.found.setdefault(tag, (row, unit))
        if unit != first:
            raise refused_cell(
                path,
                row,
                self.column.name,
                f"the values of {tag!r} are in {sample(unit)}, and in {sample(first)} in row {first_row}. "
                "Convert them, or give them tags of their own",
            )


def _names(columns: Sequence[Column]) -> str:
    return ", ".join(repr(column.name) for column in columns)
