"""From the options to a replay: every file is checked before anything is sent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients.recordings.columns import ReadOptions, choose
from clients.recordings.labels import LabelKind, Window, labelled_windows, windows_of_file
from clients.recordings.opening import open_table
from clients.recordings.refusal import ReplayRefused
from clients.recordings.survey import described, survey
from consumer.decode.signal_names import check_name
from consumer.errors import Unlearnable
from producer_sim.replay.recording import FLAT_OUT, Recording, Times
from producer_sim.replay.replay import Replay
from producer_sim.replay.shapes import ReplayShape, RequestedShape, shape_for


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """The options of `replay`; what is None or empty is found out."""

    files: Sequence[Path]
    assets: Sequence[str] = ()
    read: ReadOptions = ReadOptions()  # noqa: RUF009  # it is frozen
    label_kind: LabelKind = "auto"
    windows: Path | None = None
    speed: float = 1.0
    shape: RequestedShape = "auto"
    rows_in_columns: int | None = None
    times: Times = "shifted"
    settle_s: float = 60.0


def prepare(options: ReplayOptions, say: Callable[[str], None] = lambda text: None) -> Replay:
    """Check all files; `say` gets what a person should know about them, in sentences.

    Raises:
        ReplayRefused: A file cannot be replayed.
    """
    if options.read.labels is not None and options.windows is not None:
        raise ReplayRefused("Labels come from a column (--labels) or a file of windows (--windows), not both")
    recordings = []
    windows: list[list[Window]] = []
    for path, asset in zip(options.files, _assets(options), strict=True):
        recording = _recording(path, asset, options)
        recordings.append(recording)
        windows.append(_windows(recording, options))
        _say_recording(recording, windows[-1], options, say)
    _check_tags(recordings, options.shape)
    left_out = dict.fromkeys(column.name for each in recordings for column in each.choice.left_out)
    if left_out:
        say(f"Named like labels, so not sent: {', '.join(left_out)} (--labels uses one, --signals sends it)")
    period_s = min(
        0.0 if options.speed == FLAT_OUT else r.survey.period_s / options.speed for r in recordings
    )
    shape, rows = shape_for(options.shape, options.rows_in_columns, period_s)
    configuration = _configuration(options, recordings, shape, rows)
    is_labelled = bool(options.read.labels or options.windows)
    return Replay(recordings, windows, shape, rows, options.settle_s, configuration, is_labelled)


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


def _assets(options: ReplayOptions) -> list[str]:
    if options.assets and len(options.assets) != len(options.files):
        raise ReplayRefused(
            f"--asset is given {len(options.assets)} times for {len(options.files)} files: give it once for "
            "each file, in their order, or not at all"
        )
    assets = list(options.assets) or [path.name.split(".")[0] for path in options.files]
    repeated = sorted({asset for asset in assets if assets.count(asset) > 1})
    if repeated:
        raise ReplayRefused(
            f"two files would become one asset, {repeated[0]!r}, and their signals would mix: name them "
            "with --asset, once for each file"
        )
    return assets


def _check_tags(recordings: Sequence[Recording], shape: RequestedShape) -> None:
    """Tags are signals' names without their file's, so a tag of two files would be one signal."""
    seen: dict[str, Path] = {}
    for recording in recordings:
        path = recording.choice.table.path
        if recording.choice.tags is not None and shape == "several-values":
            raise ReplayRefused(f"{path} has a value a row: --shape several-values needs a column a signal")
        for signal in recording.signals:
            if signal in seen:
                raise ReplayRefused(
                    f"{seen[signal]} and {path} both have the signal {signal!r}, and their values would mix: "
                    "replay them one after the other"
                )
            seen[signal] = path


def _recording(path: Path, asset: str, options: ReplayOptions) -> Recording:
    choice = choose(open_table(path), options.read)
    recording = Recording(asset, choice, survey(choice), options.speed, options.times)
    for signal in recording.signals:
        try:
            check_name(signal)
        except Unlearnable as error:
            raise ReplayRefused(
                f"{path}: the signal {signal!r}: {error}. Name the asset with --asset"
            ) from None
    return recording


def _windows(recording: Recording, options: ReplayOptions) -> list[Window]:
    if options.windows is not None:
        return windows_of_file(options.windows, recording.choice.table.path)
    return [] if options.read.labels is None else labelled_windows(recording.choice, options.label_kind)


def _say_recording(
    recording: Recording, windows: list[Window], options: ReplayOptions, say: Callable[[str], None]
) -> None:
    for line in described(recording.choice, recording.survey):
        say(line)
    if options.read.labels or options.windows:
        say(f"  {len(windows)} labels")


def _configuration(
    options: ReplayOptions, recordings: Sequence[Recording], shape: ReplayShape, rows: int
) -> dict[str, Any]:
    shifted = "due" if options.speed == 1.0 else "ahead"
    return {
        "files": [str(path) for path in options.files],
        "assets": [recording.asset for recording in recordings],
        "time": sorted({recording.choice.time.name for recording in recordings}),
        "signals": list(dict.fromkeys(name for recording in recordings for name in recording.choice.names)),
        "labels": str(options.windows) if options.windows else options.read.labels,
        "speed": "flat out" if options.speed == FLAT_OUT else f"{options.speed:g}",
        "shape": shape,
        "rows_in_columns": rows if shape == "columns" else None,
        "timestamps": shifted if options.times == "shifted" else "recorded",
        "cells_without_number": sum(recording.survey.empty for recording in recordings),
        "rows_backwards": sum(recording.survey.backwards for recording in recordings),
    }
