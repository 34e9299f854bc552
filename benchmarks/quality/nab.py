"""The Numenta Anomaly Benchmark: its series with labelled windows, and its score.

Early detections earn, late and false ones cost; one threshold holds for the whole corpus.

Source: Lavin & Ahmad (2015), Evaluating Real-time Anomaly Detection Algorithms: the Numenta Anomaly
Benchmark
"""

import csv
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.float64]

PROBATION_SHARE = 0.15
PROBATION_ROWS_MAX = 750
"""15 % of 5,000 rows: a detector learns them, and they are not scored."""

_DEFAULT = Path(__file__).parents[2] / ".." / "shared" / "data" / "nab"


@dataclass(frozen=True, slots=True)
class Profile:
    """The weights of a detection, a false alarm and a missed window."""

    name: str
    detected: float
    false_alarm: float
    missed: float

    def normalised(self, score: float, windows: int) -> float:
        """0 for silence, 100 for an alert at the start of each of the windows and nowhere else."""
        null, perfect = -self.missed * windows, self.detected * windows
        return 100.0 * (score - null) / (perfect - null) if windows else 0.0


STANDARD = Profile("standard", 1.0, 0.11, 1.0)
LOW_FP = Profile("reward_low_FP_rate", 1.0, 0.22, 1.0)
LOW_FN = Profile("reward_low_FN_rate", 1.0, 0.11, 2.0)
PROFILES = (STANDARD, LOW_FP, LOW_FN)


def sigmoid(position: float) -> float:
    """Near 1 at a window's start, 0 at its end, -1 far behind it.

    Units: widths of the window, 0 at its end

    >>> [round(sigmoid(position), 3) for position in (-1.0, 0.0, 1.0, 3.1)]
    [0.987, 0.0, -0.987, -1.0]
    """
    return 2.0 / (1.0 + math.exp(5.0 * position)) - 1.0 if position <= 3.0 else -1.0


def worth(rows: int, windows: Sequence[tuple[int, int]]) -> tuple[Numbers, NDArray[np.int64]]:
    """The worth of an alert at each row, before a profile weighs it, and the window that it is in.

    Shape: -> `rows` numbers: within windows from just above 0 to 1, elsewhere from -1 to 0;
        `rows` indices into `windows`, -1 outside
    """
    worth_of, window_of = np.full(rows, -1.0), np.full(rows, -1)
    for number, (first, last) in enumerate(windows):
        width = last - first + 1
        for row in range(first, last + 1):
            worth_of[row] = sigmoid((row - last - 1) / width) / sigmoid(-1.0)
        window_of[first : last + 1] = number
        behind = windows[number + 1][0] if number + 1 < len(windows) else rows
        for row in range(last + 1, behind):
            worth_of[row] = sigmoid((row - last) / max(width - 1, 1))
    return worth_of, window_of


def probation(rows: int) -> int:
    """How many rows at the start are not scored."""
    return min(int(PROBATION_SHARE * rows), PROBATION_ROWS_MAX)


@dataclass(frozen=True, slots=True)
class Curve:
    """Score by threshold, as steps: at thresholds[i] and below, scores[i], down to the next.

    Shape: thresholds descend, the first is infinite: no alert at all
    Units: scores in NAB's points, not normalised; `windows` of them could be found
    """

    thresholds: Numbers
    scores: Numbers
    windows: int
    profile: Profile

    def at(self, threshold: float) -> float:
        """The score with an alert wherever a row's score is `threshold` or more."""
        found = int(np.searchsorted(-self.thresholds, -threshold, side="right")) - 1
        return float(self.scores[found])

    def best(self) -> float:
        """The threshold with the highest score; the highest of several."""
        return float(self.thresholds[int(np.argmax(self.scores))])

    def normalised(self, score: float) -> float:
        """As its profile's: between 0 and 100."""
        return self.profile.normalised(score, self.windows)


def curve(
    scores: Sequence[float] | Numbers, windows: Sequence[tuple[int, int]], profile: Profile = STANDARD
) -> Curve:
    """Score one series by every threshold.

    Shape: n scores, one for each row
    """
    worth_of, window_of = worth(len(scores), windows)
    start = probation(len(scores))
    given = np.asarray(scores, dtype=float)
    gains = np.where(window_of < 0, worth_of * profile.false_alarm, 0.0)
    for number in range(len(windows)):
        rows = np.flatnonzero(window_of == number)
        rows = rows[rows >= start]
        rows = rows[np.argsort(-given[rows], kind="stable")]
        # A window is worth its earliest alert: the lower the threshold, the more it can only gain.
        best = np.maximum.accumulate(np.concatenate(([-profile.missed], worth_of[rows] * profile.detected)))
        gains[rows] = np.diff(best)
    return _steps(given[start:], gains[start:], -profile.missed * len(windows), len(windows), profile)


def join(curves: Iterable[Curve]) -> Curve:
    """Score several series by one threshold."""
    several = list(curves)
    null = sum(float(each.scores[0]) for each in several)
    thresholds = np.concatenate([each.thresholds[1:] for each in several])
    gains = np.concatenate([np.diff(each.scores) for each in several])
    return _steps(thresholds, gains, null, sum(each.windows for each in several), several[0].profile)


def _steps(thresholds: Numbers, gains: Numbers, null: float, windows: int, profile: Profile) -> Curve:
    order = np.argsort(-thresholds, kind="stable")
    thresholds, sums = thresholds[order], null + np.cumsum(gains[order])
    is_last = np.append(thresholds[1:] != thresholds[:-1], True)[: len(thresholds)]
    return Curve(
        np.concatenate(([math.inf], thresholds[is_last])),
        np.concatenate(([null], sums[is_last])),
        windows,
        profile,
    )


class NoCorpus(Exception):
    """There is no data to measure on; the text says where it was expected."""


@dataclass(frozen=True, slots=True)
class Series:
    """One signal.

    Shape: n timestamps and values; `windows` are first and last row, both within, ascending
    Units: timestamps in seconds since 1970; the files say no time zone and are taken for UTC
    """

    folder: str
    name: str
    timestamps_s: list[float]
    values: list[float]
    windows: list[tuple[int, int]]

    @property
    def weeks(self) -> float:
        """From the first row to the last."""
        return (self.timestamps_s[-1] - self.timestamps_s[0]) / 604_800


def read_corpus(folder: Path | None = None) -> list[Series]:
    """All series that `windows.json` names and that exist, by name; by default of the folder `NAB_DATA`.

    Raises: `NoCorpus`.
    """
    folder = folder or Path(os.environ.get("NAB_DATA", _DEFAULT))
    windows_file = folder / "windows.json"
    if not windows_file.is_file():
        raise NoCorpus(f"{windows_file} does not exist: set NAB_DATA to a folder with NAB's series")
    labelled = msgspec.json.decode(windows_file.read_bytes(), type=dict[str, list[tuple[str, str]]])
    there = [name for name in sorted(labelled) if (folder / name).is_file()]
    return [_read(folder, name, labelled[name]) for name in there]


def _read(folder: Path, name: str, windows: list[tuple[str, str]]) -> Series:
    with (folder / name).open(newline="") as file:
        rows = [(_seconds(row["timestamp"]), float(row["value"])) for row in csv.DictReader(file)]
    timestamps_s = [at_s for at_s, _ in rows]
    # The first row of that time, as in NAB: a few times occur twice.
    first_row = {at_s: row for row, at_s in reversed(list(enumerate(timestamps_s)))}
    return Series(
        Path(name).parent.name,
        name,
        timestamps_s,
        [value for _, value in rows],
        [(first_row[_seconds(first)], first_row[_seconds(last)]) for first, last in windows],
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
