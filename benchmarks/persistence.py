"""The cost of storing models beside that of learning: 1,000 signals, ten values each."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from river import anomaly, cluster, drift, time_series

from benchmarks.measuring import Spread, cpu_s, spread, timed
from consumer.decode.batch import Shard
from consumer.decode.signal_names import SignalKey
from consumer.detectors.anomaly import AnomalyUseCase
from consumer.detectors.asset_rows import AssetUseCase, NamedValue
from consumer.detectors.base import UseCase
from consumer.detectors.clusters import ClustersUseCase
from consumer.detectors.drift import DriftUseCase
from consumer.detectors.forecast import ForecastUseCase
from consumer.handler import gc_paused
from consumer.learning.state import Checkpoint, State
from consumer.pages.codec import PageCodec, States
from consumer.use_cases import USE_CASES

_VALUES = 10
_BEFORE = 600
_ROUNDS = 7
_PROPERTIES = ("pressure", "temperature", "flow", "speed")
_SHARD = Shard("arn:aws:kinesis:eu-west-1:123456789012:stream/plant", "shardId-000000000000")

# Those of docs/models.md. Slow models use fewer signals; the figures are scaled to 1,000.
MODELS: dict[str, tuple[UseCase, int]] = {
    "ADWIN": (DriftUseCase(drift.ADWIN()), 1000),
    "PageHinkley": (DriftUseCase(drift.PageHinkley()), 1000),
    "KSWIN": (DriftUseCase(drift.KSWIN()), 20),
    "GaussianScorer": (
        AnomalyUseCase(anomaly.ThresholdFilter(anomaly.GaussianScorer(window_size=500), threshold=0.9999)),
        100,
    ),
    "HalfSpaceTrees": (AnomalyUseCase(anomaly.QuantileFilter(anomaly.HalfSpaceTrees(), q=0.999)), 20),
    "OneClassSVM": (AnomalyUseCase(anomaly.QuantileFilter(anomaly.OneClassSVM(), q=0.995)), 200),
    "KMeans": (ClustersUseCase(cluster.KMeans(n_clusters=5, halflife=0.5)), 200),
    "DBSTREAM": (ClustersUseCase(cluster.DBSTREAM()), 200),
    "HoltWinters": (ForecastUseCase(time_series.HoltWinters(alpha=0.3, beta=0.1), upper=95.0), 1000),
    "SNARIMAX": (ForecastUseCase(time_series.SNARIMAX(p=3, d=1, q=1), lower=20.0, every=30), 50),
    **{f"shipped {name}": (USE_CASES[name], 200) for name in USE_CASES if name != "drift"},
}


@dataclass(frozen=True, slots=True)
class StorageCost:
    """CPU seconds to learn, write and read all signals, and the bytes of one in its page."""

    learn_s: Spread
    write_s: Spread
    read_s: Spread
    bytes_each: int


def persist_vs_learn(name: str) -> StorageCost:
    """Measure one kind of model, stored in a page, with the garbage collector paused as in the function."""
    use_case, signals = MODELS[name]
    rng = random.Random(4)
    states = {
        SignalKey(f"line{number}.pressure", f"line{number}.pressure"): State(
            use_case.create(number), {_SHARD: Checkpoint(10**55 + number, (f"line{number}.pressure",), 1.7e9)}
        )
        for number in range(signals)
    }
    values = [60.0 + rng.gauss(0.0, 4.0) for _ in range(_BEFORE + _ROUNDS * _VALUES)]
    _learn_all(use_case, states, values[:_BEFORE], 0)
    learned, written, read = [], [], []
    codec = PageCodec()
    with gc_paused():
        page = codec.encode(states)
        for start in range(_BEFORE, len(values), _VALUES):
            now = values[start : start + _VALUES]
            learned.append(timed(cpu_s, partial(_learn_all, use_case, states, now, start)))
            written.append(timed(cpu_s, partial(codec.encode, states)))
            page = codec.encode(states)
            read.append(timed(cpu_s, partial(_read, codec, page)))
    scale = 1000 / signals
    times = [spread([seconds * scale for seconds in each]) for each in (learned, written, read)]
    return StorageCost(times[0], times[1], times[2], len(page) // signals)


def _learn_all(use_case: UseCase, states: States, values: Sequence[float], start: int) -> None:
    """Let each model learn the values, in one call as a batch does; an asset's come from four properties."""
    if isinstance(use_case, AssetUseCase):
        count = len(_PROPERTIES)
        values = [NamedValue(value, _PROPERTIES[at % count]) for at, value in enumerate(values)]
        times = [60.0 * ((start + at) // count) for at in range(len(values))]
    else:
        times = [60.0 * (start + at) for at in range(len(values))]
    for state in states.values():
        use_case.learn(state.model, values, times)


def _read(codec: PageCodec, page: bytes) -> list[Any]:
    return [state.model for state in codec.decode(page).values()]
