"""What is found less chance, and VUS-PR: the two scores that hold for any corpus with labelled windows.

VUS-PR is written here because no small library has it: its authors' own, TSB-AD, brings torch and some forty
others along.

Source: Paparrizos, Boniol, Palpanas, Tsay, Elmore & Franklin (2022), Volume Under the Surface: A New Accuracy
Evaluation Measure for Time-Series Anomaly Detection; the steps are those of the code released with it
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.nab import Numbers

THRESHOLDS = 250
"""Of the curve: as many quantiles of the scores, as in the released code."""
_LAGS_MAX, _SHORTEST, _DEFAULT_BUFFER = 400, 3, 125
_ROWS_OF_PERIOD = 20_000

Window = tuple[int, int]
"""First and last row, both within."""


@dataclass(frozen=True, slots=True)
class Found:
    """Openings beside labelled windows, of one series or summed over several."""

    windows: int
    found: int
    """Windows with an opening inside."""
    by_chance: float
    """Windows that as many openings, each at a random judged row, are expected to find."""
    openings: int
    false: int
    """Openings outside of all windows."""

    def __add__(self, other: "Found") -> "Found":
        return Found(
            self.windows + other.windows,
            self.found + other.found,
            self.by_chance + other.by_chance,
            self.openings + other.openings,
            self.false + other.false,
        )

    @property
    def less_chance(self) -> float:
        """The share of the windows that was found, less the share that chance finds: the score."""
        return (self.found - self.by_chance) / self.windows if self.windows else 0.0

    @property
    def of_the_rest(self) -> float:
        """The same as a share of what chance leaves: to find all is 1, however wide the windows are."""
        left = self.windows - self.by_chance
        return (self.found - self.by_chance) / left if left else 0.0


NOTHING = Found(0, 0, 0.0, 0, 0)


def found_of(openings: Sequence[int], windows: Sequence[Window], rows: int) -> Found:
    """Compare the openings of one series with its windows.

    Of k openings, each equally likely at each of n rows, one at least falls into a window of w rows with
    probability 1 - (1 - w/n)**k.

    Shape: rows, all counted from the first judged one; n = `rows`

    >>> found_of([5, 50], [(0, 9), (20, 29)], 100)
    Found(windows=2, found=1, by_chance=0.3799999999999999, openings=2, false=1)
    """
    hit = sum(any(first <= row <= last for row in openings) for first, last in windows)
    chance = sum(1.0 - (1.0 - (last - first + 1) / rows) ** len(openings) for first, last in windows)
    false = sum(not any(first <= row <= last for first, last in windows) for row in openings)
    return Found(len(windows), hit, float(chance), len(openings), false)


def vus_pr(scores: Numbers, windows: Sequence[Window], buffer: int) -> float:
    """The volume under the surface of precision and recall, over thresholds and widths of a buffer.

    For each buffer from 0 to `buffer`, a window's label fades out as a square root over half a buffer on both
    sides. Recall is the labels above the threshold over those of the windows and half of those of the buffers
    above it, at most 1, times the share of windows with at least one row above; windows whose buffers meet
    are one. What is said at a window's edge so counts in part, and a score that keeps to the windows is 1.

    Shape: n scores, one a row, in any monotone unit -> from 0 to 1
    Raises: `ValueError` without a window.
    """
    if not windows:
        raise ValueError("without a labelled window there is no recall")
    rows = len(scores)
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    thresholds = ranked[np.linspace(0, rows - 1, THRESHOLDS).astype(int)]
    above = np.searchsorted(-ranked, -thresholds, side="right")
    labels = _plain(windows, rows)
    areas = [
        _area(scores, order, thresholds, above, windows, labels, half, width)
        for width, half in ((width, width // 2) for width in range(buffer + 1))
    ]
    return float(np.mean(areas))


def _area(
    scores: Numbers,
    order: NDArray[np.intp],
    thresholds: Numbers,
    above: NDArray[np.intp],
    windows: Sequence[Window],
    plain: Numbers,
    half: int,
    width: int,
) -> float:
    """The area under the curve of precision over recall, with one width of the buffer."""
    labels = _faded(plain, windows, half, width)
    true = np.cumsum(labels[order])[above - 1]
    # Of the buffers, only what is above the threshold is to be found: the rest costs no recall.
    buffered = np.cumsum((labels - plain)[order])[above - 1]
    positives = plain.sum() + buffered / 2.0
    highest = np.sort([scores[first : last + 1].max() for first, last in _joined(windows, half, len(plain))])
    seen = len(highest) - np.searchsorted(highest, thresholds, side="left")
    recall = np.minimum(true / positives, 1.0) * seen / len(highest)
    precision = true / above
    widths = np.diff(np.concatenate(([0.0], recall)))
    return float(widths @ precision)


def _plain(windows: Sequence[Window], rows: int) -> Numbers:
    labels = np.zeros(rows)
    for first, last in windows:
        labels[first : last + 1] = 1.0
    return labels


def _faded(plain: Numbers, windows: Sequence[Window], half: int, width: int) -> Numbers:
    """The labels with a slope before and behind each window; where slopes meet they add up, to 1 at most."""
    labels, rows = plain.copy(), len(plain)
    for first, last in windows if half else ():
        slope = np.sqrt(1.0 - np.arange(1, half + 1) / width)
        behind = min(half, rows - 1 - last)
        labels[last + 1 : last + 1 + behind] += slope[:behind]
        before = min(half, first)
        labels[first - before : first] += slope[:before][::-1]
    return np.minimum(labels, 1.0)


def _joined(windows: Sequence[Window], half: int, rows: int) -> list[Window]:
    """The windows with their buffers; those that meet are one."""
    joined = [windows[0]]
    for first, last in windows[1:]:
        if joined[-1][1] + half < first - half:
            joined.append((first, last))
        else:
            joined[-1] = joined[-1][0], last
    return [(max(first - half, 0), min(last + half, rows - 1)) for first, last in joined]


def buffer_of(values: Numbers) -> int:
    """The widest buffer: the period of a signal, as the lag with the highest peak of its autocorrelation.

    As TSB-AD chooses it: of the first 20,000 values and 400 lags; 125 where no peak lies between 6 and 303.

    >>> buffer_of(np.sin(np.arange(1000) / 25.0 * 2 * np.pi))
    25
    """
    part = values[:_ROWS_OF_PERIOD] - values[:_ROWS_OF_PERIOD].mean()
    size = 1 << (2 * len(part) - 1).bit_length()
    spectrum = np.fft.rfft(part, size)
    correlation = np.fft.irfft(spectrum * spectrum.conj(), size)[: min(_LAGS_MAX, len(part) - 1) + 1]
    if correlation[0] <= 0.0:
        return _DEFAULT_BUFFER
    beyond = (correlation / correlation[0])[_SHORTEST:]
    peaks = np.flatnonzero((beyond[1:-1] > beyond[:-2]) & (beyond[1:-1] > beyond[2:])) + 1
    if not len(peaks):
        return _DEFAULT_BUFFER
    highest = int(peaks[np.argmax(beyond[peaks])])
    return highest + _SHORTEST if 3 <= highest <= 300 else _DEFAULT_BUFFER
