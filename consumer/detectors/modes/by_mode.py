"""Modes: a signal has a model for each mode of its machine, which another signal of the machine tells.

Which mode holds at an observation is found by whoever learns; here are the use cases that are made of another
one, for the signals on both sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec

from consumer.decode.observed_columns import SignalColumns
from consumer.decode.signal_names import SignalKey
from consumer.detectors.alert_policy import ALERT_POLICY, COUNT_MAX, AlertState, Count, Finding
from consumer.detectors.asset_rows import NamedValue, name_of
from consumer.detectors.base import Late, Severity, UseCase
from consumer.detectors.modes.mode_rule import ModeRule
from consumer.detectors.modes.timeline import Timeline
from consumer.detectors.sensor_checks import SensorChecks
from consumer.detectors.states import AnyState, ModelState, model_state
from consumer.errors import ModelRaised

_CALM = 1_000_000
"""More values without anything unusual than any policy waits for."""


class InMode(NamedValue):
    """A value, and the mode that its machine was in."""

    __slots__ = ("mode",)
    mode: float

    def __new__(cls, value: float, mode: float) -> Self:
        """The value itself, with its name, if it has one, and a mode beside it."""
        inside = super().__new__(cls, value, name_of(value))
        inside.mode = mode
        return inside


@model_state("modes")
class ModesState(ModelState):
    """A model for each mode that was seen: that learned the longest ago first."""

    models: AnyState
    """By mode."""
    learned: dict[float, Count] = msgspec.field(default_factory=dict)
    """How many values each has learned."""
    seed: int = 0
    current: float | None = None
    """The mode of the last value that was learned."""
    forgotten: Count = 0
    """Modes whose models had to give way to others."""
    timeline: Timeline = msgspec.field(default_factory=Timeline)
    """Of an asset, whose values bring the mode themselves."""


@model_state("mode_signal")
class ModeSignalState(ModelState):
    """The model of a signal that tells the mode of others, and the changes of it."""

    model: AnyState
    timeline: Timeline = msgspec.field(default_factory=Timeline)


@dataclass(frozen=True, slots=True)
class _OfAnother(UseCase):
    """A use case that is another one, but for what it keeps of a signal."""

    each: UseCase
    kind: str = field(init=False)
    detail_type: str = field(init=False)
    severity: Severity = field(init=False)
    late: Late = field(init=False)
    sensor_checks: SensorChecks | None = field(init=False)

    def __post_init__(self) -> None:
        for name in ("kind", "detail_type", "severity", "late", "sensor_checks"):
            object.__setattr__(self, name, getattr(self.each, name))

    @property
    def learns_assets(self) -> bool:
        """As the other."""
        return self.each.learns_assets

    def learned_as(self, key: SignalKey) -> SignalKey | None:
        """As the other."""
        return self.each.learned_as(key)


@dataclass(frozen=True, slots=True)
class ByMode(_OfAnother):
    """Learns each mode of a machine by itself: a model for each, and one alert for the signal.

    Each value says its mode (`InMode`); one that says none is of mode 0. An alert that is open in a mode is
    cleared when a value comes of another one.

    >>> from consumer.detectors.anomaly import AnomalyUseCase
    >>> from river import anomaly
    >>> each = AnomalyUseCase(anomaly.ThresholdFilter(anomaly.GaussianScorer(), threshold=0.9999))
    >>> use_case = ByMode(each, rule=ModeRule("state"))
    >>> values = [InMode(50.0 * (row % 2) + row % 7, row % 2) for row in range(600)] + [InMode(25.0, 1)]
    >>> [finding] = use_case.learn(use_case.create(seed=1), values, [None] * 601)
    >>> finding.index, finding.evidence["mode"], finding.evidence["mode_observations"]
    (600, 1.0, 301)
    """

    rule: ModeRule

    @property
    def parameters(self) -> Any:
        """What the models depend on: not which modes are off, nor how many may be known."""
        return ["modes", self.each.parameters, self.rule.by]

    def create(self, seed: int) -> ModesState:
        """No mode is known."""
        self.each.create(seed)  # what cannot be made is said now
        return ModesState({}, seed=seed)

    def learn(
        self,
        state: ModesState,
        values: Sequence[float],
        timestamps: Sequence[float | None],
        scores: list[float] | None = None,
    ) -> list[Finding]:
        """Let the model of each mode learn what is of it, run by run."""
        findings: list[Finding] = []
        modes = [value.mode + 0.0 if isinstance(value, InMode) else 0.0 for value in values]
        start = 0
        while start < len(values):
            mode, end = modes[start], start + 1
            while end < len(values) and modes[end] == mode:
                end += 1
            findings += self.leave(state, mode, timestamps[start], start)
            part = values[start:end] if self.each.learns_assets else list(map(_bare, values[start:end]))
            model, before = self._model(state, mode), state.learned[mode]
            try:
                found = self.each.learn(model, part, timestamps[start:end], scores)
            except ModelRaised as error:
                raise _of_all(error, start, values, modes) from error
            state.learned[mode] = min(before + end - start, COUNT_MAX)
            for one in found:
                evidence = {"mode": mode, "mode_observations": before + one.index + 1} | one.evidence
                findings.append(Finding(one.index + start, evidence, one.change, one.fault))
            start = end
        return findings

    def leave(
        self, state: ModesState, mode: float | None, at_s: float | None, index: int = 0
    ) -> list[Finding]:
        """Clear what is open in another mode than this one; None: in any."""
        found = []
        for other, model in state.models.items():
            alert = None if other == mode else self.each.alert_of(model)
            if alert is None or not alert.is_open:
                continue
            alert.is_open, alert.cleared_s, alert.notified_s, alert.before_notified = False, at_s, None, 0
            alert.quiet = _CALM  # what is still there when the mode comes back opens a new one
            details = ALERT_POLICY.transition_details(alert, "cleared", at_s)
            says = {"mode": other, "says": f"the machine left mode {other:.6g}", "left_mode": True}
            found.append(Finding(index, says | details, "cleared"))
        return found

    def forget_row(self, model: ModesState, values: dict[str, float], started_s: float | None = None) -> bool:
        """Remove the row that waits in one of the modes' models, if it is this one; whether it was."""
        return any(self.each.forget_row(each, values, started_s) for each in model.models.values())

    def alert_of(self, model: ModesState) -> AlertState | None:
        """The alert that is open; if none is, that of the mode that was learned last."""
        alerts = [self.each.alert_of(each) for each in reversed(model.models.values())]
        return next((alert for alert in alerts if alert and alert.is_open), alerts[0] if alerts else None)

    def observations_since_finding(self, model: ModesState) -> int | None:
        """Those of the mode that was learned last."""
        if not model.models:
            return None
        return self.each.observations_since_finding(next(reversed(model.models.values())))

    def _model(self, state: ModesState, mode: float) -> Any:
        """The model of a mode: a new one takes the place of that learned the longest ago, if need be."""
        model = state.models.pop(mode, None)
        if model is None:
            while len(state.models) >= self.rule.max:
                oldest = next(iter(state.models))
                del state.models[oldest], state.learned[oldest]
                state.forgotten = min(state.forgotten + 1, COUNT_MAX)
            model = self.each.create(state.seed)
            state.learned[mode] = 0
        state.models[mode] = model  # as the last one
        state.current = mode
        return model


@dataclass(frozen=True, slots=True)
class ModeSignal(_OfAnother):
    """Learns a signal that tells the mode of others, as any other; its changes are kept beside."""

    @property
    def parameters(self) -> Any:
        """What the models depend on."""
        return ["mode signal", self.each.parameters]

    def create(self, seed: int) -> ModeSignalState:
        """Nothing is known."""
        return ModeSignalState(self.each.create(seed))

    def learn(
        self,
        state: ModeSignalState,
        values: Sequence[float],
        timestamps: Sequence[float | None],
        scores: list[float] | None = None,
    ) -> list[Finding]:
        """Let the other's model learn."""
        return self.each.learn(state.model, values, timestamps, scores)

    def forget_row(
        self, model: ModeSignalState, values: dict[str, float], started_s: float | None = None
    ) -> bool:
        """As the other."""
        return self.each.forget_row(model.model, values, started_s)

    def alert_of(self, model: ModeSignalState) -> AlertState | None:
        """As the other."""
        return self.each.alert_of(model.model)

    def observations_since_finding(self, model: ModeSignalState) -> int | None:
        """As the other."""
        return self.each.observations_since_finding(model.model)


def _of_all(error: ModelRaised, start: int, values: Sequence[float], modes: list[float]) -> ModelRaised:
    """What a run of values that begins at `start` raised, with indices into all of them.

    What waited for the row's other values may have come with earlier runs of the mode.
    """
    row = error.row
    if row is not None:
        waiting, indices = dict(row.waiting), [index + start for index in row.indices]
        for index in reversed(range(start)):
            is_own = modes[index] == modes[start]
            if is_own and waiting.pop(name_of(values[index]), None) is not None:
                indices.insert(0, index)
        row = row._replace(indices=tuple(indices), waiting=waiting)
    return ModelRaised(error.index + start, error.reason, row)


def _bare(value: float) -> float:
    """A value without its mode: a model may keep it."""
    return float(value) if isinstance(value, InMode) else value


def mode_now(model: Any) -> float | None:
    """The mode in which the last value was learned, or that a signal tells; None where there is none."""
    if isinstance(model, ModesState):
        return model.current
    found = model.timeline.at(None) if isinstance(model, ModeSignalState) else None
    return None if found is None else found[1]


def modes_first(columns: SignalColumns, own: str) -> SignalColumns:
    """An asset's columns, within each record those values first that tell its mode."""
    order = sorted(
        range(len(columns.records)),
        key=lambda index: (columns.records[index], name_of(columns.values[index]) != own),
    )
    return SignalColumns(
        [columns.values[index] for index in order],
        [columns.timestamps[index] for index in order],
        columns.records,
        [columns.positions[index] for index in order],
        columns.skipped,
        columns.skipped_positions,
    )
