"""An alert from opening to clearing: each change of its state is reported once, not each value."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta

from consumer.decode.values import iso8601
from consumer.detectors.states import ModelState, model_state

Change = Literal["opened", "still_open", "cleared"]
"""Of an alert's state. What is over at once, such as a drift, is opened."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a model found at observation `index` of those it was given, and what it saw there."""

    index: int
    evidence: dict[str, Any]
    change: Change = "opened"
    fault: str | None = None
    """Of the sensor, if a sensor check found it and not the model."""


COUNT_MAX = 2**53
Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]
"""Larger numbers, which only an altered page has, cannot be written to an event."""

_WEEK_S = 604_800.0
_BURST = 3.0
"""Alerts that may open in a row, whatever the budget."""


@model_state("alert")
class AlertState(ModelState):
    """The state of a signal's alert; times are seconds since 1970, if the values have any."""

    is_open: bool = False
    since_s: float | None = None
    """When it opened last."""
    notified_s: float | None = None
    """When an event last said that it is open. While it is closed: 0 if it waits."""
    values: Count = 0
    """Values since it opened, including the one that opened it."""
    quiet: Count = 0
    """Latest values in a row that would not keep it open."""
    worst: float = 0.0
    tokens_used: float = 0.0
    """Of the budget: each opening takes one token, and they come back with time."""
    tokens_s: float | None = None
    """When `tokens_used` was last brought up to date; the latest such time."""
    times: Count = 0
    """How often it has opened."""
    cleared_s: float | None = None
    """When it cleared last."""
    before_notified: Count = 0
    """Latest values in a row from long before `notified_s`; of an alert that is not open, from before
    `tokens_s`. Many are a clock that was ahead."""

    @property
    def waits(self) -> bool:
        """Whether something lasts that opened within the dead band, or came back into it."""
        return not self.is_open and self.notified_s == 0.0


Direction = Literal["rise", "fall", "both"]
_STILL_FAR = 0.5
"""Share of the dead band beyond which an alert stays open: hysteresis, as of all that opens one."""


@dataclass(frozen=True, slots=True)
class DeadBand:
    """What is told of what a model finds: not what is nearer to the expected, nor the other direction."""

    least: float = 0.0
    """In the signal's unit."""
    least_share: float = 0.0
    """Of what was expected; what is more of both holds."""
    direction: Direction = "both"

    def reaches(self, value: float, expected: float, share: float = 1.0) -> bool:
        """Whether a value is so far from what was expected; `share` is that of the band.

        >>> band = DeadBand(least=0.5, direction="rise")
        >>> [band.reaches(value, 20.0) for value in (20.4, 20.5, 19.0)]
        [False, True, False]
        """
        if self.is_other_way(value, expected):
            return False
        return abs(value - expected) >= share * max(self.least, self.least_share * abs(expected))

    def is_other_way(self, value: float, expected: float) -> bool:
        """Whether a value is off in the direction of which nothing is told, or in none."""
        moved = value - expected
        return (self.direction == "rise" and moved <= 0.0) or (self.direction == "fall" and moved >= 0.0)

    def details(self) -> dict[str, Any]:
        """The evidence of it: what is set."""
        share = f"{100.0 * self.least_share:.6g}%" if self.least_share else None
        least = {"least": self.least or share} if self.least or share else {}
        return least if self.direction == "both" else least | {"direction": self.direction}


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """When an alert clears, is reported again, and may reopen.

    Hysteresis: it takes more to open an alert than to keep it open, and it clears after `clear_after` values
    in a row that do not keep it open. While open, it is reported again every `still_open_s`. For
    `cool_down_s` after it cleared, only something as bad as before reopens it; and once three have opened
    faster than `alerts_per_week` allows, only something worse. If values have no times, only `clear_after`
    applies.

    What would open within the dead band waits, and takes nothing of the budget: it opens once it goes beyond,
    as long as it lasts. What comes back into the dead band clears, and waits if it lasts there.
    """

    clear_after: int = 20
    still_open_s: float = 86_400.0
    cool_down_s: float = 600.0
    alerts_per_week: float = 7.0
    dead_band: DeadBand | None = None

    def next(
        self,
        alert: AlertState,
        score: float,
        *,
        opens: bool,
        keeps: bool,
        at_s: float | None,
        value: float = 0.0,
        expected: float | None = None,
    ) -> Change | None:
        """The change of state at a value, if it makes one.

        `score` says how bad the value is, from 0 to 1; `opens`, whether it is bad enough to open an alert;
        `keeps`, whether it is bad enough to keep one open. What was `expected` in place of the value is for
        the dead band, without which all is told.
        """
        lasts = keeps or opens
        is_back = alert.is_open and lasts and self.is_near(value, expected, _STILL_FAR)
        if is_back:
            opens = keeps = False
        alert.quiet = 0 if keeps or opens else min(alert.quiet + 1, self.clear_after)
        if not alert.is_open:
            self._correct_budget_time(alert, at_s)
            if self.dead_band is not None:
                is_near = self.is_near(value, expected)
                may_wait = is_near and self._may_wait(value, expected)
                opens = self._leaves_dead_band(
                    alert, opens=opens, lasts=lasts, is_near=is_near, may_wait=may_wait
                )
            if not opens or self._is_held_back(alert, score, at_s):
                return None
            alert.is_open, alert.since_s, alert.notified_s, alert.before_notified = True, at_s, at_s, 0
            alert.values, alert.worst, alert.tokens_used = 1, score, alert.tokens_used + 1.0
            alert.times += 1
            return "opened"
        alert.values += 1
        alert.worst = max(alert.worst, score)
        if alert.quiet >= self.clear_after:
            alert.is_open, alert.cleared_s, alert.before_notified = False, at_s, 0
            if self.dead_band is not None:
                alert.notified_s = 0.0 if is_back and self._may_wait(value, expected) else None
            return "cleared"
        return "still_open" if self._is_due(alert, at_s) else None

    def is_near(self, value: float, expected: float | None, share: float = 1.0) -> bool:
        """Whether a value is within the dead band, or that share of it, or in the other direction."""
        return (
            self.dead_band is not None
            and expected is not None
            and not self.dead_band.reaches(value, expected, share)
        )

    def _may_wait(self, value: float, expected: float | None) -> bool:
        """Whether it may grow out of the dead band: what goes the other way leaves it at any usual value."""
        return (
            self.dead_band is not None
            and expected is not None
            and not self.dead_band.is_other_way(value, expected)
        )

    def _leaves_dead_band(
        self, alert: AlertState, *, opens: bool, lasts: bool, is_near: bool, may_wait: bool
    ) -> bool:
        """Whether it opens now; if it would but is near, it waits as long as it lasts."""
        waits = alert.waits and (lasts or alert.quiet < self.clear_after)
        if waits or (opens and may_wait):
            alert.notified_s = 0.0
        elif alert.waits:
            alert.notified_s = None
        return (opens or (waits and lasts)) and not is_near

    def _is_due(self, alert: AlertState, at_s: float | None) -> bool:
        """Whether to report again that it is open.

        Where a clock was ahead when it was reported, that time is not waited for: as many values in a row as
        would clear the alert say that it is earlier, and the time counts from there.
        """
        if alert.notified_s is None or at_s is None:
            return False
        since_s = at_s - alert.notified_s
        is_before = since_s <= -self.still_open_s
        alert.before_notified = alert.before_notified + 1 if is_before else 0
        is_due = since_s >= self.still_open_s
        if is_due or alert.before_notified > self.clear_after:
            alert.notified_s, alert.before_notified = at_s, 0
        return is_due

    def _correct_budget_time(self, alert: AlertState, at_s: float | None) -> None:
        """Where a clock was ahead when tokens last came back, that time is not waited for; as `_is_due`."""
        if alert.tokens_s is None or at_s is None:
            return
        alert.before_notified = alert.before_notified + 1 if at_s < alert.tokens_s else 0
        if alert.before_notified > self.clear_after:
            alert.tokens_s, alert.before_notified = at_s, 0

    def transition_details(self, alert: AlertState, change: Change, at_s: float | None) -> dict[str, Any]:
        """The evidence for a change that the policy adds to the model's: how rare it is, or how it went."""
        band = {} if self.dead_band is None else self.dead_band.details()
        if change == "opened":
            return {"alerts_before": alert.times - 1, "last_cleared_at": iso8601(alert.cleared_s)} | band
        return band | {
            "opened_at": iso8601(alert.since_s),
            "open_for_s": None if at_s is None or alert.since_s is None else at_s - alert.since_s,
            "open_for_observations": alert.values,
            "worst_score": alert.worst,
        }

    def _is_held_back(self, alert: AlertState, score: float, at_s: float | None) -> bool:
        if at_s is None:
            return False
        if alert.tokens_s is None:
            alert.tokens_s = at_s
        elif at_s > alert.tokens_s:  # never back: after one stamp of years ago, those years would count twice
            returned = (at_s - alert.tokens_s) * self.alerts_per_week / _WEEK_S
            alert.tokens_used = max(0.0, alert.tokens_used - returned)
            alert.tokens_s = at_s
        is_cooling = alert.cleared_s is not None and abs(at_s - alert.cleared_s) < self.cool_down_s
        is_spent = alert.tokens_used > _BURST - 1.0
        return (is_cooling and score < alert.worst) or (is_spent and score <= alert.worst)


ALERT_POLICY = AlertPolicy()
