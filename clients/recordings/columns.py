"""Which columns hold the time, signals, labels or tags, decided by all of their cells."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Literal

from clients.recordings.cells import Cell, CellsOfColumn, DecimalSign, ValueReader
from clients.recordings.decimal_signs import decimal_signs
from clients.recordings.long_tables import Tags, find_tags, is_named_like_a_unit
from clients.recordings.qualities import QualityColumn, find_qualities, is_named_like_a_quality, of_signals
from clients.recordings.refusal import PassedOver, ReplayRefused, refused_cell, sample
from clients.recordings.table import Cells, Column, Table
from clients.recordings.times.finding_times import are_epochs, find_times, join_offsets, named_times
from clients.recordings.times.time_columns import TimeColumns, is_of_times, is_time
from clients.recordings.times.time_formats import zone_of
from clients.recordings.times.times_of_column import TimeReader, TimesOfColumn
from consumer.decode.signal_names import SignalKey

_NAMES_OF_LABELS = {"anomaly", "changepoint", "label", "labels", "is_anomaly", "is_changepoint"}
_NAMES_OF_INDICES = {
    "column0",
    "unnamed: 0",
    "index",
    "level_0",
    "__index_level_0__",
    "no",
    "no.",
    "nr",
    "row",
    "id",
    "record",
    "recnum",
    "entry_id",
    "#",
    "rownames",
}
_SAMPLE_ROWS = 500
_ROWS_AT_ONCE = 2048


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What is said about a recording; what is None or empty is found out."""

    time: str | None = None
    """A column, or several that make a time together, separated by commas."""
    signals: Sequence[str] = ()
    labels: str | None = None
    tag: str | None = None
    """The columns that name the signal of each row, separated by commas."""
    time_format: str | None = None
    time_zone: str | None = None
    decimal: Literal["point", "comma"] | None = None
    now_s: float | None = None
    """Times more than a day after it are refused; None: the clock's."""


def _asset_of(tag: str) -> str:
    return tag[: max(map(tag.rfind, ".:/"), default=-1)] if any(map(tag.__contains__, ".:/")) else ""


def column_names(text: str | None) -> list[str]:
    """The names that an option lists, separated by commas.

    >>> column_names("a, b")
    ['a', 'b']
    """
    return [name.strip() for name in (text or "").split(",") if name.strip()]


@dataclass(frozen=True, slots=True)
class Choice:
    """The columns of a table by their use, and how their cells are read."""

    table: Table
    time: TimeColumns
    reader: TimeReader
    signals: tuple[Column, ...]
    labels: Column | None
    left_out: tuple[Column, ...]
    """Numbers that are named like labels."""
    cells: dict[Column, CellsOfColumn]
    signs: dict[Column, DecimalSign]
    order: Literal["ascending", "descending", "mixed"]
    tags: Tags | None = None
    aside: Mapping[Column, str] = field(default_factory=dict)
    """Columns that are about the times, and why they are not read."""
    others: tuple[tuple[Column, str], ...] = ()
    """Columns that are not read, and why."""
    qualities: Mapping[Column, QualityColumn] = field(default_factory=dict)
    """Of a wide table's signals: values of bad quality are gaps."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the signals within their file: the columns', or the tags."""
        return self.tags.names if self.tags else tuple(column.name for column in self.signals)

    def signal_names(self, asset: str) -> tuple[str, ...]:
        """The names under which they are learned: a tag is a name already, a column is one of its asset's."""
        return self.tags.names if self.tags else tuple(f"{asset}.{name}" for name in self.names)

    def signal_keys(self, asset: str) -> tuple[SignalKey, ...]:
        """The same, as if one record brought the values that an asset has at one time.

        A tag's asset is what stands before its last dot, colon or slash.
        """
        if self.tags is None:
            return tuple(SignalKey(asset, signal) for signal in self.signal_names(asset))
        return tuple(SignalKey(_asset_of(tag) or tag, tag) for tag in self.tags.names)

    def value_reader(self, column: Column) -> ValueReader:
        """How the cells of a column become values."""
        cells = self.cells[column]
        return ValueReader(self.signs[column], cells.reads_t_and_f, cells.unit)


@dataclass(slots=True)
class _Looked:
    """What one pass over all rows found."""

    times: TimesOfColumn
    cells: dict[Column, CellsOfColumn]
    indices: dict[Column, int | None] = field(default_factory=dict)
    """The number that the next row of an index would have; None: it is no index."""
    rows: int = 0
    passed: PassedOver = field(default_factory=PassedOver)


def choose(table: Table, options: ReadOptions = ReadOptions()) -> Choice:  # it is frozen
    """Take the columns that are named, and find the others.

    Raises:
        ReplayRefused: A named column does not exist, what it holds cannot be read, or it is ambiguous.
    """
    label = None if options.labels is None else table.column(options.labels)
    numbered = list(islice(table.read(PassedOver()), _SAMPLE_ROWS))
    first_rows = [cells for _, cells in numbered]
    times = named_times(table, options.time) if options.time else find_times(table, first_rows)
    times, aside = join_offsets(
        table, times, numbered, options.signals, options.time_zone, options.time_format
    )
    looked = _look(table, times, options, first_rows)
    if not looked.rows:
        passed = f". Left out: {'; '.join(looked.passed.texts)}" if looked.passed.found else ""
        raise ReplayRefused(f"{table.path} has no row below its header: there is nothing to read{passed}")
    if looked.times.repeats_days:
        raise ReplayRefused(
            f"{table.path}: {times.name!r} has days alone, and most rows share one with the row before: name "
            "the column of the time of day too, such as --time DATE,TIME"
        )
    found = Choice(
        table=table,
        time=times,
        reader=looked.times.reader(time.time() if options.now_s is None else options.now_s),
        signals=(),
        labels=label,
        left_out=(),
        cells=looked.cells,
        signs=decimal_signs(
            table,
            {column: one for column, one in looked.cells.items() if column not in times.columns},
            options.decimal,
        ),
        order=_order(looked.times),
        aside=aside,
    )
    return _long(found, options, first_rows) or _wide(found, options, looked, first_rows)


def _long(found: Choice, options: ReadOptions, first_rows: Sequence[Cells]) -> Choice | None:
    """The choice for a long table; None: it is wide, or columns of it are named."""
    are_columns = bool(options.signals) and set(options.signals) <= set(found.table.names)
    if options.tag is None and (found.labels or are_columns):
        return None
    if found.labels:
        raise ReplayRefused("--tag names the column of the signals' names: --labels does not go with it")
    aside = {
        one: why
        for one in found.table.columns
        if one not in found.time.columns and (why := _no_signal(one, first_rows))
    } | dict(found.aside)
    tags = find_tags(
        found.table,
        found.time,
        found.reader,
        found.cells,
        found.signs,
        options.tag,
        aside,
        found.reader.has_shared_times,
    )
    if tags is None:
        return None
    tags = tags.only(found.table.path, options.signals) if options.signals else tags
    used = (*found.time.all_columns, *tags.columns, *tags.values, tags.quality and tags.quality.column)
    others = [
        (one, aside.get(one) or _why_not(found.cells[one], one.name))
        for one in found.table.columns
        if one not in used
    ]
    return replace(found, signals=tags.values, tags=tags, others=tuple(others))


def _wide(found: Choice, options: ReadOptions, looked: _Looked, first_rows: Sequence[Cells]) -> Choice:
    """The choice for a table with a column for each signal."""
    table, cells = found.table, found.cells
    free = [column for column in table.columns if column not in (*found.time.all_columns, found.labels)]
    named = tuple(table.column(name) for name in dict.fromkeys(options.signals))
    for column in named:
        if column in found.time.all_columns:
            raise ReplayRefused(f"{table.path}: --signals names {column.name!r}, which has the times")
        if not cells[column].values:
            raise _no_numbers(table, column, cells[column])
    numbers = [column for column in free if cells[column].holds_numbers and column not in named]
    left_out = tuple(column for column in numbers if column.name.lower() in _NAMES_OF_LABELS)
    why = dict(found.aside) | dict.fromkeys(left_out, "named like a label")
    for column in numbers:
        if looked.indices.get(column) is not None:
            why[column] = "the row's number"
        elif no_signal := _no_signal(column, first_rows):
            why[column] = no_signal
        elif named:
            why.setdefault(column, "not named")
    qualities = find_qualities(table, [column for column in free if column not in named], cells)
    of_qualities = {quality.column for quality in qualities}
    signals = named or tuple(one for one in numbers if one not in why and one not in of_qualities)
    if not signals:
        raise ReplayRefused(
            f"{table.path} has no column of numbers besides time and labels; it has {table.shown_names}. "
            f"Name the signals' columns with --signals{_gaps_alone(cells)}"
        )
    if looked.times.stands_still:
        raise ReplayRefused(
            f"{table.path}: all {looked.rows:,} rows have one time in {found.time.name!r}: "
            "name another column with --time, or export the times with all of their digits"
        )
    of_units = [
        column for column in free if is_named_like_a_unit(column.name) and len(cells[column].texts) > 1
    ]
    if len(signals) == 1 and of_units:
        (first, _), (other, seen), *_ = cells[of_units[0]].texts.items()
        raise refused_cell(
            table.path,
            seen.row,
            of_units[0].name,
            f"the values of {signals[0].name!r} are in {sample(other)}, and in {sample(first)} above. "
            "Convert them, or name the column of their tags with --tag",
        )
    qualities_of = of_signals(qualities, signals)
    used = {quality.column for quality in qualities_of.values()} | set(signals)
    others = [(one, why.get(one) or _why_not(cells[one], one.name)) for one in free if one not in used]
    return replace(found, signals=signals, left_out=left_out, others=tuple(others), qualities=qualities_of)


def _no_signal(column: Column, first_rows: Sequence[Cells]) -> str:
    """What a column of numbers is by its name, if that is no signal."""
    if column.name.lower() in _NAMES_OF_LABELS:
        return "named like a label"
    if is_of_times(column.name) and are_epochs([row[column.index] for row in first_rows]):
        return "times, as another column has them"
    return ""


def _order(times: TimesOfColumn) -> Literal["ascending", "descending", "mixed"]:
    return "ascending" if times.is_ascending else "descending" if times.is_descending else "mixed"


def chunks(table: Table, passed: PassedOver) -> Iterator[tuple[list[int], list[tuple[Cell, ...]]]]:
    """The rows of a table as columns, some at a time, with their numbers."""
    rows = table.read(passed)
    while together := list(islice(rows, _ROWS_AT_ONCE)):
        yield [row for row, _ in together], list(zip(*(cells for _, cells in together), strict=True))


def _times_of(table: Table, times: TimeColumns, options: ReadOptions) -> TimesOfColumn:
    format_, zone = options.time_format, options.time_zone or times.zone
    if format_ is not None and "%" in format_ and times.offset is not None and times.zone is None:
        format_ += "%z"
    return TimesOfColumn(table.path, times.name, format_, zone_of(zone), zone is not None)


def _look(table: Table, times: TimeColumns, options: ReadOptions, first_rows: Sequence[Cells]) -> _Looked:
    """Look at every cell once; those of written times, which hold no numbers, as times alone."""
    written = {one for one in times.columns if all(is_time(cells[one.index]) for cells in first_rows)}
    cells = {column: CellsOfColumn() for column in table.columns}
    looked = _Looked(
        _times_of(table, times, options),
        cells,
        {column: -1 for column in table.columns if column.name.casefold() in _NAMES_OF_INDICES},
    )
    counted = [column for column in table.columns if column not in written]
    for rows, columns in chunks(table, looked.passed):
        for column in counted:
            cells[column].add(rows, columns[column.index])
        for column in looked.indices:
            looked.indices[column] = _next_index(looked.indices[column], columns[column.index])
        if len(times.all_columns) == 1:
            moments: Sequence[Cell] = columns[times.columns[0].index]
        else:
            moments = [times.cell(row) for row in zip(*columns, strict=True)]
        for row, moment in zip(rows, moments, strict=True):
            looked.times.add(row, moment)
        looked.rows += len(rows)
    looked.cells = {column: one.settled() for column, one in cells.items()}
    return looked


def _next_index(expected: int | None, cells: Sequence[Cell]) -> int | None:
    for cell in cells:
        if expected is None:
            return None
        try:
            number = int(cell)
        except (TypeError, ValueError):
            return None
        if expected != number and expected != -1:
            return None
        expected = number + 1
    return expected


def _gaps_alone(cells: Mapping[Column, CellsOfColumn]) -> str:
    """Which columns have words for gaps and nothing else, for people."""
    alone = [
        f"{column.name!r} has nothing but {', '.join(map(sample, [*one.missing][:3])) or 'infinities'}"
        for column, one in cells.items()
        if (one.missing or one.not_finite) and not one.values and not one.texts and not one.moments
    ]
    return f"; {'; '.join(alone[:3])}" if alone else ""


def _why_not(cells: CellsOfColumn, name: str) -> str:
    if is_named_like_a_quality(name) and (cells.texts or cells.values):
        text = f", such as {sample(next(iter(cells.texts)))}" if cells.texts else ""
        return f"it may be a quality, but says none that is known{text}: values of any are read"
    if cells.moments or (not cells.texts and not cells.values):
        return "times" if cells.moments else "empty"
    text = next(iter(cells.texts), "")
    if cells.texts and is_time(text):
        return "times"
    if cells.values and cells.texts:
        return f"{cells.text_cells:,} texts such as {sample(text)}, and {cells.values:,} numbers"
    return f"texts, such as {sample(text)}" if cells.texts else "beside the values"


def _no_numbers(table: Table, column: Column, cells: CellsOfColumn) -> ReplayRefused:
    for text, seen in cells.texts.items():
        return refused_cell(
            table.path,
            seen.row,
            column.name,
            f"{sample(text)} is not a number, and no cell of the column is. Name the "
            "columns of signals with --signals",
        )
    return ReplayRefused(f"{table.path}: the column {column.name!r} is empty. Name others with --signals")
