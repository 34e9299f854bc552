"""`smoke`: does the pipeline work, and if not, where does it stop?"""

import secrets
import time
from dataclasses import asdict
from typing import Annotated

import msgspec
import typer
from rich.status import Status
from rich.text import Text

from clients.console import Console
from clients.deployment import Pipeline, open_pipeline
from clients.target_options import EndpointUrl, Region, Stack
from clients.terminal import echo
from producer_sim.commands.options import Local, errors_shown
from producer_sim.smoke.trip import Hop, Patience

_MARKS = {
    "passed": ("ok", "green"),
    "failed": ("FAILED", "bold red"),
    "not reached": ("not reached", "dim"),
    "not there": ("none deployed", "dim"),
}


def smoke(
    stack: Stack = None,
    local: Local = False,
    region: Region = None,
    endpoint_url: EndpointUrl = None,
    learn_within: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Wait this long for learning. Default: 300 for a stack, 60 locally.",
            show_default=False,
        ),
    ] = None,
    tell_within: Annotated[
        float, typer.Option(metavar="SECONDS", help="Wait this long for the event, and again for the alert.")
    ] = 60.0,
    signal_prefix: Annotated[
        str, typer.Option(help="Start of the signal's name, if an alert passes only some signals.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Send one signal with a step, and follow it hop by hop: stream, state, event, alert.

    Each hop passes, or says what to check. Run it first after a deployment:
    its alert reaches every subscriber. The exit code is 0 if all hops pass.
    """
    console = Console(stderr=as_json)
    signal = f"{signal_prefix}smoke.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{secrets.token_hex(3)}"
    patience = Patience(learn_s=learn_within or (300.0 if stack else 60.0), tell_s=tell_within)
    with (
        errors_shown(console, stopped="Stopped; the temporary queues have been removed."),
        console.status("opening the pipeline") as status,
        open_pipeline(stack, local, None, region, endpoint_url) as pipeline,
    ):
        hops = _followed(pipeline, signal, patience, status, None if as_json else console)
    passed = all(hop.outcome in ("passed", "not there") for hop in hops)
    if as_json:
        document = {"pipeline": pipeline.name, "signal": signal, "passed": passed}
        echo(msgspec.json.encode(document | {"hops": [asdict(hop) for hop in hops]}).decode())
    elif passed:
        console.print(f"It works: {pipeline.name} learned {signal} and reported its step.", style="green")
    raise typer.Exit(0 if passed else 1)


def _followed(
    pipeline: Pipeline, signal: str, patience: Patience, status: Status, console: Console | None
) -> list[Hop]:
    """Follow it; show each hop on the console as soon as it is known, if there is one."""
    from producer_sim.smoke.hops import follow

    hops: list[Hop] = []
    if console:
        console.print(f"Following {signal} through {pipeline.name}", highlight=False)
    status.update("listening to the bus and the alerts")
    for hop in follow(pipeline, signal, patience, lambda name: status.update(f"waiting: {name}")):
        hops.append(hop)
        if console:
            _show(len(hops), hop, console)
    return hops


def _show(number: int, hop: Hop, console: Console) -> None:
    mark, style = _MARKS[hop.outcome]
    line = Text(f"{number} {hop.name:<20} ")
    line.append(f"{mark:<8}", style)
    line.append(f"{hop.after_s:6.1f} s  " if hop.after_s is not None else "", "dim")
    line.append(hop.seen)
    console.print(line, soft_wrap=True)
    for advised in hop.look_at:
        console.print(Text(f"    {advised}"), soft_wrap=True)
