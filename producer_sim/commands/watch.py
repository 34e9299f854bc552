"""`watch`: alerts as they arrive."""

import time
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from clients.console import Console
from clients.deployment import open_pipeline
from clients.target_options import EndpointUrl, Region, Stack
from clients.terminal import echo
from producer_sim.commands.options import Local, errors_shown
from producer_sim.observe.listening import listening
from producer_sim.observe.watching import SeenAlert, Watch

_STYLES = {"critical": "bold red", "error": "red", "warning": "yellow", "info": "cyan"}
_LOOK_EVERY_S = 0.3


def watch(
    stack: Stack = None,
    local: Local = False,
    region: Region = None,
    endpoint_url: EndpointUrl = None,
    events: Annotated[
        bool, typer.Option("--events", help="Show every event on the bus, also those that match no alert.")
    ] = False,
    seconds: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", help="End after this time.")
    ] = None,
    count: Annotated[int | None, typer.Option(help="End after this many.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each as a line of JSON.")] = False,
) -> None:
    """Show alerts as they arrive, each once, until Ctrl-C.

    Each has the time of receipt, the severity, the signal and what was found,
    the value, the lag and the use case; below it, the evidence.
    """
    console, out = Console(stderr=True), Console()
    shown = 0
    watched: Watch | None = None
    try:
        with (
            errors_shown(console),
            console.status("opening the pipeline") as status,
            open_pipeline(stack, local, None, region, endpoint_url) as pipeline,
            listening(pipeline) as inbox,
        ):
            status.stop()
            watched = Watch(inbox, events_too=events or not pipeline.alert_topic_arns)
            what = "events" if watched.events_too else "alerts"
            console.print(f"Watching the {what} of {pipeline.name}; press Ctrl-C to stop", highlight=False)
            ends = time.monotonic() + seconds if seconds is not None else float("inf")
            while time.monotonic() < ends and (count is None or shown < count):
                for seen in watched.arrivals(min(_LOOK_EVERY_S, ends - time.monotonic())):
                    if count is None or shown < count:
                        shown += 1
                        _show(seen, out, as_json)
    except KeyboardInterrupt:
        pass
    repeats = watched.repeats if watched else 0
    console.print(f"{shown:,} shown, {repeats:,} duplicates dropped", highlight=False)


def _show(seen: SeenAlert, out: Console, as_json: bool) -> None:
    if as_json:
        received_at = datetime.fromtimestamp(seen.received_s, UTC).isoformat()
        shown = {"received_at": received_at, "alert": seen.alert, "id": seen.id, "headline": seen.headline}
        echo(msgspec.json.encode(shown | {"detail": seen.detail}).decode())
        return
    detail = seen.detail
    severity = detail.get("severity") or seen.headline.partition(":")[0]
    lag = None if detail.get("lag_s") is None else f"{detail['lag_s']:.1f} s"
    line = Text(f"{datetime.fromtimestamp(seen.received_s).astimezone():%H:%M:%S} ")
    line.append(f"{severity:<8} ", _STYLES.get(severity, ""))
    line.append(seen.headline.removeprefix(f"{severity}: "), "bold")
    for name, text in (("lag", lag), ("use case", detail.get("use_case")), ("alert", seen.alert)):
        if text is not None:
            line.append(f"  {name} {text}", "dim")
    out.print(line, soft_wrap=True)
    if detail:
        evidence = "  ".join(f"{name} {_number(value)}" for name, value in detail.get("evidence", {}).items())
        out.print(
            Text(f"         {evidence}  measured {detail.get('timestamp')}  id {seen.id}", "dim"),
            soft_wrap=True,
        )


def _number(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
