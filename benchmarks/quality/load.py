"""What ten thousand healthy signals ask of people, and what one asks of the machine: alerts, time, bytes."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.measuring import Spread, spread, timed
from benchmarks.quality.corpora import Labelled, read_healthy_run
from benchmarks.quality.corpus_scores import CorporaScore
from benchmarks.quality.healthy import MAKES, signal
from benchmarks.quality.nab import NoCorpus
from benchmarks.quality.scenarios import ScenarioScore
from benchmarks.quality.watching import Candidate, Watch, watch
from consumer.decode.signal_names import SignalKey
from consumer.detectors.sensor_checks import Health
from consumer.errors import UnwritableModels
from consumer.learning.state import State
from consumer.pages.codec import PageCodec, States

ALL_SIGNALS = 10_000
_DAYS_A_WEEK = 7
_ROWS = 4_000
_KINDS = ("white noise", "daily course", "modes", "counter with overflow", "network bytes")
"""Of the signals whose values are timed."""
_WARM_ROWS = 2_016
"""A week, before a state is weighed: what starts small has grown by then."""


@dataclass(frozen=True, slots=True)
class Load:
    """Alerts of healthy signals, and the cost of a use case."""

    alerts_scenarios: float
    """A day, of ten thousand signals like the made-up ones, each kind as often as the others."""
    alerts_real: float | None
    """A day, of ten thousand like the labelled series, outside of their windows; None without them."""
    alerts_bench: int | None
    """On the eight sensors of a test bench that nothing ails, in 2.6 hours; None without it."""
    us_a_value: Spread
    """Microseconds of the processor, one value after another, without the rest of the function."""
    state_bytes: int | None
    """Of a page with one signal, with its sensor checks, at most over the kinds; None if none may hold it."""


def load_of(candidate: Candidate, scenarios: ScenarioScore, corpora: CorporaScore | None) -> Load:
    """From the false alerts that were counted elsewhere; time and bytes are measured here."""
    try:
        bench: Sequence[Labelled] | None = read_healthy_run()
    except NoCorpus:
        bench = None
    return Load(
        ALL_SIGNALS * scenarios.false_per_week / _DAYS_A_WEEK,
        None if corpora is None else ALL_SIGNALS * corpora.false_per_week / _DAYS_A_WEEK,
        None if bench is None else sum(_alerts(candidate, series) for series in bench),
        spread([_us_a_value(candidate, kind) for kind in _KINDS]),
        _most_bytes(candidate),
    )


def _alerts(candidate: Candidate, series: Labelled) -> int:
    return len(watch(candidate, series.name, series.values, series.timestamps_s).openings)


def _us_a_value(candidate: Candidate, kind: str) -> float:
    made = signal(kind, 0, _WARM_ROWS + _ROWS)
    values, times_s = made.values, made.times_s.tolist()
    use_case, model = candidate.use_case, Watch(kind, candidate.use_case).model
    use_case.learn(model, values[:_WARM_ROWS], times_s[:_WARM_ROWS])
    rest = values[_WARM_ROWS:], times_s[_WARM_ROWS:]
    return 1e6 * timed(time.process_time, lambda: use_case.learn(model, *rest)) / len(rest[0])


def _most_bytes(candidate: Candidate) -> int | None:
    try:
        return max(_state_bytes(candidate, kind) for kind in MAKES)
    except UnwritableModels:
        return None


def _state_bytes(candidate: Candidate, kind: str) -> int:
    made = signal(kind, 0, _WARM_ROWS)
    one = Watch(kind, candidate.use_case)
    one.learn(made.values, made.times_s.tolist())
    return state_bytes(one.model, one.health if one.use_case.sensor_checks else None)


def state_bytes(model: Any, health: Health | None = None) -> int:
    """The size of a page that holds one signal; in a page of many, what all have alike is written once."""
    states = States()
    states[SignalKey("asset", "signal")] = State(model, health=health)
    return len(PageCodec().encode(states))
