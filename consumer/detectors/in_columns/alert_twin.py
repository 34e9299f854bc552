"""The alert's life cycle over many signals at once: the vectorised twin of `AlertPolicy.next`."""

import numpy as np

from consumer.detectors.alert_policy import AlertPolicy
from consumer.detectors.in_columns.vectorised import Bools, Gathered, Step, first_max, write
from consumer.detectors.state_columns import COUNT_FAR, Floats

_FIELDS = ("is_open", "notified_s", "values", "quiet", "worst", "before_notified", "tokens_s")


def alert_fields(path: str) -> list[str]:
    """The fields of the alert at that path of a state, which its twin has to find among the gathered."""
    return [f"{path}.{name}" for name in _FIELDS]


class AlertTwin:
    """The alerts of the rows, of which all those leave that open (or might), clear or are to be reported.

    A closed one that does not open stays, and so does an open one that stays open. With a dead band, only a
    closed one stays, of which nothing waits.
    """

    def __init__(self, policy: AlertPolicy, gathered: Gathered, path: str = "alert") -> None:
        self._clear_after = min(policy.clear_after, COUNT_FAR)
        self._still_open_s = policy.still_open_s
        is_open, self._notified_s, self._values, self._quiet, self._worst, *others = (
            gathered.field(name) for name in alert_fields(path)
        )
        self._before_notified, self._tokens_s = others
        self._is_open = is_open != 0  # and stays so: all leave that open or clear
        self._any_is_open = bool(self._is_open.any())
        self._is_apart: Bools | None = None
        if policy.dead_band is not None:
            self._is_apart = self._is_open | (self._notified_s == 0.0)

    def next(self, rows: slice, score: Floats, opens: Bools, keeps: Bools, at_s: Floats) -> Step:
        """The rows that leave at a value, and what writes the alerts of the others.

        As for `AlertPolicy.next`, `score` says how bad the values are, `opens` whether they are bad enough
        to open an alert, `keeps` to keep one open.
        """
        quiet = np.minimum(self._quiet[rows] + 1, self._clear_after)
        quiet[keeps | opens] = 0
        before, is_behind = self._before_notified[rows], at_s < self._tokens_s[rows]
        if not self._any_is_open and not is_behind.any() and not before.any():

            def commit_quiet(where: Bools | None) -> None:
                write(self._quiet[rows], quiet, where)

            return Step(
                opens.copy() if self._is_apart is None else opens | self._is_apart[rows], commit_quiet
            )
        is_open = self._is_open[rows]
        notified_s, tokens_s = self._notified_s[rows], self._tokens_s[rows]
        has_tokens = ~is_open & (tokens_s == tokens_s)
        behind = np.where(is_behind, before + 1, 0)
        corrects = has_tokens & (behind > self._clear_after)
        tokens_s = np.where(corrects, at_s, tokens_s)
        closed_before = np.where(has_tokens, np.where(corrects, 0, behind), before)
        values, worst = self._values[rows] + 1, first_max(self._worst[rows], score)
        since_s = at_s - notified_s  # NaN where it was never reported, so that no comparison holds
        is_due = since_s >= self._still_open_s
        is_timed = notified_s == notified_s
        before = np.where(is_timed, np.where(since_s <= -self._still_open_s, before + 1, 0), before)
        was_ahead = before > self._clear_after
        was_ahead &= is_timed
        notified_s, before = np.where(was_ahead, at_s, notified_s), np.where(was_ahead, 0, before)
        before = np.where(is_open, before, closed_before)
        leaves = np.where(is_open, (quiet >= self._clear_after) | is_due, opens)
        if self._is_apart is not None:
            leaves |= self._is_apart[rows]

        def commit(where: Bools | None) -> None:
            write(self._quiet[rows], quiet, where)
            of_open = is_open if where is None else is_open & where
            write(self._values[rows], values, of_open)
            write(self._worst[rows], worst, of_open)
            write(self._notified_s[rows], notified_s, of_open)
            write(self._before_notified[rows], before, where)
            write(self._tokens_s[rows], tokens_s, where)

        return Step(leaves, commit)
