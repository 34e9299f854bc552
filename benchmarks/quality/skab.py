"""The Skoltech Anomaly Benchmark: runs of a water circuit at 1 Hz, and its own two scores.

Source: Katser & Kozitsin (2020), Skoltech Anomaly Benchmark (SKAB)
"""

import bisect
import csv
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.quality.nab import PROFILES, NoCorpus, Profile

SKIPPED_ROWS = 400
"""At the start of each run, for a detector to learn; they are not scored."""
_DEFAULT = Path(__file__).parents[2] / ".." / "shared" / "data" / "skab"
_LABELS = ("anomaly", "changepoint")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the circuit.

    Shape: n timestamps, ascending; n rows of one value a sensor; n labels of each kind, false where the file
        has none
    Units: timestamps in seconds since 1970; the files say no time zone and are taken for UTC
    """

    name: str
    sensors: list[str]
    timestamps_s: list[float]
    rows: list[list[float]]
    anomaly: list[bool]
    changepoint: list[bool]


@dataclass(frozen=True, slots=True)
class OutlierScore:
    """Of the rows of all runs.

    Units: shares, from 0 to 1: `false_alarms` of the normal rows, `missed` of the anomalous ones
    """

    f1: float
    false_alarms: float
    missed: float


def skab_folder() -> Path:
    """The folder `SKAB_DATA`, by default beside the project."""
    return Path(os.environ.get("SKAB_DATA", _DEFAULT))


def read_run(path: Path) -> Run:
    """One file: a column of times, one a sensor, and perhaps the two of labels."""
    with path.open(newline="") as file:
        lines = csv.reader(file, delimiter=";")
        _, *names = next(lines)
        times, values = [], []
        for time, *texts in lines:
            times.append(datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp())
            values.append(dict(zip(names, map(float, texts), strict=True)))
    sensors = [name for name in names if name not in _LABELS]
    anomaly, changepoint = ([bool(row.get(label, 0.0)) for row in values] for label in _LABELS)
    rows = [[row[sensor] for sensor in sensors] for row in values]
    return Run(path.stem, sensors, times, rows, anomaly, changepoint)


def read_folder(path: Path) -> list[Run]:
    """All runs of a folder, by number.

    Raises: `NoCorpus`.
    """
    files = sorted(path.glob("*.csv"), key=lambda file: (len(file.stem), file.stem))
    if not files:
        raise NoCorpus(
            f"{path} has no runs: set SKAB_DATA to the folder with SKAB's `other` and `anomaly-free`"
        )
    return [read_run(file) for file in files]


def outlier_score(
    pairs: Iterable[tuple[Sequence[bool], Sequence[bool]]], skip: int = SKIPPED_ROWS
) -> OutlierScore:
    """Score the answers for all rows, all runs together.

    Shape: for each run, n labels and n answers; the first `skip` of each run do not count

    >>> outlier_score([([False, False, True, True], [False, True, True, False])], skip=0)
    OutlierScore(f1=0.5, false_alarms=0.5, missed=0.5)
    """
    counts = {(label, answer): 0 for label in (False, True) for answer in (False, True)}
    for labels, answers in pairs:
        for label, answer in zip(labels[skip:], answers[skip:], strict=True):
            counts[bool(label), bool(answer)] += 1
    found, missed, false = counts[True, True], counts[True, False], counts[False, True]
    return OutlierScore(
        _share(2 * found, 2 * found + missed + false),
        _share(false, false + counts[False, False]),
        _share(missed, missed + found),
    )


def changepoint_score(
    runs: Iterable[tuple[Run, Sequence[bool]]], window_s: float = 60.0, skip: int = SKIPPED_ROWS
) -> dict[str, float]:
    """Score the reported changes, all runs together, for each of NAB's profiles.

    A window reaches from a changepoint `window_s` to the right, both ends included; if two overlap, the later
    one is cut. Its first alert earns what `worth` says, every alert outside of all windows costs the same.

    Shape: for each run, n alerts; the first `skip` rows of each run do not count, nor do their changepoints
    Units: 0 for silence, 100 for an alert at each changepoint and nowhere else
    """
    sums = dict.fromkeys(PROFILES, 0.0)
    windows = 0
    for run, alerts in runs:
        alerts_s = [at for at, alert in zip(run.timestamps_s[skip:], alerts[skip:], strict=True) if alert]
        starts_s = [
            at for at, label in zip(run.timestamps_s[skip:], run.changepoint[skip:], strict=True) if label
        ]
        spans = _spans(starts_s, window_s)
        windows += len(spans)
        false = sum(not any(first <= at <= last for first, last in spans) for at in alerts_s)
        for profile in PROFILES:
            earned = sum(_earned(span, alerts_s, profile) for span in spans)
            sums[profile] += earned - profile.false_alarm * false
    return {profile.name: profile.normalised(total, windows) for profile, total in sums.items()}


def worth(position: float, profile: Profile) -> float:
    """The worth of an alert within a window: a detection at its start, a false alarm at its end.

    SKAB's curve is flatter than NAB's sigmoid.

    Units: widths of the window, 0 at its start

    >>> [round(worth(position, PROFILES[0]), 3) for position in (0.0, 0.5, 1.0)]
    [1.0, 0.445, -0.11]
    """
    bend = math.tanh(math.pi * (0.5 - position)) / math.tanh(math.pi / 2)
    middle = (profile.detected - profile.false_alarm) / 2
    return middle + (profile.detected + profile.false_alarm) / 2 * bend


def _spans(starts_s: list[float], window_s: float) -> list[tuple[float, float]]:
    """First and last moment of each window."""
    spans: list[tuple[float, float]] = []
    for start_s in starts_s:
        first_s = max(start_s, spans[-1][1]) if spans else start_s
        spans.append((first_s, start_s + window_s))
    return spans


def _earned(span: tuple[float, float], alerts_s: list[float], profile: Profile) -> float:
    first_s, last_s = span
    number = bisect.bisect_left(alerts_s, first_s)
    if number == len(alerts_s) or alerts_s[number] > last_s:
        return -profile.missed
    width_s = last_s - first_s
    return worth((alerts_s[number] - first_s) / width_s if width_s else 0.0, profile)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
