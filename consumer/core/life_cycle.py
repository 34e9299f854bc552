"""An alert from its opening to its clearing: each change of its state is told once, not each value."""

from dataclasses import dataclass
from typing import Any

from consumer.core.timestamps import iso8601
from consumer.core.use_case import Change


@dataclass(slots=True)
class Alert:
    """What is known of a signal's alert; times are seconds since 1970, where the values have any."""

    is_open: bool = False
    since_s: float | None = None
    """When it opened; once it is cleared, when that was."""
    told_s: float | None = None
    """When it was last told that it is open."""
    values: int = 0
    """So many came since it opened, with the one that did."""
    calm: int = 0
    """So many running, of late, that alone would not keep it open."""
    worst: float = 0.0

    def __reduce__(self) -> tuple[type["Alert"], tuple[Any, ...]]:
        return Alert, (self.is_open, self.since_s, self.told_s, self.values, self.calm, self.worst)


@dataclass(frozen=True, slots=True)
class LifeCycle:
    """When an alert clears, is told again, and may open anew.

    Hysteresis: it takes more to open an alert than to keep it open, and it clears after `calm` values running
    that do not keep it open. What is still open is told again every `still_open_s`. For `cool_down_s` after
    it has cleared only something as bad as before opens it anew. Where values have no times, the last two
    do not apply.
    """

    calm: int = 20
    still_open_s: float = 86_400.0
    cool_down_s: float = 600.0

    def next(
        self, alert: Alert, score: float, *, opens: bool, keeps: bool, at_s: float | None
    ) -> Change | None:
        """The change of state at a value, if it makes one.

        `score` says how bad the value is, from 0 to 1; `opens`, whether it is bad enough to open an alert;
        `keeps`, whether it is bad enough to keep one open.
        """
        alert.calm = 0 if keeps or opens else min(alert.calm + 1, self.calm)
        if not alert.is_open:
            if not opens or (self._is_cooling(alert, at_s) and score < alert.worst):
                return None
            alert.is_open, alert.since_s, alert.told_s = True, at_s, at_s
            alert.values, alert.worst = 1, score
            return "opened"
        alert.values += 1
        alert.worst = max(alert.worst, score)
        if alert.calm >= self.calm:
            alert.is_open = False
            return "cleared"
        if alert.told_s is None or at_s is None or at_s - alert.told_s < self.still_open_s:
            return None
        alert.told_s = at_s
        return "still_open"

    def course(self, alert: Alert, change: Change, at_s: float | None) -> dict[str, Any]:
        """What there is to say of a change beside what the model saw: how it has gone since it opened."""
        if change == "opened":
            return {}
        evidence = {
            "opened_at": iso8601(alert.since_s),
            "open_for_s": None if at_s is None or alert.since_s is None else at_s - alert.since_s,
            "open_for_observations": alert.values,
            "worst_score": alert.worst,
        }
        if change == "cleared":
            alert.since_s = at_s
        return evidence

    def _is_cooling(self, alert: Alert, at_s: float | None) -> bool:
        if alert.values == 0 or alert.since_s is None or at_s is None:
            return False
        return abs(at_s - alert.since_s) < self.cool_down_s


LIFE_CYCLE = LifeCycle()
