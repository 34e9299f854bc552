"""An alert from its opening to its clearing: each change of its state is told once, not each value."""

from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from consumer.decode.timestamps import iso8601
from consumer.detectors.finding import Change
from consumer.detectors.states import state

Count = Annotated[int, Meta(ge=0, le=2**53)]
"""What a page that was altered has beyond could not be told."""

_WEEK_S = 604_800.0
_BURST = 3.0
"""Alerts that may open one after the other, whatever the budget."""


@state("alert")
@dataclass(slots=True)
class AlertState:
    """What is known of a signal's alert; times are seconds since 1970, where the values have any."""

    is_open: bool = False
    since_s: float | None = None
    """When it opened last."""
    notified_s: float | None = None
    """When it was last told that it is open."""
    values: Count = 0
    """So many came since it opened, with the one that did."""
    calm: Count = 0
    """So many running, of late, that alone would not keep it open."""
    worst: float = 0.0
    spent: float = 0.0
    """Of the budget: each opening takes one, and time gives it back."""
    spent_s: float | None = None
    """When that was so."""
    times: Count = 0
    """So often it has opened."""
    cleared_s: float | None = None
    """When it cleared last."""


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """When an alert clears, is told again, and may open anew.

    Hysteresis: it takes more to open an alert than to keep it open, and it clears after `calm` values running
    that do not keep it open. What is still open is told again every `still_open_s`. For `cool_down_s` after
    it has cleared only something as bad as before opens it anew; and where three have opened faster than
    `alerts_per_week` lets them, only something worse. Where values have no times, only `calm` applies.
    """

    calm: int = 20
    still_open_s: float = 86_400.0
    cool_down_s: float = 600.0
    alerts_per_week: float = 7.0

    def next(
        self, alert: AlertState, score: float, *, opens: bool, keeps: bool, at_s: float | None
    ) -> Change | None:
        """The change of state at a value, if it makes one.

        `score` says how bad the value is, from 0 to 1; `opens`, whether it is bad enough to open an alert;
        `keeps`, whether it is bad enough to keep one open.
        """
        alert.calm = 0 if keeps or opens else min(alert.calm + 1, self.calm)
        if not alert.is_open:
            if not opens or self._is_kept_back(alert, score, at_s):
                return None
            alert.is_open, alert.since_s, alert.notified_s = True, at_s, at_s
            alert.values, alert.worst, alert.spent = 1, score, alert.spent + 1.0
            alert.times += 1
            return "opened"
        alert.values += 1
        alert.worst = max(alert.worst, score)
        if alert.calm >= self.calm:
            alert.is_open, alert.cleared_s = False, at_s
            return "cleared"
        if alert.notified_s is None or at_s is None or at_s - alert.notified_s < self.still_open_s:
            return None
        alert.notified_s = at_s
        return "still_open"

    def course(self, alert: AlertState, change: Change, at_s: float | None) -> dict[str, Any]:
        """What there is to say of a change beside what the model saw: how rare it is, or how it has gone."""
        if change == "opened":
            return {"alerts_before": alert.times - 1, "last_cleared_at": iso8601(alert.cleared_s)}
        return {
            "opened_at": iso8601(alert.since_s),
            "open_for_s": None if at_s is None or alert.since_s is None else at_s - alert.since_s,
            "open_for_observations": alert.values,
            "worst_score": alert.worst,
        }

    def _is_kept_back(self, alert: AlertState, score: float, at_s: float | None) -> bool:
        if at_s is None:
            return False
        if alert.spent_s is not None:
            given_back = max(0.0, at_s - alert.spent_s) * self.alerts_per_week / _WEEK_S
            alert.spent = max(0.0, alert.spent - given_back)
        alert.spent_s = at_s
        is_cooling = alert.cleared_s is not None and abs(at_s - alert.cleared_s) < self.cool_down_s
        is_spent = alert.spent > _BURST - 1.0
        return (is_cooling and score < alert.worst) or (is_spent and score <= alert.worst)


ALERT_POLICY = AlertPolicy()
