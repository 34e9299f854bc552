"""The series of the Numenta Anomaly Benchmark, and the windows in which a detection counts."""

import csv
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

_DEFAULT = Path(__file__).parents[2] / ".." / "shared" / "data" / "nab"


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


def corpus_folder() -> Path:
    """The folder `NAB_DATA`, by default beside the project."""
    return Path(os.environ.get("NAB_DATA", _DEFAULT))


def read_corpus(folder: Path | None = None) -> list[Series]:
    """All series that `windows.json` names and that exist, by name.

    Raises: `NoCorpus`.
    """
    folder = folder or corpus_folder()
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
