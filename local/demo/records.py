"""What the demo sends: a simulated plant and a recorded series, in every shape that the consumer reads."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from clients.kinesis_writer.put_request import StreamRecord
from local.demo.mixer import MIXER, UNITS, MixerRow
from producer_sim.payloads import encoders
from producer_sim.payloads.carriers import carriers_of, learned_names
from producer_sim.payloads.shapes import Observation, Readings, shape_named
from producer_sim.plant.reading import read_plant
from producer_sim.plant.simulated_records import simulated_records
from producer_sim.plant.simulation import Simulation, simulate
from producer_sim.plant.water_flow import RecordedSignal

START_S = 1_700_000_000.0
"""When the simulated plant starts, in epoch seconds; each signal then has one observation a second."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A record, and what is in it by position: (signal, value), or None for what is not learned."""

    record: StreamRecord
    sent_s: float
    """When the plant sends it: the timestamp of its last observation."""
    observations: tuple[tuple[str, float] | None, ...]
    is_bad: bool = False
    """Whether the consumer must quarantine it."""


def demo_plant(seed: int, signals: int, observations_per_signal: int) -> Simulation:
    """The plant `steady`, of which `drift.ADWIN` on raw values finds nearly all changes."""
    plant = read_plant("steady")
    return simulate(plant, seed, float(signals), signals * observations_per_signal, signals)


def changes(plant: Simulation) -> dict[str, int | None]:
    """Of each signal, by the name under which it is learned, which observation is the first changed one."""
    names = learned_names(carriers_of(plant, "mixed"))
    return {
        names[member.name]: plant.injected[member.position].first
        if member.position in plant.injected
        else None
        for member in plant.members
    }


def demo_settings(plant: Simulation, own: Path) -> str:
    """Settings for the signals, as an export of an asset model would have them; those of the file `own` win.

    >>> _called("line3.compressor1")
    {'asset': 'Compressor 1', 'line': 'Line 3'}
    """
    names = learned_names(carriers_of(plant, "mixed"))
    signals = [
        {"match": names[member.name], "name": member.name.rpartition(".")[2].capitalize()}
        | {"unit": plant.family(member).unit}
        | _called(member.asset)
        for member in plant.members
    ]
    signals += [
        {"match": f"{MIXER}.{name}", "name": name.capitalize(), "unit": unit} | _called(MIXER)
        for name, unit in UNITS.items()
    ]
    assets = sorted({member.asset for member in plant.members} | {MIXER})
    signals += [{"match": asset, **_called(asset)} for asset in assets]
    signals += yaml.safe_load(own.read_text(encoding="utf-8"))["signals"]
    return yaml.safe_dump({"version": 1, "signals": signals}, sort_keys=False)


def _called(asset: str) -> dict[str, str]:
    line, name = asset.split(".")
    return {"asset": _spaced(name), "line": _spaced(line)}


def _spaced(name: str) -> str:
    letters = name.rstrip("0123456789")
    return f"{letters} {name[len(letters) :]}".capitalize()


def demo_records(
    plant: Simulation,
    recorded: RecordedSignal,
    recorded_property: RecordedSignal,
    mixer: Iterable[MixerRow],
) -> list[Sent]:
    """All records in the order in which a plant would send them: within a signal, by time.

    `recorded_property` is named `asset:property`, as the consumer names what SiteWise notifies of.
    """
    sent = [
        Sent(record, START_S + due_s, tuple(map(_learned, observations)))
        for due_s, record, observations in simulated_records(plant, carriers_of(plant, "mixed"), START_S)
    ]
    sent += _recorded(recorded, "point", 1)
    sent += _recorded(recorded_property, "sitewise-notification", 20)
    sent += map(_mixed, mixer)
    sent.sort(key=lambda one: one.sent_s)
    return list(_with_odd_ones(sent))


def _learned(observation: Observation) -> tuple[str, float] | None:
    value = observation.value
    return (observation.signal, value) if isinstance(value, float) else None


def _mixed(row: MixerRow) -> Sent:
    observations = tuple((f"{MIXER}.{name}", value) for name, value in row.values.items())
    return Sent(StreamRecord(MIXER, row.payload), row.at_s, observations)


def _recorded(series: RecordedSignal, shape: str, batch: int) -> Iterator[Sent]:
    readings: Readings = list(zip(series.timestamps, series.values, strict=True))
    for start in range(0, len(readings), batch):
        chunk = readings[start : start + batch]
        for payload, observations in shape_named(shape).payloads([series.name], [chunk]):
            record = StreamRecord(series.name, payload)
            yield Sent(record, chunk[-1][0], tuple(map(_learned, observations)))


def _with_odd_ones(sent: Sequence[Sent]) -> Iterator[Sent]:
    """Spread what must be quarantined, and what must be skipped, over the records."""
    odd = [(record, True) for record in encoders.bad_observations()]
    odd += [(record, False) for record in encoders.skipped_observations()]
    every = len(sent) // len(odd)
    for number, one in enumerate(sent):
        yield one
        if odd and number % every == 0:
            record, is_bad = odd.pop()
            yield Sent(StreamRecord(record.partition_key, record.payload), one.sent_s, (None,), is_bad)
