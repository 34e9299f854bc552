"""The values of a plant's signals, a stretch of ticks at a time: memory does not grow with the run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from producer_sim.payloads.encoders import Value
from producer_sim.plant.description import Cycle, Family
from producer_sim.plant.faults import OVERRIDES, Injected, Ticks
from producer_sim.plant.randomness import Floats, draw, key_of, normals
from producer_sim.plant.simulation import Member, Simulation

_VALUES_AT_ONCE = 65_536


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some ticks of some signals: rows are signals, in the order in which they were asked for.

    `copies` is how often each observation of a row is sent (0: it drops out), `shifts_s` how far its
    timestamp is from when it is due; rows without such faults are absent.
    """

    first_tick: int
    ticks: int
    values: Sequence[Sequence[Value]]
    copies: Mapping[int, Sequence[int]]
    shifts_s: Mapping[int, Sequence[float]]


def stretches(
    simulation: Simulation, members: Sequence[Member], values_at_once: int = _VALUES_AT_ONCE
) -> Iterator[Stretch]:
    """The whole run of these signals; the values do not depend on how much is made at once."""
    if not members:
        return
    at_once = max(
        2, values_at_once // len(members) // 2 * 2
    )  # even: neighbours that change places stay together
    rows = _Rows(simulation, members)
    for first in range(0, simulation.ticks, at_once):
        yield rows.next(np.arange(first, min(simulation.ticks, first + at_once)))


class _Rows:
    """The state carried from one stretch to the next."""

    def __init__(self, simulation: Simulation, members: Sequence[Member]) -> None:
        seed = simulation.seed
        self._simulation, self._members = simulation, members
        self._keys = np.array([key_of(seed, member.name, "noise") for member in members])
        families = [simulation.family(member) for member in members]
        self._levels = np.array(
            [
                draw(seed, one.name, "level", *family.level)
                for one, family in zip(members, families, strict=True)
            ]
        )
        self._deviations = np.array([family.noise.deviation for family in families])
        correlation = np.array([family.noise.correlation for family in families])
        self._correlated = np.flatnonzero(correlation)
        self._correlation = correlation[self._correlated]
        self._before: Floats | None = None
        self._positions = np.array([member.position for member in members])
        self._rows_of: dict[str, list[int]] = {}
        for row, member in enumerate(members):
            self._rows_of.setdefault(member.family, []).append(row)
        self._injected = [
            (row, simulation.injected[member.position])
            for row, member in enumerate(members)
            if member.position in simulation.injected
        ]
        self._stuck_at: dict[int, float] = {}
        self._phases_of: dict[tuple[str, int], Floats] = {}

    def next(self, ticks: Ticks) -> Stretch:
        noise = self._noise(ticks)
        values = noise + self._levels[:, None]
        for name, rows in self._rows_of.items():
            self._add_family(self._simulation.description.families[name], rows, values, ticks)
        touched = [
            (row, injected)
            for row, injected in self._injected
            if injected.first <= ticks[-1] and injected.end > ticks[0]
        ]
        for row, injected in touched:
            if injected.kind == "stuck" and row not in self._stuck_at:
                self._stuck_at[row] = float(values[row, max(0, injected.first - int(ticks[0]))])
            values[row] = injected.changed_values(
                values[row], noise[row], float(self._deviations[row]), ticks, self._stuck_at.get(row, 0.0)
            )
        for name, rows in self._rows_of.items():
            values[rows] = np.round(values[rows], self._simulation.description.families[name].decimals)
        return self._with_oddities(values.tolist(), touched, ticks)

    def _noise(self, ticks: Ticks) -> Floats:
        noise = normals(self._keys, ticks)
        if len(self._correlated):
            fresh = noise[self._correlated]
            fresh[:, slice(None) if self._before is not None else slice(1, None)] *= np.sqrt(
                1.0 - self._correlation**2
            )[:, None]
            before = self._before if self._before is not None else np.zeros(len(self._correlated))
            for column in range(len(ticks)):
                before = fresh[:, column] = before * self._correlation + fresh[:, column]
            self._before = before.copy()
            noise[self._correlated] = fresh
        scaled: Floats = noise * self._deviations[:, None]
        return scaled

    def _add_family(self, family: Family, rows: list[int], values: Floats, ticks: Ticks) -> None:
        """Add the cycles and the trend, at the times when the observations are due."""
        if not family.cycles and not family.trend_per_hour:
            return
        seconds = ticks[None, :] * self._simulation.period_s
        seconds = seconds + (self._positions[rows] / self._simulation.rate)[:, None]
        added = seconds * (family.trend_per_hour / 3600.0)
        for number, cycle in enumerate(family.cycles):
            turns = seconds / cycle.period_s + self._phases(family, number, rows)
            added += cycle.amplitude * _wave(cycle, turns)
        values[rows] += added

    def _phases(self, family: Family, number: int, rows: list[int]) -> Floats:
        if (phases := self._phases_of.get((family.name, number))) is None:
            phase, seed = family.cycles[number].phase, self._simulation.seed
            names = [self._members[row].name for row in rows]
            drawn = (draw(seed, name, f"phase {number}") if phase == "random" else phase for name in names)
            phases = self._phases_of[family.name, number] = np.array([[one] for one in drawn])
        return phases

    def _with_oddities(
        self, values: list[list[Value]], touched: list[tuple[int, Injected]], ticks: Ticks
    ) -> Stretch:
        copies: dict[int, list[int]] = {}
        shifts_s: dict[int, list[float]] = {}
        for row, injected in touched:
            places = np.flatnonzero(injected.touches(ticks)).tolist()
            if injected.kind in OVERRIDES:
                for place in places:
                    values[row][place] = OVERRIDES[injected.kind]
            elif injected.kind in ("drop-out", "duplicates"):
                copies[row] = [1] * len(ticks)
                for place in places:
                    copies[row][place] = 0 if injected.kind == "drop-out" else 2
            elif injected.kind == "late":
                shifts_s[row] = [0.0] * len(ticks)
                for place in places:
                    shifts_s[row][place] = -(injected.size or 0.0)
            elif injected.kind == "out-of-order":
                shifts_s[row] = [0.0] * len(ticks)
                for place in places[::2]:
                    one, other = values[row][place : place + 2]
                    values[row][place : place + 2] = other, one
                    shifts_s[row][place : place + 2] = self._simulation.period_s, -self._simulation.period_s
        return Stretch(int(ticks[0]), len(ticks), values, copies, shifts_s)


def _wave(cycle: Cycle, turns: Floats) -> Floats:
    """One swing of -1 to 1 a turn."""
    part = turns - np.floor(turns)
    match cycle.shape:
        case "sine":
            wave: Floats = np.sin(2.0 * np.pi * part)
        case "square":
            wave = np.where(part < 0.5, 1.0, -1.0)
        case "triangle":
            wave = 1.0 - 4.0 * np.abs(part - 0.5)
        case "sawtooth":
            wave = 2.0 * part - 1.0
    return wave
