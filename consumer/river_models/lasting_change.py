"""A River drift detector that tells once that a signal has changed for good, whatever its cycles."""

import datetime as dt
from typing import Any

from river import base

from consumer.river_models.deseasonalised_change import DeseasonalisedChangeDetector


class LastingChange(base.DriftDetector):
    """Detects that the level, slope or spread of a signal has changed for good; then that is usual.

    Means of blocks of 8, 32, ... 2,048 values, and the values' deviations within their blocks, are compared
    with how they usually vary; blocks that resemble their neighbours count as fewer independent ones, so that
    no period of a cycle has to be known. Once a day has been seen, the mean of each hour is subtracted, that
    of workdays or that of weekends. A step of three deviations takes 44 to 60 values, from some hundred
    values on. Without times, there are no hours.

    `evidence` says of the last change what it was: which of the three changed, from where to where, what was
    usual, and from how many values that was known.

    State: some 250 numbers.
    Source: after Bifet & Gavaldà (2007), whose bound holds for independent values alone

    >>> model = LastingChange()
    >>> for number in range(1000):
    ...     model.update(number * 7919 % 13 / 13.0 + (2.0 if number >= 600 else 0.0), t=60.0 * number)
    ...     if model.drift_detected:
    ...         print(number, model.evidence["shift"], round(model.evidence["after"]))
    647 level 2
    """

    def __init__(self) -> None:
        super().__init__()
        self.detector = DeseasonalisedChangeDetector()
        self.score = 0.0
        self.evidence: dict[str, Any] | None = None

    def update(self, x: float, t: dt.datetime | float | None = None) -> None:
        """Learn a value, and its time: a moment, whose zone says the hour, or seconds since 1970, UTC."""
        self.score, evidence = self.detector.learn_one(float(x), *_seconds(t))
        self._drift_detected = evidence is not None
        if evidence is not None:
            self.evidence = evidence


def _seconds(t: dt.datetime | float | None) -> tuple[float | None, float | None]:
    """Seconds since 1970, of UTC and as clocks show them in the moment's zone; without one it is UTC."""
    if not isinstance(t, dt.datetime):
        return t, t
    at_s = (t if t.tzinfo else t.replace(tzinfo=dt.UTC)).timestamp()
    offset = t.utcoffset()
    return at_s, at_s + (offset.total_seconds() if offset else 0.0)
