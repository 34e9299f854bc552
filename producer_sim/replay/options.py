"""What a command line asks for, made into a replay: every file is looked through before anything is sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients.recordings.columns import choose
from clients.recordings.labels import LabelKind, Window, labelled_windows, windows_of_file
from clients.recordings.survey import survey
from clients.recordings.table import ReplayRefused, open_table
from consumer.decode.signal_names import check_name
from consumer.errors import Unlearnable
from producer_sim.replay.recording import FLAT_OUT, Recording, Times
from producer_sim.replay.replay import Replay
from producer_sim.replay.shapes import Shape, ShapeAsked, shape_for


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """The options of `replay`; what is None, or empty, is found."""

    files: Sequence[Path]
    assets: Sequence[str] = ()
    time: str | None = None
    signals: Sequence[str] = ()
    labels: str | None = None
    label_kind: LabelKind = "auto"
    windows: Path | None = None
    speed: float = 1.0
    shape: ShapeAsked = "auto"
    rows_in_columns: int | None = None
    times: Times = "shifted"
    settle_s: float = 60.0


def prepare(asked: ReplayOptions, say: Callable[[str], None] = lambda text: None) -> Replay:
    """Look through all files; `say` hears, in sentences, what a person should know of them.

    Raises:
        ReplayRefused: A file cannot be replayed as asked.
    """
    if asked.labels is not None and asked.windows is not None:
        raise ReplayRefused("Labels are in a column (--labels) or in a file of windows (--windows), not both")
    recordings = []
    windows: list[list[Window]] = []
    for path, asset in zip(asked.files, _assets(asked), strict=True):
        recording = _recording(path, asset, asked)
        recordings.append(recording)
        windows.append(_windows(recording, asked))
        _tell(recording, windows[-1], asked, say)
    _tell_left_out(recordings, say)
    if not asked.signals:
        _tell_texts(recordings, say)
    period_s = min(0.0 if asked.speed == FLAT_OUT else r.survey.period_s / asked.speed for r in recordings)
    shape, rows = shape_for(asked.shape, asked.rows_in_columns, period_s)
    configuration = _configuration(asked, recordings, shape, rows)
    return Replay(recordings, windows, shape, rows, asked.settle_s, configuration)


def speed_of(text: str) -> float:
    """Read `recorded`, `flat-out`, or a factor such as 10 or 10x.

    >>> speed_of("recorded"), speed_of("60x"), speed_of("flat-out")
    (1.0, 60.0, inf)

    Raises:
        ReplayRefused: It is something else.
    """
    named = {"recorded": 1.0, "flat-out": FLAT_OUT}
    if text in named:
        return named[text]
    try:
        factor = float(text.removesuffix("x"))
    except ValueError:
        factor = 0.0
    if not 0 < factor < FLAT_OUT:
        raise ReplayRefused(
            f"the speed {text!r} is not 'recorded', 'flat-out' or a factor above 0, such as 60"
        )
    return factor


def _assets(asked: ReplayOptions) -> list[str]:
    if asked.assets and len(asked.assets) != len(asked.files):
        raise ReplayRefused(
            f"--asset is given {len(asked.assets)} times for {len(asked.files)} files: give it once for each "
            "file, in their order, or not at all"
        )
    assets = list(asked.assets) or [path.name.split(".")[0] for path in asked.files]
    repeated = sorted({asset for asset in assets if assets.count(asset) > 1})
    if repeated:
        raise ReplayRefused(
            f"two files would be one asset, {repeated[0]!r}, and their signals would mix: name the assets "
            "with --asset, once for each file"
        )
    return assets


def _recording(path: Path, asset: str, asked: ReplayOptions) -> Recording:
    choice = choose(open_table(path), asked.time, asked.signals, asked.labels)
    recording = Recording(asset, choice, survey(choice), asked.speed, asked.times)
    for signal in recording.signals:
        try:
            check_name(signal)
        except Unlearnable as error:
            raise ReplayRefused(
                f"{path}: the signal {signal!r}: {error}. Name the asset with --asset"
            ) from None
    return recording


def _windows(recording: Recording, asked: ReplayOptions) -> list[Window]:
    if asked.windows is not None:
        return windows_of_file(asked.windows, recording.choice.table.path)
    return [] if asked.labels is None else labelled_windows(recording.choice, asked.label_kind)


def _tell(
    recording: Recording, windows: list[Window], asked: ReplayOptions, say: Callable[[str], None]
) -> None:
    seen, path = recording.survey, recording.choice.table.path
    say(
        f"{path}: {seen.rows:,} rows, {len(recording.signals)} signals, {seen.observations:,} observations, "
        f"one each {seen.period_s:g} s by {recording.choice.time.name!r}"
        + (f"; {len(windows)} labels" if asked.labels or asked.windows else "")
    )
    if seen.empty:
        say(f"  {seen.empty:,} cells without a finite number are not sent")
    if seen.backwards:
        say(f"  {seen.backwards:,} rows are earlier than the row before: sent all the same, in this order")


def _tell_left_out(recordings: Sequence[Recording], say: Callable[[str], None]) -> None:
    names = dict.fromkeys(column.name for recording in recordings for column in recording.choice.left_out)
    if names:
        say(
            f"Named like labels, so not sent: {', '.join(names)} (--labels scores by one, --signals sends it)"
        )


def _tell_texts(recordings: Sequence[Recording], say: Callable[[str], None]) -> None:
    names = dict.fromkeys(column.name for recording in recordings for column in recording.choice.texts)
    if names:
        say(f"No numbers, so not sent: {', '.join(names)} (a number has a decimal point, not a comma)")


def _configuration(
    asked: ReplayOptions, recordings: Sequence[Recording], shape: Shape, rows: int
) -> dict[str, Any]:
    shifted = "due" if asked.speed == 1.0 else "ahead"
    return {
        "files": [str(path) for path in asked.files],
        "assets": [recording.asset for recording in recordings],
        "time": sorted({recording.choice.time.name for recording in recordings}),
        "signals": list(dict.fromkeys(c.name for recording in recordings for c in recording.choice.signals)),
        "labels": str(asked.windows) if asked.windows else asked.labels,
        "speed": "flat out" if asked.speed == FLAT_OUT else f"{asked.speed:g}",
        "shape": shape,
        "rows_in_columns": rows if shape == "columns" else None,
        "timestamps": shifted if asked.times == "shifted" else "recorded",
        "cells_without_number": sum(recording.survey.empty for recording in recordings),
        "rows_backwards": sum(recording.survey.backwards for recording in recordings),
    }
