"""Forecasts: a model of `river.time_series` says when a limit will be crossed, before it is."""

from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Self

import msgspec

from consumer.detectors.alert_policy import ALERT_POLICY, AlertPolicy, AlertState
from consumer.detectors.base import Found, Step, UseCase, finite, last_step, parameters_of, seeded
from consumer.detectors.states import AnyState, ModelState, model_state
from consumer.errors import ConfigurationError

_INTERVAL_SHARE = 0.05  # of the newest interval in their mean
_DAY_S = 86_400.0
_BEFORE_LAST_MAX = 20


@model_state("forecast")
class ForecastState(ModelState):
    """A forecaster, and what is known of the time between values, in seconds."""

    forecaster: AnyState
    count: int = 0
    is_expected: bool = False
    """Whether a crossing was expected when it last looked ahead."""
    last_s: float | None = None
    interval_s: float | None = None
    alert: AlertState = msgspec.field(default_factory=AlertState)
    before_last: int = 0
    """Latest values in a row from long before `last_s`: then it is a clock that was ahead."""


@dataclass(frozen=True, slots=True)
class ForecastUseCase(UseCase):
    """Finds when a limit is first expected to be crossed within `horizon` values, and when no longer.

    `forecaster` is a pattern: each signal gets a copy. It looks ahead at every `every`-th value, and not
    before `warm_up`. Without a limit nothing is reported.

    >>> from river import time_series
    >>> use_case = ForecastUseCase(time_series.HoltWinters(alpha=0.3, beta=0.1), horizon=60, upper=100.0)
    >>> values = [0.2 * number for number in range(500)]
    >>> times = [60.0 * number for number in range(500)]
    >>> [finding] = use_case.learn(use_case.create(seed=1), values, times)
    >>> finding.index, round(values[finding.index], 6)
    (449, 89.8)
    >>> finding.evidence["in_observations"], finding.evidence["in_s"]
    (52, 3120.0)
    """

    forecaster: Any
    horizon: int = 60
    upper: float | None = None
    lower: float | None = None
    every: int = 10
    warm_up: int = 200
    alert: AlertPolicy = ALERT_POLICY
    _: KW_ONLY
    kind: str = "forecast"
    detail_type: str = "Limit Crossing Forecast"

    def __post_init__(self) -> None:
        if self.horizon < 1 or self.every < 1:
            raise ConfigurationError("a forecast's `horizon` and `every` are 1 or more")
        if self.upper is not None and self.lower is not None and self.lower >= self.upper:
            raise ConfigurationError(f"the lower limit {self.lower} is not below the upper, {self.upper}")

    @property
    def parameters(self) -> Any:
        """What the models depend on: limits may change without a new start."""
        return ["alerts", parameters_of(self.forecaster)]

    def create(self, seed: int) -> ForecastState:
        """A forecaster that has seen nothing."""
        return ForecastState(seeded(self.forecaster, seed))

    def stepper(self, state: ForecastState) -> Step:
        """Let the forecaster learn each value, and look ahead; a crossing that is expected scores 1."""

        def step(value: float, at_s: float | None) -> tuple[float, Found | None]:
            state.forecaster.learn_one(value)
            state.count += 1
            _learn_interval(state, at_s)
            crossing = None
            if state.count >= self.warm_up and state.count % self.every == 0:
                crossing = self._crossing(state)
                state.is_expected = crossing is not None
            is_expected = state.is_expected
            nearness = 1.0 / crossing["in_observations"] if crossing else 0.0
            change = self.alert.next(state.alert, nearness, opens=is_expected, keeps=is_expected, at_s=at_s)
            score = float(is_expected)
            if change is None:
                return score, None
            details = self.alert.transition_details(state.alert, change, at_s)
            return score, (change, (crossing or {}) | details)

        return step

    def alert_of(self, model: ForecastState) -> AlertState | None:
        """The state of its alert."""
        return model.alert

    def with_limits(self, low: float | None, high: float | None) -> Self:
        """With a signal's limits in place of those of all."""
        return replace(self, lower=low, upper=high)

    def _crossing(self, state: ForecastState) -> dict[str, Any] | None:
        if self.upper is None and self.lower is None:
            return None
        ahead = state.forecaster.forecast(horizon=self.horizon)
        for observations, forecast in enumerate(map(finite, ahead), 1):
            is_above = self.upper is not None and forecast > self.upper
            if is_above or (self.lower is not None and forecast < self.lower):
                return {
                    "forecaster": type(last_step(state.forecaster)).__name__,
                    "limit": self.upper if is_above else self.lower,
                    "forecast": forecast,
                    "in_observations": observations,
                    "in_s": None if state.interval_s is None else observations * state.interval_s,
                }
        return None


def _learn_interval(state: ForecastState, timestamp_s: float | None) -> None:
    """Learn the time since the last value; one that is not newer says nothing.

    Many in a row from more than a day before say that the last time was of a clock that was ahead.
    """
    if timestamp_s is None:
        return
    if state.last_s is not None and timestamp_s <= state.last_s:
        state.before_last = state.before_last + 1 if timestamp_s < state.last_s - _DAY_S else 0
        if state.before_last > _BEFORE_LAST_MAX:
            state.last_s, state.before_last = timestamp_s, 0
        return
    if state.last_s is not None:
        interval_s = timestamp_s - state.last_s
        if state.interval_s is None:
            state.interval_s = interval_s
        else:
            state.interval_s += _INTERVAL_SHARE * (interval_s - state.interval_s)
    state.last_s, state.before_last = timestamp_s, 0
