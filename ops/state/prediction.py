"""What a model would find at a value, tried on a copy of it."""

import math
from typing import Any

from consumer.decode.values import iso8601
from consumer.detectors.asset_rows import NamedValue, RowBuffer
from consumer.detectors.base import UseCase
from consumer.detectors.modes.by_mode import ByMode, ModeSignal
from consumer.detectors.sensor_checks import Health
from consumer.errors import ConfigurationError, ModelRaised
from consumer.learning.state import State
from consumer.settings.signal_settings import SignalSettings
from ops.state.describe import plain

_LIVE_S = 86_400.0
_STEP_S = 60.0


def predicted(settings: SignalSettings, state: State, text: str, now_s: float) -> dict[str, Any]:
    """Let this copy of the state learn the value; return its score and what would be published.

    The value counts as measured now; for a signal that has been silent for a day, right after its last value.

    Raises: `ConfigurationError` if the text is not a value of such a signal.
    """
    if state.parameters != settings.parameters:
        raise ConfigurationError(
            "this model learns with other parameters than those in signals.yaml here: check out what is "
            "deployed"
        )
    use_case, state.model, mode = _in_its_mode(settings.use_case, state.model)
    values, at_s = _values(text, state.model), _when(state, now_s)
    report: dict[str, Any] = {"value": text, "at": iso8601(at_s)}
    report |= {} if mode is None else {"mode": mode}
    timestamps = [at_s] * len(values)
    scores: list[float] = []
    try:
        findings = use_case.learn(state.model, values, timestamps, scores)
    except ModelRaised as error:
        return report | {"would": "go to quarantine", "reason": error.reason}
    rules, found = use_case.sensor_checks, findings
    if rules is not None:
        state.health = state.health or Health()
        found = rules.apply(state.health, findings, values, timestamps, at_s)
    published = [
        {"change": finding.change, "of": f"sensor {finding.fault}" if finding.fault else use_case.kind}
        | {"evidence": plain(finding.evidence)}
        for finding in found
    ]
    report |= {"score": scores[-1] if scores else None, "would_tell": published or "nothing"}
    if any(finding not in found for finding in findings):
        report["held_back"] = "the model finds something, but its sensor seems faulty"
    return report


def _in_its_mode(use_case: UseCase, model: Any) -> tuple[UseCase, Any, float | None]:
    """What learns a value now, and its model: that of the mode which was learned last, if there are modes.

    Raises: `ConfigurationError` if none was.
    """
    if isinstance(use_case, ModeSignal):
        return use_case.each, model.model, None
    if not isinstance(use_case, ByMode):
        return use_case, model, None
    if model.current is None:
        raise ConfigurationError(
            "no mode of this signal has been learned: there is nothing to try a value on"
        )
    return use_case.each, model.models[model.current], model.current


def _when(state: State, now_s: float) -> float:
    last_s = max((mark.arrived_s or 0.0 for mark in state.checkpoints.values()), default=0.0)
    return now_s if last_s == 0.0 or now_s - last_s < _LIVE_S else last_s + _STEP_S


def _values(text: str, model: Any) -> list[float]:
    """A number; of an asset, one for each property: `speed=104.3,temperature=61`."""
    if isinstance(model, RowBuffer):
        properties = [*model.last]
        try:
            pairs = dict(part.rsplit("=", 1) for part in text.split(","))
            row = {name.strip(): _number(value) for name, value in pairs.items()}
        except ValueError:
            such = ",".join(f"{name}={value:.6g}" for name, value in model.last.items())
            raise ConfigurationError(
                f"{text!r} is not a row of this asset; give one such as {such}"
            ) from None
        if missing := [name for name in properties if name not in row]:
            raise ConfigurationError(f"the row is not complete: it has no {', '.join(missing)}")
        model.row = {}  # what waits there is of another row
        return [NamedValue(value, name) for name, value in row.items()]
    try:
        return [_number(text)]
    except ValueError:
        raise ConfigurationError(f"{text!r} is not a number that a model can learn") from None


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or abs(number) > 1e100:
        raise ValueError
    return number
