"""Observations to a record's bytes, in every shape that the consumer reads, and in some that it rejects.

Numbers are written so that reading them returns the same float, to the last bit. Timestamps are epoch
seconds. The encoders raise ValueError for NaN and infinities; `bad_observations` has those and all else
that the consumer must quarantine.
"""

import functools
import gzip
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import md5
from typing import Any, Literal

from consumer.decode.unpacking import MAGIC, AggregatedRecord, zstd
from consumer.decode.values import iso8601

Quality = Literal["GOOD", "BAD", "UNCERTAIN"]
SiteWiseValue = float | int | bool | str | None
Reading = tuple[float, SiteWiseValue] | tuple[float, SiteWiseValue, Quality]
"""A timestamp, what was read then, and its quality if it differs from the others."""


class CompressionMissing(Exception):
    """This Python cannot compress so: use another one, or another compression."""


class Garbled(str):
    """Text where a number should be, such as NaN: the consumer must quarantine it."""

    __slots__ = ()


Value = float | Garbled | None
"""What is sent for an observation: a number, text that is not a number, or None for bad quality."""

_BOMB_BYTES = 128 * 1024 * 1024


def point(signal: str, value: Value, timestamp: float | None = None) -> bytes:
    """One observation; without a timestamp, the time of arrival counts.

    >>> point("compressor1.pressure", 42.0, 1700000000.0)
    b'{"signal":"compressor1.pressure","value":42.0,"timestamp":1700000000.0}'
    """
    content: dict[str, Any] = {"signal": signal, "value": value}
    return compact_json(content if timestamp is None else content | {"timestamp": timestamp})


def point_iso(signal: str, value: Value, timestamp: float) -> bytes:
    """One observation, whose time is text.

    >>> point_iso("compressor1.pressure", 42.0, 1700000000.0)[-42:]
    b'"timestamp":"2023-11-14T22:13:20.000000Z"}'
    """
    return compact_json({"signal": signal, "value": value, "timestamp": iso8601(timestamp)})


def key_and_body(signal: str, value: Value, timestamp: float | None = None) -> bytes:
    """One observation as `key` and `body`, whose body is text.

    >>> key_and_body("compressor1.pressure", 42)
    b'{"key":"compressor1.pressure","body":"42"}'
    """
    body = value if value is None or isinstance(value, str) else compact_json(value).decode()
    content: dict[str, Any] = {"key": signal, "body": body}
    return compact_json(content if timestamp is None else content | {"timestamp": timestamp})


def columns(signal: str, timestamps: Sequence[float], values: Sequence[Value]) -> bytes:
    """Observations of one signal, as two lists of one length."""
    return compact_json({"signal": signal, "timestamps": list(timestamps), "values": list(values)})


def several_values(asset: str, timestamp: float, values: Mapping[str, Value]) -> bytes:
    """Values of one asset at one time, by quantity: the signals are `<asset>.<quantity>`."""
    return compact_json({"signal": asset, "timestamp": timestamp, "values": dict(values)})


def bare_number(value: float | Garbled) -> bytes:
    """The number alone, of the signal that the record's partition key names."""
    return value.encode() if isinstance(value, str) else compact_json(value)


def sitewise_notification(
    asset_id: str, property_id: str, readings: Iterable[Reading], quality: Quality = "GOOD"
) -> bytes:
    """What AWS IoT SiteWise publishes when a property changes: the signal is `<asset_id>:<property_id>`."""
    tqvs = [_tqv(reading, quality) for reading in readings]
    content = {"assetId": asset_id, "propertyId": property_id, "values": tqvs}
    return compact_json({"type": "PropertyValueUpdate", "payload": content})


def sitewise_entry(alias: str, readings: Iterable[Reading], quality: Quality = "GOOD") -> bytes:
    """An entry as Greengrass stream manager sends it: the signal is the alias."""
    return compact_json(_entry(alias, readings, quality))


def sitewise_entry_by_ids(
    asset_id: str, property_id: str, readings: Iterable[Reading], quality: Quality = "GOOD"
) -> bytes:
    """The same by the ids of asset and property: the signal is `<asset_id>:<property_id>`."""
    tqvs = [_tqv(reading, quality) for reading in readings]
    return compact_json({"assetId": asset_id, "propertyId": property_id, "propertyValues": tqvs})


def sitewise_entries(signals: Mapping[str, Iterable[Reading]], quality: Quality = "GOOD") -> bytes:
    """Entries of several aliases in one record, as BatchPutAssetPropertyValue takes them."""
    return compact_json(
        {"entries": [_entry(alias, readings, quality) for alias, readings in signals.items()]}
    )


def gzipped(payload: bytes) -> bytes:
    """The payload as one gzip member, without the time of day: the same bytes every time."""
    return gzip.compress(payload, mtime=0)


def zstandard(payload: bytes) -> bytes:
    """The payload as one zstd frame. Raises: `CompressionMissing`."""
    if zstd is None:
        raise CompressionMissing(
            "this Python was built without zstd (compression.zstd): use another Python, or gzip in its place"
        )
    return zstd.compress(payload)


def kpl_aggregated(sub_records: Iterable[tuple[str, bytes]]) -> bytes:
    """Aggregate (partition key, payload) pairs into one record, as the Kinesis Producer Library does.

    The library sends it under any one of the partition keys, which share a shard; a consumer sees the keys of
    the sub-records, each written once into a table.
    """
    positions: dict[str, int] = {}
    aggregated = AggregatedRecord()
    for partition_key, payload in sub_records:
        position = positions.setdefault(partition_key, len(positions))
        aggregated.records.add(partition_key_index=position, data=payload)
    aggregated.partition_key_table.extend(key.encode() for key in positions)
    message: bytes = aggregated.SerializeToString(deterministic=True)
    return MAGIC + message + md5(message, usedforsecurity=False).digest()


@dataclass(frozen=True, slots=True)
class OddRecord:
    """A record with exactly one thing in it that is not learned; `name` says which."""

    name: str
    partition_key: str
    payload: bytes


def bad_observations(signal: str = "bad.signal") -> tuple[OddRecord, ...]:
    """Records from which nothing can be learned: each gives one line of quarantine, and no observation."""
    name = compact_json(signal)
    nameless = {
        "no signal's name": b'{"value":1.0}',
        "an empty signal's name": point("", 1.0),
        "a control character in the signal's name": point("bad\x07signal", 1.0),
        "a signal's name of 513 bytes": point("s" * 513, 1.0),
    }
    values = {
        "NaN as text": b'{"key":%b,"body":"NaN"}' % name,
        "infinity as text": b'{"key":%b,"body":"-Infinity"}' % name,
        "a value above 1e100": point(signal, 1.1e100),
        "a value above the largest float": b'{"signal":%b,"value":1e400}' % name,
        "a body that is no number": b'{"key":%b,"body":"forty-two"}' % name,
        "a value that is an object": b'{"signal":%b,"value":{"celsius":42.0}}' % name,
        "a timestamp that is no time": b'{"signal":%b,"value":1.0,"timestamp":"yesterday"}' % name,
    }
    shapes = {
        "columns of unequal length": columns(signal, [1.7e9, 1.7e9 + 1], [1.0]),
        "more than 10,000 observations": columns(signal, range(10_001), [1.0] * 10_001),
        "NaN as JSON never has it": b'{"signal":%b,"value":NaN}' % name,
        "not JSON": b"pressure=42.0",
        "JSON that is cut short": point(signal, 42.0)[:-1],
        "not UTF-8": b'{"signal":"\xff\xfe","value":1.0}',
        "no bytes": b"",
    }
    packings = {
        "gzip that is cut short": gzipped(point(signal, 1.0))[:-9],
        "zstd that is cut short": zstandard(point(signal, 1.0))[:-3],
        "gzip that unpacks to 128 MiB": _bomb(signal),
        "KPL with a wrong digest": kpl_aggregated([(signal, point(signal, 1.0))])[:-16] + bytes(16),
    }
    named = nameless | values | shapes | packings
    return tuple(OddRecord(name, signal, payload) for name, payload in named.items())


def skipped_observations(alias: str = "skipped.signal") -> tuple[OddRecord, ...]:
    """Records with exactly one observation that is skipped and counted: neither learned nor quarantined."""
    payloads = {
        "BAD quality": sitewise_entry(alias, [(1.7e9, 42.0)], "BAD"),
        "BAD quality in a notification": sitewise_notification(alias, "flow", [(1.7e9, 42.0)], "BAD"),
        "a null value": sitewise_entry(alias, [(1.7e9, None)]),
        "a SiteWise string": sitewise_entry(alias, [(1.7e9, "running")]),
        "a SiteWise string that looks like a number": sitewise_entry(alias, [(1.7e9, "42")]),
    }
    return tuple(OddRecord(name, alias, payload) for name, payload in payloads.items())


# json writes a float as repr does, the shortest text that reads back as the same float.
_encoder = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def compact_json(content: Any) -> bytes:
    """JSON without blanks; raises ValueError for NaN and infinities."""
    return _encoder.encode(content).encode()


def _entry(alias: str, readings: Iterable[Reading], quality: Quality) -> dict[str, Any]:
    tqvs = [_tqv(reading, quality) for reading in readings]
    return {"propertyAlias": alias, "propertyValues": tqvs}


def _tqv(reading: Reading, quality: Quality) -> dict[str, Any]:
    timestamp, value = reading[:2]
    quality = reading[2] if len(reading) == 3 else quality
    seconds, nanoseconds = divmod(round(timestamp * 1_000_000) * 1000, 1_000_000_000)
    time_in_nanos = {"timeInSeconds": seconds, "offsetInNanos": nanoseconds}
    return {"value": _variant(value), "timestamp": time_in_nanos, "quality": quality}


def _variant(value: SiteWiseValue) -> dict[str, Any]:
    match value:
        case None:
            return {"nullValue": {"valueType": "D"}}
        case bool():  # before int, which a bool is too
            return {"booleanValue": value}
        case int():
            return {"integerValue": value}
        case Garbled():
            return {"doubleValue": value}
        case str():
            return {"stringValue": value}
        case _:
            return {"doubleValue": value}


@functools.cache
def _bomb(signal: str) -> bytes:
    """A point, then 128 MiB of blanks, which JSON allows: 130 kB that would be learned if unpacked whole."""
    compressor = zlib.compressobj(level=9, wbits=31)
    blanks = b" " * (1024 * 1024)
    packed = [compressor.compress(point(signal, 1.0))]
    packed += [compressor.compress(blanks) for _ in range(_BOMB_BYTES // len(blanks))]
    return b"".join([*packed, compressor.flush()])
