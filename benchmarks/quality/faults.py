"""How many of a simulated plant's faults a detector tells, how soon, and how often it tells of none.

The plants, and what is injected where, are those of `producer_sim`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Protocol

from producer_sim.payloads.encoders import Value
from producer_sim.plant.description import PlantDescription
from producer_sim.plant.faults import EXPECTED, SIZE, Injected
from producer_sim.plant.reading import read_plant
from producer_sim.plant.simulation import Simulation, simulate
from producer_sim.plant.values import stretches
from producer_sim.run_folder import InjectedKind

START_S = 1_790_000_000.0
"""When a run starts, in seconds since 1970: on a Monday, in the afternoon."""
PERIOD_S = 0.2
"""Between a signal's values: that of `producer_sim simulate`, where nothing else is asked for."""


class Detector(Protocol):
    """What learns one signal."""

    def learn_one(self, value: float, timestamp_s: float | None, /) -> tuple[float, dict[str, Any] | None]:
        """A score, and evidence where there is something to tell."""


@dataclass(frozen=True, slots=True)
class Runs:
    """A plant, simulated once with each seed."""

    plant: str
    observations: int
    """Of each signal."""
    seeds: range
    larger: float = 1.0
    """Times the size of each fault in the plant's file."""
    signals: int | None = None
    """What the plant's file says if not given."""


RUNS = (
    Runs("factory", 300, range(10)),
    Runs("steady", 300, range(10)),
    Runs("steady", 300, range(5), larger=2.0),
    Runs("factory", 3_000, range(2)),
    Runs("steady", 3_000, range(2)),
)
"""Both plants for a minute and for ten: 3.9 million observations."""


@dataclass(frozen=True, slots=True)
class Found:
    """Of the faults of one kind and size: how many were told, and how long after their first value."""

    plant: str
    observations: int
    kind: InjectedKind
    size: float | None
    injected: int
    told: int
    delay_observations: float | None
    """The median; None where none was told."""
    delay_observations_max: int | None
    delay_s: float | None
    told_as: dict[str, int]
    """What the evidence calls it."""

    @property
    def recall(self) -> float:
        """The share that was told."""
        return self.told / self.injected


@dataclass(frozen=True, slots=True)
class FaultQuality:
    """What was found; and what was told of signals before their fault, or without one, by family."""

    found: tuple[Found, ...]
    healthy: int
    """Runs of a signal without a fault that should alert."""
    false: int
    """Of them, how many were told of."""
    early: int
    """Signals that were told of before their fault."""
    false_of: dict[str, int]

    def recall(self, *kinds: InjectedKind, size_min: float = 0.0) -> float:
        """The share of faults of these kinds and sizes that was told; 1 where there are none."""
        chosen = [one for one in self.found if one.kind in kinds and (one.size or 0.0) >= size_min]
        injected = sum(one.injected for one in chosen)
        return sum(one.told for one in chosen) / injected if injected else 1.0


@dataclass(frozen=True, slots=True)
class _Told:
    """The ticks at which a signal was told of, and what the evidence called it."""

    runs: Runs
    family: str
    injected: Injected | None
    told: tuple[tuple[int, str], ...]

    @property
    def is_healthy(self) -> bool:
        return self.injected is None or EXPECTED[self.injected.kind] != "alert"


def quality_of_faults(create: Callable[[], Detector], several: Iterable[Runs] = RUNS) -> FaultQuality:
    """Learn each signal of each run with a detector of its own."""
    signals = [
        signal
        for runs in several
        for simulation in _simulations(runs)
        for signal in _told(simulation, create, runs)
    ]
    by_fault: dict[tuple[str, int, InjectedKind, float | None], list[_Told]] = defaultdict(list)
    healthy = [signal for signal in signals if signal.is_healthy]
    faulty = [(signal, signal.injected) for signal in signals if not signal.is_healthy]
    false_of: dict[str, int] = defaultdict(int)
    for signal in healthy:
        false_of[signal.family] += bool(signal.told)
    for signal, injected in faulty:
        if injected is not None:
            key = (signal.runs.plant, signal.runs.observations, injected.kind, injected.size)
            by_fault[key].append(signal)
    return FaultQuality(
        tuple(_found(key, by_fault[key]) for key in sorted(by_fault, key=str)),
        len(healthy),
        sum(bool(signal.told) for signal in healthy),
        sum(any(tick < one.first for tick, _ in signal.told) for signal, one in faulty if one is not None),
        {family: count for family, count in sorted(false_of.items()) if count},
    )


def _simulations(runs: Runs) -> Iterator[Simulation]:
    plant = _enlarged(read_plant(runs.plant), runs.larger)
    signals = runs.signals or plant.signals
    for seed in runs.seeds:
        yield simulate(plant, seed, signals / PERIOD_S, runs.observations * signals, signals)


def _enlarged(plant: PlantDescription, larger: float) -> PlantDescription:
    """Each kind of fault by itself, for each has a size of its own."""
    if larger == 1.0:
        return plant
    faults = []
    for fault in plant.faults:
        share = None if fault.share is None else fault.share / len(fault.kind)
        for kind in fault.kind:
            size = larger * (fault.size or SIZE.get(kind, 0.0)) or None
            faults.append(fault.model_copy(update={"kind": (kind,), "size": size, "share": share}))
    return plant.model_copy(update={"faults": tuple(faults)})


def _told(simulation: Simulation, create: Callable[[], Detector], runs: Runs) -> Iterator[_Told]:
    detectors = [create() for _ in simulation.members]
    told: list[list[tuple[int, str]]] = [[] for _ in simulation.members]
    for stretch in stretches(simulation, simulation.members):
        for row, (detector, values) in enumerate(zip(detectors, stretch.values, strict=True)):
            copies, shifts_s = stretch.copies.get(row), stretch.shifts_s.get(row)
            for column, value in enumerate(_numbers(values)):
                tick = stretch.first_tick + column
                at_s = START_S + simulation.due_s(row, tick) + (shifts_s[column] if shifts_s else 0.0)
                for _ in range(0 if value is None else copies[column] if copies else 1):
                    _, evidence = detector.learn_one(value, at_s)  # type: ignore[arg-type]
                    if evidence is not None:
                        told[row].append((tick, str(evidence.get("shift", ""))))
    for member, ticks in zip(simulation.members, told, strict=True):
        yield _Told(runs, member.family, simulation.injected.get(member.position), tuple(ticks))


def _numbers(values: Sequence[Value]) -> Iterator[float | None]:
    """What a pipeline learns; None instead of what it skips or quarantines."""
    for value in values:
        yield float(value) if isinstance(value, int | float) else None


def _found(key: tuple[str, int, InjectedKind, float | None], signals: Sequence[_Told]) -> Found:
    delays, told_as = [], defaultdict[str, int](int)
    for signal in signals:
        one = signal.injected
        if one is None:
            continue
        within = [(tick - one.first, shift) for tick, shift in signal.told if one.first <= tick < one.end]
        if within:
            delays.append(within[0][0])
            told_as[within[0][1]] += 1
    middle = median(delays) if delays else None
    return Found(
        *key,
        len(signals),
        len(delays),
        middle,
        max(delays, default=None),
        None if middle is None else middle * PERIOD_S,
        dict(told_as),
    )
