"""What models cost: an update, writing to a page and reading from it, memory."""

import gc
import random
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from river import cluster, drift

from consumer.decode.records import Shard
from consumer.decode.signal_names import SignalKey
from consumer.detectors.base import UseCase
from consumer.detectors.drift import DriftState
from consumer.detectors.half_space_trees import HalfSpaceTrees
from consumer.detectors.sensor_checks import Health
from consumer.learning.state import Checkpoint, State
from consumer.pages.codec import PageCodec, States, memory_bytes_for, warm_bytes_of
from consumer.use_cases import USE_CASES
from producer_sim.plan.sizing import PAGE_BYTES, SIGNALS_PER_PAGE

_VALUES = 2000
_VALUES_PER_BATCH = 10
_INTERVAL_S = 300.0
"""Between two values, which so are of a week: a use case may keep something for each of its hours."""
_START_S = 1_700_000_000.0
_TRIES = 5
_MODELS_MIN, _MODELS = 8, 50
"""That learn values in other orders: where all states were alike, a page would hold them as one."""
_CHEAP_US = 20.0
_SHARD = Shard("arn:aws:kinesis:eu-west-1:123456789012:stream/plant", "shardId-000000000000")
_MB = 2**20
_MEMORY = Path("/proc/self/statm")
_PAGE_BYTES = 4096
_LOADED_BYTES = 8 * _MB


class CannotMeasure(Exception):
    """Measure on Linux: memory is read from /proc."""


def _detect(state: State, values: Sequence[float]) -> None:
    update = state.model.detector.update
    for value in values:
        update(value)


def _cluster(state: State, values: Sequence[float]) -> None:
    model = state.model
    for value in values:
        model.predict_one({"value": value})
        model.learn_one({"value": value})


def _score(state: State, values: Sequence[float]) -> None:
    model = state.model
    for value in values:
        model.score_one({"value": value})
        model.learn_one({"value": value})


def _learn(use_case: UseCase, state: State, values: Sequence[float]) -> None:
    """As a use case learns the batches of a week, the checks of its sensor included."""
    checks, times = use_case.sensor_checks, [_START_S + _INTERVAL_S * number for number in range(len(values))]
    for start in range(0, len(values), _VALUES_PER_BATCH):
        batch, at_s = (column[start : start + _VALUES_PER_BATCH] for column in (values, times))
        found = use_case.learn(state.model, batch, at_s)
        if checks is not None:
            state.health = state.health or Health()
            checks.apply(state.health, found, batch, at_s, at_s[0])


Subject = tuple[Callable[[], Any], Callable[[State, Sequence[float]], None]]
"""Makes a model that has learned nothing, and lets a state's model learn values."""

MODELS: dict[str, Subject] = {
    "ADWIN": (lambda: DriftState(drift.ADWIN()), _detect),
    "PageHinkley": (lambda: DriftState(drift.PageHinkley()), _detect),
    "KSWIN": (lambda: DriftState(drift.KSWIN(seed=1)), _detect),
    "KMeans": (lambda: cluster.KMeans(seed=1), _cluster),
    "HalfSpaceTrees": (lambda: HalfSpaceTrees(seed=1), _score),
}
"""River's, with its defaults."""
SHIPPED: dict[str, Subject] = {
    name: (partial(USE_CASES[name].create, 1), partial(_learn, USE_CASES[name]))
    for name in ("anomaly", "shift")
}
"""The use cases that `cdk.json` has."""


def model_costs(subject: Subject) -> dict[str, float]:
    """Costs of one model after 2,000 values: as `assumptions.Model` names them."""
    make, learn = subject
    rng = random.Random(1)
    # Values between 0 and 1, as HalfSpaceTrees needs them.
    values = [min(max(rng.gauss(0.5, 0.1), 0.0), 1.0) for _ in range(_VALUES)]
    learned: list[State] = []
    update_us = 0.0
    while len(learned) < _MODELS_MIN or (update_us < _CHEAP_US and len(learned) < _MODELS):
        learned.append(State(make()))
        taken_us = _cpu_us(lambda: learn(learned[-1], values)) / _VALUES
        update_us = min(update_us or taken_us, taken_us)
        rng.shuffle(values)
    # The page that the plan would make. Read again, so that no model in it shares anything with another.
    each_bytes = len(_encoded({SignalKey("", ""): learned[0]}))
    count = max(1, min(SIGNALS_PER_PAGE, PAGE_BYTES // each_bytes))
    page = _encoded(_named([learned[number % len(learned)] for number in range(count)]))
    states = _read(page)
    empty = _encoded(_named([State(None)] * count))
    page_bytes = (len(page) - len(empty)) / count
    return {
        "update_us": update_us,
        "dump_us": min(_cpu_us(lambda: _encoded(states)) for _ in range(_TRIES)) / count,
        "load_us": min(_cpu_us(lambda: _read(page)) for _ in range(_TRIES)) / count,
        "page_bytes": page_bytes,
        "memory_bytes": max(_memory_bytes(page), page_bytes),
        "warm_bytes": warm_bytes_of(states, memory_bytes_for(page)) / count,
    }


def _named(states: Sequence[State]) -> dict[SignalKey, State]:
    """States by signal, with a checkpoint each."""
    names = [f"compressor{number}.pressure" for number in range(len(states))]
    return {
        SignalKey(name, name): State(
            state.model, {_SHARD: Checkpoint(10**55, (name,), _START_S)}, _VALUES, health=state.health
        )
        for name, state in zip(names, states, strict=True)
    }


def _encoded(states: Mapping[SignalKey, State]) -> bytes:
    return PageCodec().encode(states)


def _read(page: bytes) -> States:
    """The states, their models read too."""
    states = PageCodec().decode(page)
    for state in states.values():
        _ = state.model
    return states


def resident_mb() -> float:
    """Memory of this process. Raises: `CannotMeasure`."""
    if not _MEMORY.exists():
        raise CannotMeasure("memory is read from /proc/self/statm, which is not here: measure on Linux")
    return int(_MEMORY.read_text().split()[1]) * _PAGE_BYTES / _MB


def _looked_at(page: bytes) -> States:
    """The states, each taken out of its page, and put back as who learns does: some are objects at a time."""
    states = PageCodec().decode(page)
    for state in states.values():
        _ = state.model
        states.put_back()
    return states


def loaded_bytes(page: bytes) -> float:
    """How much memory a state of the page takes, from that of many copies."""
    kept = [_looked_at(page)]
    before_mb = resident_mb()
    kept += [_looked_at(page) for _ in range(max(2, _LOADED_BYTES // len(page)))]
    return (resident_mb() - before_mb) * _MB / sum(map(len, kept[1:]))


def _memory_bytes(page: bytes) -> float:
    """The same in a process of its own: this one would use again what it has freed."""
    code = f"import sys; from {__name__} import loaded_bytes; print(loaded_bytes(sys.stdin.buffer.read()))"
    done = subprocess.run([sys.executable, "-c", code], input=page, capture_output=True, check=True)
    return float(done.stdout)


def _cpu_us(work: Callable[[], object]) -> float:
    """With the garbage collector paused, as the function does."""
    gc.disable()
    try:
        started = time.process_time()
        work()
        return (time.process_time() - started) * 1e6
    finally:
        gc.enable()
