"""Values given to a model one by one; what it raises belongs to one of them."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from consumer.core.errors import ModelRaised, is_models_own
from consumer.core.use_case import Change, Finding

Found = tuple[Change, dict[str, Any]]
"""A change of an alert's state, and the evidence for it."""
Step = Callable[[float, float | None], tuple[float, Found | None]]
"""A value and its timestamp in; its score from 0 to 1 out, and what is found there, if anything."""


def one_by_one(
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
