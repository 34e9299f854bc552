"""Twenty-six kinds of healthy signals, six weeks each, as plants have them.

Each is made from numbers that a fault can be added to, and a rendering of these as the sensor shows them: a
counter that runs too fast is still a counter, and a network that carries more bytes still counts whole ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.nab import Numbers

START_S = 1_767_571_200.0
"""Midnight of a Monday in January 2026, UTC."""
STEP_S = 300.0
DAY_S = 86_400.0
WEEKS = 6
ROWS = int(WEEKS * 7 * DAY_S / STEP_S)

Rng = np.random.Generator
Render = Callable[[Numbers], Numbers]


def same(base: Numbers) -> Numbers:
    """As it is."""
    return base


@dataclass(frozen=True, slots=True)
class Signal:
    """A healthy signal.

    Shape: n times and n numbers behind the values, one each
    Units: seconds since 1970; sigma is that of the numbers' noise
    """

    kind: str
    seed: int
    times_s: Numbers
    base: Numbers
    sigma: float
    render: Render = same

    @property
    def values(self) -> list[float]:
        """What the sensor shows."""
        shown: list[float] = self.render(self.base).tolist()
        return shown

    def faulty(self, first: int, last: int, end: int, sigmas: float) -> list[float]:
        """Rows from `first` up to `end`, of which those up to `last` are that many sigma off."""
        base = self.base[:end].copy()
        base[first:last] += sigmas * self.sigma
        shown: list[float] = self.render(base)[first:end].tolist()
        return shown


Made = tuple[Numbers, float] | tuple[Numbers, float, Render]
"""The numbers, their sigma, and how they are rendered."""
Make = Callable[[Rng, Numbers], Made]


def with_memory(rng: Rng, rows: int, keeps: float, sigma: float = 1.0) -> Numbers:
    """Noise of which each value keeps a share of the one before; sigma is that of the values."""
    steps = rng.normal(0.0, sigma * np.sqrt(1.0 - keeps * keeps), rows)
    steps[0] = rng.normal(0.0, sigma)
    level, levels = 0.0, np.empty(rows)
    for row, step in enumerate(steps):
        level = keeps * level + step
        levels[row] = level
    return levels


def hour_of(times_s: Numbers) -> Numbers:
    """Hours since midnight, UTC."""
    return times_s % DAY_S / 3600.0


def is_workday(times_s: Numbers) -> NDArray[np.bool_]:
    """Monday to Friday, UTC."""
    return (times_s - START_S) // DAY_S % 7 < 5


def daily(times_s: Numbers, size: float = 5.0) -> Numbers:
    """A smooth course by the hour, lowest at night."""
    return -size * np.cos(2 * np.pi * (hour_of(times_s) - 3.0) / 24.0)


def held(rng: Rng, rows: int, levels: Numbers, least: float, mean: float) -> Numbers:
    """One level after another, each held for a random time of these lengths in rows."""
    chosen, row, level = np.empty(rows), 0, int(rng.integers(len(levels)))
    while row < rows:
        length = max(1, round(least + rng.exponential(mean - least)))
        chosen[row : row + length] = levels[level]
        row += length
        level = (level + int(rng.integers(1, len(levels)))) % len(levels)
    return chosen


def _white(rng: Rng, times_s: Numbers) -> Made:
    return rng.normal(50.0, 1.0, len(times_s)), 1.0


def _memory(rng: Rng, times_s: Numbers) -> Made:
    return 50.0 + with_memory(rng, len(times_s), 0.9), 1.0


def _quantised(rng: Rng, times_s: Numbers) -> Made:
    return rng.normal(20.0, 0.5, len(times_s)), 0.5, lambda base: np.round(2.0 * base) / 2.0


def _heavy_tails(rng: Rng, times_s: Numbers) -> Made:
    return 50.0 + rng.standard_t(3.0, len(times_s)), np.sqrt(3.0)


def _daily(rng: Rng, times_s: Numbers) -> Made:
    return 20.0 + daily(times_s) + rng.normal(0.0, 0.5, len(times_s)), 0.5


def _weekly(rng: Rng, times_s: Numbers) -> Made:
    size = np.where(is_workday(times_s), 1.0, 0.3)
    return 40.0 + size * (10.0 + daily(times_s)) + rng.normal(0.0, 0.5, len(times_s)), 0.5


def _shifts(rng: Rng, times_s: Numbers) -> Made:
    hour = hour_of(times_s)
    runs = is_workday(times_s) & (hour >= 6.0) & (hour < 22.0)
    return np.where(runs, 60.0, 5.0) + rng.normal(0.0, 1.0, len(times_s)), 1.0


def scheduled(rng: Rng, times_s: Numbers, jitter_s: float) -> NDArray[np.bool_]:
    """From about 6 to about 22 h on workdays, each start and end off by up to `jitter_s`."""
    day = ((times_s - times_s[0] + times_s[0] % DAY_S) // DAY_S).astype(int)
    starts, ends = (3600.0 * at + rng.uniform(-jitter_s, jitter_s, day[-1] + 1) for at in (6.0, 22.0))
    second = times_s % DAY_S
    within: NDArray[np.bool_] = is_workday(times_s) & (second >= starts[day]) & (second < ends[day])
    return within


def _jittered(rng: Rng, times_s: Numbers) -> Made:
    runs = scheduled(rng, times_s, 1200.0)
    return np.where(runs, 60.0, 5.0) + rng.normal(0.0, 1.0, len(times_s)), 1.0


def _duty_cycle(rng: Rng, times_s: Numbers) -> Made:
    rows = len(times_s)
    on = np.zeros(rows)
    row = 0
    while row < rows:
        row += int(rng.integers(6, 10))
        length = int(rng.integers(3, 6))
        on[row : row + length] = 1.0
        row += length
    return 2.0 + 10.0 * on + rng.normal(0.0, 0.3, rows), 0.3


def _modes(rng: Rng, times_s: Numbers) -> Made:
    levels = held(rng, len(times_s), np.array([10.0, 35.0, 60.0, 80.0]), 12, 60)
    return levels + rng.normal(0.0, 1.0, len(times_s)), 1.0


def _set_point(rng: Rng, times_s: Numbers) -> Made:
    """People choose another temperature every three days or so; it is reached within an hour or two."""
    wanted = held(rng, len(times_s), np.arange(60.0, 81.0, 2.0), 288, 864)
    level, levels = wanted[0], np.empty(len(times_s))
    for row, target in enumerate(wanted):
        level += 0.15 * (target - level)
        levels[row] = level
    return levels + rng.normal(0.0, 0.2, len(times_s)), 0.2


def _rate(rng: Rng, times_s: Numbers) -> Numbers:
    return np.maximum(0.0, 60.0 + daily(times_s, 15.0) + rng.normal(0.0, 5.0, len(times_s)))


def _total(rate: Numbers) -> Numbers:
    total: Numbers = np.cumsum(np.maximum(0.0, np.round(rate)))
    return total


def _overflowing(rng: Rng, times_s: Numbers) -> Made:
    def counted(rate: Numbers) -> Numbers:
        count: Numbers = np.mod(_total(rate), 65_536.0)
        return count

    return _rate(rng, times_s), 5.0, counted


def _reset_daily(rng: Rng, times_s: Numbers) -> Made:
    day = ((times_s - times_s[0]) // DAY_S).astype(int)
    first = np.searchsorted(day, np.arange(day[-1] + 1))

    def counted(rate: Numbers) -> Numbers:
        total = np.concatenate(([0.0], _total(rate)))
        count: Numbers = total[1:] - total[first[day[: len(rate)]]]
        return count

    return _rate(rng, times_s), 5.0, counted


def _rounded_power(logs: Numbers) -> Numbers:
    powers: Numbers = np.exp(logs)
    rounded: Numbers = np.round(powers)
    return rounded


def _network(rng: Rng, times_s: Numbers) -> Made:
    """Bytes a second, in logarithms: a daily course, bursts of transfers, and much noise."""
    bursts = np.where(rng.random(len(times_s)) < 0.03, rng.exponential(1.5, len(times_s)), 0.0)
    base = 11.0 + daily(times_s, 0.7) + with_memory(rng, len(times_s), 0.7, 0.4) + bursts
    return base, 0.4, _rounded_power


def _drift(rng: Rng, times_s: Numbers) -> Made:
    weeks = (times_s - times_s[0]) / (7 * DAY_S)
    return 30.0 + 2.0 * weeks + rng.normal(0.0, 1.0, len(times_s)), 1.0


def _season(rng: Rng, times_s: Numbers) -> Made:
    weeks = (times_s - times_s[0]) / (7 * DAY_S)
    course = daily(times_s, 4.0) * (1.0 + 0.5 * np.sin(2 * np.pi * weeks / 8.0))
    return 15.0 + course + with_memory(rng, len(times_s), 0.8, 0.5), 0.5


def _walk(rng: Rng, times_s: Numbers) -> Made:
    return 100.0 + with_memory(rng, len(times_s), 0.998, 8.0), 0.5


def _no_clock(rng: Rng, times_s: Numbers) -> Made:
    """A cycle of 3.7 hours, whose length wanders."""
    phase = np.cumsum(
        2 * np.pi * STEP_S / (3.7 * 3600.0) * (1.0 + with_memory(rng, len(times_s), 0.99, 0.05))
    )
    return 50.0 + 10.0 * np.sin(phase) + rng.normal(0.0, 0.5, len(times_s)), 0.5


def _sparse(rng: Rng, times_s: Numbers) -> Made:
    events = rng.random(len(times_s)) < 0.02
    return np.where(events, np.round(rng.gamma(4.0, 2.0, len(times_s))), 0.0), 1.25


def _constant(rng: Rng, times_s: Numbers) -> Made:
    spikes = rng.random(len(times_s)) < 0.002
    return 10.0 + np.where(spikes, rng.uniform(3.0, 6.0, len(times_s)), 0.0), 0.5


def _batches(rng: Rng, times_s: Numbers) -> Made:
    """Each batch heats up at once and cools down exponentially."""
    rows, level = len(times_s), 25.0
    levels, left = np.empty(rows), 0
    for row in range(rows):
        if left == 0:
            level, left = level + rng.normal(70.0, 1.0), int(rng.integers(72, 120))
        level += 0.04 * (20.0 - level)
        left -= 1
        levels[row] = level
    return levels + rng.normal(0.0, 0.3, rows), 0.3


def _weather(rng: Rng, times_s: Numbers) -> Numbers:
    return with_memory(rng, len(times_s), 0.997, 3.0)


def _temperature(rng: Rng, times_s: Numbers) -> Made:
    return 12.0 + daily(times_s, 4.0) + _weather(rng, times_s) + rng.normal(0.0, 0.2, len(times_s)), 0.35


def _humidity(rng: Rng, times_s: Numbers) -> Made:
    """It falls as the temperature rises, and can be no more than 100."""
    base = 75.0 - 3.0 * (daily(times_s, 4.0) + _weather(rng, times_s)) + rng.normal(0.0, 1.0, len(times_s))
    return base, 1.2, lambda moist: np.round(np.clip(moist, 0.0, 100.0), 1)


def _states(rng: Rng, times_s: Numbers) -> Made:
    return held(rng, len(times_s), np.arange(5.0), 6, 36), 1.0


MAKES: dict[str, Make] = {
    "white noise": _white,
    "noise with memory": _memory,
    "quantised": _quantised,
    "heavy tails": _heavy_tails,
    "daily course": _daily,
    "weekly course": _weekly,
    "shift schedule": _shifts,
    "jittered schedule": _jittered,
    "duty cycle": _duty_cycle,
    "modes": _modes,
    "set point": _set_point,
    "counter with overflow": _overflowing,
    "counter reset daily": _reset_daily,
    "network bytes": _network,
    "slow drift": _drift,
    "growing season": _season,
    "bounded walk": _walk,
    "gaps": _daily,
    "irregular sampling": _daily,
    "cycle without a clock": _no_clock,
    "sparse events": _sparse,
    "constant with spikes": _constant,
    "batches": _batches,
    "temperature": _temperature,
    "humidity": _humidity,
    "integer states": _states,
}
"""By the name of the kind."""


def signal(kind: str, seed: int, rows: int = ROWS) -> Signal:
    """A signal of that kind: the same for the same seed."""
    rng = np.random.default_rng([crc32(kind.encode()), seed])
    times_s = _times(kind, rng, rows)
    base, sigma, *render = MAKES[kind](rng, times_s)
    return Signal(kind, seed, times_s, base, float(sigma), *render)


def _times(kind: str, rng: Rng, rows: int) -> Numbers:
    times_s = START_S + STEP_S * np.arange(rows, dtype=np.float64)
    if kind == "irregular sampling":
        return np.round(START_S + np.cumsum(rng.exponential(STEP_S, rows)), 3)
    if kind == "gaps":  # one value in twenty is lost, and every few days some hours are
        kept = rng.random(rows) >= 0.05
        for first in np.flatnonzero(rng.random(rows) < 0.001):
            kept[first : first + int(rng.integers(12, 120))] = False
        kept[0] = True
        return times_s[kept]
    return times_s
