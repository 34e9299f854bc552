"""A fresh copy of a model for one signal, with seeds of its own wherever it takes one and has none."""

import copy
from typing import Any

from river.base import Base


def seeded(pattern: Any, seed: int) -> Any:
    """A copy that has learned nothing; of a River model with all the models in it, of another a deep copy."""
    if not hasattr(pattern, "_get_params"):
        return copy.deepcopy(pattern)
    # Some of River's detectors have a `clone` that takes nothing; that of a pipeline goes through its steps.
    clone = Base.clone if not hasattr(pattern, "steps") else type(pattern).clone
    model = clone(pattern, _seeds(pattern, seed))
    _seed_hidden(model, seed, set())
    return model


def _seed_hidden(part: Any, seed: int, seen: set[int]) -> None:
    """Seed what a model has made within itself and takes no seed for, as GaussianScorer does."""
    if id(part) in seen:
        return
    seen.add(id(part))
    within = vars(part) if hasattr(part, "__dict__") else {}
    rng: Any = within.get("_rng")
    if hasattr(rng, "getstate") and within.get("seed", seed) is None:
        part.seed = seed
        rng.seed(seed)
    for value in within.values():
        if isinstance(value, dict):
            for inner in value.values():
                _seed_hidden(inner, seed, seen)
        elif type(value).__module__.startswith("river."):
            _seed_hidden(value, seed, seen)


def _seeds(model: Any, seed: int) -> dict[str, Any]:
    """What `clone` is to be told of the model, its parameters and the steps of a pipeline."""
    told: dict[str, Any] = {}
    steps = getattr(model, "steps", None)
    for name, value in model._get_params().items():
        part = steps[name] if isinstance(steps, dict) else getattr(model, name, None)
        if name == "seed" and value is None:
            told[name] = seed
        elif hasattr(part, "_get_params") and (within := _seeds(part, seed)):
            told[name] = within if isinstance(steps, dict) else (type(part), within)
    return told
