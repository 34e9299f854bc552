"""Finds the columns that name the signal of each row of a long table: by their names, and by their cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from clients.recordings.cells import CellsOfColumn
from clients.recordings.refusal import PassedOver, ReplayRefused
from clients.recordings.table import Column, Table
from clients.recordings.tags.qualities import is_named_like_a_quality
from clients.recordings.times.time_columns import TimeColumns, is_time
from clients.recordings.times.times_of_column import TimeReader

Found = tuple[tuple[Column, ...], str]
"""Columns, and what stands between their cells in a signal's name."""
_KNOWN = {
    "tag", "tagname", "tagid", "tagindex", "signal", "signalname", "signalid", "entityid", "sensor",
    "sensorname", "sensorid", "point", "pointname", "pointid", "variable", "variablename", "metric",
    "metricname", "measurement", "series", "channel", "parameter", "parametername", "name", "key",
    "item", "itemname", "itemid", "attribute", "device", "deviceid", "alias", "propertyalias",
    "propertyid", "nodeid", "datapoint", "field", "quantity", "topic", "path", "machine", "machineid",
    "varname", "statisticid", "unitid", "measurename", "asset", "assetid", "equipment", "equipmentid",
    "messstelle", "messgröße", "messpunkt", "kennung", "property", "kanal", "variablenname",
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
_TAGS_MAX = 100_000
_SHARED = 0.2
"""The share of rows that have the time of the row before, from which on a table is long."""


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
        if len(self.tags) <= _TAGS_MAX:
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
    def is_shared(self) -> bool:
        """Whether the tag tells many rows of one time apart."""
        return self.shared >= _SHARED * self.rows

    @property
    def is_grouped(self) -> bool:
        """Whether the tag tells stretches of rows apart, of which each has an order of its own."""
        return (self.back_with_tag > 0 and not self.back) or (
            self.ahead_with_tag > 0 and not self.ahead and self.back > 0
        )

    @property
    def is_in_blocks(self) -> bool:
        """The same, and each tag has one stretch."""
        changes = self.back_with_tag + self.ahead_with_tag + self.shared
        return self.is_grouped and changes == len(self.tags) - 1


def is_named_like_a_unit(name: str) -> bool:
    """True for Unit, UOM and the like."""
    return bare(name) in _UNITS


def is_named_like_a_value(name: str) -> bool:
    """True for Value, Wert and the like."""
    return bare(name) in _VALUES


def bare(name: str) -> str:
    """A name in small letters, without blanks and signs."""
    return "".join(character for character in name.casefold() if character.isalnum())


def tags_by_name(table: Table, cells: Mapping[Column, CellsOfColumn]) -> Found | None:
    """Columns that exports of one kind have."""
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
    return None


def _is_known(column: Column) -> bool:
    return bare(column.name) in _KNOWN


def _may_be_tags(cells: CellsOfColumn) -> bool:
    return bool(cells.texts) and not cells.holds_numbers and not is_time(next(iter(cells.texts)))


@dataclass(frozen=True, slots=True)
class _Seen:
    """The rows of a column of tags in the order of the file, and in that of time."""

    in_file: _Rows
    in_time: _Rows

    @property
    def is_long(self) -> bool:
        """Whether the tag, and nothing else, tells rows of one time apart, or stretches of rows."""
        is_needed = self.in_time.is_shared or self.in_file.is_grouped
        return len(self.in_time.tags) > 1 and not self.in_time.repeated and is_needed

    @property
    def is_numbered(self) -> bool:
        """Whether whole numbers come again and again, each once at a time: of devices, no counter."""
        tags = self.in_time.tags
        are_whole = all(tag.isdecimal() for tag in tags)
        return are_whole and 1 < len(tags) <= self.in_time.rows / 2 and not self.in_time.repeated


def _look(
    table: Table, times: TimeColumns, reader: TimeReader, sets: Sequence[tuple[Column, ...]], is_mixed: bool
) -> list[_Seen]:
    """Look at the tags that columns make, together where a set has several of them."""
    in_file = [_Rows() for _ in sets]
    moments: list[float] = []
    tags: list[list[str]] = []
    for row, cells in table.read(PassedOver()):
        at_s = reader.seconds(row, times.cell(cells))
        found = [".".join(str(cells[column.index]).strip() for column in columns) for columns in sets]
        for rows, tag in zip(in_file, found, strict=True):
            rows.add(at_s, tag)
        if is_mixed:
            moments.append(at_s)
            tags.append(found)
    if not is_mixed:
        return [_Seen(rows, rows) for rows in in_file]
    in_time = [_Rows() for _ in sets]
    for at in np.argsort(np.asarray(moments), kind="stable").tolist():
        for rows, tag in zip(in_time, tags[at], strict=True):
            rows.add(moments[at], tag)
    return [_Seen(*both) for both in zip(in_file, in_time, strict=True)]


def found_tags(
    table: Table,
    times: TimeColumns,
    reader: TimeReader,
    cells: Mapping[Column, CellsOfColumn],
    is_shared: bool,
    is_mixed: bool,
) -> Found | None:
    """The column of texts that repeats beside times; None: there is none.

    Raises:
        ReplayRefused: The table is long, and which column it is cannot be told.
    """
    free = [column for column in table.columns if column not in times.all_columns]
    texts = [column for column in free if _may_be_tags(cells[column])]
    texts = [
        one for one in texts if not is_named_like_a_value(one.name) and not is_named_like_a_quality(one.name)
    ]
    numbered = [one for one in free if one not in texts and _is_known(one) and cells[one].holds_numbers]
    values = [one for one in free if one not in (*texts, *numbered) and cells[one].values]
    unnamed: list[Column] = []
    if not texts and not numbered and (is_shared or is_mixed):
        unnamed = [one for one in values if not cells[one].first_of and not cells[one].text_cells]
    known = tuple(column for column in texts if _is_known(column))
    candidates = [*texts, *numbered, *unnamed]
    if not candidates or not values:
        return None
    together, *each, all_of_them = _look(
        table, times, reader, [known, *((column,) for column in candidates), ()], is_mixed
    )
    seen = dict(zip(candidates, each, strict=True))
    has_value = any(is_named_like_a_value(column.name) for column in values)
    of_names = _of_names(known, seen, together)
    if of_names:
        rows = (together if len(of_names) > 1 else seen[of_names[0]]).in_time
        if not rows.repeated and (len(rows.tags) > 1 or len(values) == 1 or has_value):
            return of_names, "."
    for column in numbered:
        if has_value and seen[column].is_numbered:
            return (column,), "."
    long = [column for column in (*texts, *numbered) if seen[column].is_long]
    long = [column for column in long if not is_named_like_a_unit(column.name)] or long
    if len(long) == 1:
        return (long[0],), "."
    may_be = [*texts, *numbered]
    if unnamed:  # numbers alone: those that come again and again may be tags
        may_be = [one for one in unnamed if seen[one].is_numbered]
        long = [one for one in may_be if seen[one].in_time.is_shared or seen[one].in_file.is_in_blocks]
    if long or (may_be and all_of_them.in_time.repeated >= _SHARED * all_of_them.in_time.rows):
        names = ", ".join(repr(column.name) for column in long or may_be)
        raise ReplayRefused(
            f"{table.path} has several rows of one time, and {names} may tell them apart: name "
            "the columns that name the signals with --tag COLUMN or --tag COLUMN,COLUMN; or those of values "
            "with --signals, if each row has a value of every signal"
        )
    return None


def _of_names(known: tuple[Column, ...], seen: Mapping[Column, _Seen], together: _Seen) -> tuple[Column, ...]:
    """Of columns that are named like tags, the one that tells apart what all of them do, or all."""
    for column in known:
        if len(seen[column].in_time.tags) == len(together.in_time.tags):
            return (column,)
    return tuple(column for column in known if len(seen[column].in_time.tags) > 1)
