"""The commands that look in and that mute, as the command line has them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.options import Yes, somewhere

if TYPE_CHECKING:
    from ops.target import TargetOptions

_Pattern = Annotated[str, typer.Argument(help="Names of signals; * for any text, quoted.")]


def register(app: typer.Typer) -> None:
    """Add them."""
    for command in (signals, inspect, explain, mute, unmute):
        app.command()(somewhere(command))


def signals(
    named: "TargetOptions",
    pattern: _Pattern = "*",
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each.")] = False,
) -> None:
    """Show each signal that is learned: how much, what came last, open alerts, mutes."""
    from ops.commands.signals import signals as run

    run(named, pattern, as_json)


def inspect(
    named: "TargetOptions",
    signal: Annotated[str, typer.Argument(help="Its name in full.")],
    predict: Annotated[
        str | None,
        typer.Option(metavar="VALUE", help="Say what the model would tell of it: 42, or speed=104,flow=3."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of it as JSON.")] = False,
) -> None:
    """Show one model in full: what it believes, how far it has learned, what holds it, what it told."""
    from ops.commands.inspect import inspect as run

    run(named, signal, predict, as_json)


def explain(
    named: "TargetOptions",
    event_id: Annotated[str, typer.Argument(help="The `id` of its detail.")],
    event: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The event itself, where no stack logs them."),
    ] = None,
    records: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Its records, where the stream has them no more.")
    ] = None,
) -> None:
    """Show why an event was told: learn its records once more, from the model as it was before."""
    from ops.commands.explain import explain as run

    run(named, event_id, event, records)


def mute(
    named: "TargetOptions",
    pattern: _Pattern,
    until: Annotated[str, typer.Option(metavar="TIME", help="2026-01-31T18:00:00Z, or from now: 2h, 3d.")],
    from_: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="For a maintenance window; else now.")
    ] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Shown to other operators.")] = "",
    yes: Yes = False,
) -> None:
    """Have signals go to no alert for a time, within a minute; they are learned all the same."""
    from ops.commands.mute import Asked
    from ops.commands.mute import mute as run

    run(named, Asked(pattern, until, from_, reason), yes)


def unmute(
    named: "TargetOptions",
    pattern: Annotated[str | None, typer.Argument(help="As it was muted.")] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="In place of PATTERN: mend mutes that cannot be read.")
    ] = False,
    yes: Yes = False,
) -> None:
    """End the mutes of exactly this pattern."""
    from ops.commands import mute

    if repair and pattern is None:
        mute.repair(named, yes)
    elif pattern is not None and not repair:
        mute.unmute(named, pattern, yes)
    else:
        raise typer.BadParameter("say which: PATTERN, or --repair")
