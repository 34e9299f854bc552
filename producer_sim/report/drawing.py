"""The values of the signals worth drawing: those with a fault, and a few healthy ones beside them."""

import math
from collections.abc import Iterator, Mapping
from itertools import islice

from producer_sim.payloads.encoders import Value
from producer_sim.plant.simulation import Member, Simulation
from producer_sim.plant.values import stretches
from producer_sim.run_folder import SignalSeries

HEALTHY_SIGNALS = 4
FAULTY_SIGNALS_MAX = 60
POINTS_MAX = 2000


def series_of(
    simulation: Simulation, names: Mapping[str, str], start_s: float, end_s: float
) -> Iterator[SignalSeries]:
    """Each drawn signal until `end_s`, thinned where it is long: of each stretch its extremes stay.

    What is sent as no number, and what drops out, is None.
    """
    faulty = [member for member in simulation.members if member.position in simulation.injected]
    healthy = (member for member in simulation.members if member.position not in simulation.injected)
    for member in [*faulty[:FAULTY_SIGNALS_MAX], *islice(healthy, HEALTHY_SIGNALS)]:
        thinned = list(_thinned(simulation, member, start_s, end_s))
        yield SignalSeries(
            names[member.name], [time_s for time_s, _ in thinned], [value for _, value in thinned]
        )


def _thinned(
    simulation: Simulation, member: Member, start_s: float, end_s: float
) -> Iterator[tuple[float, float | None]]:
    """At most `POINTS_MAX`, in order of time: of so many neighbours the lowest and the highest, and a gap."""
    ticks = min(simulation.ticks, math.ceil((end_s - start_s) / simulation.period_s))
    together = max(1, math.ceil(3 * ticks / POINTS_MAX)) if ticks > POINTS_MAX else 1
    bucket: list[tuple[float, float | None]] = []
    for tick, value in islice(_values(simulation, member), ticks):
        bucket.append((round(start_s + simulation.due_s(member.position, tick), 6), value))
        if len(bucket) == together:
            yield from _extremes(bucket)
            bucket = []
    yield from _extremes(bucket)


def _values(simulation: Simulation, member: Member) -> Iterator[tuple[int, float | None]]:
    for stretch in stretches(simulation, [member]):
        copies = stretch.copies.get(0, [1] * stretch.ticks)
        for place, (value, times) in enumerate(zip(stretch.values[0], copies, strict=True)):
            yield stretch.first_tick + place, _number(value) if times else None


def _number(value: Value) -> float | None:
    return value if isinstance(value, float) else None


def _extremes(bucket: list[tuple[float, float | None]]) -> list[tuple[float, float | None]]:
    numbers = [(value, time_s) for time_s, value in bucket if value is not None]
    kept: set[tuple[float, float | None]] = set([one for one in bucket if one[1] is None][:1])
    if numbers:
        kept |= {(time_s, value) for value, time_s in (min(numbers), max(numbers))}
    return sorted(kept, key=lambda point: point[0])
