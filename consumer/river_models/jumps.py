"""Jumps of a signal that moves slowly: a change from one value to the next as few were before."""

from consumer.river_models.clock import HOUR_S
from consumer.river_models.strays import Strays

SLOW = 0.25
"""The usual changes of a signal that moves slowly are within this share of its usual range."""


class Jumps(Strays):
    """The usual range of the changes from one value to the next, and how far outside is far enough.

    Slow signals, such as temperatures, wander through all of their range, within which no value is unusual;
    but they never leap through it. Of others, values say more than their changes do.
    """

    def leap(self, change: float, least: float, is_still: bool, weight: float, passed_s: float) -> float:
        """Learn the change since the value `passed_s` before, unless that is long ago; how far it leaps."""
        return self.learn_one(change, least, is_still, weight)[0] if passed_s <= HOUR_S else 0.0

    def ratio_of(self, leapt: float, usual: Strays, limit: float, at_s: float | None) -> float:
        """How far it is in bars, of which the least is `limit`; 0 where values do not move slowly.

        `usual` is the range of the values.
        """
        if self.high - self.low >= SLOW * (usual.high - usual.low):
            return 0.0
        return self.ratio_to_bar(leapt, limit, at_s)
