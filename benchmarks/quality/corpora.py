"""The labelled series of all corpora in one form: a signal, the rows that are judged, and the faults in them.

Each corpus is a folder: `NAB_DATA`, `SKAB_DATA`, `ASD_DATA` and `SMAP_MSL_DATA` name them, by default beside
the project.
"""

import csv
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.nab import NoCorpus, Series, probation, read_corpus
from benchmarks.quality.skab import SKIPPED_ROWS, Run, read_folder, skab_folder

_DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
WEEK_S = 604_800.0


@dataclass(frozen=True, slots=True)
class Labelled:
    """One signal.

    Shape: n timestamps and values, in order; `windows` are first and last row, both within, ascending
    Units: timestamps in seconds since 1970; the files say no time zone and are taken for UTC
    """

    corpus: str
    name: str
    asset: str
    """The machine: the signals of one share its incidents."""
    timestamps_s: list[float]
    values: list[float]
    windows: list[tuple[int, int]]
    judged_from: int = 0
    """Rows before this one are learned and not judged."""

    @property
    def judged_windows(self) -> list[tuple[int, int]]:
        """The windows as rows of the judged part; what lies before it is cut."""
        start = self.judged_from
        return [(max(first - start, 0), last - start) for first, last in self.windows if last >= start]

    @property
    def judged(self) -> int:
        """How many rows are judged."""
        return len(self.values) - self.judged_from

    @property
    def judged_labels(self) -> NDArray[np.bool_]:
        """For each judged row, whether it is in a window."""
        labels = np.zeros(self.judged, dtype=bool)
        for first, last in self.judged_windows:
            labels[first : last + 1] = True
        return labels

    @property
    def judged_weeks(self) -> float:
        """From the first judged row to the last, without the windows: the healthy part."""
        healthy = 1.0 - float(self.judged_labels.mean()) if self.judged else 0.0
        return healthy * (self.timestamps_s[-1] - self.timestamps_s[self.judged_from]) / WEEK_S


def read_nab() -> list[Labelled]:
    """NAB's series, each with its probation. Raises: `NoCorpus`."""
    return [_of_nab(series) for series in read_corpus()]


def read_skab() -> list[Labelled]:
    """Each sensor of each run `other` as a signal of its own. Raises: `NoCorpus`."""
    return [one for run in read_folder(skab_folder() / "other") for one in _of_run(run)]


def read_healthy_run() -> list[Labelled]:
    """Each sensor of SKAB's run without a fault. Raises: `NoCorpus`."""
    return [one for run in read_folder(skab_folder() / "anomaly-free") for one in _of_run(run)]


def read_asd() -> list[Labelled]:
    """Servers, one value every 5 minutes. Raises: `NoCorpus`."""
    return _read_windows("ASD", "ASD_DATA", "asd")


def read_smap_msl() -> list[Labelled]:
    """Channels of two spacecraft, on a made-up clock of one value a minute. Raises: `NoCorpus`."""
    return _read_windows("SMAP and MSL", "SMAP_MSL_DATA", "smap_msl")


CORPORA: dict[str, Callable[[], list[Labelled]]] = {
    "NAB": read_nab,
    "SKAB other": read_skab,
    "ASD": read_asd,
    "SMAP and MSL": read_smap_msl,
}
"""By the name that is shown."""


def read_there() -> tuple[dict[str, list[Labelled]], list[str]]:
    """The corpora that can be read, and why the others cannot."""
    there, missing = {}, []
    for name, read in CORPORA.items():
        try:
            there[name] = read()
        except NoCorpus as error:
            missing.append(f"{name}: {error}")
    return there, missing


def _of_nab(series: Series) -> Labelled:
    return Labelled(
        "NAB",
        series.name,
        series.name,
        series.timestamps_s,
        series.values,
        series.windows,
        probation(len(series.values)),
    )


def _of_run(run: Run) -> Iterator[Labelled]:
    windows = _stretches(run.anomaly)
    start = min(SKIPPED_ROWS, len(run.rows))
    for sensor, column in zip(run.sensors, zip(*run.rows, strict=True), strict=True):
        yield Labelled(
            "SKAB other", f"{run.name}.{sensor}", run.name, run.timestamps_s, list(column), windows, start
        )


def _stretches(labels: list[bool]) -> list[tuple[int, int]]:
    """First and last row of each stretch of true labels.

    >>> _stretches([False, True, True, False, True])
    [(1, 2), (4, 4)]
    """
    found = []
    for label, rows in groupby(range(len(labels)), key=labels.__getitem__):
        if label:
            within = list(rows)
            found.append((within[0], within[-1]))
    return found


class _Judged(msgspec.Struct):
    """What `windows.json` says of a file."""

    judged_from: str
    windows: list[tuple[str, str]]


def _read_windows(corpus: str, variable: str, default: str) -> list[Labelled]:
    folder = Path(os.environ.get(variable, _DATA / default))
    file = folder / "windows.json"
    if not file.is_file():
        raise NoCorpus(f"{file} does not exist: set {variable} to the folder of that corpus")
    judged = msgspec.json.decode(file.read_bytes(), type=dict[str, _Judged])
    return [
        _read(corpus, folder / Path(name).name, judged[name])
        for name in sorted(judged)
        if (folder / Path(name).name).is_file()
    ]


def _read(corpus: str, path: Path, judged: _Judged) -> Labelled:
    with path.open(newline="") as file:
        rows = [(_seconds(row["timestamp"]), float(row["value"])) for row in csv.DictReader(file)]
    times = [at_s for at_s, _ in rows]
    windows = [
        (
            int(np.searchsorted(times, _seconds(first))),
            int(np.searchsorted(times, _seconds(last), "right")) - 1,
        )
        for first, last in judged.windows
    ]
    return Labelled(
        corpus,
        path.stem,
        path.stem.split(".")[0],
        times,
        [value for _, value in rows],
        windows,
        int(np.searchsorted(times, _seconds(judged.judged_from))),
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
