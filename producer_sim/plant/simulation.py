"""A plant for one run: its signals, when each is due, and which faults they have."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from producer_sim.plant.description import Family, FaultDescription, PlantDescription
from producer_sim.plant.faults import DENSITY, EXPECTED, SIZE, Injected
from producer_sim.plant.randomness import draw, key_of
from producer_sim.run_folder import Fault, SimulatedSignal, Truth

_TICKS_AT_ONCE = 65_536


class PlantImpossible(Exception):
    """The plant's file does not fit the size of the run: change what the text names."""


@dataclass(frozen=True, slots=True)
class Member:
    """A signal by its position in the plant; asset and quantity are its name's parts around the last dot."""

    position: int
    name: str
    family: str

    @property
    def asset(self) -> str:
        """The asset it is measured on."""
        return self.name.rpartition(".")[0] or self.name


@dataclass(frozen=True, slots=True)
class Simulation:
    """A run of a plant. In each tick every signal is due once, one after the other, at an even pace.

    Units: `rate` is in observations a second, of all signals; a tick takes `period_s`
    """

    description: PlantDescription
    seed: int
    rate: float
    ticks: int
    members: tuple[Member, ...]
    injected: Mapping[int, Injected]
    """The fault of a signal, by its position."""

    @property
    def period_s(self) -> float:
        """Between observations of a signal."""
        return len(self.members) / self.rate

    @property
    def observations(self) -> int:
        """How many are due; faults leave some out and repeat others."""
        return self.ticks * len(self.members)

    def family(self, member: Member) -> Family:
        """The family of a signal."""
        return self.description.families[member.family]

    def due_s(self, position: int, tick: int) -> float:
        """When an observation is due, in seconds after the start: the k-th of all at k / rate."""
        return (tick * len(self.members) + position) / self.rate

    def truth(self, start_s: float, names: Mapping[str, str], end_s: float = math.inf) -> Truth:
        """The faults injected until `end_s`; `names` are those under which signals are learned."""
        signals = (
            SimulatedSignal(names[one.name], one.family, self.family(one).unit, self.period_s)
            for one in self.members
        )
        faults = (
            self._fault(position, injected, start_s, names[injected.signal], end_s)
            for position, injected in sorted(self.injected.items())
        )
        return Truth(tuple(signals), tuple(fault for fault in faults if fault is not None))

    def _fault(
        self, position: int, injected: Injected, start_s: float, name: str, end_s: float
    ) -> Fault | None:
        first = last = None
        observations = 0
        for start in range(injected.first, injected.end, _TICKS_AT_ONCE):
            ticks = np.arange(start, min(injected.end, start + _TICKS_AT_ONCE))
            touched = ticks[injected.touches(ticks)]
            touched = touched[start_s + (touched * len(self.members) + position) / self.rate <= end_s]
            if len(touched):
                first = int(touched[0]) if first is None else first
                last = int(touched[-1])
                observations += len(touched)
        if first is None or last is None:
            return None
        return Fault(
            signals=(name,),
            kind=injected.kind,
            first_s=start_s + self.due_s(position, first),
            last_s=start_s + self.due_s(position, last),
            period_s=self.period_s,
            expected=EXPECTED[injected.kind],
            size=injected.size,
            observations=observations,
        )


def simulate(
    description: PlantDescription, seed: int, rate: float, observations: int, signals: int | None = None
) -> Simulation:
    """Size a plant for a run; the number of observations is rounded up to whole ticks.

    Raises:
        PlantImpossible: More signals have counts than there are, two have one name, or a fault's has none.
    """
    members = tuple(_members(description, signals or description.signals))
    names = {member.name for member in members}
    if len(names) < len(members):
        raise PlantImpossible("two signals have the same name: the families' name patterns must differ")
    ticks = max(1, math.ceil(observations / len(members)))
    injected: dict[int, Injected] = {}
    for number, fault in enumerate(description.faults):
        if fault.signal is not None and fault.signal not in names:
            known = f"{members[0].name} to {members[-1].name}"
            raise PlantImpossible(
                f"faults.{number}.signal: no signal is called {fault.signal!r}; there are {known}"
            )
        _inject(fault, number, members, seed, ticks, len(members) / rate, injected)
    return Simulation(description, seed, rate, ticks, members, injected)


def _members(description: PlantDescription, signals: int) -> Iterator[Member]:
    counts = _counts(description, signals)
    named: list[tuple[int, str, int, str, str]] = []
    for family_name, family in description.families.items():
        for number in range(counts[family_name]):
            line, asset = number, number
            if "{line}" in family.name:
                line, asset = divmod(number, family.assets_per_line)
            name = family.name.format(line=line + 1, asset=asset + 1, number=number + 1)
            named.append((line, name.rpartition(".")[0], len(named), name, family_name))
    assets: dict[str, int] = {}
    for _, asset_name, order, _, _ in named:
        assets.setdefault(asset_name, order)
    # An asset's signals are neighbours: they are due together.
    ordered = sorted(named, key=lambda one: (one[0], assets[one[1]], one[2]))
    for position, (_, _, _, name, family_name) in enumerate(ordered):
        yield Member(position, name, family_name)


def _counts(description: PlantDescription, signals: int) -> dict[str, int]:
    """How many signals each family has: counts first, then the rest by shares, so that the sum is right."""
    counts = {name: family.count or 0 for name, family in description.families.items()}
    shares = {name: family.share for name, family in description.families.items() if family.share}
    left = signals - sum(counts.values())
    if left < 0 or (left > 0 and not shares):
        raise PlantImpossible(
            f"the families' counts add up to {sum(counts.values())}, and there are {signals} signals: "
            "give that many with --signals, or give a family 'share' instead of 'count'"
        )
    taken, weight = 0, 0.0
    for name, share in shares.items():
        weight += share
        counts[name] = round(left * weight / sum(shares.values())) - taken
        taken += counts[name]
    return counts


def _inject(
    fault: FaultDescription,
    number: int,
    members: tuple[Member, ...],
    seed: int,
    ticks: int,
    period_s: float,
    injected: dict[int, Injected],
) -> None:
    """Give the fault to some signals that have none yet, in the seed's order."""
    candidates = [
        member
        for member in members
        if (fault.signal is None and (not fault.families or member.family in fault.families))
        or member.name == fault.signal
    ]
    wanted = 1 if fault.share is None else max(1, round(fault.share * len(candidates)))
    wanted = fault.count or wanted
    free = [member for member in candidates if member.position not in injected]
    free.sort(key=lambda member: int(key_of(seed, member.name, f"fault {number}")))
    run_s = ticks * period_s
    for turn, member in enumerate(free[:wanted]):
        low, high = fault.at.low.after(run_s), fault.at.high.after(run_s)
        first = math.ceil(draw(seed, member.name, f"start {number}", low, high) / period_s)
        end = min(ticks, math.ceil(first + fault.lasts.after(run_s) / period_s))
        kind = fault.kind[turn % len(fault.kind)]
        if first < end:
            size = fault.size or SIZE[kind] if kind in SIZE else None
            density = fault.density or DENSITY.get(kind, 1.0)
            injected[member.position] = Injected(member.name, kind, first, end, size, density, seed)
