"""`python -m consumer upgrade build|finish|replay|compare`: what they ask, and what they say."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.options import Yes, errors_shown, somewhere

if TYPE_CHECKING:
    from ops.target import TargetOptions

upgrade = typer.Typer(
    no_args_is_help=True,
    help="Another River or another model: build its models beside those in use, compare, take their place.",
)
_From = Annotated[
    str | None,
    typer.Option("--from", metavar="FINGERPRINT", help="The models in use, where there are several."),
]
_Idle = Annotated[
    bool, typer.Option("--idle", help="Nothing learns now: where there is no Lambda to be asked.")
]


@upgrade.command()
@somewhere
def build(
    named: "TargetOptions",
    from_: _From = None,
    pause: Annotated[
        bool, typer.Option("--pause", help="First have the function get no more records: then deploy.")
    ] = False,
    idle: _Idle = False,
    history: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="CSV or Parquet of the time before; each is an asset."),
    ] = None,
    time: Annotated[str | None, typer.Option(metavar="COLUMN", help="When it was measured.")] = None,
    signals: Annotated[str | None, typer.Option(metavar="COL,COL", help="What of it is learned.")] = None,
    rows: Annotated[
        bool, typer.Option("--rows", help="On the stream, an asset's values come in one record.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Build the models of the River and the line that are installed here, beside those in use.

    They learn what the stream still holds, as far as the models in use have, and tell nobody. Run it again to
    catch up. No function learns with them before `upgrade finish`.
    """
    from ops.upgrade.building import Recordings, build_all

    recordings = Recordings(history or [], time, signals, rows)
    build_all(named, from_, pause, idle, recordings, yes)


@upgrade.command()
@somewhere
def finish(named: "TargetOptions", from_: _From = None, idle: _Idle = False, yes: Yes = False) -> None:
    """After the deployment: catch up to the last record that the old models learned; the new ones go on.

    The function gets no records meanwhile: they wait in the stream.
    """
    from ops.upgrade.finishing import finish as run

    run(named, from_, idle, yes)


@upgrade.command()
@somewhere
def replay(
    named: "TargetOptions",
    out: Annotated[Path, typer.Option(metavar="FILE.jsonl", help="Where the events are written.")],
    line: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of use_cases.py, in place of that of the use case.")
    ] = None,
    same_as: Annotated[
        Path | None, typer.Option(metavar="OTHER.jsonl", help="Learn what that replay has learned.")
    ] = None,
) -> None:
    """Write what fresh models would tell of what the stream still holds; nothing else is written or told."""
    from ops.upgrade.replaying import replay as run

    run(named, out, line, same_as)


@upgrade.command()
def compare(
    old: Annotated[Path, typer.Argument(help="What `upgrade replay` wrote with the old River or line.")],
    new: Annotated[Path, typer.Argument(help="And with the new one.")],
    within: Annotated[
        int, typer.Option(min=0, metavar="VALUES", help="So near, two alerts are one of both.")
    ] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each signal.")] = False,
) -> None:
    """Show, signal by signal, how both would have alerted on the same stretch."""
    from ops.upgrade.replaying import compare as run

    with errors_shown():
        run(old, new, within, as_json)
