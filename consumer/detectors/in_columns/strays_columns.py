"""Strays over many signals at once: the twin of `river_models/strays.py`."""

import math
from typing import NamedTuple

import numpy as np

from consumer.detectors.in_columns.isolation_columns import each
from consumer.detectors.in_columns.vectorised import Bools, Gathered, first_max, first_min, write
from consumer.detectors.state_columns import Floats
from consumer.river_models import strays as scalar


class StraysColumns:
    """The ranges and bars of the rows."""

    def __init__(self, gathered: Gathered, path: str) -> None:
        self._lows = gathered.pair(f"{path}.low", f"{path}.lasting_low")
        self._highs = gathered.pair(f"{path}.high", f"{path}.lasting_high")
        self._lasting, self._recent, self._bar, self._bar_s = (
            gathered.field(f"{path}.{name}") for name in ("lasting", "recent", "bar", "bar_s")
        )

    def width(self, rows: slice) -> Floats:
        """How wide the ranges of the first rows are."""
        width: Floats = self._highs[0, rows] - self._lows[0, rows]
        return width

    def step(
        self, rows: slice, numbers: Floats, least: Floats, is_still: Bools, weight: Floats
    ) -> "StraysStep":
        """How far the numbers are outside, and what they leave."""
        lasting = self._lasting[rows]
        both = np.empty((2, len(numbers)))
        both[0] = numbers
        np.add(lasting, scalar.LASTING_RATE * (numbers - lasting), out=both[1])
        lows, highs = self._lows[:, rows], self._highs[:, rows]
        own, of_lasting = _exceedance(both, lows, highs, least, is_still)
        kept, share = 1.0 - scalar.SHRINKING * weight, scalar.LASTING_SHARE
        lows, highs = _learned(both, lows, highs, kept)
        whole = (1.0 - share) * own + share * of_lasting
        own = np.minimum(own, scalar.EXCEEDANCE_MAX)
        of_lasting = np.minimum(of_lasting, scalar.EXCEEDANCE_MAX)
        exceedance = (1.0 - share) * own + share * of_lasting
        recent = self._recent[rows]
        further = first_max(0.0, exceedance - recent)
        recent = first_max(exceedance, scalar.REST * recent)
        return StraysStep(self, rows, further, whole, both[1], lows, highs, recent)

    def ratio_to_bar(self, rows: slice, further: Floats, floor: float, at_s: Floats) -> "BarStep":
        """How far they are in bars."""
        bar, bar_s = self._bar[rows], self._bar_s[rows]
        ratio, raises = further / floor, further >= floor
        if raises.any():
            faded, fades = bar.copy(), raises & (at_s > bar_s)
            if fades.any():
                faded[fades] *= each(math.exp, (bar_s[fades] - at_s[fades]) / scalar.BAR_DECAY_S)
            ratio = np.where(raises, further / first_max(faded, floor), ratio)
            raises &= ratio >= 1.0
            bar = np.where(raises, first_min(further, scalar.BAR_MAX), bar)
            bar_s = np.where(raises, at_s, bar_s)
        return BarStep(ratio, bar, bar_s)

    def commit(self, step: "StraysStep", bar: "BarStep", where: Bools | None) -> None:
        """Write what comes of a value for each row to the working copy."""
        rows = step.rows
        for field, new in (
            (self._lows[:, rows], step.lows),
            (self._highs[:, rows], step.highs),
            (self._lasting[rows], step.lasting),
            (self._recent[rows], step.recent),
            (self._bar[rows], bar.bar),
            (self._bar_s[rows], bar.bar_s),
        ):
            write(field, new, where)


class StraysStep(NamedTuple):
    """What comes of a number for each row."""

    columns: StraysColumns
    rows: slice
    further: Floats
    exceedance: Floats
    lasting: Floats
    lows: Floats
    highs: Floats
    recent: Floats


class BarStep(NamedTuple):
    """How far they are in bars, and the bars afterwards."""

    ratio: Floats
    bar: Floats
    bar_s: Floats


def _exceedance(numbers: Floats, lows: Floats, highs: Floats, least: Floats, is_still: Bools) -> Floats:
    """In widths; if the signal stood still, one for whatever is more than rounding."""
    widths, beyond = highs - lows, first_max(first_max(numbers - highs, lows - numbers), 0.0)
    is_wide = widths > least
    if is_wide.all():
        return beyond / widths
    return np.where(is_wide, beyond / widths, is_still & (beyond > least))


def _learned(numbers: Floats, lows: Floats, highs: Floats, kept: Floats) -> tuple[Floats, Floats]:
    """The ranges, a little narrower, and a little wider towards numbers outside them."""
    lows, highs = lows * kept, highs * kept
    grown = scalar.GROWTH * (highs - lows)
    grows = grown > 0.0
    above, below = numbers > highs, numbers < lows
    if above.any():
        wider = np.where(grows, first_min(numbers, highs + grown), numbers)
        highs = np.where(above, wider, highs)
    if below.any():
        wider = np.where(grows, first_max(numbers, lows - grown), numbers)
        lows = np.where(below, wider, lows)
    return lows, highs
