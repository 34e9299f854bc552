"""How far a number lies outside a range that shrinks slowly and grows little: strays."""

import math

import msgspec

SHRINKING = 1e-4
"""Share of the range that is forgotten with each value."""
GROWTH = 0.08
"""Share of its width by which the range grows at most with a number outside: so rare ones stay outside."""
REST = 0.9
"""What is left of an exceedance with each value after it: only what goes further is a new one."""
LASTING_RATE = 0.03
"""Weight of a number in their short mean, which sees what is small and lasts."""
LASTING_SHARE = 0.3
"""Share of that mean's exceedance in the whole; the number's own has the rest."""
EXCEEDANCE_MAX = 1.0
"""Widths, so that what a signal does first, when its range is narrow, does not hide all that follows."""
BAR_MAX = 1.0 - LASTING_SHARE
"""What a number a whole width outside comes to, whose neighbours are inside: it is always far enough."""
BAR_DECAY_S = 604_800.0
"""In this time the bar comes down by a factor e."""
STILL_MIN = 50
"""Values that were all the same, before another one strays."""


class Strays(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The usual range of a number around 0, and of its short mean; and how far outside is far enough.

    Each stray that was far enough raises a bar for the next, which comes down with time: white noise leaves a
    range that shrinks for ever.
    """

    low: float = 0.0
    high: float = 0.0
    lasting: float = 0.0
    """The short mean."""
    lasting_low: float = 0.0
    lasting_high: float = 0.0
    recent: float = 0.0
    """The largest exceedance so far, as it has faded."""
    bar: float = 0.0
    bar_s: float | None = None
    """When the bar was raised."""

    def learn_one(self, number: float, least: float, is_still: bool, weight: float) -> tuple[float, float]:
        """Learn a number; how far it exceeds the range and recent exceedances, in widths of the range.

        What is more than a width outside counts as a width in it. The second number is how far it is outside
        whatever came before, with nothing left out.

        A range narrower than `least` is one of a signal that stood still, if `is_still`. `weight`, from 0 to
        1, says how much time has passed.
        """
        self.lasting += LASTING_RATE * (number - self.lasting)
        own = _exceedance(number, self.low, self.high, least, is_still)
        lasting = _exceedance(self.lasting, self.lasting_low, self.lasting_high, least, is_still)
        kept = 1.0 - SHRINKING * weight
        self.low, self.high = _learned(number, self.low, self.high, kept)
        self.lasting_low, self.lasting_high = _learned(
            self.lasting, self.lasting_low, self.lasting_high, kept
        )
        whole = (1.0 - LASTING_SHARE) * own + LASTING_SHARE * lasting
        own, lasting = min(own, EXCEEDANCE_MAX), min(lasting, EXCEEDANCE_MAX)
        exceedance = (1.0 - LASTING_SHARE) * own + LASTING_SHARE * lasting
        further = max(0.0, exceedance - self.recent)
        self.recent = max(exceedance, REST * self.recent)
        return further, whole

    def ratio_to_bar(self, further: float, floor: float, at_s: float | None) -> float:
        """How far it is in bars, of which the least is `floor`; 1 or more is far enough, and raises the bar.

        The bar depends on two times alone: added up from value to value, it would come down twice after a
        stamp of years ago.
        """
        if further < floor:
            return further / floor
        bar = self.bar
        if at_s is not None and self.bar_s is not None and at_s > self.bar_s:
            bar *= math.exp((self.bar_s - at_s) / BAR_DECAY_S)
        ratio = further / max(bar, floor)
        if ratio >= 1.0:
            self.bar, self.bar_s = min(further, BAR_MAX), at_s
        return ratio


def _exceedance(number: float, low: float, high: float, least: float, is_still: bool) -> float:
    """In widths; if the signal stood still, one for whatever is more than rounding."""
    width, beyond = high - low, max(number - high, low - number, 0.0)
    if width > least:
        return beyond / width
    return float(is_still and beyond > least)


def _learned(number: float, low: float, high: float, kept: float) -> tuple[float, float]:
    """The range, a little narrower, and a little wider towards a number outside it."""
    low, high = low * kept, high * kept
    grown = GROWTH * (high - low)
    if number > high:
        high = min(number, high + grown) if grown > 0.0 else number
    if number < low:
        low = max(number, low - grown) if grown > 0.0 else number
    return low, high
