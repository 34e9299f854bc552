"""The cost of storing models beside that of learning: 1,000 signals, ten values each."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, repeat
from typing import Any

from river import anomaly, cluster, drift, time_series

from benchmarks.measuring import Spread, cpu_s, spread, timed
from benchmarks.workloads import ARN
from clients.lambda_event import lambda_record
from consumer.decode.batch import Batch
from consumer.decode.lambda_event import decode
from consumer.detectors.anomaly import AnomalyUseCase
from consumer.detectors.base import UseCase
from consumer.detectors.clusters import ClustersUseCase
from consumer.detectors.drift import DriftUseCase
from consumer.detectors.forecast import ForecastUseCase
from consumer.handler import gc_paused
from consumer.learning.columns_learner import learn_together
from consumer.learning.outcome import FailedObservations
from consumer.learning.page_learner import PageLearner
from consumer.learning.states import States
from consumer.learning.usual_signals import Member
from consumer.pages.codec import PageCodec
from consumer.pages.layout import Layout, parts_by_page
from consumer.settings.signal_settings import SettingsOfSignals
from consumer.use_cases import USE_CASES

_VALUES = 10
_BEFORE = 200
_ROUNDS = 9
_PROPERTIES = ("pressure", "temperature", "flow", "level")
_SHARD_ID = "shardId-000000000000"


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
    """Measure one kind of model, in one page, learned as the function learns a batch of ten values each."""
    use_case, signals = MODELS[name]
    codec, states = PageCodec(), States()
    batches = _batches(use_case, signals)
    _learn(use_case, states, next(batches))
    learned, written, read = [], [], []
    for batch in islice(batches, _ROUNDS):
        with gc_paused():  # as in an invocation, which writes what it has just learned
            begun = cpu_s()
            _learn(use_case, states, batch)
            between = cpu_s()
            page = codec.encode(states)
            written.append(cpu_s() - between)
            learned.append(between - begun)
    for _ in range(_ROUNDS):  # apart: what it makes and drops would be in the way of the others
        with gc_paused():
            read.append(timed(cpu_s, partial(_read, codec, page)))
    scale = 1000 / signals
    times = [spread([seconds * scale for seconds in each]) for each in (learned, written, read)]
    return StorageCost(times[0], times[1], times[2], len(page) // signals)


def _batches(use_case: UseCase, signals: int) -> Iterator[Batch]:
    """The first one has so many values that all that are learned later are scored."""
    rng, number = random.Random(4), 0
    for values in chain([_BEFORE], repeat(_VALUES)):
        records: list[Any] = []
        for signal in (f"asset{each}.signal" for each in range(signals)):
            for place in range(number, number + values):
                payload: dict[str, Any] = {"signal": signal, "timestamp": 1.7e9 + 60.0 * place}
                if use_case.learns_assets:
                    payload["values"] = {each: rng.random() for each in _PROPERTIES}
                else:
                    payload["value"] = rng.random()
                data, sequence_number = json.dumps(payload).encode(), 10**55 + number * signals + len(records)
                records.append(lambda_record(ARN, _SHARD_ID, str(sequence_number), signal, data, 1.8e9))
        number += values
        [batch] = decode({"Records": records}, use_case.merge_signals)
        yield batch


def _learn(use_case: UseCase, states: States, batch: Batch) -> None:
    settings = SettingsOfSignals("benchmark", use_case, None)
    [part] = parts_by_page(batch, Layout("benchmark", 1)).values()
    learner = PageLearner(
        "benchmark", settings, batch, states, FailedObservations(), lambda: False, signals_max=1000
    )
    assert learn_together([Member(learner, part)]) == [None]
    assert not learner.outcome.raised
    assert learner.outcome.observations == len(batch.numbers)


def _read(codec: PageCodec, page: bytes) -> None:
    for state in codec.decode(page).values():
        _ = state.model
