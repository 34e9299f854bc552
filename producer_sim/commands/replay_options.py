"""The options of `replay`, with their help."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from clients.recordings.labels import LabelKind
from producer_sim.replay.shapes import RequestedShape

_columns, _labels, _pace = (
    partial(typer.Option, rich_help_panel=panel) for panel in ("Columns", "Labels", "Pace and form")
)

Files = Annotated[
    list[Path], typer.Argument(help="CSV, Parquet or JSON files; each is an asset, or has a column of tags.")
]
Signals = Annotated[
    str | None,
    _columns(metavar="COL,COL", help="Columns to send. Default: all columns of numbers that are not labels."),
]
Assets = Annotated[
    list[str] | None,
    _columns(
        "--asset",
        metavar="NAME",
        help="Name the signals NAME.COLUMN; once for each file. Default: the files' names.",
    ),
]
Labels = Annotated[
    str | None, _labels(metavar="COLUMN", help="Column of 0 and 1 that marks what should raise an alert.")
]
Kind = Annotated[
    LabelKind,
    _labels(
        "--label-kind",
        help="What a 1 marks: a change point, or a row of an abnormal window; auto takes isolated ones for "
        "change points.",
    ),
]
Windows = Annotated[
    Path | None,
    _labels(metavar="FILE", help='Labels as JSON instead: {"file.csv": [["first time", "last time"], ...]}.'),
]
Within = Annotated[
    int, _labels(min=1, help="An event counts as a hit if it comes at most this many rows after the label.")
]
Speed = Annotated[str, _pace(help="recorded, a factor such as 60, or flat-out.")]
Shape = Annotated[
    RequestedShape,
    _pace(
        help="What a record holds: one value (points), rows of a column, or all values of a row; auto: "
        "points, or columns if a signal has more than five rows a second.",
    ),
]
Rows = Annotated[
    int | None,
    _pace(
        min=1,
        max=10_000,
        help="Rows in a record of columns. Default: those of a fifth of a second, 100 if flat-out.",
    ),
]
Shift = Annotated[
    bool,
    _pace(
        "--shift-to-now/--keep-times",
        help="Move all times so that the first row is measured now: alerts may ignore late observations.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print nothing but the summary on stdout, as JSON.")]
