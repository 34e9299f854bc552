"""How many faults of simulated plants a detector finds, how soon, and its false alarms.

The plants and their faults are those of `producer_sim`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from producer_sim.plant.description import PlantDescription
from producer_sim.plant.faults import EXPECTED, SIZE, Injected
from producer_sim.plant.reading import read_plant
from producer_sim.plant.simulation import Simulation, simulate
from producer_sim.plant.values import stretches
from producer_sim.run_folder import InjectedKind

START_S = 1_790_000_000.0
"""When a run starts, in epoch seconds: on a Monday afternoon."""
PERIOD_S = 0.2
"""Between a signal's values; the default of `producer_sim simulate`."""


Detector = Callable[[float, float | None], dict[str, Any] | None]
"""Learns a value of one signal and its time; returns the evidence of an alert, if there is one."""


@dataclass(frozen=True, slots=True)
class Runs:
    """A plant, simulated once with each seed."""

    plant: str
    observations: int
    """Per signal."""
    seeds: range
    larger: float = 1.0
    """A factor on the size of each fault in the plant's file."""
    signals: int | None = None
    """Default: those of the plant's file."""


RUNS = (
    Runs("factory", 300, range(10)),
    Runs("steady", 300, range(10)),
    Runs("steady", 300, range(5), larger=2.0),
    Runs("factory", 3_000, range(2)),
    Runs("steady", 3_000, range(2)),
)
"""Both plants for one and for ten minutes: 3.9 million observations."""


@dataclass(frozen=True, slots=True)
class Found:
    """How many faults of one kind and size were detected, and how long after their first value."""

    plant: str
    observations: int
    kind: InjectedKind
    size: float | None
    injected: int
    detected: int
    delay_observations: float | None
    """The median; None if none was detected."""
    delay_observations_max: int | None
    delay_s: float | None
    detected_as: dict[str, int]
    """By the kind of change in the evidence."""

    @property
    def recall(self) -> float:
        """The share that was detected."""
        return self.detected / self.injected


@dataclass(frozen=True, slots=True)
class FaultQuality:
    """The faults that were found, and the false alarms."""

    found: tuple[Found, ...]
    healthy: int
    """Signals without a fault that should raise an alert."""
    false: int
    """Healthy signals with an alert."""
    early: int
    """Signals with an alert before their fault."""
    false_of: dict[str, int]
    """False alarms by family."""

    def recall(self, *kinds: InjectedKind, size_min: float = 0.0) -> float:
        """The share of faults of these kinds and sizes that was detected; 1 if there are none."""
        chosen = [one for one in self.found if one.kind in kinds and (one.size or 0.0) >= size_min]
        injected = sum(one.injected for one in chosen)
        return sum(one.detected for one in chosen) / injected if injected else 1.0


@dataclass(frozen=True, slots=True)
class SignalAlerts:
    """The ticks at which a signal raised an alert, each with the kind of change in its evidence."""

    runs: Runs
    family: str
    injected: Injected | None
    alerts: tuple[tuple[int, str], ...]

    @property
    def is_healthy(self) -> bool:
        """True if it has no fault, or one that is not to raise an alert."""
        return self.injected is None or EXPECTED[self.injected.kind] != "alert"


def quality_of_faults(create: Callable[[], Detector], several: Iterable[Runs] = RUNS) -> FaultQuality:
    """Learn each signal of each run with a new detector."""
    return judge([signal for runs in several for signal in signal_alerts(create, runs)])


def signal_alerts(create: Callable[[], Detector], runs: Runs) -> list[SignalAlerts]:
    """The alerts of each signal of these runs, each with a new detector."""
    return [signal for simulation in _simulations(runs) for signal in _alerts(simulation, create, runs)]


def judge(signals: Sequence[SignalAlerts]) -> FaultQuality:
    """Compare the alerts of all signals with their faults."""
    by_fault: dict[tuple[str, int, InjectedKind, float | None], list[SignalAlerts]] = defaultdict(list)
    healthy = [signal for signal in signals if signal.is_healthy]
    faulty = [(signal, signal.injected) for signal in signals if not signal.is_healthy]
    false_of = Counter(signal.family for signal in healthy if signal.alerts)
    for signal, injected in faulty:
        if injected is not None:
            key = (signal.runs.plant, signal.runs.observations, injected.kind, injected.size)
            by_fault[key].append(signal)
    return FaultQuality(
        tuple(_found(key, by_fault[key]) for key in sorted(by_fault, key=str)),
        len(healthy),
        false_of.total(),
        sum(any(tick < one.first for tick, _ in signal.alerts) for signal, one in faulty if one is not None),
        dict(sorted(false_of.items())),
    )


def _simulations(runs: Runs) -> Iterator[Simulation]:
    plant = _enlarged(read_plant(runs.plant), runs.larger)
    signals = runs.signals or plant.signals
    for seed in runs.seeds:
        yield simulate(plant, seed, signals / PERIOD_S, runs.observations * signals, signals)


def _enlarged(plant: PlantDescription, larger: float) -> PlantDescription:
    """The plant with larger faults; each kind by itself, because each has its own size."""
    if larger == 1.0:
        return plant
    faults = []
    for fault in plant.faults:
        share = None if fault.share is None else fault.share / len(fault.kind)
        for kind in fault.kind:
            size = larger * (fault.size or SIZE.get(kind, 0.0)) or None
            faults.append(fault.model_copy(update={"kind": (kind,), "size": size, "share": share}))
    return plant.model_copy(update={"faults": tuple(faults)})


def _alerts(simulation: Simulation, create: Callable[[], Detector], runs: Runs) -> Iterator[SignalAlerts]:
    detectors = [create() for _ in simulation.members]
    alerts: list[list[tuple[int, str]]] = [[] for _ in simulation.members]
    for stretch in stretches(simulation, simulation.members):
        for row, (detector, values) in enumerate(zip(detectors, stretch.values, strict=True)):
            copies, shifts_s = stretch.copies.get(row), stretch.shifts_s.get(row)
            for column, value in enumerate(values):
                if not isinstance(value, int | float):
                    continue  # a pipeline skips or quarantines it
                tick = stretch.first_tick + column
                at_s = START_S + simulation.due_s(row, tick) + (shifts_s[column] if shifts_s else 0.0)
                for _ in range(copies[column] if copies else 1):
                    evidence = detector(float(value), at_s)
                    if evidence is not None:
                        alerts[row].append((tick, str(evidence.get("shift", ""))))
    for member, ticks in zip(simulation.members, alerts, strict=True):
        yield SignalAlerts(runs, member.family, simulation.injected.get(member.position), tuple(ticks))


def _found(key: tuple[str, int, InjectedKind, float | None], signals: Sequence[SignalAlerts]) -> Found:
    delays, detected_as = [], defaultdict[str, int](int)
    for signal in signals:
        one = signal.injected
        if one is None:
            continue
        within = [(tick - one.first, shift) for tick, shift in signal.alerts if one.first <= tick < one.end]
        if within:
            delays.append(within[0][0])
            detected_as[within[0][1]] += 1
    middle = median(delays) if delays else None
    return Found(
        *key,
        len(signals),
        len(delays),
        middle,
        max(delays, default=None),
        None if middle is None else middle * PERIOD_S,
        dict(detected_as),
    )
