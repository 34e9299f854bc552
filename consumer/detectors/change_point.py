"""Lasting changes: a signal's level, slope or spread has changed for good."""

import math
from dataclasses import KW_ONLY, dataclass
from functools import reduce
from operator import add
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from consumer.detectors.alert_policy import AlertPolicy, AlertState
from consumer.detectors.base import Found, Step, UseCase
from consumer.detectors.block_statistics import WIDER, DyadicScales
from consumer.detectors.sensor_checks import SensorChecks
from consumer.detectors.states import ModelState, model_state

_BLOCK = 8
"""Values in the shortest blocks: few, to be soon; enough for a mean that single values hardly move."""
_HOURS = 24
_OF_HOURS = Meta(min_length=_HOURS, max_length=_HOURS)
_HOUR_S, _DAY_S = 3600.0, 86_400.0
_SUDDEN_S = 900.0
"""What takes longer may be the daily cycle, until a day has been seen."""
_HOUR_STEP, _STEP_S = 0.02, 300.0
"""Of a value, in the mean of its hour; values that come faster than every five minutes weigh less."""
_SAME = 1e-9
"""Share of a value by which rounding may change it."""
_SMALLEST = 1e-140
"""A deviation whose square is not 0 yet: what differs by less does not differ."""
_LARGEST = 1e140
"""Squares of values, and sums of them, have to be finite."""
_OF_ABSOLUTE = 1.25
"""A normal deviation, in mean absolute ones."""
_OF_SPREAD = 0.19
"""Of the root of the mean absolute deviation within a block, its own deviation, where values are normal."""
_RANGE = 3.0
"""Deviations from the mean within which what is usual lies."""


@model_state("change_detector")
class DeseasonalisedChangeDetector(ModelState):
    """Detects once that the level, slope or spread of a signal has changed for good; then that is usual.

    Means of blocks of 8, 32, ... 2,048 values are compared with how such means usually vary, and so are the
    values' deviations within their blocks. Once a day has been seen, each hour's mean is subtracted.

    Units: the signal's own. Hours are in UTC: a daily cycle is the same in any time zone.
    State: some 200 numbers: 2 kB at most.
    """

    block: Annotated[list[float], Meta(max_length=_BLOCK)] = msgspec.field(default_factory=list)
    levels: DyadicScales = msgspec.field(default_factory=DyadicScales)
    spreads: DyadicScales = msgspec.field(default_factory=DyadicScales)
    before: float = 0.0
    """The mean of the last block: a hunting control loop moves whole blocks to and fro."""
    hours: Annotated[list[float], _OF_HOURS] = msgspec.field(default_factory=lambda: [0.0] * _HOURS)
    visits: Annotated[list[int], _OF_HOURS] = msgspec.field(default_factory=lambda: [0] * _HOURS)
    started_s: float | None = None
    last_s: float | None = None
    usual_s: float | None = None
    """When level and spread were last near their means."""
    is_of_hour: bool = False
    score: float = 0.0

    def learn_one(self, value: float, timestamp_s: float | None) -> tuple[float, dict[str, Any] | None]:
        """The significance of a lasting change, from 0 to 1, and the evidence once it is reached."""
        value = min(max(value, -_LARGEST), _LARGEST)
        at_s = self.last_s if timestamp_s is None else timestamp_s
        if at_s is not None:
            value -= self._expected(value, at_s)
        self.block.append(value)
        if len(self.block) < _BLOCK:
            return self.score, None
        evidence = self._learn_block(at_s)
        score = self.score
        if evidence is not None:
            self.score = 0.0
        return score, evidence

    def _expected(self, value: float, at_s: float) -> float:
        """The mean of the hour, once a day has been seen; 0 before."""
        if self.started_s is None or at_s < self.started_s:
            self.started_s = at_s  # a clock that was ahead then would let its day never come
        hour = int(at_s // _HOUR_S) % _HOURS
        if not self.is_of_hour and at_s - self.started_s >= _DAY_S and self.visits[hour]:
            self._restart()
            self.is_of_hour, self.started_s = True, at_s
        seconds = _STEP_S if self.last_s is None else abs(at_s - self.last_s)
        self.last_s = at_s
        usual = self.hours[hour]
        self.visits[hour] += 1
        weight = max(_HOUR_STEP * min(1.0, seconds / _STEP_S), 1.0 / self.visits[hour])
        self.hours[hour] += weight * (value - usual)
        if not self.is_of_hour:
            return 0.0
        return usual if self.visits[hour] > 1 else value

    def _learn_block(self, at_s: float | None) -> dict[str, Any] | None:
        level = _sum(self.block) / _BLOCK
        if not self.levels.blocks:
            self.before = level
        centre, self.before = 0.5 * (level + self.before), level
        spread = math.sqrt(_sum([abs(value - centre) for value in self.block]) / _BLOCK)
        usual = self.hours[int(at_s // _HOUR_S) % _HOURS] if self.is_of_hour and at_s is not None else 0.0
        least = max(_SAME * max(abs(level + usual), abs(self.levels.shortest.mean + usual)), _SMALLEST)
        self.block.clear()
        least_spread = math.sqrt(least)
        is_usual = self.levels.shortest.is_near(level, least)
        is_usual = is_usual and self.spreads.shortest.is_near(spread, least_spread)
        if is_usual or self.usual_s is None:
            self.usual_s = at_s
        mean_spread = self.spreads.shortest.mean
        finer = _OF_ABSOLUTE * mean_spread * mean_spread / math.sqrt(_BLOCK - 1)
        of_level, level_scale = self.levels.learn_one(level, least, finer)
        finer = _OF_SPREAD * mean_spread
        of_spread, spread_scale = self.spreads.learn_one(spread, least_spread, finer)
        if max(of_level, of_spread) >= 1.0 and self._may_be_daily(at_s):
            self.levels.scales[level_scale].end_excursion()
            self.spreads.scales[spread_scale].end_excursion()
            of_level = of_spread = 0.0
        self.score = min(1.0, max(of_level, of_spread))
        if of_level >= 1.0 and self.spreads.shortest.excursion < 2:
            return self._level_evidence(level_scale, least, usual)
        if of_spread >= 1.0 or of_level >= 1.0:
            return self._spread_evidence(spread_scale if of_spread >= 1.0 else 0)
        return None

    def _may_be_daily(self, at_s: float | None) -> bool:
        """Whether it came slowly, before a day has been seen."""
        if at_s is None or self.started_s is None or at_s - self.started_s >= _DAY_S:
            return False
        return at_s - (self.started_s if self.usual_s is None else self.usual_s) > _SUDDEN_S

    def _level_evidence(self, scale: int, least: float, usual: float) -> dict[str, Any] | None:
        statistics, size = self.levels.scales[scale], _BLOCK * WIDER**scale
        gradual = statistics.is_gradual(least)
        if gradual is None:
            return None
        before, after = usual + statistics.mean, usual + statistics.excursion_mean
        half = _RANGE * math.hypot(
            self.levels.shortest.deviation, _OF_ABSOLUTE * self.spreads.shortest.mean**2
        )
        seen = statistics.excursion * size
        evidence = self._evidence("level", before, after, before - half, before + half, seen)
        moved = after - before
        if gradual:
            half = _RANGE * math.sqrt(statistics.mean_squared_successive_difference) / size
            before, after = statistics.drift / size, statistics.rise() / size
            evidence = self._evidence("slope", before, after, before - half, before + half, seen)
        if self.is_of_hour:
            self.hours = [mean + moved for mean in self.hours]
        self._restart()
        return evidence

    def _spread_evidence(self, scale: int) -> dict[str, Any]:
        statistics = self.spreads.scales[scale]
        before, after = statistics.mean, statistics.excursion_mean
        half = _RANGE * self.spreads.shortest.deviation
        low, high = max(0.0, before - half), before + half
        before, after, low, high = before**2, after**2, low**2, high**2  # what was learned are roots
        seen = statistics.excursion * _BLOCK * WIDER**scale
        evidence = self._evidence("spread", before, after, low, high, seen)
        self._restart()
        return evidence

    def _evidence(
        self, shift: str, before: float, after: float, low: float, high: float, observations: int
    ) -> dict[str, Any]:
        return {
            "shift": shift,
            "before": before,
            "after": after,
            "usual_low": low,
            "usual_high": high,
            "observations": observations,
            "usual_of_hour": self.is_of_hour,
        }

    def _restart(self) -> None:
        """Start over: what comes next is usual."""
        self.block, self.usual_s = [], None
        self.levels, self.spreads = DyadicScales(), DyadicScales()


_SETTLED = AlertPolicy(clear_after=400, still_open_s=604_800.0)
"""A new level is usual after as many values as the detector needed to learn the first."""
_SILENT = SensorChecks(is_told=False)
"""`anomaly` reports sensor faults; here they only keep a stuck sensor from being taken for a change."""
_SPREAD_MIN = 0.57
"""Least size of a change of spread before a day was seen: some three and a half times the spread."""
_WORDS = {"level": "level", "slope": "slope a value", "spread": "spread"}


@model_state("change_point")
class ChangePointState(ModelState):
    """A detector, and the alert."""

    detector: DeseasonalisedChangeDetector = msgspec.field(default_factory=DeseasonalisedChangeDetector)
    alert: AlertState = msgspec.field(default_factory=AlertState)


@dataclass(frozen=True, slots=True)
class ChangePoint(UseCase):
    """Finds that a signal has changed for good, and when what it changed to has become usual.

    The daily cycle is removed once a day was seen. Each change is reported once: the first opens an alert,
    later ones while it is open are reported as still open, and it clears when nothing has changed for some
    hundred values.

    >>> use_case = ChangePoint()
    >>> values = [10.0 + row * 7919 % 13 / 13.0 + (2.0 if row >= 600 else 0.0) for row in range(1200)]
    >>> opened, cleared = use_case.learn(use_case.create(seed=1), values, [None] * 1200)
    >>> (opened.change, opened.evidence["shift"], round(opened.evidence["after"]), cleared.change)
    ('opened', 'level', 12, 'cleared')
    >>> 600 < opened.index < 650 and cleared.index - opened.index
    400
    """

    alert: AlertPolicy = _SETTLED
    sensor_checks: SensorChecks | None = _SILENT
    _: KW_ONLY
    kind: str = "shift"
    detail_type: str = "Lasting Change Detected"

    @property
    def parameters(self) -> Any:
        """What the models depend on: the detector has no parameters."""
        return ["shift"]

    def create(self, seed: int) -> ChangePointState:
        """Nothing is usual yet; it has no randomness."""
        return ChangePointState()

    def stepper(self, state: ChangePointState) -> Step:
        """Let the detector learn each value; the score is the significance of a change."""
        detector, alert = state.detector, state.alert

        def step(value: float, at_s: float | None) -> tuple[float, Found | None]:
            score, evidence = detector.learn_one(value, at_s)
            size = 0.0 if evidence is None else _size(evidence)
            if evidence is None or (size < _SPREAD_MIN and _may_be_of_hour(evidence)):
                change = self.alert.next(alert, 0.0, opens=False, keeps=False, at_s=at_s)
                return score, change and (change, self.alert.transition_details(alert, change, at_s))
            was_open = alert.is_open
            change = self.alert.next(alert, size, opens=True, keeps=True, at_s=at_s)
            if was_open:
                change = "still_open"
            if change is None:
                return score, None
            details = (
                evidence | {"says": _sentence(evidence)} | self.alert.transition_details(alert, change, at_s)
            )
            return score, (change, details)

        return step

    def alert_of(self, model: ChangePointState) -> AlertState | None:
        """The state of its alert."""
        return model.alert


def _sum(values: list[float]) -> float:
    """From the first to the last: Python's own sum rounds otherwise since 3.12."""
    return reduce(add, values, 0.0)


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
    """Whether a spread may be usual at this hour: no day has been seen."""
    return evidence["shift"] == "spread" and not evidence["usual_of_hour"]


def _sentence(evidence: dict[str, Any]) -> str:
    what = _WORDS[evidence["shift"]]
    low, high = evidence["usual_low"], evidence["usual_high"]
    return (
        f"{what} {evidence['before']:.4g} before, {evidence['after']:.4g} in the last "
        f"{evidence['observations']} values, where {low:.4g} to {high:.4g} was usual"
    )
