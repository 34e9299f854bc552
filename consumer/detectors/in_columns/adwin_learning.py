"""ADWINs that learn a batch in the order of its records, without an object for each but River's window."""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice, pairwise, repeat
from operator import length_hint
from typing import Any, NamedTuple

import numpy as np
from river._river_rust.drift import AdaptiveWindowing

from consumer.detectors.alert_policy import Finding
from consumer.detectors.drift import evidence_of, plus
from consumer.detectors.in_columns.adwin_columns import AdwinColumns
from consumer.detectors.state_columns import Floats, Places
from consumer.errors import ModelRaised, brief, is_models_own

_update = AdaptiveWindowing.update


class AdwinSource(NamedTuple):
    """ADWINs of one page: those at these places."""

    columns: AdwinColumns
    places: Places


def learn_adwins(
    sources: Sequence[AdwinSource], counts: Places, values: Floats
) -> tuple[list[tuple[int, Finding]], dict[int, ModelRaised]]:
    """Let ADWINs learn the values, one run of them after another; the same as `DriftUseCase`.

    Row i, the i-th of the sources' places, learns the next `counts[i]` of the values, one at least. Returns
    the findings by row, where an index counts the row's own values, and what raised; a model that raised must
    not be used again.
    """
    learning = _Learning(sources, counts, values)
    learning.run()
    return learning.findings, learning.raised


class _Learning:
    def __init__(self, sources: Sequence[AdwinSource], counts: Places, values: Floats) -> None:
        self._sources, self._counts, self._value_array = sources, counts, values
        self._values: list[float] = values.tolist()
        self._ends = np.cumsum(counts)
        self._first_rows = np.cumsum([0, *(len(places) for _, places in sources)])
        self.findings: list[tuple[int, Finding]] = []
        self.raised: dict[int, ModelRaised] = {}
        self._drifted_at: dict[int, int] = {}
        """By row, where it last drifted."""
        windows: list[Any] = []
        for columns, places in sources:
            for place in places[columns.drifted[places]].tolist():
                _reset(columns, place)  # as River does with the value after a drift
            learning = places.tolist()
            windows += map(columns.helpers.__getitem__, learning)
            for place in learning:
                columns.windows[place] = None
        self._further: Iterator[Any] = iter(windows)
        """The windows of the values that follow, but for the rest of a run whose window was replaced."""
        if len(values) > len(windows):
            self._further = chain.from_iterable(map(repeat, windows, counts.tolist()))

    def run(self) -> None:
        windows, left = self._further, iter(self._values)
        while length_hint(left):
            try:
                if any(map(_update, windows, left)):
                    windows = self._drifts(len(self._values) - length_hint(left) - 1)
            except BaseException as error:  # a model may raise anything; this value is not learned then
                if not is_models_own(error):
                    raise
                later = self._fails(len(self._values) - length_hint(left) - 1, error)
                _skip(left, later)
                windows = self._further
        rows = np.repeat(np.arange(len(self._counts)), self._counts)
        totals = np.concatenate([columns.totals[places] for columns, places in self._sources])
        np.add.at(totals, rows, self._value_array)  # one by one, in order
        counts = np.concatenate([columns.counts[places] for columns, places in self._sources]) + self._counts
        for row, at in self._drifted_at.items():
            since = self._values[at + 1 : self._ends[row]]
            counts[row], totals[row] = len(since), plus(0.0, since)
        for (columns, places), bounds in zip(self._sources, pairwise(self._first_rows.tolist()), strict=True):
            own = slice(*bounds)
            columns.counts[places], columns.totals[places] = counts[own], totals[own]

    def _row_at(self, at: int) -> tuple[int, int, int]:
        """The row that learns the value at `at`, and where its run starts and ends."""
        row = int(np.searchsorted(self._ends, at, "right"))
        end = int(self._ends[row])
        return row, end - int(self._counts[row]), end

    def _drifts(self, at: int) -> Iterator[Any]:
        """A drift, found with the value at `at`. Returns the windows that learn what follows."""
        row, start, end = self._row_at(at)
        source = int(np.searchsorted(self._first_rows, row, "right")) - 1
        columns, places = self._sources[source]
        place = int(places[row - self._first_rows[source]])
        columns.drifted[place] = True
        before = self._drifted_at.get(row)
        if before is None:
            count, total, since = int(columns.counts[place]), float(columns.totals[place]), start
        else:
            count, total, since = 0, 0.0, before + 1
        own = self._values[since : at + 1]
        evidence = evidence_of(columns.take(place).detector, count + len(own), plus(total, own))
        self.findings.append((row, Finding(at - start, evidence)))
        if before is None:
            _skip(self._further, end - at - 1)
        self._drifted_at[row] = at
        if end == at + 1:
            return self._further
        return chain(repeat(_reset(columns, place), end - at - 1), self._further)

    def _fails(self, at: int, error: BaseException) -> int:
        """The model that learns the value at `at` raised. Returns how many values of its run follow."""
        row, start, end = self._row_at(at)
        self.raised[row] = ModelRaised(at - start, f"the model raised {brief(error)}")
        if row not in self._drifted_at:
            _skip(self._further, end - at - 1)
        return end - at - 1


def _reset(columns: AdwinColumns, place: int) -> AdaptiveWindowing:
    """A window that has seen nothing."""
    made = columns.helpers[place] = AdaptiveWindowing(*columns.parameters[columns.which[place]])
    columns.drifted[place] = False
    return made


def _skip(left: Iterator[Any], count: int) -> None:
    deque(islice(left, count), maxlen=0)
