"""Faults at every sampling: soon after a signal's first value, and lasting steps that are to be told once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

import numpy as np

from benchmarks.quality.healthy import START_S, with_memory
from benchmarks.quality.nab import Numbers
from benchmarks.quality.watching import Candidate, each, watch

SIGMAS = 6.0
FAULT_ROWS = 60
"""How long the values are off; an alert that opens meanwhile has found it."""
SEEDS = 10
KINDS = {"noise": 0.0, "noise with memory": 0.8}
"""What a value keeps of the one before."""
_MINUTE_S, _HOUR_S = 60.0, 3600.0
SAMPLINGS: dict[str, tuple[float, float]] = {
    "30 minutes at 1 s": (1.0, 30 * _MINUTE_S),
    "2 hours at 10 s": (10.0, 2 * _HOUR_S),
    "6 hours at 1 minute": (_MINUTE_S, 6 * _HOUR_S),
    "24 hours at 5 minutes": (5 * _MINUTE_S, 24 * _HOUR_S),
}
"""Seconds between values, and from the first one to the fault."""
STEPS_S: dict[str, float] = {
    "1 s": 1.0,
    "10 s": 10.0,
    "1 minute": 60.0,
    "5 minutes": 300.0,
    "15 minutes": 900.0,
}
STEP_SIGMAS = 3.0
STEP_KNOWN, STEP_ROWS = 2_000, 1_000
"""Values before a step, and after it."""


@dataclass(frozen=True, slots=True)
class ColdStart:
    """One sampling, all kinds and seeds together."""

    sampling: str
    values_before: int
    injected: int
    found: int
    false: int
    """Alerts before the fault."""

    @property
    def share(self) -> float:
        """What is found."""
        return self.found / self.injected


@dataclass(frozen=True, slots=True)
class Step:
    """Lasting steps at one sampling, all seeds together."""

    sampling: str
    steps: int
    found: int
    delay_values: float
    """From the first value of a step to its alert, the median; what is not found counts as all there are."""
    alerts: int
    """After the steps began: one for each is right."""
    false: int
    """Alerts before them."""


def score_cold_start(candidate: Candidate) -> list[ColdStart]:
    """Learn each signal from its first value to the end of its fault."""
    tasks = [(sampling, kind, seed) for sampling in SAMPLINGS for kind in KINDS for seed in range(SEEDS)]
    done = each(partial(_told, candidate), tasks)
    scored = []
    for sampling, (step_s, until_s) in SAMPLINGS.items():
        told = [one for task, one in zip(tasks, done, strict=True) if task[0] == sampling]
        found, false = (sum(each_of) for each_of in zip(*told, strict=True))
        scored.append(ColdStart(sampling, round(until_s / step_s), len(told), found, false))
    return scored


def fresh_signal(sampling: str, kind: str, seed: int) -> tuple[Numbers, Numbers, int]:
    """Times and values of a signal that has just been connected, and the row of its fault."""
    step_s, until_s = SAMPLINGS[sampling]
    first = round(until_s / step_s)
    rng = np.random.default_rng([list(SAMPLINGS).index(sampling), list(KINDS).index(kind), seed])
    values = 50.0 + with_memory(rng, first + FAULT_ROWS, KINDS[kind])
    values[first:] += SIGMAS * rng.choice((-1.0, 1.0))
    # Not at midnight: where a day is cut must not matter.
    times_s = START_S + rng.uniform(0.0, 86_400.0) + step_s * np.arange(len(values), dtype=np.float64)
    return times_s, values, first


def _told(candidate: Candidate, task: tuple[str, str, int]) -> tuple[int, int]:
    """Whether the fault is found, and the alerts before it."""
    times_s, values, first = fresh_signal(*task)
    opened = watch(candidate, " ".join(map(str, task)), values.tolist(), times_s.tolist()).openings
    return int(any(row >= first for row in opened)), sum(row < first for row in opened)


def score_steps(candidate: Candidate) -> list[Step]:
    """Steps of three sigma in noise, each in a signal that has been known for a while."""
    tasks = [(sampling, seed) for sampling in STEPS_S for seed in range(SEEDS)]
    done = each(partial(_step, candidate), tasks)
    return [
        _sum(sampling, [one for task, one in zip(tasks, done, strict=True) if task[0] == sampling])
        for sampling in STEPS_S
    ]


def _step(candidate: Candidate, task: tuple[str, int]) -> list[int]:
    """The rows at which alerts open, from that of the step."""
    sampling, seed = task
    rng = np.random.default_rng([list(STEPS_S).index(sampling), seed])
    values = rng.normal(50.0, 1.0, STEP_KNOWN + STEP_ROWS)
    values[STEP_KNOWN:] += STEP_SIGMAS * rng.choice((-1.0, 1.0))
    times_s = START_S + STEPS_S[sampling] * np.arange(len(values), dtype=np.float64)
    opened = watch(candidate, f"step {sampling} {seed}", values.tolist(), times_s.tolist()).openings
    return [row - STEP_KNOWN for row in opened]


def _sum(sampling: str, several: Sequence[list[int]]) -> Step:
    after = [[row for row in rows if row >= 0] for rows in several]
    return Step(
        sampling,
        len(several),
        sum(bool(rows) for rows in after),
        float(median(rows[0] + 1 if rows else STEP_ROWS for rows in after)),
        sum(len(rows) for rows in after),
        sum(row < 0 for rows in several for row in rows),
    )
