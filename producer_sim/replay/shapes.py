"""Rows to records: a point of each cell, columns of some rows, or the several values of a row."""

import math
from collections.abc import Iterable, Iterator
from typing import Literal

from clients.kinesis_writer.pending import ScheduledRecord
from clients.kinesis_writer.put_request import StreamRecord
from producer_sim.payloads import encoders
from producer_sim.replay.recording import Recording, Row

ReplayShape = Literal["points", "columns", "several-values"]
RequestedShape = Literal["auto", "points", "columns", "several-values"]

# A record of a signal waits for the one before it to be acknowledged: more a second would fall behind.
_RECORDS_A_SECOND_MAX = 5
_ROWS_FLAT_OUT = 100
_ROWS_MAX = 1000


def shape_for(
    requested: RequestedShape, rows_requested: int | None, period_s: float
) -> tuple[ReplayShape, int]:
    """The shape, and the rows in a record of columns, if a row comes every `period_s` (0: flat out).

    >>> shape_for("auto", None, 1.0), shape_for("auto", None, 1 / 60), shape_for("auto", None, 0.0)
    (('points', 1), ('columns', 12), ('columns', 100))
    """
    rows = math.ceil(round(1 / _RECORDS_A_SECOND_MAX / period_s, 6)) if period_s else _ROWS_FLAT_OUT
    rows = rows_requested or min(rows, _ROWS_MAX)
    if requested == "auto":
        return ("columns", rows) if rows > 1 else ("points", 1)
    return requested, rows


def scheduled_records(
    recording: Recording, rows: Iterable[Row], shape: ReplayShape, rows_in_columns: int = 1
) -> Iterator[ScheduledRecord]:
    """Records in due order, each with how many observations it holds; cells without a value are left out.

    The partition key is the signal's name, and with several values the asset's. Columns are due with their
    last row, as on a gateway that collects before it sends.
    """
    match shape:
        case "points":
            return _points(recording, rows)
        case "columns":
            return _columns(recording, rows, rows_in_columns)
        case "several-values":
            return _several_values(recording, rows)


def _points(recording: Recording, rows: Iterable[Row]) -> Iterator[ScheduledRecord]:
    signals = recording.signals
    for row in rows:
        for signal, value in zip(signals, row.values, strict=True):
            if value is not None:
                payload = encoders.point(signal, value, row.timestamp_s)
                yield ScheduledRecord(row.due_s, StreamRecord(signal, payload), 1)


def _several_values(recording: Recording, rows: Iterable[Row]) -> Iterator[ScheduledRecord]:
    names = recording.choice.names
    for row in rows:
        values = {name: value for name, value in zip(names, row.values, strict=True) if value is not None}
        if values:
            payload = encoders.several_values(recording.asset, row.timestamp_s, values)
            yield ScheduledRecord(row.due_s, StreamRecord(recording.asset, payload), len(values))


def _columns(recording: Recording, rows: Iterable[Row], rows_in_columns: int) -> Iterator[ScheduledRecord]:
    collected: list[Row] = []
    for row in rows:
        collected.append(row)
        if len(collected) == rows_in_columns:
            yield from _of_collected(recording, collected)
            collected.clear()
    yield from _of_collected(recording, collected)


def _of_collected(recording: Recording, rows: list[Row]) -> Iterator[ScheduledRecord]:
    for position, signal in enumerate(recording.signals):
        cells = [(row.timestamp_s, value) for row in rows if (value := row.values[position]) is not None]
        if cells:
            timestamps, values = zip(*cells, strict=True)
            payload = encoders.columns(signal, timestamps, values)
            yield ScheduledRecord(rows[-1].due_s, StreamRecord(signal, payload), len(cells))
