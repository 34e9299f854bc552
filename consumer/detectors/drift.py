"""Drift detectors on raw values: one finding for each detection, as River reports it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import reduce
from operator import add, length_hint
from typing import Any

from river.drift import ADWIN

from consumer.detectors.alert_policy import Finding
from consumer.detectors.base import UseCase, parameters_of, seeded
from consumer.detectors.states import AnyState, ModelState, model_state
from consumer.errors import ModelRaised, brief, is_models_own


def updating(detector: Any) -> Callable[[float], bool]:
    """The function to call with each value until it detects a drift; then call `drifted`, and ask again.

    >>> adwin = ADWIN()
    >>> update = updating(adwin)
    >>> [index for index, value in enumerate([0.0] * 500 + [5.0] * 12) if update(value)]
    [511]
    """
    if type(detector) is ADWIN:  # a subclass may have another `update`
        if detector._drift_detected:
            detector._reset()
        helper_update: Callable[[float], bool] = detector._helper.update
        return helper_update

    def update(value: float) -> bool:
        detector.update(value)
        return bool(detector.drift_detected)

    return update


def drifted(detector: Any) -> None:
    """Set what the detector's own `update` would have set."""
    if type(detector) is ADWIN:
        detector._drift_detected = True


@model_state("drift")
class DriftState(ModelState):
    """A detector, and the number and sum of the values since it last detected (River then starts anew)."""

    detector: AnyState
    count: int = 0
    total: float = 0.0


@dataclass(frozen=True, slots=True)
class DriftUseCase(UseCase):
    """Finds what a detector of `river.drift` detects.

    `detector` is a pattern: each signal gets a copy, with a seed of its own where it takes one and has none.

    >>> from river import drift
    >>> use_case = DriftUseCase(drift.ADWIN())
    >>> [finding] = use_case.learn(use_case.create(seed=1), [0.0] * 500 + [5.0] * 500)
    >>> finding.index, finding.evidence["mean_before"], finding.evidence["mean_after"]
    (511, 0.0, 1.875)
    """

    detector: Any
    _: KW_ONLY
    kind: str = "drift"
    detail_type: str = "Drift Detected"

    @property
    def parameters(self) -> Any:
        """The detector's class and parameters."""
        return parameters_of(self.detector)

    def create(self, seed: int) -> DriftState:
        """A detector that has seen nothing."""
        return DriftState(seeded(self.detector, seed))

    def learn(
        self,
        state: DriftState,
        values: Sequence[float],
        timestamps: Sequence[float | None] = (),
        scores: list[float] | None = None,
    ) -> list[Finding]:
        """Feed the detector the values in order; one at which it detects a drift scores 1, others 0."""
        findings: list[Finding] = []
        rest, left = values, iter(values)
        try:
            detector, total, start = state.detector, state.total, -state.count
            # `any` calls until a drift, or the end; no loop of Python's is as fast.
            while length_hint(left) and any(map(updating(detector), left)):
                drifted(detector)
                end = len(values) - length_hint(left)
                total = plus(total, rest[: end - len(values) + len(rest)])
                findings.append(Finding(end - 1, evidence_of(detector, end - start, total)))
                start, total, rest = end, 0.0, values[end:]
        except BaseException as error:  # a model may raise anything; this value is not learned then
            if not is_models_own(error):
                raise
            index = max(0, len(values) - length_hint(left) - 1)
            raise ModelRaised(index, f"the model raised {brief(error)}") from error
        state.count, state.total = len(values) - start, plus(total, rest)
        if scores is not None:
            found = {finding.index for finding in findings}
            scores += [float(index in found) for index in range(len(values))]
        return findings

    def observations_since_finding(self, model: DriftState) -> int | None:
        """The values since the last drift."""
        return model.count


def plus(total: float, values: Sequence[float]) -> float:
    """Add one by one: the sum must not depend on how the values are cut into calls, as that of `sum` does."""
    return reduce(add, values, total)


def evidence_of(detector: Any, count: int, total: float) -> dict[str, Any]:
    """The means on either side of the change, where the detector keeps a window; else the mean up to it."""
    width, mean = getattr(detector, "width", None), getattr(detector, "estimation", None)
    evidence: dict[str, Any] = {"detector": type(detector).__name__}
    if width and mean is not None and width < count:
        evidence |= {
            "mean_before": (total - width * mean) / (count - width),
            "observations_before": count - width,
            "mean_after": mean,
            "observations_after": width,
        }
    else:
        evidence |= {"mean_since_last_drift": total / count, "observations_since_last_drift": count}
    if not all(math.isfinite(seen) for seen in evidence.values() if isinstance(seen, float)):
        raise ArithmeticError("its means are not finite")
    return evidence
