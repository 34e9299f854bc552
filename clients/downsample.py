"""Fewer points of a curve that still looks the same: of neighbours the lowest, the highest and one gap."""

from collections.abc import Iterable

Point = tuple[float, float | None]
"""When, in epoch seconds, and the value; None is a gap, which breaks the line."""


class Downsampler:
    """Keeps at most three of every `together` points that are added in order; `points` are those kept."""

    def __init__(self, together: int) -> None:
        self._together = together
        self._neighbours: list[Point] = []
        self._kept: list[Point] = []

    def add(self, at_s: float, value: float | None) -> None:
        """Add the next point."""
        self._neighbours.append((at_s, value))
        if len(self._neighbours) >= self._together:
            self._end_stretch()

    @property
    def points(self) -> list[Point]:
        """The points kept so far, in order of time."""
        self._end_stretch()
        return self._kept

    def _end_stretch(self) -> None:
        values = [(value, at_s) for at_s, value in self._neighbours if value is not None]
        kept: set[Point] = {(at_s, value) for value, at_s in (min(values), max(values))} if values else set()
        kept.update([point for point in self._neighbours if point[1] is None][:1])
        self._kept += sorted(kept, key=lambda point: point[0])
        self._neighbours = []


def downsample(points: Iterable[Point], together: int) -> list[Point]:
    """Keep of every `together` points the lowest, the highest and one gap.

    >>> downsample([(0.0, 5.0), (1.0, 7.0), (2.0, 6.0), (3.0, 1.0), (4.0, None)], 3)
    [(0.0, 5.0), (1.0, 7.0), (3.0, 1.0), (4.0, None)]
    """
    sampler = Downsampler(together)
    for at_s, value in points:
        sampler.add(at_s, value)
    return sampler.points
