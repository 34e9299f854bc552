"""What River's models cost: an update, a pickle, memory."""

import gc
import pickle
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from river import anomaly, cluster, drift

_VALUES = 2000
_TRIES = 5
_MODELS = 50
_CHEAP_US = 20.0
_LARGE_BYTES = 50_000
_MB = 2**20
_MEMORY = Path("/proc/self/statm")
_PAGE_BYTES = 4096
_MEMORY_BYTES_LOADED = 8 * _MB


class CannotMeasure(Exception):
    """Measure on Linux: memory is read from /proc."""


def _detect(model: Any, value: float) -> None:
    model.update(value)


def _cluster(model: Any, value: float) -> None:
    model.predict_one({"value": value})
    model.learn_one({"value": value})


def _score(model: Any, value: float) -> None:
    model.score_one({"value": value})
    model.learn_one({"value": value})


MODELS: dict[str, tuple[Callable[[], Any], Callable[[Any, float], None]]] = {
    "ADWIN": (drift.ADWIN, _detect),
    "PageHinkley": (drift.PageHinkley, _detect),
    "KSWIN": (lambda: drift.KSWIN(seed=1), _detect),
    "KMeans": (lambda: cluster.KMeans(seed=1), _cluster),
    "HalfSpaceTrees": (lambda: anomaly.HalfSpaceTrees(seed=1), _score),
}


def model_costs(name: str) -> dict[str, float]:
    """Costs of one model, of River's defaults, after 2,000 values: as `assumptions.Model` names them."""
    make, update = MODELS[name]
    rng = random.Random(1)
    # Values between 0 and 1, which HalfSpaceTrees asks for.
    values = [min(max(rng.gauss(0.5, 0.1), 0.0), 1.0) for _ in range(_VALUES)]
    model = make()
    update_us = _taken_us(lambda: [update(model, value) for value in values]) / _VALUES
    models = [model]
    while update_us < _CHEAP_US and len(models) < _MODELS:
        models.append(make())
        rng.shuffle(values)
        update_us = min(
            update_us, _taken_us(lambda: [update(models[-1], value) for value in values]) / _VALUES
        )
    copies = _MODELS if len(pickle.dumps(model)) < _LARGE_BYTES else 2
    page = [pickle.loads(pickle.dumps(models[copy % len(models)])) for copy in range(copies)]
    body = pickle.dumps(page, protocol=5)
    dump_us = min(_taken_us(lambda: pickle.dumps(page, protocol=5)) for _ in range(_TRIES)) / len(page)
    load_us = min(_taken_us(lambda: pickle.loads(body)) for _ in range(_TRIES)) / len(page)
    return {
        "update_us": update_us,
        "dump_us": dump_us,
        "load_us": load_us,
        "pickle_bytes": len(body) / len(page),
        "memory_bytes": _memory_bytes(body, len(page)),
    }


def resident_mb() -> float:
    """Memory of this process. Raises: `CannotMeasure`."""
    if not _MEMORY.exists():
        raise CannotMeasure("memory is read from /proc/self/statm, which is not here: measure on Linux")
    return int(_MEMORY.read_text().split()[1]) * _PAGE_BYTES / _MB


def _memory_bytes(body: bytes, models: int) -> float:
    """Memory of one model, from that of many that are kept."""
    gc.collect()
    before_mb = resident_mb()
    kept = [pickle.loads(body) for _ in range(max(2, int(_MEMORY_BYTES_LOADED / len(body))))]
    grown_mb = resident_mb() - before_mb
    return max(grown_mb * _MB / len(kept), len(body)) / models


def _taken_us(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1e6
