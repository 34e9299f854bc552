"""Payloads with what is in them: what each shape's function yields."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from producer_sim.payloads.encoders import Value

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
"""From the names under which signals are learned, and the readings of each, to payloads."""


def in_turn(names: Sequence[str], readings: Sequence[Readings]) -> list[Observation]:
    """The observations, signal by signal."""
    return [
        Observation(name, timestamp_s, value)
        for name, of_signal in zip(names, readings, strict=True)
        for timestamp_s, value in of_signal
    ]


def at_one_time(
    names: Sequence[str], readings: Sequence[Readings]
) -> Iterator[tuple[float, dict[str, Value]]]:
    """Values of one time together, by name; what comes twice, or has its own time, follows."""
    left = {name: list(of_signal) for name, of_signal in zip(names, readings, strict=True) if of_signal}
    while left:
        time_s = next(iter(left.values()))[0][0]
        yield (
            time_s,
            {name: of_signal.pop(0)[1] for name, of_signal in left.items() if of_signal[0][0] == time_s},
        )
        left = {name: of_signal for name, of_signal in left.items() if of_signal}
