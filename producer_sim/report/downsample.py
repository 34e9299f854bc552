"""Fewer points that look the same: of each stretch of a series its lowest and its highest value."""

from collections.abc import Sequence

import numpy as np

from producer_sim.run_folder import SignalSeries

_STRETCHES = 350
_GAP = 10.0  # of the usual time between two points: so much longer is a gap

_Point = tuple[float, float | None]


def thinned(series: SignalSeries) -> tuple[list[float], list[float | None]]:
    """At most some 700 points and their gaps: milliseconds, and values, of which None breaks the line.

    >>> thinned(SignalSeries("a", [0.0, 1.0, 2.0, 60.0], [5.0, 6.0, 7.0, 8.0]))
    ([0, 1000, 2000, 2001, 60000], [5.0, 6.0, 7.0, None, 8.0])
    """
    points: list[_Point] = list(zip(series.timestamps_s, series.values, strict=True))
    size = -(-len(points) // _STRETCHES)
    if size > 2:
        stretches = [points[start : start + size] for start in range(0, len(points), size)]
        points = [point for stretch in stretches for point in _extremes(stretch)]
    points = _with_gaps(points)
    return [round(at_s * 1000) for at_s, _ in points], [value for _, value in points]


def _extremes(stretch: Sequence[_Point]) -> list[_Point]:
    valued = [(value, at_s) for at_s, value in stretch if value is not None]
    if not valued:
        return [stretch[0]]
    kept: list[_Point] = [(at_s, value) for value, at_s in {min(valued), max(valued)}]
    kept += [(at_s, None) for at_s, value in stretch if value is None][:1]
    return sorted(kept, key=lambda point: point[0])


def _with_gaps(points: Sequence[_Point]) -> list[_Point]:
    if len(points) < 3:
        return list(points)
    steps = np.diff([at_s for at_s, _ in points])
    gap_s = _GAP * float(np.median(steps))
    broken: list[_Point] = []
    for point, step_s in zip(points, [*steps.tolist(), 0.0], strict=True):
        broken.append(point)
        if step_s > gap_s:
            broken.append((point[0] + 0.001, None))
    return broken
