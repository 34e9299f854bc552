"""ADWINs that learn a batch in the order of its records, without an object for each but River's window."""

from collections.abc import Callable, Sequence
from operator import call, length_hint

import numpy as np
from river._river_rust.drift import AdaptiveWindowing

from consumer.detectors.alert_policy import Finding
from consumer.detectors.drift import evidence_of, plus
from consumer.detectors.in_columns.adwin_columns import AdwinColumns
from consumer.detectors.state_columns import Places
from consumer.errors import ModelRaised, brief, is_models_own


def learn_adwins(
    columns: AdwinColumns, slots: Places, rows: Places, values: Sequence[float]
) -> tuple[list[tuple[int, Finding]], dict[int, ModelRaised]]:
    """Let the ADWINs at `slots` learn the values in order, each that of its row; the same as `DriftUseCase`.

    Shape: `rows` and `values` of one length, `rows` are indices into `slots`. Returns the findings by row,
    where an index counts the row's own values, and what raised; a model that raised must not be used again.
    """
    learning = _Learning(columns, slots, rows, values)
    learning.run()
    return learning.findings, learning.raised


def _nothing(value: float) -> bool:
    """In place of an update, for what follows in a row whose model raised."""
    return False


class _Learning:
    def __init__(self, columns: AdwinColumns, slots: Places, rows: Places, values: Sequence[float]) -> None:
        self._columns, self._slots, self._rows, self._values = columns, slots, rows, values
        self.findings: list[tuple[int, Finding]] = []
        self.raised: dict[int, ModelRaised] = {}
        self._drifted_at: dict[int, int] = {}
        """By row, where it last drifted."""
        for slot in slots[columns.drifted[slots]].tolist():
            self._reset(slot)  # as River does with the value after a drift
        learning = slots.tolist()
        for slot in learning:
            columns.windows[slot] = None
        updates = [columns.helpers[slot].update for slot in learning]
        self._calls = [updates[row] for row in rows.tolist()]

    def run(self) -> None:
        columns, slots, rows, values = self._columns, self._slots, self._rows, self._values
        left = iter(values)
        called = map(call, self._calls, left)
        while length_hint(left):
            try:
                if any(called):
                    self._drifts(len(values) - length_hint(left) - 1)
            except BaseException as error:  # a model may raise anything; this value is not learned then
                if not is_models_own(error):
                    raise
                self._fails(len(values) - length_hint(left) - 1, error)
        np.add.at(columns.totals, slots[rows], np.asarray(values))  # one by one, in order
        columns.counts[slots] += np.bincount(rows, minlength=len(slots))
        for row, at in self._drifted_at.items():
            since = self._places(row, at + 1)
            columns.counts[slots[row]] = len(since)
            columns.totals[slots[row]] = plus(0.0, [values[place] for place in since])

    def _places(self, row: int, start: int, end: int | None = None) -> list[int]:
        """Where the row's values lie."""
        found: list[int] = (np.flatnonzero(self._rows[start:end] == row) + start).tolist()
        return found

    def _drifts(self, at: int) -> None:
        columns, row = self._columns, int(self._rows[at])
        slot = int(self._slots[row])
        columns.drifted[slot] = True
        start = self._drifted_at.get(row, -1) + 1
        own = [self._values[place] for place in self._places(row, start, at + 1)]
        count, total = (0, 0.0) if start else (int(columns.counts[slot]), float(columns.totals[slot]))
        evidence = evidence_of(columns.take(slot).detector, count + len(own), plus(total, own))
        self.findings.append((row, Finding(len(self._places(row, 0, at)), evidence)))
        self._drifted_at[row] = at
        later = self._places(row, at + 1)
        if later:
            self._replace(later, self._reset(slot))

    def _reset(self, slot: int) -> Callable[[float], bool]:
        """A window that has seen nothing; how to let it learn."""
        columns = self._columns
        made = columns.helpers[slot] = AdaptiveWindowing(*columns.parameters[columns.which[slot]])
        columns.drifted[slot] = False
        update: Callable[[float], bool] = made.update
        return update

    def _fails(self, at: int, error: BaseException) -> None:
        row = int(self._rows[at])
        self.raised[row] = ModelRaised(len(self._places(row, 0, at)), f"the model raised {brief(error)}")
        self._replace(self._places(row, at + 1), _nothing)

    def _replace(self, places: list[int], update: Callable[[float], bool]) -> None:
        for place in places:  # they are called as they stand when it is their turn
            self._calls[place] = update
