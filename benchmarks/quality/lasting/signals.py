"""Changes that stay, on signals that move by themselves: each is to be told, soon, and once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

import numpy as np

from benchmarks.quality.healthy import DAY_S, STEP_S, signal
from benchmarks.quality.nab import Numbers
from benchmarks.quality.watching import Candidate, Watch, each, opened_rows

KNOWN = round(21 * DAY_S / STEP_S)
"""Values before a change, at a value every five minutes."""
AFTER = round(7 * DAY_S / STEP_S)
"""Values within which it is to be told."""
RAMP = round(2 * DAY_S / STEP_S)
"""Values until a ramp has come all its way."""
STEP_SIGMAS, RAMP_SIGMAS, TIMES_AS_WIDE = 6.0, 8.0, 3.0
SEEDS = 6
MIDDLE = 50.0
"""Of the noise whose spread changes."""
KINDS: dict[str, tuple[tuple[str, ...], str]] = {
    "weekly schedules, a step": (("weekly course", "shift schedule", "jittered schedule"), "step"),
    "switching signals, a step": (("duty cycle", "modes"), "step"),
    "a ramp": (("white noise", "daily course"), "ramp"),
    "a wider spread": (("white noise", "noise with memory"), "spread"),
}
"""What is added to which kinds of healthy signals."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """One sort of change, all kinds of signals and seeds together."""

    kind: str
    changes: int
    found: int
    delay_values: float
    """Until the alert, the median; what is not found counts as all there are."""
    alerts: int
    """After the changes began: one for each is right."""
    false: int
    """Alerts before them."""

    @property
    def share(self) -> float:
        """What is found."""
        return self.found / self.changes


def changed(kind: str, change: str, seed: int) -> tuple[Numbers, Numbers]:
    """Times and values of a healthy signal, of which those from `KNOWN` on have changed."""
    healthy = signal(kind, seed, KNOWN + AFTER)
    first = int(np.searchsorted(healthy.times_s, healthy.times_s[0] + KNOWN * STEP_S))
    base = healthy.base.copy()
    side = 1.0 if seed % 2 else -1.0
    if change == "step":
        base[first:] += side * STEP_SIGMAS * healthy.sigma
    elif change == "ramp":
        way = np.minimum(1.0, np.arange(len(base) - first) / RAMP)
        base[first:] += side * RAMP_SIGMAS * healthy.sigma * way
    else:
        base[first:] = MIDDLE + TIMES_AS_WIDE * (base[first:] - MIDDLE)
    return healthy.times_s, healthy.render(base)


def score_lasting(candidate: Candidate) -> list[Lasting]:
    """Learn each signal from its first value to a week after its change."""
    tasks = [
        (name, kind, change, seed)
        for name, (kinds, change) in KINDS.items()
        for kind in kinds
        for seed in range(SEEDS)
    ]
    done = each(partial(_opened, candidate), tasks)
    return [
        _sum(name, [rows for task, rows in zip(tasks, done, strict=True) if task[0] == name])
        for name in KINDS
    ]


def _opened(candidate: Candidate, task: tuple[str, str, str, int]) -> list[int]:
    """The values at which alerts open, from that of the change."""
    _, kind, change, seed = task
    times_s, values = changed(kind, change, seed)
    watch = Watch(f"{kind} {change} {seed}", candidate.use_case)
    return [row - KNOWN for row in opened_rows(watch.learn(values.tolist(), times_s.tolist()))]


def _sum(kind: str, several: Sequence[list[int]]) -> Lasting:
    after = [[row for row in rows if row >= 0] for rows in several]
    return Lasting(
        kind,
        len(several),
        sum(bool(rows) for rows in after),
        float(median(rows[0] + 1 if rows else AFTER for rows in after)),
        sum(len(rows) for rows in after),
        sum(row < 0 for rows in several for row in rows),
    )
