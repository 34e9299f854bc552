"""A sensor's own faults, apart from what it measures: flat-lined, out of range, bad quality, silent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from consumer.detectors.alert_policy import AlertPolicy, AlertState, Count, Finding
from consumer.detectors.state_layouts import Keys

Fault = Literal["flat", "range", "quality", "stale"]

_FLAT_BEYOND = 3
"""Times the longest stretch of equal values so far: what came and went by itself is usual."""
_NEVER_CHANGED_S = 86_400.0
_NEVER_CHANGED_MIN = 400
_INTERVALS = 20.0
_GAPS = 2.0
_POLICIES = {
    "flat": AlertPolicy(clear_after=3),
    "range": AlertPolicy(clear_after=20),
    "quality": AlertPolicy(clear_after=3),
    # Each silence must be twice as long as the last one reported, which is budget enough. Time is that of
    # the signal's last value, which stands still: tokens would never come back.
    "stale": AlertPolicy(clear_after=1, alerts_per_week=1e9),
}
_SUSPECT: tuple[Fault, ...] = ("flat", "range")
"""While one of these is open, the values cannot be trusted; those after a run of equal ones can be."""


class Health(msgspec.Struct, gc=False, array_like=True, forbid_unknown_fields=True):
    """What is known of a sensor. Times are seconds since 1970."""

    seen: Count = 0
    last: float | None = None
    same: Count = 0
    """The latest values in a row that were the same."""
    same_since_s: float | None = None
    longest: Count = 0
    """The most such values before the last change."""
    empty: Count = 0
    """The latest observations in a row that carried nothing to learn."""
    first_arrived_s: float | None = None
    longest_gap_s: float = 0.0
    """Between arrivals, of the silences that were reported."""
    is_hiding: bool = False
    """Whether the model's alert opened while the values could not be trusted, and was not reported."""
    is_stale_alone: bool = True
    """Whether it was reported as silent by itself, and not with many others."""
    is_untold: bool = False
    """Whether a sweep has noted that it is silent, and may not have published it yet."""
    alerts: Annotated[dict[str, AlertState], Keys(("flat", "range", "quality", "stale"))] = {}

    @property
    def has_empty(self) -> bool:
        """Whether it matters that the next observation carries something."""
        return self.empty > 0 or self.is_open("quality")

    def is_open(self, fault: Fault) -> bool:
        """Whether the fault is there now."""
        alert = self.alerts.get(fault)
        return alert is not None and alert.is_open


@dataclass(frozen=True, slots=True)
class SensorChecks:
    """When something is the sensor's fault. 0 turns a fault off."""

    flat: int = 60
    """Least equal values in a row; also three times as many as ever before. A signal that never changed is
    reported after a day, if faults are events."""
    empty: int = 5
    """Observations in a row that carry nothing to learn, such as those of bad quality."""
    stale_s: float = 900.0
    """Least silence; also twenty usual intervals, and twice the longest silence reported before."""
    is_told: bool = True
    """Whether faults are events; if not, they only hold the model's alerts back."""
    lowest: float | None = None
    highest: float | None = None
    """What the sensor can measure: `range` in signals.yaml."""

    def apply(
        self,
        health: Health,
        found: list[Finding],
        values: Sequence[float],
        timestamps: Sequence[float | None],
        arrived_s: float | None,
    ) -> list[Finding]:
        """The findings to report: the sensor's faults, and the model's unless the sensor is in doubt.

        `arrived_s` is when the first of them arrived.
        """
        suspect = set(filter(health.is_open, _SUSPECT))
        before = health.last, health.same
        faults = self._returned(health, arrived_s) if health.alerts and values else []
        if health.first_arrived_s is None:
            health.first_arrived_s = arrived_s
        faults += self._watched(health, values, timestamps)
        reported = []
        for one in sorted([*faults, *found], key=lambda one: (one.index, one.fault is None)):
            if one.fault is None:
                is_suspect = bool(suspect - {"flat"}) or (
                    "flat" in suspect and self._stands_still(values, one.index, *before)
                )
                if not _hides(health, one, is_suspect):
                    reported.append(one)
                continue
            if one.fault in _SUSPECT:
                (suspect.discard if one.change == "cleared" else suspect.add)(one.fault)
            if self.is_told:
                reported.append(one)
        return reported

    def _returned(self, health: Health, arrived_s: float | None) -> list[Finding]:
        """It was silent, and a value came."""
        if not health.is_open("stale"):
            return []
        alert = health.alerts["stale"]
        if alert.since_s is not None and arrived_s is not None:
            health.longest_gap_s = max(health.longest_gap_s, arrived_s - alert.since_s)
        finding = _next(health, "stale", 0, arrived_s, is_there=False)
        return [finding] if finding and health.is_stale_alone else []

    def _watched(
        self, health: Health, values: Sequence[float], timestamps: Sequence[float | None]
    ) -> list[Finding]:
        found = []
        bounded = self.lowest is not None or self.highest is not None
        has_range = bounded or health.is_open("range")  # whose bounds may have been taken back meanwhile
        for index, value in enumerate(values):
            if value == health.last:
                health.same += 1
            else:
                health.longest = max(health.longest, health.same)
                health.last, health.same, health.same_since_s = value, 1, timestamps[index]
            health.seen += 1
            if health.alerts.get("flat") or health.same >= self.flat > 0:
                finding = self._flat(health, index, timestamps[index])
                if finding:
                    found.append(finding)
            if has_range:
                is_out = (self.lowest is not None and value < self.lowest) or (
                    self.highest is not None and value > self.highest
                )
                finding = _next(health, "range", index, timestamps[index], is_there=is_out)
                if finding:
                    if finding.change != "cleared":
                        finding.evidence.update(self._range(value))
                    found.append(finding)
        return found

    def _stands_still(self, values: Sequence[float], index: int, last: float | None, same: int) -> bool:
        """Whether the value at `index` is one of `flat` equal ones in a row: what ends them is news.

        `last` came `same` times running before the values.
        """
        value, first = values[index], index
        while first > 0 and values[first - 1] == value:
            first -= 1
        run = index - first + 1 + (same if first == 0 and value == last else 0)
        return run >= self.flat

    def _flat(self, health: Health, index: int, at_s: float | None) -> Finding | None:
        has_changed = health.seen > health.same
        if at_s is not None and health.same_since_s is not None and at_s < health.same_since_s:
            health.same_since_s = at_s  # a clock was ahead then: a day from that time might never pass
        for_s = None if at_s is None or health.same_since_s is None else at_s - health.same_since_s
        if has_changed:
            is_flat = health.same > max(self.flat, _FLAT_BEYOND * health.longest) - 1
            is_flat = is_flat and health.seen - health.same >= self.flat
        else:
            # Of what never changed there is nothing to hold back, and once it changes it is not stuck.
            is_flat = self.is_told and health.same > max(self.flat, _NEVER_CHANGED_MIN)
            is_flat = is_flat and (for_s or 0.0) >= _NEVER_CHANGED_S
        is_there = self.flat > 0 and (health.same > 1 if health.is_open("flat") else is_flat)
        finding = _next(health, "flat", index, at_s, is_there=is_there)
        if finding and finding.change != "cleared" and health.same > 1:
            finding.evidence.update(
                says=f"{health.last:.6g} came {health.same} times running",
                equal_values=health.same,
                equal_for_s=for_s,
                equal_values_before=health.longest if has_changed else None,
            )
        return finding

    def _range(self, value: float) -> dict[str, Any]:
        return {
            "says": f"{value:.6g} is not what it can measure",
            "lowest": self.lowest,
            "highest": self.highest,
        }

    def observed(self, health: Health, is_empty: bool, learned: int, at_s: float | None) -> Finding | None:
        """The finding at an observation that carries nothing to learn, or at one that does.

        `learned` is how many values came by then: a signal that never had one misses none.
        """
        health.empty = health.empty + 1 if is_empty else 0
        is_bad = health.empty >= self.empty > 0 and learned > 0
        is_there = self.empty > 0 and (health.empty > 0 if health.is_open("quality") else is_bad)
        finding = _next(health, "quality", 0, at_s, is_there=is_there)
        if finding and finding.change != "cleared":
            finding.evidence.update(
                says=f"{health.empty} observations running carry no good value", empty=health.empty
            )
        return finding if self.is_told else None

    def falls_silent(self, health: Health, last_arrived_s: float, now_s: float) -> bool:
        """Whether a signal has been silent for too long, once until it speaks again; opens its alert."""
        silent_s = now_s - last_arrived_s
        if not 0.0 < self.stale_s < silent_s or not self.is_told or health.is_open("stale"):
            return False
        if silent_s <= self._stale_after_s(health, last_arrived_s):
            return False
        alert = health.alerts.setdefault("stale", AlertState())
        opened = _POLICIES["stale"].next(alert, 1.0, opens=True, keeps=True, at_s=last_arrived_s)
        return opened is not None

    def silence(self, health: Health, last_arrived_s: float) -> dict[str, Any]:
        """The evidence of a silence whose alert is open: it depends on what came before alone."""
        stale_after_s = self._stale_after_s(health, last_arrived_s)
        interval_s = _usual_interval_s(health, last_arrived_s)
        return {
            "fault": "stale",
            "says": f"nothing came for {stale_after_s:.0f} s, though every {interval_s:.3g} s is usual",
            "usual_interval_s": interval_s,
            "stale_after_s": stale_after_s,
        } | _POLICIES["stale"].transition_details(health.alerts["stale"], "opened", last_arrived_s)

    def _stale_after_s(self, health: Health, last_arrived_s: float) -> float:
        interval_s = _usual_interval_s(health, last_arrived_s)
        return max(self.stale_s, _INTERVALS * interval_s, _GAPS * health.longest_gap_s)


def _usual_interval_s(health: Health, last_arrived_s: float) -> float:
    if health.first_arrived_s is None or health.seen <= 1:
        return 0.0
    return max(0.0, last_arrived_s - health.first_arrived_s) / (health.seen - 1)


def _hides(health: Health, one: Finding, is_suspect: bool) -> bool:
    """Whether a model's finding is held back; what opened like that is reported later, if it lasts."""
    if one.change == "opened":
        health.is_hiding = is_suspect
    elif health.is_hiding and not is_suspect and one.change == "still_open":
        health.is_hiding = False
    return health.is_hiding


def _next(health: Health, fault: Fault, index: int, at_s: float | None, *, is_there: bool) -> Finding | None:
    alert = health.alerts.get(fault)
    if alert is None:
        if not is_there:
            return None
        alert = health.alerts[fault] = AlertState()
    policy = _POLICIES[fault]
    change = policy.next(alert, 1.0, opens=is_there, keeps=is_there, at_s=at_s)
    if change is None:
        return None
    return Finding(index, {"fault": fault} | policy.transition_details(alert, change, at_s), change, fault)


SENSOR_CHECKS = SensorChecks()
