"""The cost of storing models beside that of learning: 1,000 signals, ten values each."""

import random
from dataclasses import dataclass
from functools import partial

from river import anomaly, cluster, drift, time_series

from benchmarks.measuring import Spread, cpu_s, spread, timed
from consumer.decode.records import Shard
from consumer.decode.signal_names import SignalKey
from consumer.detectors.anomaly import AnomalyUseCase
from consumer.detectors.asset_rows import NamedValue
from consumer.detectors.base import UseCase
from consumer.detectors.clusters import ClustersUseCase
from consumer.detectors.drift import DriftUseCase
from consumer.detectors.forecast import ForecastUseCase
from consumer.handler import gc_paused
from consumer.learning.state import Checkpoint, State
from consumer.pages.codec import AnyStates, PageCodec
from consumer.use_cases import USE_CASES

_VALUES = 10
_BEFORE = 200
_ROUNDS = 9
_PROPERTIES = ("pressure", "temperature", "flow", "level")
_SHARD = Shard("arn:aws:kinesis:eu-west-1:123456789012:stream/plant", "shardId-000000000000")


@dataclass(frozen=True, slots=True)
class StorageCost:
    """CPU seconds to learn, write and read all signals, and the bytes of one."""

    learn_s: Spread
    write_s: Spread
    read_s: Spread
    bytes_each: int


def _anomalies(detector: object) -> AnomalyUseCase:
    return AnomalyUseCase(anomaly.QuantileFilter(detector, q=0.99))


# Slow models use fewer signals; the figures are scaled to 1,000.
MODELS: dict[str, tuple[UseCase, int]] = {
    "ADWIN": (DriftUseCase(drift.ADWIN()), 1000),
    "PageHinkley": (DriftUseCase(drift.PageHinkley()), 1000),
    "KSWIN": (DriftUseCase(drift.KSWIN()), 200),
    "KMeans": (ClustersUseCase(cluster.KMeans()), 200),
    "DBSTREAM": (ClustersUseCase(cluster.DBSTREAM()), 200),
    "HalfSpaceTrees": (_anomalies(anomaly.HalfSpaceTrees()), 40),
    "OneClassSVM": (_anomalies(anomaly.OneClassSVM()), 200),
    "GaussianScorer": (
        AnomalyUseCase(anomaly.ThresholdFilter(anomaly.GaussianScorer(window_size=500), threshold=0.999)),
        200,
    ),
    "HoltWinters": (ForecastUseCase(time_series.HoltWinters(alpha=0.3, beta=0.1), horizon=20), 500),
    "SNARIMAX": (ForecastUseCase(time_series.SNARIMAX(p=4, d=1, q=4), horizon=20), 40),
    **{f"use case {name}": (USE_CASES[name], 500) for name in USE_CASES if name != "drift"},
}


def persist_vs_learn(name: str) -> StorageCost:
    """Measure one kind of model, stored as in a page; each asset learns ten rows of four values."""
    use_case, signals = MODELS[name]
    rng, codec = random.Random(4), PageCodec()
    marks = {_SHARD: Checkpoint(10**55, ("asset",), 1.7e9)}
    states = {
        SignalKey(f"asset{number}.signal", f"asset{number}.signal"): State(use_case.create(number), {**marks})
        for number in range(signals)
    }
    _learn_all(use_case, states, [rng.random() for _ in range(_BEFORE)], 0)
    learned, written, read = [], [], []
    for round_ in range(_ROUNDS):
        values, start = [rng.random() for _ in range(_VALUES)], _BEFORE + round_ * _VALUES
        with gc_paused():  # as in an invocation, which writes what it has just learned
            begun = cpu_s()
            _learn_all(use_case, states, values, start)
            between = cpu_s()
            codec.encode(states)
            written.append(cpu_s() - between)
            learned.append(between - begun)
    page = codec.encode(states)
    for _ in range(_ROUNDS):  # apart: what it makes and drops would be in the way of the others
        with gc_paused():
            read.append(timed(cpu_s, partial(_read, codec, page)))
    scale = 1000 / signals
    times = [spread([seconds * scale for seconds in each]) for each in (learned, written, read)]
    return StorageCost(times[0], times[1], times[2], len(page) // signals)


def _learn_all(use_case: UseCase, states: AnyStates, values: list[float], start: int) -> None:
    times: list[float | None] = [1.7e9 + 60.0 * (start + number) for number in range(len(values))]
    if use_case.learns_assets:
        values = [NamedValue(value, name) for value in values for name in _PROPERTIES]
        times = [at_s for at_s in times for _ in _PROPERTIES]
    for state in states.values():
        use_case.learn(state.model, values, times)


def _read(codec: PageCodec, page: bytes) -> None:
    for state in codec.decode(page).values():
        _ = state.model
