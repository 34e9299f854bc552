"""What a use case is: a River model, and how its output becomes findings."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal, Protocol

import msgspec

from consumer.core.errors import BadDeployment, ConfigurationError
from consumer.core.signals import seed_of

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
