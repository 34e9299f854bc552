"""Every shape that the consumer reads, by name: which signals a record carries, and its bytes.

A shape may be compressed: `columns+gzip`, `kpl+zstd` (which compresses the payloads inside). Values that are
not numbers are sent too: None as null, or as BAD quality if the shape has one, and garbled text as text.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from producer_sim.payloads import encoders
from producer_sim.payloads.encoders import Reading, Value

Readings = list[tuple[float, Value]]
"""Timestamps, epoch seconds, and values of one signal, in the order in which they are sent."""


class Observation(NamedTuple):
    """An observation in a record, by the name under which it is learned."""

    signal: str
    timestamp_s: float | None
    value: Value


Encoded = tuple[bytes, list[Observation]]
"""A payload, and its observations in order."""
Compress = Callable[[bytes], bytes]
Encode = Callable[[Sequence[str], Sequence[Readings], Compress], Iterator[Encoded]]
"""From signals' names and the readings of each to payloads."""


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
    names_assets: bool = False
    """Whether a signal's name must be an asset and a quantity with a dot between."""
    is_named_by_its_key: bool = False
    """Whether the partition key must be the signal's name."""
    compress: Compress = bytes

    def __reduce__(self) -> tuple[Any, ...]:
        return shape_named, (self.name, self.batch)  # by name: functions made on the way cannot be pickled

    def payloads(self, names: Sequence[str], readings: Sequence[Readings]) -> Iterator[Encoded]:
        """The payloads of readings, one for a shape that batches; none without readings."""
        return self.encode(names, readings, self.compress) if any(readings) else iter(())

    def learned_name(self, signal: str) -> str:
        """The name under which the consumer learns what is sent in this shape."""
        asset, dot, quantity = signal.rpartition(".")
        return f"{asset}:{quantity}" if dot and self.name.startswith("sitewise-notification") else signal


def shape_named(name: str, batch: int | None = None) -> Shape:
    """The shape of this name; `batch` replaces its own if it takes one."""
    base, plus, compression = name.partition("+")
    shape = SHAPES.get(base)
    if shape is None or (plus and compression not in _COMPRESSIONS):
        known = ", ".join(SHAPES)
        raise ShapeUnknown(f"there is no shape {name!r}; there are {known}, with +gzip or +zstd, and mixed")
    shape = replace(shape, name=name, compress=_COMPRESSIONS.get(compression, bytes))
    return replace(shape, batch=batch) if batch and shape.takes_batch else shape


def _observations(name: str, readings: Readings) -> list[Observation]:
    return [Observation(name, timestamp_s, value) for timestamp_s, value in readings]


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
    yield compress(payload), _observations(names[0], readings[0])


def _several_values(
    names: Sequence[str], readings: Sequence[Readings], compress: Compress
) -> Iterator[Encoded]:
    """Values of one time go together; what comes twice, or has its own time, goes in a further record."""
    asset = names[0].rpartition(".")[0]
    left = {name: list(of_signal) for name, of_signal in zip(names, readings, strict=True) if of_signal}
    while left:
        time_s = next(iter(left.values()))[0][0]
        values = {name: of_signal.pop(0)[1] for name, of_signal in left.items() if of_signal[0][0] == time_s}
        quantities = {name.rpartition(".")[2]: value for name, value in values.items()}
        observations = [Observation(name, time_s, value) for name, value in values.items()]
        yield compress(encoders.several_values(asset, time_s, quantities)), observations
        left = {name: of_signal for name, of_signal in left.items() if of_signal}


def _notification(
    names: Sequence[str], readings: Sequence[Readings], compress: Compress
) -> Iterator[Encoded]:
    asset_id, _, property_id = names[0].partition(":")
    payload = encoders.sitewise_notification(asset_id, property_id, _tqvs(readings[0]))
    yield compress(payload), _observations(names[0], readings[0])


def _entry(names: Sequence[str], readings: Sequence[Readings], compress: Compress) -> Iterator[Encoded]:
    payload = encoders.sitewise_entry(names[0], _tqvs(readings[0]))
    yield compress(payload), _observations(names[0], readings[0])


def _entries(names: Sequence[str], readings: Sequence[Readings], compress: Compress) -> Iterator[Encoded]:
    of_signals = [(name, of_signal) for name, of_signal in zip(names, readings, strict=True) if of_signal]
    payload = encoders.sitewise_entries({name: _tqvs(of_signal) for name, of_signal in of_signals})
    yield compress(payload), [one for named in of_signals for one in _observations(*named)]


def _kpl(names: Sequence[str], readings: Sequence[Readings], compress: Compress) -> Iterator[Encoded]:
    observations = [one for named in zip(names, readings, strict=True) for one in _observations(*named)]
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
        Shape("key-body", "signal", 1, _points(encoders.key_and_body), takes_batch=False),
        Shape("columns", "signal", 50, _columns),
        Shape("several-values", "asset", 1, _several_values, takes_batch=False, names_assets=True),
        Shape("bare-number", "signal", 1, _bare_numbers, takes_batch=False, is_named_by_its_key=True),
        Shape("sitewise-notification", "signal", 20, _notification, names_assets=True),
        Shape("sitewise-entry", "signal", 20, _entry),
        Shape("sitewise-entries", "four", 10, _entries),
        Shape("kpl", "four", 10, _kpl),
    )
}
