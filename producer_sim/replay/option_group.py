"""The options of `replay`, with their help."""

from pathlib import Path
from typing import Annotated

import typer

from clients.recordings.labels import LabelKind
from producer_sim.replay.shapes import ShapeAsked

_COLUMNS, _LABELS, _PACE = "Columns", "Labels", "Pace and form"

Files = Annotated[
    list[Path], typer.Argument(help="CSV, Parquet or JSON lines; each file is an asset of its own.")
]
Time = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="When it was measured; else the only column of times.",
        rich_help_panel=_COLUMNS,
    ),
]
Signals = Annotated[
    str | None,
    typer.Option(
        metavar="COL,COL",
        help="What is sent; else all columns of numbers that are no labels.",
        rich_help_panel=_COLUMNS,
    ),
]
Assets = Annotated[
    list[str] | None,
    typer.Option(
        "--asset",
        metavar="NAME",
        help="The signals are NAME.COLUMN; once for each file, else the files' names.",
        rich_help_panel=_COLUMNS,
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN", help="A column of 0 and 1 that says what should be told.", rich_help_panel=_LABELS
    ),
]
Kind = Annotated[
    LabelKind,
    typer.Option(
        "--label-kind",
        help="What a 1 is: a change, or a row of a window; auto takes lone ones for changes.",
        rich_help_panel=_LABELS,
    ),
]
Windows = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help='Labels as JSON instead: {"file.csv": [["first time", "last time"], ...]}.',
        rich_help_panel=_LABELS,
    ),
]
Within = Annotated[
    int,
    typer.Option(
        min=1, help="A label is met by an event at most so many rows later.", rich_help_panel=_LABELS
    ),
]
Speed = Annotated[
    str, typer.Option(help="recorded, a factor such as 60, or flat-out.", rich_help_panel=_PACE)
]
Shape = Annotated[
    ShapeAsked,
    typer.Option(
        help="A record is a cell (points), some rows of a column, or all of a row; auto: points, or columns "
        "where a signal has more than five rows a second.",
        rich_help_panel=_PACE,
    ),
]
Rows = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=10_000,
        help="Rows in a record of columns; else as many as come in a fifth of a second, 100 flat out.",
        rich_help_panel=_PACE,
    ),
]
Shift = Annotated[
    bool,
    typer.Option(
        "--shift-to-now/--keep-times",
        help="Move all times so that the first row is measured now: alerts may leave out what is late.",
        rich_help_panel=_PACE,
    ),
]
Settle = Annotated[
    float, typer.Option(min=0, metavar="SECONDS", help="Wait at most so long until all is learned.")
]
Run = Annotated[Path, typer.Option(metavar="FOLDER", help="Where what comes of it is left.")]
Report = Annotated[bool, typer.Option("--report/--no-report", help="Leave a report.html there too.")]
AsJson = Annotated[bool, typer.Option("--json", help="The summary as JSON, and nothing else, on stdout.")]
