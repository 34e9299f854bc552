"""Unusual values: they stray from the signal's daily and weekly course further than it is used to."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from consumer.core.health import SENSOR_HEALTH, SensorHealth
from consumer.core.life_cycle import Alert, LifeCycle
from consumer.core.one_by_one import Found, finite, one_by_one
from consumer.core.use_case import Finding, Severity
from consumer.core.usual import USUAL_PACE, Pace, Usual

_DAY_S, _WEEK_S = 86_400.0, 604_800.0
_ONE_A_WEEK = LifeCycle(alerts_per_week=1.0)
_KEEPS = 0.5
"""Of the least stray that counts, what keeps an alert open."""


@dataclass(slots=True)
class Watching:
    """What is usual, and how far a value has to stray before it is told."""

    usual: Usual = field(default_factory=Usual)
    count: int = 0
    bar: float = 0.0
    strays: int = 0
    stray_s: float | None = None
    """When it last strayed as far as that."""
    started_s: float | None = None
    alert: Alert = field(default_factory=Alert)

    def __reduce__(self) -> tuple[type["Watching"], tuple[Any, ...]]:
        return Watching, tuple(getattr(self, name) for name in self.__slots__)


@dataclass(frozen=True, slots=True)
class UnusualUseCase:
    """Tells when values stray from what is usual at their time of day and week, and when they no longer do.

    A stray raises the bar to itself, and the bar comes down again by a factor e in the time that
    `alerts_per_week` leaves between two: a signal that strays often has to stray further, up to once the
    width of its usual range. Half the least stray that counts keeps an alert open. Nothing is told before
    `warm_up` values; before a day has been seen, only a stray by a whole width, for the day has its course.

    >>> use_case = UnusualUseCase()
    >>> times = [600.0 * number for number in range(1000)]
    >>> values = [math.sin(at_s / 86_400.0 * 2 * math.pi) + 0.01 * (at_s // 600 % 7) for at_s in times]
    >>> values[800] += 1.0
    >>> [opened, cleared] = use_case.learn(Watching(), values, times)
    >>> (opened.index, opened.change, round(opened.evidence["expected"], 1))
    (800, 'opened', -0.3)
    >>> (cleared.index, cleared.change, cleared.evidence["open_for_s"])
    (820, 'cleared', 12000.0)
    """

    stray: float = 0.0275
    """How far, in widths of the usual range, is a score of 0.5."""
    warm_up: int = 400
    alert: LifeCycle = _ONE_A_WEEK
    health: SensorHealth = SENSOR_HEALTH
    pace: Pace = USUAL_PACE
    late: Literal["learn", "skip"] = "learn"
    kind: str = "anomaly"
    detail_type: str = "Anomaly Detected"
    severity: Severity = "warning"

    @property
    def parameters(self) -> Any:
        """What the models depend on: not when something is told."""
        pace = self.pace
        return ["unusual alerts", *dataclasses.astuple(pace)]

    def create(self, seed: int) -> Watching:
        """Nothing is usual yet; it has no randomness."""
        return Watching()

    def learn(
        self,
        watching: Watching,
        values: Sequence[float],
        timestamps: Sequence[float | None],
        scores: list[float] | None = None,
    ) -> list[Finding]:
        """Score each value, then learn it."""

        def step(value: float, at_s: float | None) -> tuple[float, Found | None]:
            usual, alert = watching.usual, watching.alert
            low, high, last_s = usual.low, usual.high, usual.last_s
            stray = finite(usual.learn_one(value, at_s, self.pace))
            if watching.count == 0 or _is_before(at_s, watching.started_s):
                watching.started_s = at_s
            watching.count += 1
            bar = self._bar(watching, _seconds_between(last_s, at_s))
            score = stray / (stray + self.stray)
            strays = stray >= bar
            change = self.alert.next(
                alert,
                score,
                opens=strays and self._is_warm(watching, at_s),
                keeps=usual.stray > _KEEPS * self.stray,
                at_s=at_s,
            )
            found = None
            if change is not None:
                evidence = {
                    "expected": usual.expected,
                    "usual_from": usual.expected + low,
                    "usual_to": usual.expected + high,
                    "score": score,
                    "strays_before": watching.strays,
                    "since_last_stray_s": _seconds_between(watching.stray_s, at_s),
                }
                found = change, evidence | self.alert.course(alert, change, at_s)
            if strays:
                watching.bar = min(stray, self._furthest)
                watching.strays, watching.stray_s = watching.strays + 1, at_s
            return score, found

        return one_by_one(step, values, timestamps, scores)

    def _is_warm(self, watching: Watching, at_s: float | None) -> bool:
        """Whether enough is known to tell of a stray: before a day was seen, only of the furthest."""
        known_s = _seconds_between(watching.started_s, at_s)
        is_daily = known_s is None or known_s >= _DAY_S
        return watching.count > self.warm_up and (is_daily or watching.usual.stray >= self._furthest)

    @property
    def _furthest(self) -> float:
        """A whole width, of a value whose neighbours do not stray."""
        return 1.0 - self.pace.lasting_share

    def _bar(self, watching: Watching, passed_s: float | None) -> float:
        """How far is far enough now: the bar has come down since the last value."""
        if passed_s is not None and passed_s > 0.0:
            watching.bar *= math.exp(-passed_s * self.alert.alerts_per_week / _WEEK_S)
        return max(watching.bar, self.stray)


def _seconds_between(start_s: float | None, end_s: float | None) -> float | None:
    return None if start_s is None or end_s is None else end_s - start_s


def _is_before(at_s: float | None, start_s: float | None) -> bool:
    """Whether the clock was ahead when it started, by what would else be waited for."""
    return at_s is not None and start_s is not None and at_s < start_s
