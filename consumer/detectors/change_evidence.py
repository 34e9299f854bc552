"""The evidence of a lasting change: how large it is, how far it has led, and in words."""

import math
from typing import Any

_WORDS = {"level": "level", "slope": "slope a value", "spread": "spread"}


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
    # As many digits as tell them apart: of a level of 1e8 and a small step, four do not.
    digits = next((each for each in (4, 7, 10, 13) if f"{before:.{each}g}" != f"{after:.{each}g}"), 4)
    low, high = evidence["usual_low"], evidence["usual_high"]
    little = "" if evidence["usual_of_hour"] else f" in the {evidence['values_known']} values known before"
    return (
        f"{what} {before:.{digits}g} before, {after:.{digits}g} in the last "
        f"{evidence['observations']} values, where {low:.{digits}g} to {high:.{digits}g} was usual{little}"
    )


def moved(evidence: dict[str, Any]) -> tuple[float, float]:
    """What there is, and what was usual until then, in the signal's unit: of a slope, where it has led.

    >>> moved({"shift": "slope", "before": 0.0, "after": 0.5, "observations": 40})
    (20.0, 0.0)
    """
    count = evidence["observations"] if evidence["shift"] == "slope" else 1
    return count * evidence["after"], count * evidence["before"]
