"""Anomalies: a detector scores each value; a filter, or it itself, says which scores are too high."""

import inspect
import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from functools import cache
from typing import Any, Self

import msgspec

from consumer.detectors.alert_policy import ALERT_POLICY, AlertPolicy, AlertState, DeadBand
from consumer.detectors.base import (
    Found,
    Step,
    UseCase,
    finite,
    is_no_answer_yet,
    last_step,
    parameters_of,
    seeded,
)
from consumer.detectors.local_time import UTC_NAME, clock_of
from consumer.detectors.seasonal_anomaly import SeasonalAnomalyState, seasonal_step
from consumer.detectors.states import AnyState, ModelState, model_state
from consumer.river_models.seasonal_isolation import SeasonalIsolation


@model_state("anomaly")
class AnomalyState(ModelState):
    """A detector, how many values it has learned, and the alert."""

    detector: AnyState
    count: int = 0
    alert: AlertState = msgspec.field(default_factory=AlertState)


@dataclass(frozen=True, slots=True)
class AnomalyUseCase(UseCase):
    """Finds values that are not normal: when they begin, and when they are normal again.

    `detector` is `SeasonalIsolation`, whose scores mean the same on each signal: those above 0.5 are too
    high. Or it is one of River's filters around any detector: `QuantileFilter` for the highest share of
    scores, `ThresholdFilter` for scores above a bound. It is a pattern: each signal gets a copy, with a seed
    of its own. Nothing is reported in the first `warm_up` values; until then a detector may learn without a
    score.

    >>> from river import anomaly
    >>> use_case = AnomalyUseCase(anomaly.ThresholdFilter(anomaly.GaussianScorer(), threshold=0.9999))
    >>> values = [float(number % 7) for number in range(300)] + [40.0]
    >>> [finding] = use_case.learn(use_case.create(seed=1), values, [None] * 301)
    >>> finding.index, finding.evidence["detector"], round(finding.evidence["score"], 6)
    (300, 'GaussianScorer', 1.0)
    """

    detector: Any
    warm_up: int = 200
    alert: AlertPolicy = ALERT_POLICY
    _: KW_ONLY
    time_zone: str = UTC_NAME
    """By whose clocks the hours go of a detector that learns by the hour, by its IANA name."""
    tells_recurring: bool = False
    """Whether `SeasonalIsolation` also tells what is unusual again and again; what it learns is the same."""
    kind: str = "anomaly"
    detail_type: str = "Anomaly Detected"

    @property
    def parameters(self) -> Any:
        """What the models depend on: not when something is reported."""
        zone = [] if self.time_zone == UTC_NAME else [self.time_zone]
        return ["alerts", parameters_of(self.detector), *zone]

    def with_time_zone(self, name: str) -> Self:
        """The use case by the hours of that zone."""
        return replace(self, time_zone=name) if isinstance(self.detector, SeasonalIsolation) else self

    def with_dead_band(self, band: DeadBand) -> Self:
        """The use case that tells only what goes beyond, if its detector says what it expected."""
        if not isinstance(self.detector, SeasonalIsolation):
            return self
        return replace(self, alert=replace(self.alert, dead_band=band))

    def create(self, seed: int) -> AnomalyState | SeasonalAnomalyState:
        """A detector that has seen nothing."""
        detector = seeded(self.detector, seed)
        if isinstance(detector, SeasonalIsolation):
            return SeasonalAnomalyState(detector.new_state())
        from consumer.detectors.half_space_trees import with_arrays  # scipy, which the shipped one needs not

        with_arrays(_scorer(detector))
        return AnomalyState(detector)

    def stepper(self, state: AnomalyState | SeasonalAnomalyState) -> Step:
        """Score each value, then let the detector learn it; 0.5 is what the filter just lets through."""
        if isinstance(state, SeasonalAnomalyState):
            clock, policy = clock_of(self.time_zone), self.alert
            return seasonal_step(
                self.detector, state, policy, self.warm_up, clock, tells_recurring=self.tells_recurring
            )
        return self._filtered_step(state)

    def _filtered_step(self, state: AnomalyState) -> Step:
        detector = state.detector
        within: Any = getattr(detector, "anomaly_detector", detector)
        scorer = _scorer(detector)
        learner = _learner(detector)
        arguments = _arguments_of(type(scorer).score_one)

        def step(value: float, at_s: float | None) -> tuple[float, Found | None]:
            given = arguments(value)
            answer = detector.score_one(*given)
            if is_no_answer_yet(answer, state.count, self.warm_up):
                within.learn_one(*given)  # the filter would keep NaN among its scores
                state.count += 1
                change = self.alert.next(state.alert, 0.0, opens=False, keeps=False, at_s=at_s)
                return 0.0, change and (change, self.alert.transition_details(state.alert, change, at_s))
            score = finite(answer)
            share = _share(score, _bound(detector))
            # Strictly above: where all scores are equal, as of a signal that stands still, none is high.
            is_anomaly = bool(detector.classify(math.nextafter(score, -math.inf)))
            learner.learn_one(*given)
            state.count += 1
            # Some detectors find all of a signal anomalous: it has to have been normal before.
            was_normal = state.alert.quiet >= self.alert.clear_after
            change = self.alert.next(
                state.alert,
                share,
                opens=is_anomaly and was_normal and state.count > self.warm_up,
                keeps=is_anomaly,
                at_s=at_s,
            )
            if change is None:
                return share, None
            evidence = {"detector": type(scorer).__name__, "score": score}
            return share, (change, evidence | self.alert.transition_details(state.alert, change, at_s))

        return step

    def alert_of(self, model: AnomalyState | SeasonalAnomalyState) -> AlertState | None:
        """The state of its alert."""
        return model.alert


def _scorer(detector: Any) -> Any:
    """What scores the values: within a filter, and the last step of a pipeline."""
    return last_step(getattr(detector, "anomaly_detector", detector))


def _bound(detector: Any) -> float | None:
    """The score above which the filter says that a value is not normal; None if there is none yet."""
    quantile = getattr(detector, "quantile", None)
    bound: float | None = quantile.get() if quantile is not None else getattr(detector, "threshold", None)
    return bound


def _share(score: float, bound: float | None) -> float:
    """From 0 to 1, and 0.5 at the bound.

    >>> _share(0.0, 0.9), _share(0.9, 0.9), _share(2.7, 0.9), _share(1.0, None)
    (0.0, 0.5, 0.75, 0.5)
    """
    return score / (score + (bound if bound is not None and bound > 0 else 1.0)) if score > 0 else 0.0


def _learner(detector: Any) -> Any:
    """The part that learns: the filter, as it may keep its detector from learning what is not normal.

    River's ThresholdFilter that does not protect its detector would never let it learn.
    """
    is_protected = getattr(detector, "protect_anomaly_detector", True)
    return detector if is_protected or hasattr(detector, "quantile") else detector.anomaly_detector


@cache
def _arguments_of(score_one: Callable[..., Any]) -> Callable[[float], tuple[Any, ...]]:
    """The arguments of `score_one` and `learn_one`: a target if they ask for one, as GaussianScorer does."""
    if "y" in inspect.signature(score_one).parameters:
        return lambda value: (None, value)
    return lambda value: (value if isinstance(value, dict) else {"value": value},)  # a dict: of an asset
