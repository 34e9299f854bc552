"""The values of a simulation that its report draws: signals with a fault, and a few healthy ones."""

import math
from collections.abc import Iterator, Mapping
from itertools import islice

from clients.downsample import Point, downsample
from producer_sim.plant.simulation import Member, Simulation
from producer_sim.plant.values import stretches
from producer_sim.run_folder import SignalSeries

HEALTHY_SIGNALS = 4
FAULTY_SIGNALS_MAX = 60
POINTS_MAX = 2000


def chart_series(
    simulation: Simulation, names: Mapping[str, str], start_s: float, end_s: float
) -> Iterator[SignalSeries]:
    """Each drawn signal until `end_s`, downsampled if it is long; drop-outs and non-numbers are gaps."""
    faulty = [member for member in simulation.members if member.position in simulation.injected]
    healthy = (member for member in simulation.members if member.position not in simulation.injected)
    ticks = min(simulation.ticks, math.ceil((end_s - start_s) / simulation.period_s))
    together = math.ceil(3 * ticks / POINTS_MAX) if ticks > POINTS_MAX else 1
    for member in [*faulty[:FAULTY_SIGNALS_MAX], *islice(healthy, HEALTHY_SIGNALS)]:
        points = islice(_points(simulation, member, start_s), max(0, ticks))
        yield SignalSeries.of(names[member.name], downsample(points, together))


def _points(simulation: Simulation, member: Member, start_s: float) -> Iterator[Point]:
    for stretch in stretches(simulation, [member]):
        copies = stretch.copies.get(0, [1] * stretch.ticks)
        for tick, (value, times) in enumerate(
            zip(stretch.values[0], copies, strict=True), stretch.first_tick
        ):
            at_s = round(start_s + simulation.due_s(member.position, tick), 6)
            yield at_s, value if times and isinstance(value, float) else None
