"""What River's models cost: an update, writing and reading, memory."""

import gc
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from river import cluster, drift

from consumer.detectors.half_space_trees import HalfSpaceTrees
from consumer.pages import columns as columns  # which registers the classes that pages hold
from consumer.pages.packing import packed
from consumer.pages.unpacking import unpacked

_VALUES = 2000
_TRIES = 5
_MODELS = 50
_CHEAP_US = 20.0
_LARGE_BYTES = 50_000
_MB = 2**20
_MEMORY = Path("/proc/self/statm")
_PAGE_BYTES = 4096
_LOADED_BYTES = 8 * _MB


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
    "HalfSpaceTrees": (lambda: HalfSpaceTrees(seed=1), _score),
}


def model_costs(name: str) -> dict[str, float]:
    """Costs of one model with River's defaults, after 2,000 values: as `assumptions.Model` names them."""
    make, update = MODELS[name]
    rng = random.Random(1)
    # Values between 0 and 1, as HalfSpaceTrees needs them.
    values = [min(max(rng.gauss(0.5, 0.1), 0.0), 1.0) for _ in range(_VALUES)]
    models: list[Any] = []
    update_us = 0.0
    while not models or (update_us < _CHEAP_US and len(models) < _MODELS):
        models.append(make())
        taken_us = _cpu_us(lambda: [update(models[-1], value) for value in values]) / _VALUES
        update_us = min(update_us or taken_us, taken_us)
        rng.shuffle(values)
    copies = _MODELS if len(packed(models[0])[0]) < _LARGE_BYTES else 2
    # Read again, so that no copy shares anything with another.
    page = [unpacked(*packed(models[copy % len(models)])) for copy in range(copies)]
    written = [packed(model) for model in page]
    page_bytes = sum(len(body) for body, _ in written) / copies
    return {
        "update_us": update_us,
        "dump_us": min(_cpu_us(lambda: [packed(model) for model in page]) for _ in range(_TRIES)) / copies,
        "load_us": min(_cpu_us(lambda: [unpacked(*one) for one in written]) for _ in range(_TRIES)) / copies,
        "page_bytes": page_bytes,
        "memory_bytes": max(_memory_bytes(written), page_bytes),
    }


def resident_mb() -> float:
    """Memory of this process. Raises: `CannotMeasure`."""
    if not _MEMORY.exists():
        raise CannotMeasure("memory is read from /proc/self/statm, which is not here: measure on Linux")
    return int(_MEMORY.read_text().split()[1]) * _PAGE_BYTES / _MB


def _memory_bytes(written: list[tuple[bytes, int]]) -> float:
    """Memory that a model takes, from that of many copies."""
    copies = max(2, int(_LOADED_BYTES / sum(len(body) for body, _ in written)))
    gc.collect()
    before_mb = resident_mb()
    kept = [unpacked(*one) for _ in range(copies) for one in written]
    return (resident_mb() - before_mb) * _MB / len(kept)


def _cpu_us(work: Callable[[], object]) -> float:
    """With the garbage collector paused, as the function does."""
    gc.disable()
    try:
        started = time.process_time()
        work()
        return (time.process_time() - started) * 1e6
    finally:
        gc.enable()
