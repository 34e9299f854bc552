"""False alerts on healthy signals of every kind, and what is found of faults of six sigma put into them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from benchmarks.quality.corpora import WEEK_S
from benchmarks.quality.healthy import MAKES, Signal, signal
from benchmarks.quality.watching import Candidate, Watch, each, opened_rows

SIGMAS = 6.0
SEEDS = 4
SEEDS_OF = {"white noise": 16}
"""More where one kind has a bar of its own."""
PLACES = 8
"""Of faults, in each signal."""
LEARNED = 1 / 3
"""Share of a signal that is learned before its first fault: two weeks."""


class Fault(NamedTuple):
    """A fault, and until when an alert that opens has found it."""

    name: str
    rows: int
    """How many values are off, all to one side."""
    until: int
    """Rows from its first one."""


FAULTS = (Fault("spike", 1, 12), Fault("burst", 12, 24), Fault("step", 72, 72))
"""A value, an hour, and six hours, after which the search for it ends; the others have an hour more."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of signal, all seeds together."""

    kind: str
    weeks: float
    false: int
    """Alerts on the healthy signal."""
    sensor_faults: int
    """Reported on the healthy signal, such as a flat line."""
    injected: int
    """Faults of each sort."""
    found: dict[str, int]

    @property
    def false_per_week(self) -> float:
        """A signal."""
        return self.false / self.weeks

    def share(self, *faults: str) -> float:
        """What is found of these sorts."""
        return sum(self.found[fault] for fault in faults) / (len(faults) * self.injected)


@dataclass(frozen=True, slots=True)
class ScenarioScore:
    """All kinds; means give each kind the same weight."""

    scenarios: dict[str, Scenario]

    @property
    def false_per_week(self) -> float:
        """A healthy signal."""
        return float(np.mean([one.false_per_week for one in self.scenarios.values()]))

    def share(self, *faults: str) -> float:
        """What is found of these sorts of faults."""
        return float(np.mean([one.share(*faults) for one in self.scenarios.values()]))


def score_scenarios(candidate: Candidate, kinds: Sequence[str] = tuple(MAKES)) -> ScenarioScore:
    """Learn each signal once; at each place of a fault, a copy goes on with the fault."""
    tasks = [(kind, seed) for kind in kinds for seed in range(SEEDS_OF.get(kind, SEEDS))]
    done = each(partial(_scenario, candidate), tasks)
    return ScenarioScore({kind: _sum([one for one in done if one.kind == kind]) for kind in kinds})


def _scenario(candidate: Candidate, task: tuple[str, int]) -> Scenario:
    return score_signal(candidate, signal(*task))


def score_signal(candidate: Candidate, healthy: Signal, places: int = PLACES) -> Scenario:
    """One signal: its false alerts, and the faults found at random places in it."""
    values, times_s = healthy.values, healthy.times_s.tolist()
    watch = Watch(f"{healthy.kind} {healthy.seed}", candidate.use_case)
    rng = np.random.default_rng([healthy.seed, 6])
    longest = max(fault.until for fault in FAULTS)
    starts = np.sort(rng.integers(int(LEARNED * len(values)), len(values) - longest, places)).tolist()
    found, false, sensor_faults, row = dict.fromkeys((fault.name for fault in FAULTS), 0), 0, 0, 0
    for start in [*starts, len(values)]:
        reported = watch.learn(values[row:start], times_s[row:start])
        row = start
        false += len(opened_rows(reported))
        sensor_faults += sum(one.fault is not None and one.change == "opened" for one in reported)
        if start == len(values):
            break
        sigmas = SIGMAS * float(rng.choice((-1.0, 1.0)))
        for fault in FAULTS:
            end = start + fault.until
            shown = healthy.faulty(start, start + fault.rows, end, sigmas)
            found[fault.name] += bool(opened_rows(watch.copied().learn(shown, times_s[start:end])))
    weeks = (times_s[-1] - times_s[0]) / WEEK_S
    return Scenario(healthy.kind, weeks, false, sensor_faults, places, found)


def _sum(several: Sequence[Scenario]) -> Scenario:
    found = {fault.name: sum(one.found[fault.name] for one in several) for fault in FAULTS}
    return Scenario(
        several[0].kind,
        sum(one.weeks for one in several),
        sum(one.false for one in several),
        sum(one.sensor_faults for one in several),
        sum(one.injected for one in several),
        found,
    )
