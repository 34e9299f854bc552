"""Every shape that the consumer reads, by name: which signals a record carries, and its bytes.

A shape may be compressed: `columns+gzip`, `kpl+zstd` (which compresses the payloads inside). Values that are
not numbers are sent too: None as null, or as BAD quality if the shape has one, and garbled text as text.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from producer_sim.payloads import encoders
from producer_sim.payloads import gateway_encoders as gateways
from producer_sim.payloads.encoded import (
    Compress,
    Encode,
    Encoded,
    Observation,
    Readings,
    at_one_time,
    in_turn,
)
from producer_sim.payloads.encoders import Reading, Value


class ShapeUnknown(Exception):
    """Choose one of the shapes that the text lists."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How observations become records: how many of a signal, and which signals together, at most four."""

    name: str
    carries: Literal["signal", "asset", "four"]
    batch: int
    encode: Encode
    takes_batch: bool = True
    is_named_by_its_key: bool = False
    """Whether the partition key must be the signal's name."""
    learned_as: Callable[[str, str], str] | None = None
    """From asset and quantity, which the plant's name must have; None: the name is that of the plant."""
    compress: Compress = bytes

    def __reduce__(self) -> tuple[Any, ...]:
        return shape_named, (self.name, self.batch)  # by name: functions made on the way cannot be pickled

    def payloads(self, names: Sequence[str], readings: Sequence[Readings]) -> Iterator[Encoded]:
        """The payloads of readings, one for a shape that batches; none without readings."""
        return self.encode(names, readings, self.compress) if any(readings) else iter(())

    def learned_name(self, signal: str) -> str:
        """The name under which the consumer learns what is sent in this shape."""
        asset, _, quantity = signal.rpartition(".")
        return signal if self.learned_as is None else self.learned_as(asset, quantity)


def shape_named(name: str, batch: int | None = None) -> Shape:
    """The shape of this name; `batch` replaces its own if it takes one.

    Raises: `ShapeUnknown`; `CompressionMissing`, before anything is sent.
    """
    base, plus, compression = name.partition("+")
    shape = SHAPES.get(base)
    if shape is None or (plus and compression not in _COMPRESSIONS):
        known = ", ".join(SHAPES)
        raise ShapeUnknown(f"there is no shape {name!r}; there are {known}, with +gzip or +zstd, and mixed")
    compress = _COMPRESSIONS.get(compression, bytes)
    compress(b"")
    shape = replace(shape, name=name, compress=compress)
    return replace(shape, batch=batch) if batch and shape.takes_batch else shape


def _points(encode: Callable[[str, Value, float], bytes]) -> Encode:
    def points(names: Sequence[str], readings: Sequence[Readings], compress: Compress) -> Iterator[Encoded]:
        for name, of_signal in zip(names, readings, strict=True):
            for timestamp_s, value in of_signal:
                payload = compress(encode(name, value, timestamp_s))
                yield payload, [Observation(name, timestamp_s, value)]

    return points


def _bare_numbers(
    names: Sequence[str], readings: Sequence[Readings], compress: Compress
) -> Iterator[Encoded]:
    for timestamp_s, value in readings[0]:
        if value is None:  # a number cannot be null: a point can
            null = encoders.point(names[0], None, timestamp_s)
            yield compress(null), [Observation(names[0], timestamp_s, None)]
        else:
            yield compress(encoders.bare_number(value)), [Observation(names[0], None, value)]


def _columns(names: Sequence[str], readings: Sequence[Readings], compress: Compress) -> Iterator[Encoded]:
    timestamps, values = zip(*readings[0], strict=True)
    payload = encoders.columns(names[0], timestamps, values)
    yield compress(payload), in_turn(names, readings)


def _columns_in_milliseconds(
    names: Sequence[str], readings: Sequence[Readings], compress: Compress
) -> Iterator[Encoded]:
    rounded = [(round(timestamp_s * 1000) / 1000, value) for timestamp_s, value in readings[0]]
    stamps = [round(timestamp_s * 1000) for timestamp_s, _ in rounded]
    payload = encoders.columns(names[0], stamps, [value for _, value in rounded])
    yield compress(payload), in_turn(names, [rounded])


def _several_points(begin: bytes, between: bytes, end: bytes) -> Encode:
    def points(names: Sequence[str], readings: Sequence[Readings], compress: Compress) -> Iterator[Encoded]:
        observations = in_turn(names, readings)
        each = (encoders.point(one.signal, one.value, one.timestamp_s) for one in observations)
        yield compress(begin + between.join(each) + end), observations

    return points


def _several_values(
    names: Sequence[str], readings: Sequence[Readings], compress: Compress
) -> Iterator[Encoded]:
    asset = names[0].rpartition(".")[0]
    for time_s, values in at_one_time(names, readings):
        quantities = {name.rpartition(".")[2]: value for name, value in values.items()}
        observations = [Observation(name, time_s, value) for name, value in values.items()]
        yield compress(encoders.several_values(asset, time_s, quantities)), observations


def _notification(
    names: Sequence[str], readings: Sequence[Readings], compress: Compress
) -> Iterator[Encoded]:
    asset_id, _, property_id = names[0].partition(":")
    payload = encoders.sitewise_notification(asset_id, property_id, _tqvs(readings[0]))
    yield compress(payload), in_turn(names, readings)


def _entry(names: Sequence[str], readings: Sequence[Readings], compress: Compress) -> Iterator[Encoded]:
    payload = encoders.sitewise_entry(names[0], _tqvs(readings[0]))
    yield compress(payload), in_turn(names, readings)


def _entry_by_ids(
    names: Sequence[str], readings: Sequence[Readings], compress: Compress
) -> Iterator[Encoded]:
    asset_id, _, property_id = names[0].partition(":")
    payload = encoders.sitewise_entry_by_ids(asset_id, property_id, _tqvs(readings[0]))
    yield compress(payload), in_turn(names, readings)


def _by_ids(asset: str, quantity: str) -> str:
    return f"{asset}:{quantity}"


def _of_asset(asset: str, quantity: str) -> str:
    return f"{asset}.{quantity}"


def _entries(names: Sequence[str], readings: Sequence[Readings], compress: Compress) -> Iterator[Encoded]:
    of_signals = [(name, of_signal) for name, of_signal in zip(names, readings, strict=True) if of_signal]
    payload = encoders.sitewise_entries({name: _tqvs(of_signal) for name, of_signal in of_signals})
    yield compress(payload), in_turn(names, readings)


def _kpl(names: Sequence[str], readings: Sequence[Readings], compress: Compress) -> Iterator[Encoded]:
    observations = in_turn(names, readings)
    sub_records = [
        (one.signal, compress(encoders.point(one.signal, one.value, one.timestamp_s))) for one in observations
    ]
    yield encoders.kpl_aggregated(sub_records), observations


def _tqvs(readings: Readings) -> list[Reading]:
    return [
        (timestamp_s, 0.0, "BAD") if value is None else (timestamp_s, value)
        for timestamp_s, value in readings
    ]


_COMPRESSIONS: dict[str, Compress] = {"gzip": encoders.gzipped, "zstd": encoders.zstandard}

SHAPES = {
    shape.name: shape
    for shape in (
        Shape("point", "signal", 1, _points(encoders.point), takes_batch=False),
        Shape("point-iso", "signal", 1, _points(encoders.point_iso), takes_batch=False),
        Shape("key-body", "signal", 1, _points(encoders.key_and_body), takes_batch=False),
        Shape("array", "four", 10, _several_points(b"[", b",", b"]")),
        Shape("lines", "four", 10, _several_points(b"", b"\n", b"\n")),
        Shape("columns", "signal", 50, _columns),
        Shape("columns-milliseconds", "signal", 50, _columns_in_milliseconds),
        Shape("several-values", "asset", 1, _several_values, takes_batch=False, learned_as=_of_asset),
        Shape("bare-number", "signal", 1, _bare_numbers, takes_batch=False, is_named_by_its_key=True),
        Shape("sitewise-notification", "signal", 20, _notification, learned_as=_by_ids),
        Shape("sitewise-entry", "signal", 20, _entry),
        Shape("sitewise-entry-by-ids", "signal", 20, _entry_by_ids, learned_as=_by_ids),
        Shape("sitewise-entries", "four", 10, _entries),
        Shape("kpl", "four", 10, _kpl),
        Shape("kepserver", "four", 10, gateways.kepserver),
        Shape("telegraf", "asset", 5, gateways.telegraf, learned_as=gateways.telegraf_name),
        Shape("sparkplug", "asset", 5, gateways.sparkplug, learned_as=gateways.sparkplug_name),
        Shape("ignition-injector", "asset", 5, gateways.injector, learned_as=gateways.sparkplug_name),
        Shape("ignition-tags", "four", 10, gateways.ignition_tags, learned_as=gateways.ignition_name),
        Shape("shop-floor", "asset", 1, gateways.shop_floor, takes_batch=False, learned_as=_of_asset),
        Shape("opc-ua", "asset", 1, gateways.opc_ua, takes_batch=False, learned_as=gateways.opc_ua_name),
        Shape("cloud-events", "signal", 1, gateways.cloud_events, takes_batch=False),
    )
}
