"""Anomalies: a detector of `river.anomaly` scores each value, its filter says which scores are too high."""

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from consumer.core.one_by_one import finite, last_step, one_by_one
from consumer.core.seeds import seeded
from consumer.core.use_case import Finding, Severity, parameters_of


@dataclass(slots=True)
class Scored:
    """A detector, how many values it has learned, and since how many none was anomalous."""

    detector: Any
    count: int = 0
    normal_for: int = 0

    def __reduce__(self) -> tuple[type["Scored"], tuple[Any, int, int]]:
        return Scored, (self.detector, self.count, self.normal_for)


@dataclass(frozen=True, slots=True)
class AnomalyUseCase:
    """Tells of a value that is not normal, once until `rest` values running were normal again.

    `detector` is one of River's filters around a detector: `QuantileFilter` for the highest share of scores,
    `ThresholdFilter` for scores above a bound. It is a pattern: each signal gets a copy, with a seed of its
    own. Nothing is told before `warm_up` values.

    >>> from river import anomaly
    >>> use_case = AnomalyUseCase(anomaly.ThresholdFilter(anomaly.GaussianScorer(), threshold=0.9999))
    >>> values = [float(number % 7) for number in range(300)] + [40.0]
    >>> [finding] = use_case.learn(use_case.create(seed=1), values, [None] * 301)
    >>> finding.index, finding.evidence["detector"], round(finding.evidence["score"], 6)
    (300, 'GaussianScorer', 1.0)
    """

    detector: Any
    warm_up: int = 200
    rest: int = 50
    late: Literal["learn", "skip"] = "learn"
    kind: str = "anomaly"
    detail_type: str = "Anomaly Detected"
    severity: Severity = "warning"

    @property
    def parameters(self) -> Any:
        """What the models depend on: not when something is told."""
        return parameters_of(self.detector)

    def create(self, seed: int) -> Scored:
        """A detector that has seen nothing."""
        return Scored(seeded(self.detector, seed))

    def learn(
        self,
        scored: Scored,
        values: Sequence[float],
        timestamps: Sequence[float | None],
        scores: list[float] | None = None,
    ) -> list[Finding]:
        """Score each value, then let the detector learn it; 0.5 is what the filter just lets through."""
        detector = scored.detector
        scorer = last_step(getattr(detector, "anomaly_detector", detector))
        learner = _learner(detector)
        arguments = _arguments_of(type(scorer).score_one)

        def step(value: float, _: float | None) -> tuple[float, dict[str, Any] | None]:
            given = arguments(value)
            score = finite(detector.score_one(*given))
            share = _share(score, _bound(detector)) if scores is not None else 0.0
            # Strictly above: where all scores are equal, as of a signal that stands still, none is high.
            is_anomaly = bool(detector.classify(math.nextafter(score, -math.inf)))
            learner.learn_one(*given)
            scored.count += 1
            is_told = is_anomaly and scored.count > self.warm_up and scored.normal_for >= self.rest
            scored.normal_for = 0 if is_anomaly else scored.normal_for + 1
            return share, {"detector": type(scorer).__name__, "score": score} if is_told else None

        return one_by_one(step, values, timestamps, scores)


def _bound(detector: Any) -> float | None:
    """The score above which the filter says that a value is not normal; None where there is none yet."""
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
    """What is to learn: the filter, for it may keep its detector from what is not normal.

    River's ThresholdFilter that does not protect its detector would never let it learn.
    """
    is_protected = getattr(detector, "protect_anomaly_detector", True)
    return detector if is_protected or hasattr(detector, "quantile") else detector.anomaly_detector


@cache
def _arguments_of(score_one: Callable[..., Any]) -> Callable[[float], tuple[Any, ...]]:
    """What `score_one` and `learn_one` are given: a target where they ask for one, as GaussianScorer does."""
    if "y" in inspect.signature(score_one).parameters:
        return lambda value: (None, value)
    return lambda value: (value if isinstance(value, dict) else {"value": value},)  # a dict: of an asset
