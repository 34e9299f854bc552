"""The demo's records: a simulated plant, a mixer and a recorded series, in every payload shape.

The mixer's values fail together: each stays within its range, but together they are new. Later one of its
sensors sticks.
"""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from clients.kinesis_writer.put_request import StreamRecord
from consumer.settings.signals_yaml import read_yaml
from producer_sim.payloads import encoders
from producer_sim.payloads.encoded import Observation, Readings
from producer_sim.payloads.record_groups import learned_names, record_groups_of
from producer_sim.payloads.shapes import shape_named
from producer_sim.plant.reading import read_plant
from producer_sim.plant.simulated_records import simulated_records
from producer_sim.plant.simulation import Simulation, simulate
from producer_sim.plant.water_flow import RecordedSignal

START_S = 1_700_000_000.0
"""When the simulated plant starts, in epoch seconds; each signal then has one observation a second."""

MIXER = "line1.mixer1"
UNITS = {"temperature": "degC", "speed": "rpm", "power": "kW", "flow": "l/min"}
BATCH_TICKS = 5
"""It stands still, then runs, for that many observations each."""
FAILS = (0.7, 0.76)
"""The share of the run in which its coupling is broken: it turns without a load, and nothing flows."""

STICKS = 0.85
"""The share of the run from which on the flow meter repeats its last value."""

_STANDS = {"temperature": 40.0, "speed": 0.0, "power": 5.0, "flow": 0.0}
_RUNS = {"temperature": 60.0, "speed": 100.0, "power": 50.0, "flow": 200.0}
_RUNS_IDLE = {"temperature": 60.0, "speed": 100.0, "power": 5.0, "flow": 0.0}


@dataclass(frozen=True, slots=True)
class Sent:
    """A record and its observations by position: (signal, value), or None for one that is not learned."""

    record: StreamRecord
    sent_s: float
    """When the plant sends it: at the timestamp of its last observation."""
    observations: tuple[tuple[str, float] | None, ...]
    is_bad: bool = False
    """True if the consumer must quarantine it."""


def demo_plant(seed: int, signals: int, observations_per_signal: int) -> Simulation:
    """The plant `steady`: `drift.ADWIN` on raw values finds nearly all its changes."""
    plant = read_plant("steady")
    return simulate(plant, seed, float(signals), signals * observations_per_signal, signals)


def changes(plant: Simulation) -> dict[str, int | None]:
    """The first changed observation of each signal, None without a change; by the name that is learned."""
    names = learned_names(record_groups_of(plant, "mixed"))
    return {
        names[member.name]: plant.injected[member.position].first
        if member.position in plant.injected
        else None
        for member in plant.members
    }


def demo_settings(plant: Simulation, own: Path) -> str:
    """A signals.yaml, as an asset model would export it: what people call each signal; file `own` wins.

    >>> _asset_and_line("line3.compressor1")
    {'asset': 'Compressor 1', 'line': 'Line 3'}
    """
    names = learned_names(record_groups_of(plant, "mixed"))
    signals = [
        {"match": names[member.name], "name": member.name.rpartition(".")[2].capitalize()}
        | {"unit": plant.family(member).unit}
        | _asset_and_line(member.asset)
        for member in plant.members
    ]
    signals += [
        {"match": f"{MIXER}.{name}", "name": name.capitalize(), "unit": unit} | _asset_and_line(MIXER)
        for name, unit in UNITS.items()
    ]
    assets = sorted({member.asset for member in plant.members} | {MIXER})
    signals += [{"match": asset, **_asset_and_line(asset)} for asset in assets]
    _, given = read_yaml(own.read_text(encoding="utf-8"), str(own))
    signals += given.get("signals", [])
    return yaml.safe_dump({"version": 1, "signals": signals}, sort_keys=False)


def _asset_and_line(asset: str) -> dict[str, str]:
    line, name = asset.split(".")
    return {"asset": _with_spaces(name), "line": _with_spaces(line)}


def _with_spaces(name: str) -> str:
    letters = name.rstrip("0123456789")
    return f"{letters} {name[len(letters) :]}".capitalize()


@dataclass(frozen=True, slots=True)
class MixerRow:
    """The mixer's values at a time, in seconds since 1970."""

    at_s: float
    values: dict[str, float]

    @property
    def payload(self) -> bytes:
        """A payload of several values."""
        return json.dumps({"signal": MIXER, "timestamp": self.at_s, "values": self.values}).encode()


def mixer_rows(seed: int, observations: int, start_s: float) -> Iterator[MixerRow]:
    """One row a second."""
    rng = random.Random(f"mixer {seed}")
    first, end = (round(share * observations) for share in FAILS)
    sticks, stuck = round(STICKS * observations), 0.0
    for tick in range(observations):
        levels = _RUNS if tick // BATCH_TICKS % 2 else _STANDS
        if first <= tick < end:
            levels = _RUNS_IDLE
        values = {name: round(rng.gauss(level, 1.0 + 0.03 * level), 3) for name, level in levels.items()}
        stuck = values["flow"] if tick < sticks else stuck
        yield MixerRow(start_s + tick, values | {"flow": stuck})


def demo_records(
    plant: Simulation,
    recorded: RecordedSignal,
    recorded_property: RecordedSignal,
    mixer: Iterable[MixerRow],
) -> list[Sent]:
    """All records, in the order in which a plant would send them: by time within a signal.

    `recorded_property` is named `asset:property`, as the consumer names a property of SiteWise.
    """
    sent = [
        Sent(record, START_S + due_s, tuple(map(_learned, observations)))
        for due_s, record, observations in simulated_records(plant, record_groups_of(plant, "mixed"), START_S)
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
    """Spread records that must be quarantined or skipped among the others."""
    odd = [(record, True) for record in encoders.bad_observations()]
    odd += [(record, False) for record in encoders.skipped_observations()]
    every = len(sent) // len(odd)
    for number, one in enumerate(sent):
        yield one
        if odd and number % every == 0:
            record, is_bad = odd.pop()
            yield Sent(StreamRecord(record.partition_key, record.payload), one.sent_s, (None,), is_bad)
