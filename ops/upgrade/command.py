"""`python -m ops upgrade build|finish|replay|compare`: their options."""

from pathlib import Path
from typing import Annotated

import typer

from clients.recordings import recording_options
from ops.options import TargetOptions, Yes, errors_shown, with_target

upgrade = typer.Typer(
    no_args_is_help=True,
    help="Move to another River or model: build its models beside those in use, compare, switch over.",
)
_From = Annotated[
    str | None,
    typer.Option("--from", metavar="FINGERPRINT", help="The models in use, if there are several."),
]
_Idle = Annotated[bool, typer.Option("--idle", help="Nothing learns now, and there is no Lambda to check.")]


@upgrade.command()
@with_target
def build(
    options: TargetOptions,
    from_: _From = None,
    pause: Annotated[
        bool, typer.Option("--pause", help="First pause the function's event source mapping; then deploy.")
    ] = False,
    idle: _Idle = False,
    history: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="CSV, Parquet or JSON of the time before; each is an asset, or has a column of tags.",
        ),
    ] = None,
    time: recording_options.Time = None,
    signals: Annotated[str | None, typer.Option(metavar="COL,COL", help="The columns to learn.")] = None,
    tag: recording_options.Tag = None,
    time_format: recording_options.TimeFormat = None,
    time_zone: recording_options.TimeZone = None,
    decimal: recording_options.Decimal = None,
    rows: Annotated[
        bool, typer.Option("--rows", help="The stream brings an asset's values in one record.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Build the models of the River and the use case that are installed here, beside those in use.

    They learn what the stream still holds, as far as the models in use have, and publish nothing. Run it
    again to catch up. No function learns with them before `upgrade finish`.
    """
    from clients.recordings.columns import ReadOptions, column_names
    from ops.upgrade.build import build as run
    from ops.upgrade.history_backfill import RecordingFiles

    read = ReadOptions(time, column_names(signals), None, tag, time_format, time_zone, decimal)
    run(options, from_, pause, idle, RecordingFiles(history or [], read, rows), yes)


@upgrade.command()
@with_target
def finish(options: TargetOptions, from_: _From = None, idle: _Idle = False, yes: Yes = False) -> None:
    """After the deployment: catch up to the last record that the old models learned, and switch over.

    The function is paused meanwhile: its records wait in the stream.
    """
    from ops.upgrade.finish import finish as run

    run(options, from_, idle, yes)


@upgrade.command()
@with_target
def replay(
    options: TargetOptions,
    out: Annotated[Path, typer.Option(metavar="FILE.jsonl", help="The file to write the events to.")],
    line: Annotated[
        str | None, typer.Option(metavar="NAME", help="Another name of use_cases.py to learn with.")
    ] = None,
    same_as: Annotated[
        Path | None, typer.Option(metavar="OTHER.jsonl", help="Learn the records that this replay learned.")
    ] = None,
) -> None:
    """Write the events that fresh models would find in what the stream still holds; publish nothing."""
    from ops.upgrade.comparison import replay as run

    run(options, out, line, same_as)


@upgrade.command()
def compare(
    old: Annotated[Path, typer.Argument(help="From `upgrade replay` with the old River or model.")],
    new: Annotated[Path, typer.Argument(help="From `upgrade replay` with the new one.")],
    within: Annotated[
        int, typer.Option(min=0, metavar="VALUES", help="How far apart two alerts count as the same.")
    ] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each signal.")] = False,
) -> None:
    """Show, signal by signal, how both would have alerted on the same stretch."""
    from ops.upgrade.comparison import compare as run

    with errors_shown():
        run(old, new, within, as_json)
