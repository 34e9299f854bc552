"""Lasting changes: a signal's level, slope or spread has changed for good."""

from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Self

import msgspec

from consumer.detectors.alert_policy import AlertPolicy, AlertState, DeadBand
from consumer.detectors.base import Found, Step, UseCase, parameters_of, seeded
from consumer.detectors.change_evidence import ToldChange, may_be_of_hour, moved, sentence, size_of
from consumer.detectors.drift import evidence_of
from consumer.detectors.local_time import UTC_NAME, clock_of
from consumer.detectors.sensor_checks import SensorChecks
from consumer.detectors.states import AnyState, ModelState, model_state
from consumer.river_models.block_statistics import BlockStatistics, DyadicScales
from consumer.river_models.deseasonalised_change import DeseasonalisedChangeDetector
from consumer.river_models.dwelling import DwellLevels
from consumer.river_models.lasting_change import LastingChange

model_state("block_statistics")(BlockStatistics)
model_state("dyadic_scales")(DyadicScales)
model_state("dwell_levels")(DwellLevels)
model_state("change_detector")(DeseasonalisedChangeDetector)

_SETTLED = AlertPolicy(clear_after=400, still_open_s=604_800.0)
"""A new level is usual after as many values as the detector needed to learn the first."""
_LASTING = LastingChange()
_SILENT = SensorChecks(is_told=False)
"""`anomaly` reports sensor faults; here they only keep a stuck sensor from being taken for a change."""
_VERSION = 3
"""Of what a state holds: another one begins anew."""
_SPREAD_MIN = 0.57
"""Least size of a change of spread before a day was seen: some three and a half times the spread."""


@model_state("change_point")
class ChangePointState(ModelState):
    """A detector, the alert, and what it has told."""

    detector: DeseasonalisedChangeDetector = msgspec.field(default_factory=DeseasonalisedChangeDetector)
    alert: AlertState = msgspec.field(default_factory=AlertState)
    told: ToldChange = msgspec.field(default_factory=ToldChange)


@model_state("other_change_point")
class OtherChangePointState(ModelState):
    """Another detector, the number and sum of the values since it last detected, and the alert."""

    detector: AnyState
    count: int = 0
    total: float = 0.0
    alert: AlertState = msgspec.field(default_factory=AlertState)


@dataclass(frozen=True, slots=True)
class ChangePoint(UseCase):
    """Finds that a signal has changed for good, and when what it changed to has become usual.

    The daily cycle is removed once a day was seen. Each change is reported once: the first opens an alert,
    later ones while it is open are reported as still open, and it clears when nothing has changed for some
    hundred values.

    `detector` is a pattern, `LastingChange` or any other drift detector of River's kind, which has no dead
    band.

    >>> use_case = ChangePoint()
    >>> values = [10.0 + row * 7919 % 13 / 13.0 + (2.0 if row >= 600 else 0.0) for row in range(1200)]
    >>> opened, cleared = use_case.learn(use_case.create(seed=1), values, [None] * 1200)
    >>> (opened.change, opened.evidence["shift"], round(opened.evidence["after"]), cleared.change)
    ('opened', 'level', 12, 'cleared')
    >>> 600 < opened.index < 650 and cleared.index - opened.index
    400
    """

    detector: Any = _LASTING
    alert: AlertPolicy = _SETTLED
    sensor_checks: SensorChecks | None = _SILENT
    _: KW_ONLY
    time_zone: str = UTC_NAME
    """By whose clocks the hours go, by its IANA name."""
    kind: str = "shift"
    detail_type: str = "Lasting Change Detected"

    @property
    def parameters(self) -> Any:
        """What the models depend on: the detector, which state it has, and the hours'."""
        if type(self.detector) is not LastingChange:
            return ["shift", parameters_of(self.detector)]
        return ["shift", _VERSION] if self.time_zone == UTC_NAME else ["shift", _VERSION, self.time_zone]

    def with_time_zone(self, name: str) -> Self:
        """The use case by the hours of that zone."""
        return replace(self, time_zone=name)

    def create(self, seed: int) -> ChangePointState | OtherChangePointState:
        """Nothing is usual yet."""
        if type(self.detector) is LastingChange:
            return ChangePointState()
        return OtherChangePointState(seeded(self.detector, seed))

    def stepper(self, state: ChangePointState | OtherChangePointState) -> Step:
        """Let the detector learn each value; the score is the significance of a change."""
        if isinstance(state, OtherChangePointState):
            return self._stepper_of_other(state)
        detector, alert, told = state.detector, state.alert, state.told
        clock = clock_of(self.time_zone)

        def step(value: float, at_s: float | None) -> tuple[float, Found | None]:
            local_s = detector.last_s if at_s is None else at_s
            if clock is not None and local_s is not None:
                local_s = clock.local_s(local_s)
            score, evidence = detector.learn_one(value, at_s, local_s)
            size = 0.0 if evidence is None else size_of(evidence)
            if (
                evidence is None
                or (size < _SPREAD_MIN and may_be_of_hour(evidence))
                or self.alert.is_near(*moved(evidence))
            ):
                if evidence is not None and alert.is_open:
                    told.goes_on(evidence)  # it may be back, though that by itself is not told
                return score, self._next(alert, None, 0.0, at_s, told)
            return score, self._next(alert, evidence | {"says": sentence(evidence)}, size, at_s, told)

        return step

    def _stepper_of_other(self, state: OtherChangePointState) -> Step:
        """As `stepper`, of a detector that says only whether it detects a change."""
        detector, alert = state.detector, state.alert

        def step(value: float, at_s: float | None) -> tuple[float, Found | None]:
            detector.update(value)
            state.count, state.total = state.count + 1, state.total + value
            if not detector.drift_detected:
                return 0.0, self._next(alert, None, 0.0, at_s)
            evidence = evidence_of(detector, state.count, state.total)
            state.count, state.total = 0, 0.0
            return 1.0, self._next(alert, evidence, 1.0, at_s)

        return step

    def _next(
        self,
        alert: AlertState,
        evidence: dict[str, Any] | None,
        size: float,
        at_s: float | None,
        told: ToldChange | None = None,
    ) -> Found | None:
        """What is told of a value, at which there is evidence of a change, or none."""
        was_open, is_found = alert.is_open, evidence is not None
        change = self.alert.next(alert, size, opens=is_found, keeps=is_found, at_s=at_s)
        if was_open and is_found:
            change = "still_open"
        if change is None:
            return None
        details = evidence or {}
        if told is not None:
            if change == "opened":
                told.opens(details)
            elif evidence is not None:
                told.goes_on(evidence)
            elif change == "cleared":
                details = told.cleared()
        return change, details | self.alert.transition_details(alert, change, at_s)

    def with_dead_band(self, band: DeadBand) -> Self:
        """The use case that tells only what goes beyond."""
        return replace(self, alert=replace(self.alert, dead_band=band))

    def alert_of(self, model: ChangePointState | OtherChangePointState) -> AlertState | None:
        """The state of its alert."""
        return model.alert
