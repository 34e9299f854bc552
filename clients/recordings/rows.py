"""The rows of a recording in the order of time: a time, and the value of each signal."""

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC
from typing import NamedTuple

import numpy as np

from clients.recordings.cells import Cell
from clients.recordings.columns import Choice, chunks
from clients.recordings.qualities import Quality
from clients.recordings.refusal import PassedOver
from clients.recordings.times.times_of_column import TimeReader


class Row(NamedTuple):
    """A row: its number below the header, its time in epoch seconds, its values, and its label's cell."""

    number: int
    at_s: float
    values: list[float | None]
    label: Cell = None


@dataclass(slots=True)
class Counts:
    """What one reading of the rows counted."""

    passed: PassedOver = field(default_factory=PassedOver)
    file_rows: int = 0
    cells: int = 0
    """Of the signals that are read."""
    qualities: Counter[str] = field(default_factory=Counter)


def rows_of(choice: Choice, counts: Counts | None = None) -> Iterator[Row]:
    """Read the rows, in the order of time where the file runs backwards or is a long table.

    Rows of one time stay in their order. Only a file that has to be turned or sorted is held in memory.

    Raises:
        ReplayRefused: The file has changed meanwhile.
    """
    counts = counts or Counts()
    if choice.tags is not None:
        return _joined(choice, counts)
    rows = _wide(choice, counts)
    if choice.order == "descending":
        rows = _turned(rows, len(choice.signals))
    return rows if choice.reader.zone is UTC else _put_back(rows, choice.reader)


def _wide(choice: Choice, counts: Counts) -> Iterator[Row]:
    readers = [(choice.value_reader(column), column.index) for column in choice.signals]
    label = choice.labels
    single = choice.time.columns[0].index if len(choice.time.all_columns) == 1 else None
    seconds = choice.reader.seconds
    for numbers, columns in chunks(choice.table, counts.passed):
        counts.file_rows += len(numbers)
        counts.cells += len(numbers) * len(readers)
        if single is not None:
            moments: list[Cell] = list(columns[single])
        else:
            moments = [choice.time.cell(cells) for cells in zip(*columns, strict=True)]
        of_columns = [reader.column(columns[index]) for reader, index in readers]
        for signal, found in zip(choice.signals, of_columns, strict=True):
            quality = choice.qualities.get(signal)
            if quality is not None:
                _leave_out_bad(found, map(quality.of, columns[quality.column.index]), counts)
        values = zip(*of_columns, strict=True)
        labels = columns[label.index] if label is not None else (None,) * len(numbers)
        for number, moment, row, marked in zip(numbers, moments, values, labels, strict=True):
            yield Row(number, seconds(number, moment), list(row), marked)


def _put_back(rows: Iterator[Row], reader: TimeReader) -> Iterator[Row]:
    """The same rows, those of the second of two hours that clocks show alike an hour later."""
    before_s = -math.inf
    for row in rows:
        at_s = row.at_s if row.at_s > before_s else reader.after(before_s, row.at_s)
        yield row if at_s == row.at_s else row._replace(at_s=at_s)
        before_s = at_s


def _leave_out_bad(values: list[float | None], qualities: Iterable[Quality], counts: Counts) -> None:
    """Values of bad quality become gaps; those of every quality are counted."""
    for row, quality in enumerate(qualities):
        if quality != "good":
            counts.qualities[quality] += values[row] is not None
            values[row] = None if quality == "bad" else values[row]


def _turned(rows: Iterator[Row], signals: int) -> Iterator[Row]:
    numbers, times, labels = array("q"), array("d"), []
    columns = [array("d") for _ in range(signals)]
    for row in rows:
        numbers.append(row.number)
        times.append(row.at_s)
        labels.append(row.label)
        for column, value in zip(columns, row.values, strict=True):
            column.append(math.nan if value is None else value)
    for at in range(len(times) - 1, -1, -1):
        values = [None if (value := column[at]) != value else value for column in columns]
        yield Row(numbers[at], times[at], values, labels[at])


def _joined(choice: Choice, counts: Counts) -> Iterator[Row]:
    """The rows of a long table that have one time, as one; a tag that comes again begins another."""
    assert choice.tags is not None
    width = len(choice.tags.names)
    number, time_s, values = 0, math.nan, [None] * width
    given: list[float | None] = list(values)
    is_begun = False
    entries = _entries(choice, counts)
    for row, at_s, position, value in entries if choice.order == "ascending" else _sorted(entries):
        if is_begun and (at_s != time_s or given[position] is not None):
            yield Row(number, time_s, given)
            is_begun = False
        if not is_begun:
            number, time_s, given, is_begun = row, at_s, list(values), True
        given[position] = value
    if is_begun:
        yield Row(number, time_s, given)


def _entries(choice: Choice, counts: Counts) -> Iterator[tuple[int, float, int, float]]:
    """The values of a long table: row, time, which signal, value; what has none is counted."""
    tags = choice.tags
    assert tags is not None
    not_named = set(tags.not_named)
    positions = {name: position for position, name in enumerate(tags.names)}
    readers = [(choice.value_reader(column), column) for column in tags.values]
    for row, cells in choice.table.read(counts.passed):
        counts.file_rows += 1
        at_s = choice.reader.seconds(row, choice.time.cell(cells))
        quality = tags.quality_of(cells)
        tag = tags.tag_of(cells)
        for reader, column in readers:
            value = reader.value(cells[column.index])
            name = tags.name(tag, column)
            position = positions.get(name)
            counts.cells += name not in not_named
            if value is not None and position is not None:
                counts.qualities[quality] += 1
                if quality != "bad":
                    yield row, at_s, position, value


def _sorted(entries: Iterator[tuple[int, float, int, float]]) -> Iterator[tuple[int, float, int, float]]:
    rows, times, positions, values = array("q"), array("d"), array("q"), array("d")
    for row, at_s, position, value in entries:
        rows.append(row)
        times.append(at_s)
        positions.append(position)
        values.append(value)
    for at in np.argsort(np.asarray(times), kind="stable").tolist():
        yield rows[at], times[at], positions[at], values[at]
