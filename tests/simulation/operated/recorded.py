"""A use case whose models keep what they learned, so that any page says by itself what was learned twice."""

from dataclasses import dataclass, replace
from typing import Any

from consumer.detectors.base import UseCase
from consumer.detectors.states import AnyState, ModelState, model_state
from consumer.errors import ModelRaised
from consumer.learning.state import State


def is_poison(value: float) -> bool:
    """At which a model raises."""
    return 600.0 <= value < 700.0


def is_venom(value: float) -> bool:
    """Which a model learns, and raises ever after."""
    return 700.0 <= value < 800.0


@model_state("simulated_fussy")
class FussyState(ModelState):
    """A model, and whether it raises at anything."""

    model: AnyState
    is_spoilt: bool = False


@dataclass(frozen=True, slots=True)
class FussyModels(UseCase):
    """Models that raise, with values or rows half learned."""

    inner: Any

    @property
    def parameters(self) -> Any:
        return ["fussy", self.inner.parameters]

    def create(self, seed: int) -> FussyState:
        return FussyState(self.inner.create(seed))

    def learn(self, state, values, timestamps, scores=None):
        for index, value in enumerate(values):
            within = value.values() if isinstance(value, dict) else [value]
            if state.is_spoilt or any(map(is_poison, within)):
                self.inner.learn(state.model, values[:index], timestamps[:index])
                raise ModelRaised(index, "the model raised ZeroDivisionError")
            state.is_spoilt = any(map(is_venom, within))
        return self.inner.learn(state.model, values, timestamps, scores)


@model_state("simulated_recorded")
class RecordedState(ModelState):
    """A model, and the values it has learned, with their times."""

    model: AnyState
    values: list[float] = []  # noqa: RUF012  # msgspec copies it
    times: list[float | None] = []  # noqa: RUF012


@dataclass(frozen=True, slots=True)
class Recorded(UseCase):
    """Another use case, with a record of what its models learned."""

    inner: Any

    @property
    def parameters(self) -> Any:
        return ["recorded", self.inner.parameters]

    def create(self, seed: int) -> RecordedState:
        return RecordedState(self.inner.create(seed))

    def learn(self, state, values, timestamps, scores=None):
        findings = self.inner.learn(state.model, values, timestamps, scores)
        state.values += map(float, values)
        state.times += timestamps
        return findings

    def learned_as(self, key):
        return self.inner.learned_as(key)

    def merge_signals(self, batch):
        return self.inner.merge_signals(batch)

    def forget_row(self, model, values, started_s=None):
        if not self.inner.forget_row(model.model, values, started_s):
            return False
        kept = [at for at, value in enumerate(model.values) if value not in values.values()]
        model.values, model.times = ([column[at] for at in kept] for column in (model.values, model.times))
        return True

    @property
    def learns_assets(self) -> bool:
        return self.inner.learns_assets


def recorded(inner: Any, late: Any = "learn", is_fussy: bool = False) -> Recorded:
    """The use case with a record, and with models that raise, if asked for."""
    if is_fussy and hasattr(inner, "rows"):
        rows = FussyModels(inner=inner.rows, kind=inner.kind, detail_type=inner.detail_type)
        inner = replace(inner, rows=rows)
    elif is_fussy:
        inner = FussyModels(inner=inner, kind=inner.kind, detail_type=inner.detail_type)
    return Recorded(inner=inner, kind=inner.kind, detail_type=inner.detail_type, late=late)


def learned_in(state: State) -> list[float] | None:
    """The values that the model has learned, in order; None where its model was planted."""
    try:
        model = state.model
    except Exception:  # it cannot be read
        return None
    values = model.values if isinstance(model, RecordedState) else None
    return values if isinstance(values, list) else None
