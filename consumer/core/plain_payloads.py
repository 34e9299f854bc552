"""The two most usual payloads, points and columns with JSON numbers, read fast; all else is read elsewhere.

What is read here comes out as `payloads` would read it: whatever is unusual in a record, from a second name
of its signal to a value out of bounds, leaves the whole record to the other reader.
"""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Annotated, Any, cast

import msgspec
from msgspec import UNSET, Meta, UnsetType

from consumer.core.batch import OBSERVATIONS_PER_RECORD_MAX, Batch, Run
from consumer.core.errors import Unlearnable
from consumer.core.signals import plain_key
from consumer.core.timestamps import seconds, seconds_column
from consumer.core.values import VALUE_MAX, number

_Value = Annotated[float, Meta(ge=-VALUE_MAX, le=VALUE_MAX)]  # JSON has no NaN
_Time = Annotated[float, Meta(ge=0, lt=1e14)]  # seconds or milliseconds, since 1970
_SECONDS_MAX = 1e11
# No text is so: where a field of this type is there, the decoder refuses the payload.
_Nothing = Annotated[str, Meta(min_length=1, max_length=0)] | UnsetType


class Point(msgspec.Struct, gc=False, rename="camel"):
    """A value of `signal`, and none of the other fields by which a shape is known."""

    signal: str
    value: _Value | str
    timestamp: _Time | str | None = None
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
    value: _Value | str
    key: _Nothing = UNSET
    body: _Nothing = UNSET


class Columns(msgspec.Struct, gc=False, rename="camel"):
    """Values of `signal`, and none of the other fields."""

    signal: str
    values: list[_Value]
    timestamps: list[_Time] | UnsetType = UNSET
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


_decode_point = msgspec.json.Decoder(Point).decode
_decode_key_and_body = msgspec.json.Decoder(KeyAndBody).decode
_decode_columns = msgspec.json.Decoder(Columns).decode
_NEXT: dict[Callable[[bytes], Any], Callable[[bytes], Any]] = {
    _decode_point: _decode_columns,
    _decode_columns: _decode_key_and_body,
    _decode_key_and_body: _decode_point,
}
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


class PlainReader:
    """Reads a batch's records in parts; `otherwise` reads the current record where it is not plain."""

    def __init__(self, batch: Batch, otherwise: Callable[[Batch], None]) -> None:
        self._batch = batch
        self._otherwise = otherwise
        self._record = 0
        self._are_points = True
        """Whether the last part was of points alone."""
        self._decode: Callable[[bytes], Any] = _decode_columns

    def read(self, payloads: Sequence[bytes]) -> None:
        """Read what the next records hold."""
        if not (self._are_points and _read_points(payloads, self._record, self._batch)):
            self._read_one_by_one(payloads)
        self._record += len(payloads)

    def _read_one_by_one(self, payloads: Sequence[bytes]) -> None:
        self._are_points = True
        for record, payload in enumerate(payloads, self._record):
            self._batch.go_to(record)
            try:
                plain = self._decode(payload)
                self._are_points &= isinstance(plain, Point)
                _read(plain, self._batch)
            except (*_UNREADABLE, Unlearnable):
                self._decode = _NEXT[self._decode]  # most batches are of one shape
                self._are_points = False
                self._otherwise(self._batch)


def _read_points(payloads: Sequence[bytes], first: int, batch: Batch) -> bool:
    """Read points, from the record `first` on; say False, having read nothing, where one is no point."""
    decode, runs = _decode_point, batch.plain_runs
    try:
        points = [decode(payload) for payload in payloads]
        values = cast("list[float]", [point.value for point in points])
        timestamps = _timestamps([point.timestamp for point in points])
        if timestamps is None or set(map(type, values)) != {float}:
            return False
        signals = [point.signal for point in points]
        for key in [plain_key(signal) for signal in set(signals) - runs.keys()]:
            batch.runs[key] = runs[key.signal] = Run()
    except (*_UNREADABLE, Unlearnable):
        return False
    for record, signal, value, timestamp in zip(count(first), signals, values, timestamps, strict=False):
        run = runs[signal]
        run.values.append(value)
        run.timestamps.append(timestamp)
        run.records.append(record)
        run.positions.append(0)
    return True


def _timestamps(column: list[float | str | None]) -> Sequence[float | None] | None:
    """The seconds of each; None where one is to be looked at by itself."""
    kinds = set(map(type, column))
    if kinds == {float}:
        return _seconds(cast("list[float]", column))
    if kinds == {str}:
        return list(map(seconds, column))
    return cast("list[None]", column) if kinds == {type(None)} else None


def _seconds(column: list[float]) -> list[float] | None:
    return column if max(column, default=0.0) < _SECONDS_MAX else seconds_column(column)


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
        timestamps = _seconds(columns.timestamps)
    if timestamps is None or not 0 < len(values) == len(timestamps) <= OBSERVATIONS_PER_RECORD_MAX:
        raise _NotPlain
    batch.observe_column(columns.signal, values, timestamps)
