"""`python -m ops backtest`: learns recordings as the function would."""

from pathlib import Path
from typing import Annotated

import typer

from clients.recordings import recording_options
from clients.terminal import echo
from ops.options import errors_shown


def backtest(
    files: Annotated[
        list[Path], typer.Argument(help="CSV, Parquet or JSON; a file per asset, or with a column of tags.")
    ],
    use_case: Annotated[str, typer.Option(help="A use case of the plant's use_cases.py.")],
    time: recording_options.Time = None,
    signals: Annotated[
        str | None, typer.Option(metavar="COL,COL", help="Columns to learn; default: all numbers but labels.")
    ] = None,
    tag: recording_options.Tag = None,
    time_format: recording_options.TimeFormat = None,
    time_zone: recording_options.TimeZone = None,
    decimal: recording_options.Decimal = None,
    upper: Annotated[float | None, typer.Option(help="Upper limit, for a forecast.")] = None,
    lower: Annotated[float | None, typer.Option(help="Lower limit, for a forecast.")] = None,
    settings: Annotated[
        Path | None,
        typer.Option(metavar="FILE.yaml", help="Signal settings; default: the plant's signals.yaml."),
    ] = None,
    events: Annotated[
        Path | None, typer.Option(metavar="OUT.jsonl", help="Write the details of the events here.")
    ] = None,
    scores: Annotated[
        Path | None, typer.Option(metavar="OUT.csv", help="Write each row's timestamp, value and score here.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="OUT.html", help="Plot values, scores and events of one file.")
    ] = None,
    windows: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help='Plot labels too: {"file.csv": [["first", "last"], ...]}.'),
    ] = None,
) -> None:
    """Learn recordings as the function would, in one pass, and print the events it would publish."""
    from clients.recordings.columns import ReadOptions, column_names
    from clients.recordings.refusal import ReplayRefused
    from ops.backtest.command import Outputs, choose, run_backtest

    with errors_shown():
        try:
            chosen = choose(use_case, upper, lower, settings)
            outputs = Outputs(events, scores, plot, windows)
            read = ReadOptions(time, column_names(signals), None, tag, time_format, time_zone, decimal)
            run_backtest(files, use_case, chosen, read, outputs)
        except ReplayRefused as error:
            echo(f"Not done: {error}", err=True)
            raise typer.Exit(1) from None
