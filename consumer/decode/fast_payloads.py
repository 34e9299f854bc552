"""The fast path for the two most common payloads, points and columns with JSON numbers.

The result is the same as that of `payloads`: a record with anything out of the ordinary, from a second name
of its signal to a value out of bounds, is left to that full reader as a whole.
"""

from array import array
from collections.abc import Callable, Sequence
from itertools import filterfalse
from typing import Annotated, Any, cast

import msgspec
import numpy as np
from msgspec import UNSET, Meta, UnsetType

from consumer.decode.batch import OBSERVATIONS_PER_RECORD_MAX, Batch, fit_a_record
from consumer.decode.plain import PayloadColumns, plain_payloads
from consumer.decode.times import seconds_array, seconds_of
from consumer.decode.values import VALUE_MAX, number
from consumer.errors import Unlearnable

_Value = Annotated[float, Meta(ge=-VALUE_MAX, le=VALUE_MAX)]  # JSON has no NaN
_TIMES = 0.0, 1e19  # since 1970, of any unit
_SECONDS = 1e8, 1e11  # less may be the digits of a date
_Time = Annotated[float, Meta(ge=_TIMES[0], lt=_TIMES[1])]
_Seconds = Annotated[float, Meta(ge=_SECONDS[0], lt=_SECONDS[1])]
_EXACT_BELOW = 2.0**53  # from there on, a float may have other digits than what was written
# Lambda delivers less; what a command reads may be more than should be unpacked at once.
_COLUMNS_BYTES_MAX = 8 * 1024 * 1024
# No text matches: a payload with a field of this type is refused by the decoder.
Never = Annotated[str, Meta(min_length=1, max_length=0)] | UnsetType
Nothing = Never | None
"""What is null is absent."""


class BarePoint(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """The most common payload: numbers, and no other field."""

    signal: str
    value: _Value
    timestamp: _Time


class _NoOther(msgspec.Struct, gc=False, kw_only=True, rename="camel"):
    """None of the fields that identify the other shapes."""

    body: Nothing = UNSET
    type: Nothing = UNSET
    payload: Nothing = UNSET
    property_alias: Nothing = UNSET
    asset_id: Nothing = UNSET
    property_id: Nothing = UNSET
    property_values: Nothing = UNSET
    entries: Nothing = UNSET


class PointPayload(_NoOther, gc=False, kw_only=True):
    """A value of `signal`."""

    signal: str
    value: _Value | str
    timestamp: _Time | str | None = None
    timestamps: Nothing = UNSET
    values: Nothing = UNSET
    key: Nothing = UNSET


class KeyAndBody(
    PointPayload,
    gc=False,
    kw_only=True,
    rename={"signal": "key", "value": "body", "key": "signal", "body": "value"},
):
    """The same by its fields' other two names."""

    signal: str
    value: _Value | str
    key: Nothing = UNSET
    body: Nothing = UNSET


class ColumnsPayload(_NoOther, gc=False, kw_only=True):
    """Values of `signal`."""

    signal: str
    values: list[_Value]
    timestamps: list[_Time] | None = None
    timestamp: Nothing = UNSET
    key: Nothing = UNSET
    value: Nothing = UNSET


class SecondsColumns(ColumnsPayload, gc=False, kw_only=True):
    """Values of `signal`, whose timestamps are seconds for sure."""

    timestamps: list[_Seconds] | None = None


decode_bare_point = msgspec.json.Decoder(BarePoint).decode
decode_point = msgspec.json.Decoder(PointPayload).decode
decode_key_and_body = msgspec.json.Decoder(KeyAndBody).decode
decode_columns = msgspec.json.Decoder(ColumnsPayload).decode
decode_seconds_columns = msgspec.json.Decoder(SecondsColumns).decode


class _NotFastPath(Unlearnable):
    """Not on the fast path: fall back to the full reader."""


_NEXT: dict[Callable[[bytes], Any], Callable[[bytes], Any]] = {
    decode_point: decode_columns,
    decode_columns: decode_key_and_body,
    decode_key_and_body: decode_point,
}
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


class FastPayloadReader:
    """Reads a batch's records in parts; `otherwise` reads a payload that is not on the fast path."""

    def __init__(self, batch: Batch, otherwise: Callable[[Batch, bytes], None]) -> None:
        self._batch = batch
        self._otherwise = otherwise
        self._record = 0
        self._are_points = True
        """Whether the last part was of points alone."""
        self._decode: Callable[[bytes], Any] = decode_columns

    def read(self, payloads: Sequence[bytes]) -> None:
        """Read what the next records hold."""
        batch = self._batch
        if batch.unread_from is not None:
            return
        tries_points = self._are_points and batch.has_room_for(len(payloads))
        if not (tries_points and _read_points(payloads, self._record, batch)):
            self._read_each(payloads, _read_first_columns(payloads, self._record, batch))
        self._record += len(payloads)

    def _read_each(self, payloads: Sequence[bytes], start: int) -> None:
        """Read those from `start` on; the others were columns."""
        self._are_points = start == 0
        for record, payload in enumerate(payloads[start:], self._record + start):
            # What comes again does so from a sequence number on, which several records may share.
            if self._batch.is_full() and not self._batch.records.shares_number(record, record - 1):
                self._batch.unread_from = record
                return
            self._batch.go_to(record)
            try:
                _check_utf8([payload])
                decoded = self._decode(payload)
                self._are_points &= isinstance(decoded, PointPayload)
                _read(decoded, self._batch)
            except (*UNREADABLE, Unlearnable):
                self._decode = _NEXT[self._decode]  # most batches are of one shape
                self._are_points = False
                self._otherwise(self._batch, payload)


def _check_utf8(payloads: Sequence[bytes]) -> None:
    """Refuse what is none: these decoders look at no text of a field they do not know, which others do."""
    for payload in filterfalse(bytes.isascii, payloads):
        payload.decode()


def _read_points(payloads: Sequence[bytes], first: int, batch: Batch) -> bool:
    """Read points, from record `first` on; False, having read nothing, if one is no point."""
    try:
        plain = _plain(payloads, first, batch, are_lists=False)
        if plain is not None:
            timestamps = None if plain.timestamps is None else _seconds(plain.timestamps)
            batch.observe_records(plain.names, first, None, plain.values, timestamps)
            return True
        points, timestamps = _points(payloads)
        values = array("d", cast("list[float]", [point.value for point in points]))
        batch.observe_records([point.signal for point in points], first, None, values, timestamps)
    except (*UNREADABLE, Unlearnable):
        return False
    return True


def _plain(payloads: Sequence[bytes], first: int, batch: Batch, *, are_lists: bool) -> PayloadColumns | None:
    """What compiled code finds, where there is such; None: the decoders are to read them."""
    return plain_payloads(
        payloads,
        batch.records.partition_keys,
        first,
        are_lists=are_lists,
        count_max=OBSERVATIONS_PER_RECORD_MAX,
        value_max=VALUE_MAX,
        times=_SECONDS if are_lists else _TIMES,
    )


def _read_first_columns(payloads: Sequence[bytes], first: int, batch: Batch) -> int:
    """Read the columns up to the first record that is something else; return how many records were read."""
    if batch.is_full() or sum(map(len, payloads)) > _COLUMNS_BYTES_MAX:
        return 0
    plain = _plain(payloads, first, batch, are_lists=True)
    names, lengths, values, times = _first_columns(payloads) if plain is None else plain
    if not names or not batch.has_room_for(len(values)):
        return 0
    try:
        batch.observe_records(names, first, lengths, values, times)
    except Unlearnable:
        return 0
    return len(names)


def _first_columns(payloads: Sequence[bytes]) -> PayloadColumns:
    """The columns up to the first payload that is something else."""
    names: list[str] = []
    lengths: list[int] = []
    values, times = array("d"), array("d")
    try:
        # A record's lists are dropped before the next one's are made, in the same memory.
        for payload in payloads:
            _check_utf8([payload])
            columns = decode_seconds_columns(payload)
            length, is_timed = len(columns.values), columns.timestamps is not None
            if length == 0 or not fit_a_record(length) or (names and is_timed != bool(times)):
                break
            if columns.timestamps is not None:
                if len(columns.timestamps) != length:
                    break
                times.fromlist(columns.timestamps)
            values.fromlist(columns.values)
            names.append(columns.signal)
            lengths.append(length)
    except UNREADABLE:
        pass
    return PayloadColumns(names, lengths, values, times or None)


def _points(payloads: Sequence[bytes]) -> tuple[Sequence[BarePoint | PointPayload], "array[float] | None"]:
    """The points with their timestamps in seconds; None if no point has one."""
    try:
        bare = [decode_bare_point(payload) for payload in payloads]
    except UNREADABLE:
        _check_utf8(payloads)
        points = [decode_point(payload) for payload in payloads]
        if set(map(type, [point.value for point in points])) != {float}:
            raise _NotFastPath from None
        return points, _timestamps([point.timestamp for point in points])
    return bare, _seconds(array("d", [point.timestamp for point in bare]))


def _timestamps(column: list[float | str | None]) -> "array[float] | None":
    """The timestamps in seconds; raises `_NotFastPath` if they are of several kinds."""
    kinds = set(map(type, column))
    if kinds == {float}:
        return _seconds(array("d", cast("list[float]", column)))
    if kinds == {str}:
        return array("d", map(seconds_of, column))
    if kinds == {type(None)}:
        return None
    raise _NotFastPath


def _seconds(column: "array[float]") -> "array[float]":
    times = np.frombuffer(column)
    found = seconds_array(times)
    if found is not None:
        return column if found is times else array("d", found.tobytes())
    if times.max(initial=0.0) >= _EXACT_BELOW:
        raise _NotFastPath
    return array("d", map(seconds_of, column))


def _read(decoded: PointPayload | ColumnsPayload, batch: Batch) -> None:
    """Add it to the batch; raises `Unlearnable`, having added nothing, if it is not on the fast path."""
    if isinstance(decoded, ColumnsPayload):
        _read_columns(decoded, batch)
    else:
        batch.observe(decoded.signal, None, number(decoded.value), _time(decoded.timestamp))


def _time(timestamp: float | str | None) -> float | None:
    if timestamp is None:
        return None
    if isinstance(timestamp, float) and timestamp >= _EXACT_BELOW:
        raise _NotFastPath
    return seconds_of(timestamp)


def _read_columns(columns: ColumnsPayload, batch: Batch) -> None:
    values = columns.values
    timestamps = None
    if not (values and fit_a_record(len(values))):
        raise _NotFastPath
    if columns.timestamps is not None:
        timestamps = _seconds(array("d", columns.timestamps))
        if len(timestamps) != len(values):
            raise _NotFastPath
    batch.observe_column(columns.signal, values, timestamps)
