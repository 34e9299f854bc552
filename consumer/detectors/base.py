"""The base class of use cases: a model for each signal, and how its output becomes findings."""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Literal, Self

import msgspec
from river.base import Base

from consumer.decode.batch import Batch
from consumer.decode.signal_names import SignalKey, seed_of
from consumer.detectors.alert_policy import AlertState, Change, DeadBand, Finding
from consumer.detectors.sensor_checks import SensorChecks
from consumer.errors import BadDeployment, ConfigurationError, ModelRaised, brief, is_models_own

STATE_FORMAT = 5

Severity = Literal["info", "warning", "error", "critical"]
Late = Literal["learn", "skip"]

Found = tuple[Change, dict[str, Any]]
"""A change of an alert's state, and the evidence for it."""
Step = Callable[[Any, float | None], tuple[float, Found | None]]
"""A value and its timestamp in; its score from 0 to 1 out, and what was found there, if anything."""

type_name = "{0.__module__}.{0.__qualname__}".format


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCase(ABC):
    """What is learned from a signal. A subclass gives `parameters`, `create`, and `stepper` or `learn`.

    A use case is deterministic: the same values, in whatever batches, give the same models and findings. So
    seeds come from `create`'s argument, and nothing reads a clock or global randomness.
    """

    kind: str
    """What a finding is called in an event's id, such as 'drift'."""
    detail_type: str
    """The events' DetailType, such as 'Drift Detected'."""
    severity: Severity = "warning"
    """How much a finding matters to whoever is on call."""
    late: Late = "learn"
    """What to do with observations that are not newer than the last one learned of their signal."""
    sensor_checks: SensorChecks | None = None
    """How the values are checked for faults of the sensor; None: not at all."""

    @property
    @abstractmethod
    def parameters(self) -> Any:
        """All that the models depend on, as plain values without addresses: others need other models."""

    @abstractmethod
    def create(self, seed: int) -> Any:
        """A model that has learned nothing."""

    def stepper(self, model: Any) -> Step:
        """The function that lets the model learn the next value, for the values of one batch."""
        raise NotImplementedError(f"{type(self).__name__} has neither `stepper` nor a `learn` of its own")

    def learn(
        self,
        model: Any,
        values: Sequence[float],
        timestamps: Sequence[float | None],
        scores: list[float] | None = None,
    ) -> list[Finding]:
        """Let the model learn the values in order, without changing them.

        Shape: two columns of one length. `timestamps` are seconds since 1970, UTC: the payload's, else the
        arrival's; None if that is unknown too. `scores`, if given, gets a number from 0 to 1 for each value:
        how far it is from usual.

        Raises: `ModelRaised` with the index of the value, if the model raises or answers with NaN; the model
            must not be used again.
        """
        return learn_each(self.stepper, model, values, timestamps, scores)

    def with_limits(self, low: float | None, high: float | None) -> Self:
        """The use case with a signal's limits in place of its own; itself, if it has none."""
        return self

    def with_sensor_range(self, low: float | None, high: float | None) -> Self:
        """The use case with the range that a signal's sensor can measure; itself without sensor checks."""
        if self.sensor_checks is None:
            return self
        return replace(self, sensor_checks=replace(self.sensor_checks, lowest=low, highest=high))

    def with_time_zone(self, name: str) -> Self:
        """The use case that learns by the hours of a time zone; itself, if it learns nothing by the hour."""
        return self

    def with_dead_band(self, band: DeadBand) -> Self:
        """The use case that tells only what goes beyond; itself, if it expects no value of its signals."""
        return self

    def learned_as(self, key: SignalKey) -> SignalKey | None:
        """The signal whose model learns what comes under `key`; None if none does."""
        return key

    def merge_signals(self, batch: Batch) -> int:
        """Put together, in the batch, the signals that one model learns.

        Returns how many observations no model of this use case learns.
        """
        return 0

    def forget_row(self, model: Any, values: dict[str, float], started_s: float | None = None) -> bool:
        """Remove the row that waits in the model for further values, if it is this one; whether it was."""
        return False

    @property
    def learns_assets(self) -> bool:
        """True if a model learns all signals of an asset together."""
        return False

    def alert_of(self, model: Any) -> AlertState | None:
        """The state of the model's alert; None for a use case whose findings are over at once."""
        return None

    def observations_since_finding(self, model: Any) -> int | None:
        """How many values the model has learned since its last finding, if it counts them."""
        return None


def new_model(name: str, use_case: UseCase, signal: str) -> Any:
    """The model of a signal that has learned nothing; raises `BadDeployment` where none can be made."""
    try:
        return use_case.create(seed_of(name, signal))
    except Exception as error:  # a model may raise anything, and no observation is to blame
        raise BadDeployment(f"no model can be made: {brief(error)}") from error


_PLAIN: tuple[list[float], ...] = (
    [float(number % 7) for number in range(64)],
    [20.0 + number * 7919 % 13 / 13.0 for number in range(64)],
    [0.0] * 64,
)
"""Values such as any sensor sends."""


def can_learn(name: str, use_case: UseCase) -> bool:
    """Whether a model that has learned nothing learns some series of plain values; it depends on code alone.

    Raises: `BadDeployment` where no model can be made.
    """
    for values in _PLAIN:
        model = new_model(name, use_case, "plain")
        try:
            use_case.learn(model, values, [60.0 * minute for minute in range(len(values))])
            return True
        except BaseException as error:
            if not is_models_own(error):
                raise
    return False


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


def learn_each(
    stepper: Callable[[Any], Step],
    model: Any,
    values: Sequence[float],
    timestamps: Sequence[float | None],
    scores: list[float] | None,
) -> list[Finding]:
    """Let the model's step learn them in order; `scores` gets theirs, if asked for.

    Raises: `ModelRaised` with the index of the value at which it raised.
    """
    findings = []
    index = 0
    try:
        step = stepper(model)
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
        raise ModelRaised(index, f"the model raised {brief(error)}") from error
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


def is_no_answer_yet(answer: Any, learned: int, warm_up: int) -> bool:
    """Whether a model cannot answer so early: NaN or None, before it has learned `warm_up` values.

    >>> is_no_answer_yet(math.nan, 0, 200), is_no_answer_yet(None, 199, 200), is_no_answer_yet(0.0, 0, 200)
    (True, True, False)
    >>> is_no_answer_yet(math.nan, 200, 200), is_no_answer_yet(math.inf, 0, 200)
    (False, False)
    """
    return learned < warm_up and (answer is None or bool(answer != answer))


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
    """The arguments for `clone`: the model's parameters, and the steps of a pipeline."""
    arguments: dict[str, Any] = {}
    steps = getattr(model, "steps", None)
    for name, value in model._get_params().items():
        part = steps[name] if isinstance(steps, dict) else getattr(model, name, None)
        if name == "seed" and value is None:
            arguments[name] = seed
        elif hasattr(part, "_get_params") and (within := _seeds(part, seed)):
            arguments[name] = within if isinstance(steps, dict) else (type(part), within)
    return arguments
