"""What a use case is: a River model, and how its output becomes findings."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal, Protocol

import msgspec
from river.base import Base

from consumer.decode.signal_names import seed_of
from consumer.errors import BadDeployment, ConfigurationError, ModelRaised, is_models_own

STATE_FORMAT = 2

Severity = Literal["info", "warning", "error", "critical"]

Change = Literal["opened", "still_open", "cleared"]
"""Of an alert's state. What is over as soon as it is told, such as a drift, is opened."""

type_name = "{0.__module__}.{0.__qualname__}".format


@dataclass(frozen=True, slots=True)
class Finding:
    """What a model found at observation `index` of those it was given, and what it saw there."""

    index: int
    evidence: dict[str, Any]
    change: Change = "opened"
    fault: str | None = None
    """Of the sensor, where it is not the model that found it."""


class UseCase(Protocol):
    """What is learned from a signal.

    Determinism is part of it: the same values, however they are cut into calls, give the same models and
    findings. So seeds come from `create`'s argument, and nothing reads a clock or global randomness.
    """

    @property
    def kind(self) -> str:
        """What a finding is called in an event's id, such as 'drift'."""

    @property
    def detail_type(self) -> str:
        """The events' DetailType, such as 'Drift Detected'."""

    @property
    def severity(self) -> Severity:
        """How much a finding matters to whoever is on call."""

    @property
    def late(self) -> Literal["learn", "skip"]:
        """What to do with observations that are not newer than the last one learned of their signal."""

    @property
    def parameters(self) -> Any:
        """All that tells one version of this use case from another: plain values, no addresses."""

    def create(self, seed: int) -> Any:
        """A model that has learned nothing."""

    def learn(
        self,
        model: Any,
        values: Sequence[float],
        timestamps: Sequence[float | None],
        scores: list[float] | None = None,
    ) -> list[Finding]:
        """Let the model learn the values in order; they are not to be changed.

        Shape: two columns of one length. `timestamps` are seconds since 1970, UTC: where the payload had
        none, of the arrival; None where that is not known either. `scores`, if asked for, gets a number from
        0 to 1 for each value: how far it is from usual.

        Raises: `ModelRaised` with the index of the value, where the model raises or answers with NaN; the
            model is then not to be used again.
        """


def new_model(name: str, use_case: UseCase, signal: str) -> Any:
    """The model of a signal that has learned nothing; raises `BadDeployment` where none can be made."""
    try:
        return use_case.create(seed_of(name, signal))
    except Exception as error:  # a model may raise anything, and no observation is to blame
        raise BadDeployment(f"no model can be made: {type(error).__name__}: {error}") from error


def fingerprint(use_case: UseCase, versions: dict[str, str]) -> str:
    """16 hexadecimal digits that change whenever the models learned so far can no longer be used."""
    whole = [STATE_FORMAT, versions, use_case.kind, use_case.late, use_case.parameters]
    return sha256(msgspec.json.encode(whole, order="sorted")).hexdigest()[:16]


def parameters_of(model: Any) -> Any:
    """A River model's class and parameters, nested models included, as plain values.

    >>> from river import drift
    >>> parameters_of(drift.NoDrift())
    ['river.drift.no_drift.NoDrift', {}]

    Raises: `ConfigurationError` for a parameter that has no value of its own, such as an open file.
    """
    if model is None or isinstance(model, bool | int | float | str):
        return model
    if isinstance(model, type) or hasattr(model, "__qualname__"):
        return type_name(model)
    if isinstance(model, dict):
        return [[parameters_of(key), parameters_of(value)] for key, value in model.items()]
    if hasattr(model, "_get_params"):
        named = {str(name): parameters_of(value) for name, value in model._get_params().items()}
        return [type_name(type(model)), named]
    if hasattr(model, "learn_one"):  # of a class of one's own: what it starts with
        return [type_name(type(model)), {name: parameters_of(value) for name, value in vars(model).items()}]
    if isinstance(model, set | frozenset):
        return sorted((parameters_of(value) for value in model), key=msgspec.json.encode)
    if hasattr(model, "__iter__"):
        return [parameters_of(value) for value in model]
    raise ConfigurationError(
        f"a model's parameter of type {type_name(type(model))} cannot be told apart from another; "
        "give numbers, texts, classes or River objects"
    )


Found = tuple[Change, dict[str, Any]]
"""A change of an alert's state, and the evidence for it."""
Step = Callable[[float, float | None], tuple[float, Found | None]]
"""A value and its timestamp in; its score from 0 to 1 out, and what is found there, if anything."""


def learn_each(
    step: Step, values: Sequence[float], timestamps: Sequence[float | None], scores: list[float] | None
) -> list[Finding]:
    """Let `step` learn them in order; `scores` gets theirs, if asked for.

    Raises: `ModelRaised` with the index of the value at which it raised.
    """
    findings = []
    index = 0
    try:
        for index, value in enumerate(values):
            score, found = step(value, timestamps[index])
            if scores is not None:
                scores.append(score)
            if found is not None:
                change, evidence = found
                findings.append(Finding(index, evidence, change))
    except BaseException as error:  # a model may raise anything; this value is not learned then
        if not is_models_own(error):
            raise
        raise ModelRaised(index, f"the model raised {type(error).__name__}: {error}") from error
    return findings


def last_step(model: Any) -> Any:
    """The last step of a pipeline, which answers; any other model is its own."""
    steps = getattr(model, "steps", None)
    return list(steps.values())[-1] if isinstance(steps, dict) else model


def finite(number: Any) -> float:
    """A model's answer as a float; raises `ArithmeticError` where it is NaN or infinite."""
    answer = float(number)
    if not math.isfinite(answer):
        raise ArithmeticError(f"it answered {answer}")
    return answer


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
