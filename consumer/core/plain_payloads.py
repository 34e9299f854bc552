"""The two most usual payloads, points and columns with JSON numbers, read fast; all else is read elsewhere.

What is read here comes out as `payloads` would read it: whatever is unusual in a record, from a second name of its
signal to a value out of bounds, leaves the whole record to the other reader.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Annotated, Any, cast

import msgspec
from msgspec import UNSET, Meta, UnsetType

from consumer.core.batch import OBSERVATIONS_PER_RECORD_MAX, Batch, Run
from consumer.core.errors import Unlearnable
from consumer.core.signals import plain_key
from consumer.core.timestamps import seconds, seconds_column
from consumer.core.values import VALUE_MAX, number, numbers

# No text is so: where a field of this type is there, the decoder refuses the payload.
_Nothing = Annotated[str, Meta(min_length=1, max_length=0)] | UnsetType


class Point(msgspec.Struct, gc=False, rename="camel"):
    """A value of `signal`, and none of the other fields by which a shape is known."""

    signal: str
    value: float | str
    timestamp: float | str | None = None
    timestamps: _Nothing = UNSET
    values: _Nothing = UNSET
    key: _Nothing = UNSET
    body: _Nothing = UNSET
    type: _Nothing = UNSET
    payload: _Nothing = UNSET
    property_alias: _Nothing = UNSET
    asset_id: _Nothing = UNSET
    property_id: _Nothing = UNSET
    property_values: _Nothing = UNSET
    entries: _Nothing = UNSET


class KeyAndBody(
    Point, gc=False, rename={"signal": "key", "value": "body", "key": "signal", "body": "value"}
):
    """The same by its fields' other two names."""

    signal: str
    value: float | str
    key: _Nothing = UNSET
    body: _Nothing = UNSET


class Columns(msgspec.Struct, gc=False, rename="camel"):
    """Values of `signal`, and none of the other fields."""

    signal: str
    values: list[float]
    timestamps: list[float] | UnsetType = UNSET
    timestamp: _Nothing = UNSET
    key: _Nothing = UNSET
    value: _Nothing = UNSET
    body: _Nothing = UNSET
    type: _Nothing = UNSET
    payload: _Nothing = UNSET
    property_alias: _Nothing = UNSET
    asset_id: _Nothing = UNSET
    property_id: _Nothing = UNSET
    property_values: _Nothing = UNSET
    entries: _Nothing = UNSET


_decode_point, _decode_key_and_body, _decode_columns = (
    msgspec.json.Decoder(shape).decode for shape in (Point, KeyAndBody, Columns)
)
_NEXT = {
    _decode_point: _decode_columns,
    _decode_columns: _decode_key_and_body,
    _decode_key_and_body: _decode_point,
}
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


def read_plain(batch: Batch, otherwise: Callable[[Batch], None]) -> None:
    """Read all records of a batch of which nothing is read yet; `otherwise` reads the current one if not plain."""
    payloads = batch.records.payloads
    if payloads is None:
        for record in range(len(batch.records)):
            batch.go_to(record)
            otherwise(batch)
    elif not _read_points(payloads, batch):
        _read_one_by_one(payloads, batch, otherwise)


def _read_points(payloads: list[bytes], batch: Batch) -> bool:
    """Read a batch of points, column by column; say False, having read nothing, where one is anything else."""
    decode = _decode_point
    try:
        points = [decode(payload) for payload in payloads]
        values = numbers([point.value for point in points])
        timestamps = _timestamps([point.timestamp for point in points])
        if values is None or timestamps is None:
            return False
        records_of: defaultdict[str, list[int]] = defaultdict(list)
        for record, point in enumerate(points):
            records_of[point.signal].append(record)
        keys = list(map(plain_key, records_of))
    except (*_UNREADABLE, Unlearnable):
        return False
    value_of, timestamp_of = values.__getitem__, timestamps.__getitem__
    for key, records in zip(keys, records_of.values(), strict=True):
        batch.runs[key] = batch.plain_runs[key.signal] = Run(
            list(map(value_of, records)), list(map(timestamp_of, records)), records, [0] * len(records)
        )
    return True


def _timestamps(column: list[float | str | None]) -> Sequence[float | None] | None:
    """The seconds of each; None where one is to be looked at by itself."""
    kinds = set(map(type, column))
    if kinds == {float}:
        return seconds_column(column)
    if kinds == {str}:
        return list(map(seconds, column))
    return cast("list[None]", column) if kinds == {type(None)} else None


def _read_one_by_one(payloads: list[bytes], batch: Batch, otherwise: Callable[[Batch], None]) -> None:
    decode: Callable[[bytes], Any] = _decode_columns
    for record, payload in enumerate(payloads):
        batch.go_to(record)
        try:
            _read(decode(payload), batch)
        except (*_UNREADABLE, Unlearnable):
            decode = _NEXT[decode]  # most batches are of one shape
            otherwise(batch)


def _read(plain: Point | Columns, batch: Batch) -> None:
    """Raise `Unlearnable`, having read nothing, where the other reader is to look at it."""
    if isinstance(plain, Columns):
        _read_columns(plain, batch)
    else:
        timestamp = None if plain.timestamp is None else seconds(plain.timestamp)
        batch.observe(plain.signal, None, number(plain.value), timestamp)


class _NotPlain(Unlearnable):
    """The other reader is to say what it is."""


def _read_columns(columns: Columns, batch: Batch) -> None:
    values = columns.values
    timestamps: list[float] | list[None] | None = [None] * len(values)
    if columns.timestamps is not UNSET:
        timestamps = seconds_column(columns.timestamps)
    if (
        timestamps is None
        or not 0 < len(values) == len(timestamps) <= OBSERVATIONS_PER_RECORD_MAX
        or min(values) < -VALUE_MAX
        or max(values) > VALUE_MAX
    ):
        raise _NotPlain
    batch.observe_column(columns.signal, values, timestamps)
