"""The values of a replay worth drawing, thinned while they pass: the extremes of each stretch."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from producer_sim.replay.recording import Recording, Row
from producer_sim.run_folder import SignalSeries

STRETCHES = 1000


class _Cell(NamedTuple):
    value: float
    timestamp_s: float


class Drawn:
    """Lets rows of one recording pass, and keeps at most two thousand values of each signal."""

    def __init__(self, recording: Recording) -> None:
        self._signals = recording.signals
        self._rows_in_stretch = max(1, -(-recording.survey.rows // STRETCHES))
        self._kept: list[list[_Cell]] = [[] for _ in self._signals]
        self._lowest: list[_Cell | None] = [None] * len(self._signals)
        self._highest: list[_Cell | None] = [None] * len(self._signals)

    def watch(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Give the rows on as they are."""
        for number, row in enumerate(rows, 1):
            for position, value in enumerate(row.values):
                if value is not None:
                    self._look(position, _Cell(value, row.timestamp_s))
            if number % self._rows_in_stretch == 0:
                self._end_stretch()
            yield row

    def series(self) -> list[SignalSeries]:
        """What passed so far."""
        self._end_stretch()
        return [
            SignalSeries(signal, [cell.timestamp_s for cell in cells], [cell.value for cell in cells])
            for signal, cells in zip(self._signals, self._kept, strict=True)
        ]

    def _look(self, position: int, cell: _Cell) -> None:
        lowest, highest = self._lowest[position], self._highest[position]
        if lowest is None or cell.value < lowest.value:
            self._lowest[position] = cell
        if highest is None or cell.value > highest.value:
            self._highest[position] = cell

    def _end_stretch(self) -> None:
        for position, kept in enumerate(self._kept):
            ends = {cell for cell in (self._lowest[position], self._highest[position]) if cell is not None}
            kept.extend(sorted(ends, key=lambda cell: cell.timestamp_s))
            self._lowest[position] = self._highest[position] = None
