"""The cost of storing models beside that of learning: 1,000 signals, ten values each."""

import pickle
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from river import anomaly, cluster, drift, time_series

from benchmarks.measuring import Spread, cpu_s, spread, timed
from consumer.detectors.drift import DriftState
from consumer.pages.columns import packed, unpacked

_VALUES = 10
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class StorageCost:
    """CPU seconds to learn, write and read all signals, and the bytes of one."""

    learn_s: Spread
    write_s: Spread
    read_s: Spread
    bytes_each: int


def _learn_features(model: Any, value: float) -> None:
    model.learn_one({"value": value})


Make = Callable[[], Any]
Learn = Callable[[Any, float], None]
# Slow models use fewer signals; the figures are scaled to 1,000.
MODELS: dict[str, tuple[Make, Learn, int]] = {
    "ADWIN": (drift.ADWIN, drift.ADWIN.update, 1000),
    "PageHinkley": (drift.PageHinkley, drift.PageHinkley.update, 1000),
    "KMeans": (lambda: cluster.KMeans(seed=1), _learn_features, 200),
    "HalfSpaceTrees": (lambda: anomaly.HalfSpaceTrees(seed=1), _learn_features, 20),
    "SNARIMAX": (lambda: time_series.SNARIMAX(p=4, d=1, q=4), time_series.SNARIMAX.learn_one, 20),
}


def persist_vs_learn(name: str) -> StorageCost:
    """Measure one kind of model, stored as in a page."""
    make, learn, signals = MODELS[name]
    rng = random.Random(4)
    models = [DriftState(make()) for _ in range(signals)]
    values = [rng.random() for _ in range(200)]
    _learn_all(models, learn, values)
    learned, written, read = [], [], []
    for _ in range(_ROUNDS):
        learned.append(timed(cpu_s, partial(_learn_all, models, learn, values[:_VALUES])))
        written.append(timed(cpu_s, partial(_write, models)))
        page = _write(models)
        read.append(timed(cpu_s, partial(_read, page)))
    scale = 1000 / signals
    times = [spread([seconds * scale for seconds in each]) for each in (learned, written, read)]
    return StorageCost(times[0], times[1], times[2], len(page) // signals)


def _learn_all(models: list[DriftState], learn: Learn, values: list[float]) -> None:
    for model in models:
        for value in values:
            learn(model.detector, value)


def _write(models: list[DriftState]) -> bytes:
    return pickle.dumps(packed(models), protocol=5)


def _read(page: bytes) -> list[Any]:
    return unpacked(pickle.loads(page))
