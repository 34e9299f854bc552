"""The sensor checks over many signals at once: the vectorised twin of `SensorChecks.apply`."""

from collections.abc import Sequence

import numpy as np

from consumer.detectors import sensor_checks as scalar
from consumer.detectors.in_columns.vectorised import Bools, Gathered, Rows, Source, Step, write
from consumer.detectors.sensor_checks import Health, SensorChecks
from consumer.detectors.state_columns import COUNT_FAR, Floats, Integers, Places

_LEARNED = ("last", "same_since_s", "seen", "same", "longest", "alerts.flat.quiet")
_BUDGET = ("alerts.flat.tokens_s", "alerts.flat.before_notified")
_KNOWN = ("first_arrived_s", "empty", "is_untold", "alerts.flat.is_there", *_BUDGET)
_FLAT_CLEAR_AFTER = scalar._POLICIES["flat"].clear_after
_OPEN = tuple(f"alerts.{fault}.is_open" for fault in ("flat", "range", "quality", "stale"))


class HealthTwin:
    """What is known of the rows' sensors.

    A row leaves before its first value if anything is wrong with the sensor so far, and before any value that
    would be a finding. All leave at once if the checks have a range.
    """

    def __init__(self, checks: SensorChecks, sources: Sequence[Source], order: Places) -> None:
        self._gathered = gathered = Gathered(Health, Rows(sources, order), _LEARNED, (*_KNOWN, *_OPEN))
        self._flat, self._is_told = min(checks.flat, COUNT_FAR), checks.is_told
        field = gathered.field
        self._last, self._since_s = field("last"), field("same_since_s")
        self._seen, self._same, self._longest = field("seen"), field("same"), field("longest")
        self._quiet, self._was_flat = field("alerts.flat.quiet"), field("alerts.flat.is_there") != 0
        self._leaves = np.isnan(field("first_arrived_s")) | (field("empty") > 0) | (field("is_untold") != 0)
        for path in _OPEN:
            self._leaves |= field(path) != 0
        self._leaves |= gathered.integers.max(axis=0, initial=0) > COUNT_FAR
        if checks.lowest is not None or checks.highest is not None or type(checks) is not SensorChecks:
            self._leaves[:] = True
        self._any_was_flat = bool(self._was_flat.any())
        self._tokens_s, before = (field(path) for path in _BUDGET)
        self._leaves |= self._was_flat & (before > 0)  # a clock behind the budget's, which is set right alone

    def step(self, rows: slice, values: Floats, at_s: Floats) -> Step:
        """Compare each value with the last one of its row."""
        changes = values != self._last[rows]
        same = self._same[rows]
        longest = np.where(changes, np.maximum(self._longest[rows], same), self._longest[rows])
        same = np.where(changes, 1, same + 1)
        since_s = np.where(changes, at_s, self._since_s[rows])
        leaves, quiet = self._leaves[rows].copy(), None
        may_be_flat = same >= self._flat if self._flat > 0 else np.zeros(len(same), dtype=np.bool_)
        if self._any_was_flat:
            may_be_flat |= self._was_flat[rows]
            leaves |= self._was_flat[rows] & (at_s < self._tokens_s[rows])
        if may_be_flat.any():
            since_s = np.where(may_be_flat & (at_s < since_s), at_s, since_s)
            leaves |= may_be_flat & self._is_flat(self._seen[rows] + 1, same, longest, at_s - since_s)
            quiet = np.minimum(self._quiet[rows] + 1, _FLAT_CLEAR_AFTER)

        def commit(where: Bools | None) -> None:
            self._seen[rows] += 1 if where is None else where
            write(self._same[rows], same, where)
            write(self._longest[rows], longest, where)
            write(self._since_s[rows], since_s, where)
            write(self._last[rows], values, changes if where is None else changes & where)
            if quiet is not None:
                was_flat = self._was_flat[rows]
                write(self._quiet[rows], quiet, was_flat if where is None else was_flat & where)

        return Step(leaves, commit)

    def scatter(self) -> None:
        """Write the working copy back to the pages' arrays."""
        self._gathered.scatter()

    def _is_flat(self, seen: Integers, same: Integers, longest: Integers, for_s: Floats) -> Bools:
        """Whether a sensor that does not count as flat has stood still for too long, as `_flat` has it."""
        if self._flat <= 0:
            return np.zeros(len(same), dtype=np.bool_)
        changed = seen - same
        after_change = (same > np.maximum(self._flat, scalar._FLAT_BEYOND * longest) - 1) & (
            changed >= self._flat
        )
        never_changed = (same > max(self._flat, scalar._NEVER_CHANGED_MIN)) & (
            self._is_told & (for_s >= scalar._NEVER_CHANGED_S)
        )
        is_flat: Bools = np.where(changed > 0, after_change, never_changed)
        return is_flat
