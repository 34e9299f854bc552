"""The evidence of a lasting change: how large it is, how far it has led, how it ended, and in words."""

import math
from typing import Annotated, Any

from msgspec import Meta

from consumer.detectors.states import ModelState, model_state

_WORDS = {"level": "level", "slope": "slope a value", "spread": "spread"}
_KINDS = tuple(_WORDS)
_Kind = Annotated[int, Meta(ge=0, lt=len(_KINDS))]


@model_state("told_change")
class ToldChange(ModelState):
    """What an open alert has told: the change that opened it, and where later ones have led from there."""

    opened_as: _Kind = 0
    """What changed first: its place among level, slope and spread."""
    latest_as: _Kind = 0
    before: float = 0.0
    """What was usual of the first."""
    usual_low: float = 0.0
    usual_high: float = 0.0
    now: float = 0.0
    """What there is of the first: a level as the told changes add up."""
    after: float = 0.0
    """What there is of the latest."""

    def opens(self, evidence: dict[str, Any]) -> None:
        """The change that opens the alert."""
        self.opened_as = self.latest_as = _KINDS.index(evidence["shift"])
        self.before, self.now, self.after = evidence["before"], evidence["after"], evidence["after"]
        self.usual_low, self.usual_high = evidence["usual_low"], evidence["usual_high"]

    def goes_on(self, evidence: dict[str, Any]) -> None:
        """A change while it is open."""
        self.latest_as, self.after = _KINDS.index(evidence["shift"]), evidence["after"]
        if self.latest_as == self.opened_as:
            is_level = _KINDS[self.opened_as] == "level"
            # By the hour, levels differ: what a change adds does not.
            self.now = self.now + evidence["after"] - evidence["before"] if is_level else self.after

    def cleared(self) -> dict[str, Any]:
        """The evidence that it is over: it returned to what was usual, or what it changed to is now usual."""
        returned = self.latest_as == self.opened_as and self.usual_low <= self.now <= self.usual_high
        shift = _KINDS[self.latest_as]
        what, was = _WORDS[shift], _WORDS[_KINDS[self.opened_as]]
        now = self.now if self.latest_as == self.opened_as else self.after
        digits = _digits(self.before, now)
        if returned:
            low, high = f"{self.usual_low:.{digits}g}", f"{self.usual_high:.{digits}g}"
            says = f"{what} has returned to {now:.{digits}g}, where {low} to {high} was usual"
        else:
            says = f"{what} {now:.{digits}g} is the new normal, {was} {self.before:.{digits}g} was"
        return {
            "shift": shift,
            "cleared_because": "returned" if returned else "new normal",
            "before": self.before,
            "now": now,
            "says": says,
        }


def size_of(evidence: dict[str, Any]) -> float:
    """From 0 to 1: 0.5 for a change as wide as what was usual.

    >>> size_of({"before": 1.0, "after": 3.0, "usual_low": 0.0, "usual_high": 2.0})
    0.5
    """
    width = evidence["usual_high"] - evidence["usual_low"]
    moved = abs(evidence["after"] - evidence["before"])
    size = moved / (moved + width) if moved > 0.0 else 0.0
    return size if math.isfinite(size) else 1.0


def may_be_of_hour(evidence: dict[str, Any]) -> bool:
    """Whether a spread may be usual at this hour: no day has been seen."""
    return evidence["shift"] == "spread" and not evidence["usual_of_hour"]


def sentence(evidence: dict[str, Any]) -> str:
    """The change in words."""
    what = _WORDS[evidence["shift"]]
    before, after = evidence["before"], evidence["after"]
    digits = _digits(before, after)
    low, high = evidence["usual_low"], evidence["usual_high"]
    little = "" if evidence["usual_of_hour"] else f" in the {evidence['values_known']} values known before"
    return (
        f"{what} {before:.{digits}g} before, {after:.{digits}g} in the last "
        f"{evidence['observations']} values, where {low:.{digits}g} to {high:.{digits}g} was usual{little}"
    )


def _digits(before: float, after: float) -> int:
    """As many as tell them apart: of a level of 1e8 and a small step, four do not."""
    return next((each for each in (4, 7, 10, 13) if f"{before:.{each}g}" != f"{after:.{each}g}"), 4)


def moved(evidence: dict[str, Any]) -> tuple[float, float]:
    """What there is, and what was usual until then, in the signal's unit: of a slope, where it has led.

    >>> moved({"shift": "slope", "before": 0.0, "after": 0.5, "observations": 40})
    (20.0, 0.0)
    """
    count = evidence["observations"] if evidence["shift"] == "slope" else 1
    return count * evidence["after"], count * evidence["before"]
