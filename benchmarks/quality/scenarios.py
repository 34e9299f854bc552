"""False alerts on healthy signals of every kind, and what is found of faults of six sigma put into them.

Both by how long the signal has been known: on its first day a detector knows little.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from benchmarks.quality.healthy import DAY_S, MAKES, Signal, signal
from benchmarks.quality.watching import Candidate, Watch, each, opened_rows

SIGMAS = 6.0
SEEDS = 4
SEEDS_OF = {"white noise": 16}
"""More where one kind has a bar of its own."""


class Fault(NamedTuple):
    """A fault, and until when an alert that opens has found it."""

    name: str
    rows: int
    """How many values are off, all to one side."""
    until: int
    """Rows from its first one."""


FAULTS = (Fault("spike", 1, 12), Fault("burst", 12, 24), Fault("step", 72, 72))
"""A value, an hour, and six hours, after which the search for it ends; the others have an hour more."""


class Period(NamedTuple):
    """A part of a signal's life."""

    name: str
    from_days: float
    to_days: float
    first_fault_days: float
    places: int
    """Of faults, in each signal."""


PERIODS = (
    Period("first day", 0.0, 1.0, 0.25, 4),
    Period("rest of the first week", 1.0, 7.0, 1.0, 4),
    Period("second week", 7.0, 14.0, 7.0, 4),
    Period("weeks 3 to 6", 14.0, 43.0, 14.0, 8),
)
"""Each begins where the one before ends."""
LATER = PERIODS[-1].name
"""The period whose faults are held to a bar."""


@dataclass(frozen=True, slots=True)
class Told:
    """What came in one period of a signal's life, or of several signals' together."""

    days: float
    false: int
    """Alerts on the healthy signal."""
    sensor_faults: int
    """Reported on the healthy signal, such as a flat line."""
    injected: int
    """Faults of each sort."""
    found: dict[str, int]

    def share(self, *faults: str) -> float:
        """What is found of these sorts."""
        return sum(self.found[fault] for fault in faults) / (len(faults) * self.injected)

    @property
    def false_per_week(self) -> float:
        """A signal."""
        return 7.0 * self.false / self.days


def together(several: Sequence[Told]) -> Told:
    """The sum."""
    return Told(
        sum(one.days for one in several),
        sum(one.false for one in several),
        sum(one.sensor_faults for one in several),
        sum(one.injected for one in several),
        {fault.name: sum(one.found[fault.name] for one in several) for fault in FAULTS},
    )


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of signal, all seeds together."""

    kind: str
    periods: dict[str, Told]

    @property
    def whole(self) -> Told:
        """All periods together."""
        return together(list(self.periods.values()))


@dataclass(frozen=True, slots=True)
class ScenarioScore:
    """All kinds; means give each kind the same weight."""

    scenarios: dict[str, Scenario]

    @property
    def false_per_week(self) -> float:
        """A healthy signal, in all its six weeks."""
        return float(np.mean([one.whole.false_per_week for one in self.scenarios.values()]))

    def false_per_week_in(self, period: str) -> float:
        """A healthy signal, in one period."""
        return float(np.mean([one.periods[period].false_per_week for one in self.scenarios.values()]))

    def share(self, *faults: str, period: str = LATER) -> float:
        """What is found of these sorts of faults."""
        return float(np.mean([one.periods[period].share(*faults) for one in self.scenarios.values()]))


def score_scenarios(candidate: Candidate, kinds: Sequence[str] = tuple(MAKES)) -> ScenarioScore:
    """Learn each signal once; at each place of a fault, a copy goes on with the fault."""
    tasks = [(kind, seed) for kind in kinds for seed in range(SEEDS_OF.get(kind, SEEDS))]
    done = each(partial(_scenario, candidate), tasks)
    return ScenarioScore({kind: _sum([one for one in done if one.kind == kind]) for kind in kinds})


def _scenario(candidate: Candidate, task: tuple[str, int]) -> Scenario:
    return score_signal(candidate, signal(*task))


def score_signal(candidate: Candidate, healthy: Signal) -> Scenario:
    """One signal: its false alerts, and the faults found at random places in it, period by period."""
    watch = Watch(f"{healthy.kind} {healthy.seed}", candidate.use_case)
    rng = np.random.default_rng([healthy.seed, 6])
    return Scenario(healthy.kind, {period.name: _told(watch, healthy, period, rng) for period in PERIODS})


def _told(watch: Watch, healthy: Signal, period: Period, rng: np.random.Generator) -> Told:
    """Let the watch go on through one period."""
    values, times_s, found = healthy.values, healthy.times_s.tolist(), dict.fromkeys(_NAMES, 0)
    row, first, last = (
        int(np.searchsorted(healthy.times_s, healthy.times_s[0] + days * DAY_S))
        for days in (period.from_days, period.first_fault_days, period.to_days)
    )
    days = (times_s[last - 1] - times_s[row]) / DAY_S
    false, sensor_faults = 0, 0
    for start in [*np.sort(rng.integers(first, last - _LONGEST, period.places)).tolist(), last]:
        reported = watch.learn(values[row:start], times_s[row:start])
        false += len(opened_rows(reported))
        sensor_faults += sum(one.fault is not None and one.change == "opened" for one in reported)
        row = start
        if start == last:
            break
        sigmas = SIGMAS * float(rng.choice((-1.0, 1.0)))
        for fault in FAULTS:
            end = start + fault.until
            shown = healthy.faulty(start, start + fault.rows, end, sigmas)
            found[fault.name] += bool(opened_rows(watch.copied().learn(shown, times_s[start:end])))
    return Told(days, false, sensor_faults, period.places, found)


_NAMES = tuple(fault.name for fault in FAULTS)
_LONGEST = max(fault.until for fault in FAULTS)


def _sum(several: Sequence[Scenario]) -> Scenario:
    periods = {name: together([one.periods[name] for one in several]) for name in several[0].periods}
    return Scenario(several[0].kind, periods)
