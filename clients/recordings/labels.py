"""Labels of a recording, from a column, or from windows in a JSON file."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Literal

import msgspec

from clients.recordings.columns import Choice
from clients.recordings.table import ReplayRefused, quoted
from consumer.decode.values import seconds
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
        return [(seconds(first), seconds(last)) for first, last in by_file[keys[0]]]
    except (OSError, msgspec.MsgspecError, Unlearnable) as error:
        raise ReplayRefused(
            f'{windows} cannot be read as windows: {error}. Write {{"file.csv": [["first", "last"], …]}}'
        ) from None


def _runs(choice: Choice) -> Iterator[tuple[float, float, int]]:
    """First time, last time and rows of each run of labelled rows."""
    assert choice.labels is not None
    cell = quoted(choice.labels.name)
    label = f"coalesce(try_cast({cell} AS DOUBLE), try_cast({cell} AS BOOLEAN)::INTEGER)"
    labelled = choice.table.rows(
        f"row_, {choice.seconds_sql}, {label}, {cell}::VARCHAR",
        where=f"{label} <> 0 OR ({label} IS NULL AND {cell} IS NOT NULL)",
    )
    # The difference between a row and its position among the labelled rows stays the same within a run.
    for _, run in groupby(enumerate(labelled), key=lambda numbered: numbered[1][0] - numbered[0]):
        times_s = []
        for _, (row, at_s, value, text) in run:
            if value is None:
                raise ReplayRefused(
                    f"{choice.table.path}, row {row}, column {choice.labels.name!r}: {text[:80]!r} is not a "
                    "label. Labels are 0 and 1, or true and false. Name another column with --labels"
                )
            times_s.append(at_s)
        yield times_s[0], times_s[-1], len(times_s)
