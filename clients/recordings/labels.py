"""Labels of a recording, from a column, or from windows in a JSON file."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Literal

import msgspec

from clients.recordings.cell_words import MISSING
from clients.recordings.cells import Cell, ValueReader
from clients.recordings.columns import Choice
from clients.recordings.refusal import ReplayRefused, refused_cell, sample
from clients.recordings.rows import rows_of
from consumer.decode.times import seconds_of
from consumer.errors import Unlearnable

LabelKind = Literal["auto", "changepoints", "windows"]
Window = tuple[float, float]
"""First and last labelled time, epoch seconds; the same for a changepoint."""

_ROWS_OF_CHANGEPOINT_MAX = 3


def labelled_windows(choice: Choice, kind: LabelKind = "auto") -> list[Window]:
    """Read a column that is 1 at changes, or in abnormal windows, and 0 elsewhere.

    Consecutive labelled rows are one window, or one changepoint at the first of them; `auto` means
    changepoints if never more than a few rows are consecutive.

    Raises:
        ReplayRefused: A label is neither a number nor true or false.
    """
    runs = list(_runs(choice))
    if kind == "changepoints" or (
        kind == "auto" and all(rows <= _ROWS_OF_CHANGEPOINT_MAX for *_, rows in runs)
    ):
        return [(first_s, first_s) for first_s, _, _ in runs]
    return [(first_s, last_s) for first_s, last_s, _ in runs]


def windows_of_file(windows: Path, recording: Path) -> list[Window]:
    """Read windows as the Numenta benchmark has them: `{"folder/file.csv": [["first", "last"], …]}`, in UTC.

    Raises:
        ReplayRefused: The file has another form, or not exactly one entry for the recording.
    """
    try:
        by_file = msgspec.json.decode(windows.read_bytes(), type=dict[str, list[tuple[str, str]]])
        keys = [key for key in by_file if recording.as_posix().endswith(f"/{key}") or recording.name == key]
        keys = keys or [key for key in by_file if Path(key).name == recording.name]
        if len(keys) != 1:
            raise ReplayRefused(
                f"{windows} has {len(keys)} entries for {recording.name}, one is needed: "
                'write {"' + recording.name + '": [["first", "last"], …]}'
            )
        return [(seconds_of(first), seconds_of(last)) for first, last in by_file[keys[0]]]
    except (OSError, msgspec.MsgspecError, Unlearnable) as error:
        raise ReplayRefused(
            f'{windows} cannot be read as windows: {error}. Write {{"file.csv": [["first", "last"], …]}}'
        ) from None


def _runs(choice: Choice) -> Iterator[tuple[float, float, int]]:
    """First time, last time and rows of each run of labelled rows."""
    reader = ValueReader()
    marked = ((row.at_s, _is_marked(choice, reader, row.number, row.label)) for row in rows_of(choice))
    for is_labelled, run in groupby(marked, key=lambda each: each[1]):
        if is_labelled:
            times_s = [at_s for at_s, _ in run]
            yield times_s[0], times_s[-1], len(times_s)


def _is_marked(choice: Choice, reader: ValueReader, row: int, cell: Cell) -> bool:
    value = reader.value(cell)
    if value is None and cell is not None and str(cell).strip().casefold() not in MISSING:
        assert choice.labels is not None
        raise refused_cell(
            choice.table.path,
            row,
            choice.labels.name,
            f"{sample(cell)} is not a label. Labels are 0 and 1, or true and false. Name another column "
            f"with --labels",
        )
    return bool(value)
