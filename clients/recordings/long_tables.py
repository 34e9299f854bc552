"""Long tables: a row for each value, with the name of its signal beside it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from clients.recordings.cells import Cell, CellsOfColumn, DecimalSign, ValueReader
from clients.recordings.qualities import Quality, QualityColumn, find_qualities, is_named_like_a_quality
from clients.recordings.refusal import PassedOver, ReplayRefused, refused_cell, sample
from clients.recordings.table import Cells, Column, Table
from clients.recordings.times.time_columns import TimeColumns, is_time
from clients.recordings.times.times_of_column import TimeReader

_KNOWN = {
    "tag", "tagname", "tagid", "tagindex", "signal", "signalname", "signalid", "entityid", "sensor",
    "sensorname", "sensorid", "point",
    "pointname", "pointid", "variable", "variablename", "metric", "metricname", "measurement", "series",
    "channel",
    "parameter", "parametername", "name", "key", "item", "itemname", "itemid", "attribute", "device",
    "deviceid", "alias",
    "propertyalias", "propertyid", "nodeid", "datapoint", "field", "quantity", "topic", "path",
    "machine", "machineid", "varname", "statisticid",
    "unitid", "asset", "assetid", "equipment", "equipmentid", "messstelle", "kanal", "variablenname",
}  # fmt: skip
_VALUES = {"value", "val", "state", "reading", "wert", "valor", "valeur", "vqtvalue", "messwert", "varvalue"}
_UNITS = {
    "unit",
    "units",
    "uom",
    "eu",
    "engunits",
    "engineeringunits",
    "unitofmeasure",
    "unitofmeasurement",
    "einheit",
}
_NO_TAGS = {"", "nan", "null", "none", "<na>", "nat"}
_TAGS_MAX = 100_000
_SHARED = 0.2
"""The share of rows that have the time of the row before, from which on a table is long."""


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


@dataclass(slots=True)
class _Rows:
    """How tags and times go together over all rows."""

    rows: int = 0
    shared: int = 0
    """Rows of the same time as the row before, and another tag."""
    repeated: int = 0
    """Rows of the same time and tag as one just before."""
    back_with_tag: int = 0
    """Rows earlier than the one before, where the tag changes."""
    back: int = 0
    """The same where it does not."""
    ahead_with_tag: int = 0
    """Rows later than the one before, where the tag changes."""
    ahead: int = 0
    """The same where it does not."""
    tags: dict[str, int] = field(default_factory=dict)
    _last_s: float | None = None
    _last_tag: str | None = None
    _at_this_time: set[str] = field(default_factory=set)

    def add(self, at_s: float, tag: str) -> None:
        self.rows += 1
        self.tags[tag] = self.tags.get(tag, 0) + 1
        if at_s == self._last_s:
            self.repeated += tag in self._at_this_time
            self.shared += tag not in self._at_this_time
        else:
            self._at_this_time.clear()
            if self._last_s is not None and tag == self._last_tag:
                self.back += at_s < self._last_s
                self.ahead += at_s > self._last_s
            elif self._last_s is not None:
                self.back_with_tag += at_s < self._last_s
                self.ahead_with_tag += at_s > self._last_s
        self._at_this_time.add(tag)
        self._last_s, self._last_tag = at_s, tag

    @property
    def is_long(self) -> bool:
        """Whether the tag, and nothing else, tells rows of one time apart, or stretches of rows."""
        is_shared = self.shared >= _SHARED * self.rows
        is_grouped = (self.back_with_tag > 0 and not self.back) or (
            self.ahead_with_tag > 0 and not self.ahead and self.back > 0
        )
        return len(self.tags) > 1 and not self.repeated and (is_shared or is_grouped)

    @property
    def is_numbered(self) -> bool:
        """Whether whole numbers come again and again, each once at a time: of devices, no counter."""
        are_whole = all(tag.isdecimal() for tag in self.tags)
        return (
            are_whole
            and 1 < len(self.tags) <= self.rows / 2
            and not self.repeated
            and self.is_of_one_direction
        )

    @property
    def is_of_one_direction(self) -> bool:
        """Whether rows of one tag run from the oldest to the newest, or all the other way."""
        return not (self.back and self.ahead)


def is_named_like_a_unit(name: str) -> bool:
    """True for Unit, UOM and the like."""
    return _bare(name) in _UNITS


def _bare(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())


def find_tags(
    table: Table,
    times: TimeColumns,
    reader: TimeReader,
    cells: Mapping[Column, CellsOfColumn],
    signs: Mapping[Column, DecimalSign],
    named: str | None,
    aside: Collection[Column] = (),
    is_shared: bool = False,
) -> Tags | None:
    """The tags of a long table; None: it is wide. `is_shared`: many rows have the time of the row before.

    Raises:
        ReplayRefused: It is long, and which column has the tags cannot be told.
    """
    separator = "."
    if named is not None:
        names = [named] if named in table.names else [name.strip() for name in named.split(",")]
        columns = tuple(table.column(name) for name in names)
    else:
        known = _known(table, cells) or (((), ".") if is_shared else None)
        if known is None:
            return None
        columns, separator = known
        if not columns:
            columns = _found(table, times, reader, cells, is_shared)
        if not columns:
            return None
    if (
        separator == "."
        and len(columns) == 2
        and [_bare(column.name) for column in columns] == ["assetid", "propertyid"]
    ):
        separator = ":"
    if any(column in times.all_columns for column in columns):
        raise ReplayRefused(f"{table.path}: --tag names {_names(columns)}, which has the times: name another")
    return _tags(table, times, columns, separator, cells, signs, aside)


def _known(table: Table, cells: Mapping[Column, CellsOfColumn]) -> tuple[tuple[Column, ...], str] | None:
    """Columns whose names say it; none of these: to be found. None: nothing can be tags."""
    if table.tags:
        return tuple(map(table.column, table.tags)), "."
    by_name = {column.name.casefold(): column for column in table.columns}
    if "_field" in by_name and "_measurement" in by_name:
        own = [
            column
            for name, column in by_name.items()
            if not name.startswith("_")
            and name not in ("result", "table")
            and cells[column].texts
            and not cells[column].holds_numbers
        ]
        return (by_name["_measurement"], *own, by_name["_field"]), "."
    if {"data_type", "timestamp_seconds"} <= by_name.keys():
        if "alias" in by_name and cells[by_name["alias"]].texts:
            return (by_name["alias"],), "."
        if {"asset_id", "property_id"} <= by_name.keys():
            return (by_name["asset_id"], by_name["property_id"]), ":"
    may_be = [column for column in table.columns if _may_be_tags(cells[column]) or _is_known(column)]
    return ((), ".") if may_be else None


def _is_known(column: Column) -> bool:
    return _bare(column.name) in _KNOWN


def _may_be_tags(cells: CellsOfColumn) -> bool:
    return bool(cells.texts) and not cells.holds_numbers and not is_time(next(iter(cells.texts)))


def _found(
    table: Table,
    times: TimeColumns,
    reader: TimeReader,
    cells: Mapping[Column, CellsOfColumn],
    is_shared: bool,
) -> tuple[Column, ...]:
    """The column of texts that repeats beside times."""
    texts = [
        column for column in table.columns if column not in times.all_columns and _may_be_tags(cells[column])
    ]
    not_tags = {one for one in texts if _bare(one.name) in _VALUES or is_named_like_a_quality(one.name)}
    texts = [column for column in texts if column not in not_tags]
    numbered = [
        column
        for column in table.columns
        if column not in (*times.all_columns, *texts) and _is_known(column) and cells[column].holds_numbers
    ]
    texts += numbered
    values = [
        column
        for column in table.columns
        if column not in (*times.all_columns, *texts) and cells[column].values
    ]
    unnamed: list[Column] = []
    if not texts and is_shared:
        texts = unnamed = [one for one in values if not cells[one].first_of and not cells[one].text_cells]
    if not texts or not values:
        return ()
    found = {column: _Rows() for column in texts}
    all_of_them = _Rows()
    for row, row_cells in table.read(PassedOver()):
        at_s = reader.seconds(row, times.cell(row_cells))
        for column, rows in found.items():
            rows.add(at_s, str(row_cells[column.index]).strip())
            if len(rows.tags) > _TAGS_MAX:
                rows.repeated += 1
                rows.tags.clear()
        all_of_them.add(at_s, "")
    known = [column for column in texts if _is_known(column) and column not in numbered]
    has_value = any(_bare(column.name) in _VALUES for column in values)
    for column in known:
        rows = found[column]
        is_told = len(rows.tags) > 1 or len(values) == 1 or has_value
        if is_told and not rows.repeated and (rows.is_of_one_direction or has_value):
            return (column,)
    if has_value:
        for column in numbered:
            if found[column].is_numbered:
                return (column,)
    long = [column for column in texts if found[column].is_long]
    if len(long) == 1 and not unnamed:
        return (long[0],)
    if unnamed:  # numbers alone: those that come again and again may be tags
        long = texts = [column for column in long if found[column].is_numbered]
    if len(long) > 1 or (texts and all_of_them.repeated >= _SHARED * all_of_them.rows):
        names = ", ".join(repr(column.name) for column in long or texts)
        raise ReplayRefused(
            f"{table.path} has several rows of one time, and {names} may tell them apart: name the "
            "columns that name the signals with --tag COLUMN or --tag COLUMN,COLUMN; or those of values with "
            "--signals, if each row has a value of every signal"
        )
    return ()


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
    by_name = [column for column in values if _bare(column.name) in _VALUES]
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
        ValueReader(signs[column], cells[column].reads_t_and_f, cells[column].unit) for column in values
    ]
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
            numbers[name] = reader.value(row_cells[column.index]) is not None or numbers.get(name, False)
        if len(numbers) > _TAGS_MAX:
            raise ReplayRefused(f"{table.path}: {_names(columns)} has more than {_TAGS_MAX:,} different tags")
    names = tuple(name for name, has_one in numbers.items() if has_one)
    if not names:
        raise ReplayRefused(f"{table.path} has no number in {_names(values)}")
    without = tuple(name for name, has_one in numbers.items() if not has_one)
    return replace(tags, names=names, without_numbers=without)


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
