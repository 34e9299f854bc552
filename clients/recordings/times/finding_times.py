"""Finds the columns that hold a recording's times: by their cells, and by their names."""

import re
from collections.abc import Sequence
from dataclasses import replace

from clients.recordings.cells import Cell, is_number
from clients.recordings.refusal import ReplayRefused, refused_cell, sample
from clients.recordings.table import Cells, Column, Table
from clients.recordings.times.time_columns import TimeColumns, is_named_like_a_time, is_time
from clients.recordings.times.utc_offsets import (
    is_named_like_an_offset,
    is_of_javascript,
    is_written_as_an_offset,
    is_zone,
    letters_in,
    may_be_named_like_an_offset,
    offset_of,
    zone_in,
)
from consumer.decode.times import BELIEVED_FROM_S, is_time_of_day, names_zone, readings
from consumer.errors import Unlearnable

_PREFERRED_TIMES = ("_time", "last_changed", "timestamp", "time", "datetime")
_PARTS = (
    ("year", "jahr"),
    ("month", "monat"),
    ("day", "tag"),
    ("hour", "stunde", "hr"),
    ("minute", "min"),
    ("second", "sec"),
)


_NUMBERS_MAX = 2
"""More different numbers than in winter and in summer are hardly offsets from UTC."""
_THOUSANDTHS = {"millitm", "ms", "msec", "millisecond", "milliseconds"}
"""Columns of them beside a date and a time of day, as FactoryTalk has them."""


def named_times(table: Table, name: str) -> TimeColumns:
    """The columns that `--time` names. Raises: `ReplayRefused` if one is not there."""
    if name in table.names or "," not in name:
        return TimeColumns((table.column(name),))
    columns = tuple(table.column(part.strip()) for part in name.split(","))
    last = columns[-1].name
    if len(columns) > 1 and (is_named_like_an_offset(last) or may_be_named_like_an_offset(last)):
        return replace(
            named_times(table, ",".join(column.name for column in columns[:-1])), offset=columns[-1]
        )
    if len(columns) == 2 and "nano" in columns[1].name.casefold():
        return TimeColumns(columns, "nanoseconds")
    return TimeColumns(columns, "joined" if len(columns) == 2 else "parts")


def find_times(table: Table, rows: Sequence[Cells]) -> TimeColumns:
    """Find the columns with the time, in the first rows.

    Raises:
        ReplayRefused: There are none, or several may be meant.
    """
    known = {column.name.casefold().replace("_", ""): column for column in table.columns}
    for seconds, nanos in (
        ("timestampseconds", "timestampnanooffset"),
        ("timestamp.timeinseconds", "timestamp.offsetinnanos"),
    ):
        if seconds in known and nanos in known:
            return TimeColumns((known[seconds], known[nanos]), "nanoseconds")
    cells = {column: [row[column.index] for row in rows] for column in table.columns}
    whole = [column for column in table.columns if _mostly(cells[column], is_time)]
    written = [column for column in whole if not _mostly(cells[column], _is_bare_number)]
    for candidates in (written, whole):
        if candidates:
            return _with_time_of_day(table, _one_of(table, candidates), cells)
    parts = [next((known[name] for name in names if name in known), None) for names in _PARTS]
    if all(parts[:3]):
        given = [column for at, column in enumerate(parts) if column is not None and all(parts[:at])]
        return TimeColumns(tuple(given), "parts")
    named = [
        column
        for column in table.columns
        if is_named_like_a_time(column.name) and not _mostly(cells[column], _is_time_of_day)
    ]
    if named:
        return TimeColumns((_one_of(table, named),))
    of_day = [column.name for column in table.columns if _mostly(cells[column], _is_time_of_day)]
    if of_day:
        raise ReplayRefused(
            f"{table.path}: {of_day[0]!r} has times of day, and no column has their date: add one"
        )
    raise ReplayRefused(f"{table.path} has no column of times among {table.shown_names}: name it with --time")


def _one_of(table: Table, candidates: Sequence[Column]) -> Column:
    if len(candidates) == 1:
        return candidates[0]
    for name in _PREFERRED_TIMES:
        preferred = [column for column in candidates if column.name.casefold() == name]
        if len(preferred) == 1:
            return preferred[0]
    names = ", ".join(repr(column.name) for column in candidates)
    raise ReplayRefused(
        f"{table.path} has several columns of times, {names}: name one with --time; or, where each signal "
        "has its own, write each into a file of its own"
    )


def _with_time_of_day(table: Table, column: Column, cells: dict[Column, list[Cell]]) -> TimeColumns:
    """Days, with the column of their times if there is one."""
    if not all(_is_day(cell) for cell in cells[column] if is_time(cell)):
        return TimeColumns((column,))
    of_day = [
        other
        for other in table.columns
        if other != column
        and not is_named_like_an_offset(other.name)
        and _mostly(cells[other], _is_time_of_day)
    ]
    if len(of_day) > 1:
        names = ", ".join(repr(other.name) for other in of_day)
        raise ReplayRefused(
            f"{table.path} has several columns of times of day, {names}: name one, such as --time "
            f"{column.name},TIME"
        )
    thousandths = [one for one in table.columns if one.name.casefold() in _THOUSANDTHS and of_day]
    if len(thousandths) == 1 and all(map(_is_below_1000, cells[thousandths[0]])):
        return TimeColumns((column, *of_day, *thousandths), "thousandths")
    return TimeColumns((column, *of_day), "joined" if of_day else "one")


def _is_below_1000(cell: Cell) -> bool:
    text = str(cell).strip()
    return text.isdecimal() and int(text) < 1000


def _mostly(cells: Sequence[Cell], test: object) -> bool:
    assert callable(test)
    present = [cell for cell in cells if cell is not None and cell != ""]
    return bool(present) and sum(map(test, present)) > len(present) / 2


def _is_bare_number(cell: Cell) -> bool:
    return isinstance(cell, int | float) or (isinstance(cell, str) and is_number(cell))


def _is_time_of_day(cell: Cell) -> bool:
    if isinstance(cell, str):
        return is_time_of_day(cell) and not is_time(cell)  # 14.03.24 may be either
    return hasattr(cell, "hour") and not hasattr(cell, "year")


def _is_day(cell: Cell) -> bool:
    if isinstance(cell, str | int | float):
        return not readings(cell).has_time_of_day
    return not hasattr(cell, "hour")


def are_epochs(cells: Sequence[Cell]) -> bool:
    """True for numbers that are all times of this century's."""
    try:
        return all(
            BELIEVED_FROM_S <= at_s <= 3 * BELIEVED_FROM_S
            for cell in cells
            if cell is not None and cell != ""
            for at_s in readings(cell).seconds.values()
        )
    except Unlearnable:
        return False


def join_offsets(
    table: Table,
    times: TimeColumns,
    rows: Sequence[tuple[int, Cells]],
    signals: Sequence[str],
    zone: str | None,
    format_: str | None = None,
) -> tuple[TimeColumns, dict[Column, str]]:
    """The times with the column of their offsets from UTC; and columns of such that are not joined, and why.

    Raises:
        ReplayRefused: A column may be an offset or a signal, or an offset is none.
    """
    if times.kind == "nanoseconds" or times.offset is not None:
        return times, {}
    free = [one for one in table.columns if one not in times.columns and one.name not in signals]
    free = [one for one in free if any(cells[one.index] not in (None, "") for _, cells in rows)]
    named = [one for one in free if is_named_like_an_offset(one.name) or _is_written(one, rows)]
    moments = [str(times.cell(cells)) for _, cells in rows]
    why = ""
    if format_ == "excel" and named and zone is None:
        raise ReplayRefused(
            f"{table.path}: Excel's days are of a local time, and {named[0].name!r} may say of which zone: "
            "say it with --time-zone, such as Europe/Berlin, +01:00 or UTC"
        )
    if all(moment.replace(".", "", 1).lstrip("-").isdecimal() and not is_time(moment) for moment in moments):
        why = "offsets from UTC, which epochs do not need"
    elif any(map(names_zone, moments)):
        why = "offsets from UTC: the times name their zone"
    elif zone is not None:
        why = "offsets from UTC: --time-zone counts instead"
    elif zone_in(times.name) is None and re.search("utc|gmt", times.name, re.IGNORECASE):
        why = f"offsets from UTC, which {times.name!r} is by its name"
    if why:
        return times, dict.fromkeys(named, why)
    by_name = [one for one in named if is_zone(rows[0][1][one.index])]
    if len(by_name) == 1:  # a zone beside its offset, which it gives
        others = [one for one in named if one not in by_name]
        why = f"offsets from UTC, which {by_name[0].name!r} gives"
        return _with_offset(table, times, by_name[0], rows), dict.fromkeys(others, why)
    if len(named) > 1:
        names = ", ".join(repr(one.name) for one in named)
        raise ReplayRefused(
            f"{table.path} has several columns of offsets from UTC, {names}: name one behind the time, such "
            f"as --time '{times.name},{named[0].name}', or say --time-zone"
        )
    if named:
        return _with_offset(table, times, named[0], rows), {}
    for one in free:
        _refuse_if_either(table, one, times, rows)
    said, letters = zone_in(times.name), letters_in(times.name)
    if said is None and letters is not None:
        raise ReplayRefused(
            f"{table.path}: the times of {times.name!r} are of {letters}, which may be several zones: say "
            "which with --time-zone, such as Europe/Berlin or +01:00"
        )
    if said is None and table.says_zone:
        raise ReplayRefused(
            f"{table.path}: {sample(table.says_zone)} stands above the table, whose times name no zone: say "
            "which they have with --time-zone, such as Europe/Berlin, +01:00 or UTC"
        )
    return replace(times, zone=said), {}


def _is_written(column: Column, rows: Sequence[tuple[int, Cells]]) -> bool:
    if not may_be_named_like_an_offset(column.name):
        return False
    found = (cells[column.index] for _, cells in rows)
    return all(is_written_as_an_offset(cell) for cell in found if cell not in (None, ""))


def _refuse_if_either(
    table: Table, column: Column, times: TimeColumns, rows: Sequence[tuple[int, Cells]]
) -> None:
    """Refuse one or two numbers of an Offset right of the times, which a signal would hardly have."""
    if column.index != times.columns[-1].index + 1 or not may_be_named_like_an_offset(column.name):
        return
    found = [(row, cell) for row, cells in rows if (cell := cells[column.index]) not in (None, "")]
    offsets = [offset_of(cell) for _, cell in found]
    if len({str(cell) for _, cell in found}) <= 2 and None not in offsets and any(offsets):
        row, cell = found[0]
        raise refused_cell(
            table.path,
            row,
            column.name,
            f"{sample(cell)} may be how far the time is from UTC, or a signal's value: say "
            f"--time '{times.name},{column.name}', or name the signals with --signals",
        )


def _with_offset(
    table: Table, times: TimeColumns, column: Column, rows: Sequence[tuple[int, Cells]]
) -> TimeColumns:
    numbers: set[float] = set()
    for row, cells in rows:
        cell = cells[column.index]
        if not is_written_as_an_offset(cell):
            numbers.add(offset_of(cell) or 0.0)
        if len(numbers) > _NUMBERS_MAX:
            raise refused_cell(
                table.path,
                row,
                column.name,
                f"{sample(cell)} is the third offset from UTC, and clocks change between two: name the "
                f"signals with --signals, if it is one, or say --time '{times.name},{column.name}'",
            )
        if is_zone(cell):
            return replace(times, offset=column, zone=cell)
        if cell not in (None, "") and (offset_of(cell) is None or is_of_javascript(column.name, cell)):
            what = (
                "is no offset from UTC"
                if offset_of(cell) is None
                else "is west of UTC in JavaScript, else east"
            )
            raise refused_cell(
                table.path,
                row,
                column.name,
                f"{sample(cell)} {what}: write it such as +01:00 or Europe/Berlin, or say --time-zone, which "
                "then counts for all rows",
            )
    return replace(times, offset=column)
