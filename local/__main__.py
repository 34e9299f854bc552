"""`python -m local` runs the demo and leaves its results in build/demo; `python -m local serve` stays up."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from clients.console import Console
from clients.local_pipeline import FOLDER
from consumer.errors import ConfigurationError
from local.emulator.embedded_aws import EmbeddedAWSFailed
from local.emulator.mapping_thread import MappingFailed
from local.function.execution_environment import FunctionError
from local.serving import STOPPED, AlreadyServed, serve_until_interrupted
from producer_sim.payloads.encoders import CompressionMissing

DEMO_FOLDER = Path("build/demo")
_INTERRUPTED = 130

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def demo(context: typer.Context) -> None:
    """Run the whole pipeline on this machine. Without a command: the demo, which checks its own results."""
    if context.invoked_subcommand is None:
        raise typer.Exit(_demo())


@app.command()
def serve(
    consumer: Annotated[
        bool, typer.Option(help="Run the consumer; without it, records stay on the stream.")
    ] = True,
    folder: Annotated[Path, typer.Option(help="Where to write logs and pipeline.json.")] = FOLDER,
    parent: Annotated[int | None, typer.Option(hidden=True, help="End with this process.")] = None,
) -> None:
    """Run the pipeline until Ctrl-C, reachable from this machine only."""
    console = Console()
    try:
        serve_until_interrupted(folder, consumer, console, parent)
    except (AlreadyServed, ConfigurationError, EmbeddedAWSFailed, FunctionError, MappingFailed) as error:
        console.print(str(error), style="red")
        raise typer.Exit(1) from None


def _demo() -> int:
    """Return the exit code: 0 if all checks held."""
    from local.demo.demo import DemoSize, next_commands, run_demo, summary_table
    from local.demo.verdict import RULE

    console = Console()
    shutil.rmtree(DEMO_FOLDER, ignore_errors=True)
    DEMO_FOLDER.mkdir(parents=True)
    try:
        summary, failed = run_demo(DEMO_FOLDER, DemoSize(), console)
    except (CompressionMissing, ConfigurationError, EmbeddedAWSFailed, MappingFailed) as error:
        console.print(str(error), style="red")
        return 1
    except KeyboardInterrupt:
        console.print(STOPPED)
        return _INTERRUPTED
    console.print(summary_table(summary))
    console.print(RULE)
    console.print(
        f"The summary as JSON: {DEMO_FOLDER}/summary.json. Function logs: {DEMO_FOLDER}/consumer-logs."
    )
    for check in failed:
        console.print(f"Failed: {check}.", style="red")
    if not failed:
        console.print(
            "Exact: the events and alerts of drift are those of a plain River loop over the same "
            "values, those of the other use cases are those of one uninterrupted pass over each shard, even "
            "though one invocation was killed between publish and commit and one batch was delivered twice.",
            style="green",
        )
    console.print("Next, inspect what it left:")
    for command in next_commands(DEMO_FOLDER):
        console.print(f"  {command}", highlight=False, soft_wrap=True)
    return 1 if failed else 0


if __name__ == "__main__":
    app(prog_name="python -m local")
