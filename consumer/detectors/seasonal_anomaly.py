"""Seasonal anomalies: what `SeasonalIsolation` says of each value, and what is kept of a signal for it."""

from typing import Any

import msgspec

from consumer.detectors.alert_policy import AlertPolicy, AlertState
from consumer.detectors.base import Found, Step, finite
from consumer.detectors.local_time import LocalTime
from consumer.detectors.states import ModelState, model_state
from consumer.river_models.course import BY_HOUR, BY_WEEK
from consumer.river_models.seasonal_isolation import (
    STREAMS,
    Reading,
    SeasonalIsolation,
    SeasonalIsolationState,
    learn,
)

KEEPS = 0.5
"""Share of the limit that keeps an alert open."""
_SAYS = {
    "level": "the mean of the latest values has moved",
    "shape": "the latest values have another shape than usual",
    "change": "it changes by more or less than usual from value to value",
}
"""Of the streams in which the value itself need not be unusual."""

model_state("seasonal_isolation")(SeasonalIsolationState)


@model_state("isolated_anomaly")
class SeasonalAnomalyState(ModelState):
    """What the model knows of a signal, in plain numbers, and the alert."""

    model: SeasonalIsolationState = msgspec.field(default_factory=SeasonalIsolationState)
    alert: AlertState = msgspec.field(default_factory=AlertState)


def seasonal_step(
    detector: SeasonalIsolation,
    state: SeasonalAnomalyState,
    policy: AlertPolicy,
    warm_up: int,
    clock: LocalTime | None,
    *,
    tells_recurring: bool = False,
) -> Step:
    """The step of a use case whose detector this is; hours are those of the clock, of UTC without one.

    With `tells_recurring`, what recurs is told as often as the policy allows.
    """
    given, model, alert = detector.parameters, state.model, state.alert
    has_direction = policy.dead_band is not None and policy.dead_band.direction != "both"

    def step(value: float, at_s: float | None) -> tuple[float, Found | None]:
        local_s = at_s if clock is None or at_s is None else clock.local_s(at_s)
        bars = [(strays, strays.bar, strays.bar_s) for strays in (model.strays, model.jumps)]
        burst = None if policy.dead_band is None else model.recurrence.present()
        reading = learn(model, given, value, at_s, local_s)
        if policy.is_near(value, reading.expected):  # what is not told does not hide what is to be
            for strays, bar, bar_s in bars:
                strays.bar, strays.bar_s = bar, bar_s
            if burst is not None and reading.ratio >= 1.0 and model.count:  # 0: it has just begun anew
                model.recurrence.take_back(burst)
        score = finite(reading.score)
        change = policy.next(
            alert,
            score,
            opens=reading.ratio >= 1.0 and (tells_recurring or not reading.recurs) and model.count > warm_up,
            keeps=reading.level > KEEPS or reading.ratio >= 1.0,
            at_s=reading.at_s,
            value=reading.expected if has_direction and _has_none(reading, value) else value,
            expected=reading.expected,
        )
        if change is None:
            return score, None
        evidence = _evidence(detector, model, value, reading)
        return score, (change, evidence | policy.transition_details(alert, change, reading.at_s))

    return step


def _has_none(reading: Reading, value: float) -> bool:
    """Whether what is unusual has no direction: not the value, but how it differs from those before it."""
    is_usual = reading.usual_from <= value <= reading.usual_to
    furthest = STREAMS[reading.streams.index(max(reading.streams))]
    return is_usual or (furthest in ("shape", "change") and reading.stray < 1.0)


def _evidence(
    detector: SeasonalIsolation, model: SeasonalIsolationState, value: float, reading: Reading
) -> dict[str, Any]:
    """What the model saw, and how much it knows: of how many hours of the day, and of the week."""
    counts = model.course.counts
    evidence: dict[str, Any] = {
        "detector": type(detector).__name__,
        "expected": reading.expected,
        "usual_from": reading.usual_from,
        "usual_to": reading.usual_to,
        "score": reading.score,
        "stray": reading.stray,
        "isolation": dict(zip(STREAMS, reading.streams, strict=True)),
        "hours_of_day_known": sum(map(bool, counts[BY_HOUR:BY_WEEK])),
        "hours_of_week_known": sum(map(bool, counts[BY_WEEK:])),
    }
    furthest = max(evidence["isolation"], key=evidence["isolation"].__getitem__)
    if reading.usual_from <= value <= reading.usual_to:
        if reading.jump >= 1.0:
            evidence["says"] = f"it has leapt from one value to the next, to {value:.6g}"
        elif furthest in _SAYS:
            evidence["says"] = f"{_SAYS[furthest]}, at {value:.6g}"
    return evidence
