"""Lasting changes: a signal's level, slope or spread has changed for good."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from consumer.core.health import SensorHealth
from consumer.core.life_cycle import Alert, LifeCycle
from consumer.core.one_by_one import Found, one_by_one
from consumer.core.shift import DailyShift
from consumer.core.use_case import Finding, Severity

_SETTLED = LifeCycle(calm=400, still_open_s=604_800.0)
"""A new level is the usual one after as many values as the detector needed to know the first."""
_SILENT = SensorHealth(is_told=False)
"""Another use case tells of sensors; here a stuck one is only not taken for a change."""
_SPREAD_MIN = 0.57
"""Of a change of spread, before a day was seen: some three and a half times the spread."""
_WORDS = {"level": "level", "slope": "slope a value", "spread": "spread"}


@dataclass(slots=True)
class Shifting:
    """A detector, and the alert."""

    detector: DailyShift = field(default_factory=DailyShift)
    alert: Alert = field(default_factory=Alert)

    def __reduce__(self) -> tuple[type["Shifting"], tuple[DailyShift, Alert]]:
        return Shifting, (self.detector, self.alert)


@dataclass(frozen=True, slots=True)
class ShiftUseCase:
    """Tells when a signal has changed for good, and when what it changed to has become usual.

    Days are taken out, once one was seen. Each change is told once: the first opens an alert, others while
    it is open are told as still open, and it clears when nothing has changed for some hundred values.

    >>> use_case = ShiftUseCase()
    >>> values = [10.0 + row * 7919 % 13 / 13.0 + (2.0 if row >= 600 else 0.0) for row in range(1200)]
    >>> opened, cleared = use_case.learn(use_case.create(seed=1), values, [None] * 1200)
    >>> (opened.change, opened.evidence["shift"], round(opened.evidence["after"]), cleared.change)
    ('opened', 'level', 12, 'cleared')
    >>> 600 < opened.index < 650 and cleared.index - opened.index
    400
    """

    alert: LifeCycle = _SETTLED
    health: SensorHealth = _SILENT
    late: Literal["learn", "skip"] = "learn"
    kind: str = "shift"
    detail_type: str = "Lasting Change Detected"
    severity: Severity = "warning"

    @property
    def parameters(self) -> Any:
        """What the models depend on: the detector has no parameters."""
        return ["shift"]

    def create(self, seed: int) -> Shifting:
        """Nothing is usual yet; it has no randomness."""
        return Shifting()

    def learn(
        self,
        shifting: Shifting,
        values: Sequence[float],
        timestamps: Sequence[float | None],
        scores: list[float] | None = None,
    ) -> list[Finding]:
        """Let the detector learn each value; its score says how sure it is of a change."""
        detector, alert = shifting.detector, shifting.alert

        def step(value: float, at_s: float | None) -> tuple[float, Found | None]:
            score, evidence = detector.learn_one(value, at_s)
            size = 0.0 if evidence is None else _size(evidence)
            if evidence is None or (size < _SPREAD_MIN and _may_be_of_hour(evidence)):
                change = self.alert.next(alert, 0.0, opens=False, keeps=False, at_s=at_s)
                return score, change and (change, self.alert.course(alert, change, at_s))
            was_open = alert.is_open
            change = self.alert.next(alert, size, opens=True, keeps=True, at_s=at_s)
            if was_open:
                change = "still_open"
            if change is None:
                return score, None
            told = evidence | {"says": _said(evidence)} | self.alert.course(alert, change, at_s)
            return score, (change, told)

        return one_by_one(step, values, timestamps, scores)


def _size(evidence: dict[str, Any]) -> float:
    """From 0 to 1: 0.5 for a change as wide as what was usual.

    >>> _size({"before": 1.0, "after": 3.0, "usual_low": 0.0, "usual_high": 2.0})
    0.5
    """
    width = evidence["usual_high"] - evidence["usual_low"]
    moved = abs(evidence["after"] - evidence["before"])
    size = moved / (moved + width) if moved > 0.0 else 0.0
    return size if math.isfinite(size) else 1.0


def _may_be_of_hour(evidence: dict[str, Any]) -> bool:
    """Whether a spread may be what is usual at this hour: no day of it was seen."""
    return evidence["shift"] == "spread" and not evidence["usual_of_hour"]


def _said(evidence: dict[str, Any]) -> str:
    what = _WORDS[evidence["shift"]]
    low, high = evidence["usual_low"], evidence["usual_high"]
    return (
        f"{what} {evidence['before']:.4g} before, {evidence['after']:.4g} in the last "
        f"{evidence['observations']} values, where {low:.4g} to {high:.4g} was usual"
    )
