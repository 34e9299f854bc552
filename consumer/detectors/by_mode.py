"""Modes: a signal has a model for each mode of its machine, which another signal of the machine tells.

Which mode holds at an observation is found by whoever learns; here are what is known of a mode's signal, and
the use cases that are made of another one for the signals on both sides.
"""

import math
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Annotated, Any, Self

import msgspec
from msgspec import Meta

from consumer.decode.observed_columns import SignalColumns
from consumer.decode.signal_names import SignalKey
from consumer.detectors.alert_policy import ALERT_POLICY, COUNT_MAX, AlertState, Count, Finding
from consumer.detectors.asset_rows import NamedValue, name_of
from consumer.detectors.base import Late, Severity, UseCase
from consumer.detectors.sensor_checks import SensorChecks
from consumer.detectors.states import AnyState, ModelState, model_state
from consumer.errors import ModelRaised

CHANGES_MAX = 32
"""Of its mode that are kept of a machine: what is later than that is of no mode that is known."""
MODES_MAX = 64
_SEPARATORS = re.compile(r"[.:/]")
_CALM = 1_000_000
"""More values without anything unusual than any policy waits for."""


def last_part(signal: str) -> str:
    """What stands after the last separator of a name.

    >>> [last_part(name) for name in ("line3.press.force", "3f8e:9d2b", "temperature")]
    ['force', '9d2b', 'temperature']
    """
    return signal[max(signal.rfind(sign) for sign in ".:/") + 1 :]


class ModeRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which signal tells the mode of a machine, and what of it is learned."""

    by: Annotated[str, Meta(min_length=1, max_length=512, pattern=r"\A[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\Z")]
    """The signal's full name, or its last part: then it is that of the same machine."""
    off: tuple[bool | float, ...] = ()
    """Modes in which nothing is learned or told."""
    settle_s: Annotated[float, Meta(ge=0.0, le=1e9)] = 60.0
    """After a change of the mode, nothing is learned or told for so long."""
    max: Annotated[int, Meta(ge=1, le=MODES_MAX)] = 16
    """So many modes of a signal have a model: a further one takes the place of that learned longest ago."""

    @property
    def is_last_part(self) -> bool:
        """Whether `by` is the last part of a name alone."""
        return not _SEPARATORS.search(self.by)

    def signal_of(self, key: SignalKey) -> SignalKey:
        """The signal that tells the mode of this one. It is kept beside it, or not at all.

        >>> ModeRule("state").signal_of(SignalKey("c1", "c1.pressure")).signal
        'c1.state'
        >>> ModeRule("9d2b").signal_of(SignalKey("3f8e", "3f8e:77aa")).signal
        '3f8e:9d2b'
        >>> ModeRule("c1.state").signal_of(SignalKey("c1", "c1.pump.pressure")).signal
        'c1.state'
        """
        if not self.is_last_part:
            return SignalKey(key.record_signal, self.by)
        machine, signal = key
        end = len(machine)
        if not (signal.startswith(machine) and _SEPARATORS.fullmatch(signal[end : end + 1])):
            end = len(signal) - len(last_part(signal)) - 1
        return SignalKey(machine, signal[: end + 1] + self.by)

    def property_of(self, asset: str) -> str:
        """What the signal is called among the values of this asset.

        >>> [ModeRule(by).property_of("c1") for by in ("state", "c1.state", "c2.state")]
        ['state', 'state', 'c2.state']
        """
        is_own = self.by.startswith(asset) and _SEPARATORS.fullmatch(self.by[len(asset) : len(asset) + 1])
        return self.by[len(asset) + 1 :] if is_own else self.by

    def phase(self, timeline: "Timeline", at_s: float | None) -> "Phase":
        """What the machine does at that time, as far as it is known."""
        found = timeline.at(at_s)
        if found is None:
            return Phase(None, is_known=False)
        since_s, mode = found
        is_settling = at_s is not None and at_s - since_s < self.settle_s
        return Phase(None if is_settling or mode in self.off else mode, is_known=True)


class Phase(msgspec.Struct, frozen=True):
    """What a machine does: the mode in which it is learned; None while off or settling, or if not known."""

    mode: float | None
    is_known: bool


class Timeline(ModelState):
    """The last changes of a machine's mode, in the order of their times."""

    changes: list[tuple[float, float, float]] = msgspec.field(default_factory=list)
    """Since when, when it was seen last, and which mode."""

    def copy(self) -> "Timeline":
        """The same once more."""
        return Timeline([*self.changes])

    def note(self, at_s: float | None, mode: float) -> None:
        """Know that this was the mode at that time; no time: right after what is known.

        What comes late parts the stretch that it falls into: before it, and after it was seen again, the
        mode is what was known.

        >>> timeline = Timeline()
        >>> for at_s, mode in ((0.0, 1.0), (60.0, 1.0), (90.0, 2.0), (30.0, 0.0)):
        ...     timeline.note(at_s, mode)
        >>> [(since_s, mode) for since_s, _, mode in timeline.changes]
        [(0.0, 1.0), (30.0, 0.0), (60.0, 1.0), (90.0, 2.0)]
        """
        changes, mode = self.changes, mode + 0.0  # -0.0 is 0
        if at_s is None:
            at_s = changes[-1][1] if changes else 0.0
        at = bisect_right(changes, at_s, key=itemgetter(0))
        if at == 0 and len(changes) >= CHANGES_MAX:
            return  # it is from before what is kept
        before = changes[:at]
        after = changes[at:]
        new = at_s, at_s, mode
        if before:
            since_s, seen_s, known = before[-1]
            if known == mode:
                changes[at - 1] = since_s, max(seen_s, at_s), mode
                return
            if seen_s > at_s:
                after.insert(0, (seen_s, seen_s, known))
            before[-1] = since_s, since_s if seen_s >= at_s else seen_s, known
            if since_s == at_s:  # what came last of one time holds
                before.pop()
                if before and before[-1][2] == mode:
                    new = before.pop()[0], at_s, mode
        if after and after[0][2] == mode:
            new = new[0], after.pop(0)[1], mode
        changes[:] = [*before, new, *after][-CHANGES_MAX:]

    def at(self, at_s: float | None) -> tuple[float, float] | None:
        """The mode at that time, and since when; without a time, the last one. None: it is not known."""
        if at_s is None:
            return (self.changes[-1][0], self.changes[-1][2]) if self.changes else None
        at = bisect_right(self.changes, at_s, key=itemgetter(0))
        return (self.changes[at - 1][0], self.changes[at - 1][2]) if at else None

    def seconds_in(self, modes: Sequence[float], from_s: float, until_s: float) -> float:
        """How long it was in one of these modes between two times, as far as it is known.

        >>> Timeline([(0.0, 0.0, 1.0), (10.0, 10.0, 0.0), (40.0, 40.0, 1.0)]).seconds_in([0.0], 20.0, 100.0)
        20.0
        """
        seconds, end_s = 0.0, math.inf
        for since_s, _, mode in reversed(self.changes):
            if mode in modes:
                seconds += max(0.0, min(end_s, until_s) - max(since_s, from_s))
            end_s = since_s
        return seconds


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
