"""`python -m local`: run the demo, and leave its outcome in build/demo; `python -m local serve`: stay."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from clients.local_pipeline import FOLDER
from consumer.errors import ConfigurationError
from local.emulator.embedded_aws import EmbeddedAWSFailed
from local.emulator.mapping_thread import MappingFailed
from local.function.execution_environment import FunctionError
from local.serving import AlreadyServed, serve_until_interrupted

DEMO_FOLDER = Path("build/demo")
_INTERRUPTED = 130

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def demo(context: typer.Context) -> None:
    """Run the whole pipeline on this machine: without a command the demo, which checks itself, a minute."""
    if context.invoked_subcommand is None:
        raise typer.Exit(_demo())


@app.command()
def serve(
    consumer: Annotated[
        bool, typer.Option(help="Learn what arrives; without, records stay on the stream.")
    ] = True,
    folder: Annotated[Path, typer.Option(help="Where its logs and pipeline.json go.")] = FOLDER,
    parent: Annotated[int | None, typer.Option(hidden=True, help="End with this process.")] = None,
) -> None:
    """Run the pipeline, reachable from this machine only, until Ctrl-C."""
    console = Console()
    try:
        serve_until_interrupted(folder, consumer, console, parent)
    except (AlreadyServed, ConfigurationError, EmbeddedAWSFailed, FunctionError, MappingFailed) as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None


def _demo() -> int:
    """Give the exit code: 0 where all that is promised held."""
    from local.demo.demo import DemoSize, commands_next, run_demo
    from local.demo.verdict import RULE

    console = Console()
    shutil.rmtree(DEMO_FOLDER, ignore_errors=True)
    DEMO_FOLDER.mkdir(parents=True)
    try:
        summary, broken = run_demo(DEMO_FOLDER, DemoSize(), console)
    except (ConfigurationError, EmbeddedAWSFailed, MappingFailed) as error:
        console.print(f"[red]{error}")
        return 1
    except KeyboardInterrupt:
        console.print("Stopped; what was started has been ended.")
        return _INTERRUPTED
    table = Table(title="What happened", show_header=False)
    others = {
        f"{name}: events, alerts": f"{counts['events']}, {counts['alerts']}"
        for name, counts in summary.others.items()
    }
    for name, value in (asdict(summary) | {"others": None} | others).items():
        if name != "others":
            text = "none" if value is None else f"{value:,}" if isinstance(value, int | float) else value
            table.add_row(name.replace("_", " "), text)
    console.print(table)
    console.print(f"The rule: {RULE}.")
    console.print(
        f"The whole outcome: {DEMO_FOLDER}/summary.json; the logs of the functions' processes: "
        f"{DEMO_FOLDER}/consumer-logs"
    )
    for promise in broken:
        console.print(f"[red]This does not hold: {promise}.")
    if not broken:
        console.print(
            "[green]Exact: the drifts and their alerts are those of a plain River loop over the same values, "
            "and those of the other use cases those of learning each shard at once, though one invocation "
            "died between publish and commit and one batch arrived twice."
        )
    console.print("Next, look into what it left:")
    for command in commands_next(DEMO_FOLDER):
        console.print(f"  {command}", markup=False, highlight=False, soft_wrap=True)
    return 1 if broken else 0


if __name__ == "__main__":
    app(prog_name="python -m local")
