"""Payloads of all shapes, read into a batch."""

import json
from typing import Any

import msgspec
from msgspec import UNSET

from consumer.decode.batch import Batch, UnlearnableRecord
from consumer.decode.signal_names import check_name
from consumer.decode.values import check_seconds, number, numbers, seconds, seconds_column, shortened
from consumer.errors import Unlearnable


class Payload(msgspec.Struct, rename="camel"):
    """Every field by which a shape is known; a field that is absent differs from one that is null."""

    key: Any = UNSET
    body: Any = UNSET
    signal: Any = UNSET
    value: Any = UNSET
    values: Any = UNSET
    timestamp: Any = UNSET
    timestamps: Any = UNSET
    type: Any = UNSET
    payload: Any = UNSET
    property_alias: Any = UNSET
    asset_id: Any = UNSET
    property_id: Any = UNSET
    property_values: Any = UNSET
    entries: Any = UNSET


_decoder = msgspec.json.Decoder(Payload)


def read(payload: bytes, partition_key: str | None, batch: Batch) -> None:
    """Read one unpacked payload into the batch's current record.

    `partition_key` names the signal of a bare number.

    Raises: `Unlearnable` where nothing of the payload can be learned; single observations that cannot are
        noted in the batch, and the others of the same payload are learned.
    """
    if not payload.startswith(b"{"):
        payload = payload.strip()
    if payload.startswith(b"{"):
        _read_object(_decode(payload), batch)
    else:
        _read_bare_number(payload, partition_key, batch)


def _decode(payload: bytes) -> Payload:
    try:
        return _decoder.decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _decode_leniently(payload)


def _decode_leniently(payload: bytes) -> Payload:
    """Many a producer writes NaN, which is not JSON: it costs its observation, not the rest of the record."""
    try:
        return msgspec.convert(json.loads(payload.decode()), Payload)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Unlearnable(f"not readable as JSON: {error}") from None


def _read_object(payload: Payload, batch: Batch) -> None:
    read_shape = _SHAPES.get(
        (
            payload.body is not UNSET or payload.value is not UNSET,
            payload.values is not UNSET,
            payload.payload is not UNSET,
            payload.property_values is not UNSET,
            payload.entries is not UNSET,
        )
    )
    if read_shape is None:
        raise Unlearnable("the JSON object has none of the shapes that are read, or several of them at once")
    read_shape(payload, batch)


def _read_point(payload: Payload, batch: Batch) -> None:
    signal = _signal(payload)
    if payload.body is not UNSET and payload.value is not UNSET:
        raise Unlearnable("a point has 'body' or 'value', not both")
    value = payload.value if payload.body is UNSET else payload.body
    if value is None:
        batch.skip(signal)
    else:
        batch.observe(signal, None, number(value), _seconds(payload.timestamp))


def _read_values(payload: Payload, batch: Batch) -> None:
    if payload.values in ([], {}):
        raise Unlearnable("'values' is empty: there is no observation")
    if isinstance(payload.values, list):
        _read_columns(payload, payload.values, batch)
    elif isinstance(payload.values, dict):
        _read_named_values(payload, payload.values, batch)
    else:
        raise Unlearnable("'values' is a list of numbers or an object of named numbers")


def _read_columns(payload: Payload, values: list[Any], batch: Batch) -> None:
    signal = _signal(payload)
    timestamps = payload.timestamps
    if timestamps is UNSET:
        _seconds(payload.timestamp)
        timestamps = [payload.timestamp] * len(values)
    if not isinstance(timestamps, list) or len(timestamps) != len(values):
        raise Unlearnable(f"'timestamps' is a list of one timestamp for each of the {len(values)} values")
    check_name(signal)
    column, times = numbers(values), seconds_column(timestamps)
    if column is not None and times is not None:
        batch.observe_column(signal, column, times)
        return
    for value, timestamp in zip(values, timestamps, strict=True):
        _read_one(signal, None, value, timestamp, batch)


def _read_named_values(payload: Payload, values: dict[str, Any], batch: Batch) -> None:
    signal = check_name(_signal(payload))
    _seconds(payload.timestamp)
    for name, value in values.items():
        _read_one(signal, name, value, payload.timestamp, batch)


def _read_one(signal: str, name: str | None, value: Any, timestamp: Any, batch: Batch) -> None:
    try:
        if value is None:
            batch.skip(signal, name)
        else:
            batch.observe(signal, name, number(value), _seconds(timestamp))
    except UnlearnableRecord:
        raise
    except Unlearnable as error:
        batch.reject(str(error), signal if name is None else f"{signal}.{name}")


def _read_notification(payload: Payload, batch: Batch) -> None:
    if payload.type != "PropertyValueUpdate":
        raise Unlearnable("of SiteWise's notifications, only those of type PropertyValueUpdate are read")
    read_notification(payload.payload, batch)


def _read_entry(payload: Payload, batch: Batch) -> None:
    read_entry(payload.property_alias, payload.asset_id, payload.property_id, payload.property_values, batch)


def _read_entries(payload: Payload, batch: Batch) -> None:
    if not isinstance(payload.entries, list) or not payload.entries:
        raise Unlearnable("'entries' is a list of one entry or more")
    for entry in payload.entries:
        try:
            _read_entry(msgspec.convert(entry, Payload), batch)
        except UnlearnableRecord:
            raise
        except (Unlearnable, msgspec.ValidationError) as error:
            batch.reject(str(error))


_SHAPES = {
    (True, False, False, False, False): _read_point,
    (False, True, False, False, False): _read_values,
    (False, False, True, False, False): _read_notification,
    (False, False, False, True, False): _read_entry,
    (False, False, False, False, True): _read_entries,
}


def _read_bare_number(payload: bytes, partition_key: str | None, batch: Batch) -> None:
    if not payload:
        raise Unlearnable("the payload is empty")
    try:
        value = number(payload.decode("ascii"))
    except (UnicodeDecodeError, Unlearnable):
        raise Unlearnable("the payload is neither a JSON object nor a finite number") from None
    if partition_key is None:
        raise Unlearnable("a bare number, and no partition key that would name its signal")
    batch.observe(partition_key, None, value, None)


def _signal(payload: Payload) -> str:
    signal = payload.key if payload.signal is UNSET else payload.signal
    if signal is UNSET:
        raise Unlearnable("the payload names no signal: it has neither 'signal' nor 'key'")
    if not isinstance(signal, str):  # a list could not even be looked up
        return check_name(signal)
    if payload.key is not UNSET and payload.key != signal:
        raise Unlearnable("'signal' and 'key' name two different signals")
    return signal


def _seconds(timestamp: Any) -> float | None:
    return None if timestamp is UNSET or timestamp is None else seconds(timestamp)


# What AWS IoT SiteWise sends: lists of TQVs (timestamp, quality, value) of one property.

_QUALITIES = frozenset({"GOOD", "BAD", "UNCERTAIN"})
_NUMBERS = frozenset({"doubleValue", "integerValue", "booleanValue"})
_NOTHING_TO_LEARN = frozenset({"stringValue", "nullValue"})


def read_notification(payload: Any, batch: Batch) -> None:
    """Read the `payload` of a property notification: `assetId`, `propertyId` and `values`."""
    if not isinstance(payload, dict):
        raise Unlearnable("the 'payload' of a SiteWise notification is an object")
    read_entry(
        UNSET, payload.get("assetId", UNSET), payload.get("propertyId", UNSET), payload.get("values"), batch
    )


def read_entry(alias: Any, asset_id: Any, property_id: Any, tqvs: Any, batch: Batch) -> None:
    """Read the TQVs of one property, known by its alias or by the ids of asset and property."""
    signal = check_name(_signal_of_property(alias, asset_id, property_id))
    if not isinstance(tqvs, list) or not tqvs:
        raise Unlearnable("the values of a SiteWise property are a list of one value or more")
    for tqv in tqvs:
        try:
            _read_tqv(signal, tqv, batch)
        except UnlearnableRecord:
            raise
        except Unlearnable as error:
            batch.reject(str(error), signal)


def _signal_of_property(alias: Any, asset_id: Any, property_id: Any) -> Any:
    if alias is not UNSET and alias is not None:
        return alias
    for name, identifier in (("assetId", asset_id), ("propertyId", property_id)):
        if not isinstance(identifier, str) or not identifier:
            raise Unlearnable(f"a SiteWise property needs 'propertyAlias', or '{name}' as text")
    return f"{asset_id}:{property_id}"


def _read_tqv(signal: str, tqv: Any, batch: Batch) -> None:
    if not isinstance(tqv, dict):
        raise Unlearnable("a SiteWise value is an object of 'value', 'timestamp' and 'quality'")
    quality = tqv.get("quality", "GOOD")
    if not isinstance(quality, str) or quality not in _QUALITIES:
        raise Unlearnable(f"a SiteWise quality is GOOD, BAD or UNCERTAIN, not {shortened(quality)}")
    value = None if quality == "BAD" else _number(tqv)
    if value is None:
        batch.skip(signal)
        return
    timestamp = _timestamp(tqv.get("timestamp"))
    batch.observe(signal, None, number(value), timestamp)
    if quality == "UNCERTAIN":
        batch.uncertain += 1


def _number(tqv: dict[str, Any]) -> Any:
    """The value in the variant; None if there is nothing to learn."""
    if "value" not in tqv:
        raise Unlearnable("a SiteWise value without 'value'")
    variant = tqv["value"]
    if variant is None:
        return None
    if not isinstance(variant, dict) or len(variant) != 1:
        raise Unlearnable("a SiteWise 'value' is an object with one variant, such as doubleValue")
    ((kind, value),) = variant.items()
    if kind in _NOTHING_TO_LEARN:
        return None
    if kind == "booleanValue" and not isinstance(value, bool | None):
        raise Unlearnable(f"a booleanValue is true or false, not {shortened(value)}")
    if kind in _NUMBERS:
        return value
    raise Unlearnable(f"a SiteWise value of the unknown variant {shortened(kind)}")


def _timestamp(timestamp: Any) -> float | None:
    if timestamp is None:
        return None
    if not isinstance(timestamp, dict):
        raise Unlearnable("the timestamp of a SiteWise value is an object of timeInSeconds and offsetInNanos")
    whole, nanoseconds = timestamp.get("timeInSeconds"), timestamp.get("offsetInNanos", 0)
    if type(whole) is not int or type(nanoseconds) is not int or not 0 <= nanoseconds < 1_000_000_000:
        raise Unlearnable("timeInSeconds is a whole number, and offsetInNanos one from 0 to 999999999")
    return check_seconds(check_seconds(whole, whole) + nanoseconds / 1e9, whole)
