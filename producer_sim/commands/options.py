"""The options by which every command is told which pipeline, and how its errors are shown."""

import contextlib
from collections.abc import Iterator
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from clients.errors import PipelineError
from clients.interruption import sigterm_as_ctrl_c
from clients.target_options import target_option

Local = Annotated[
    bool,
    target_option(
        "--local", "The pipeline that `python -m local serve` runs, or one that runs for this command."
    ),
]
Stream = Annotated[
    str | None, target_option("--stream", "A stream alone: only send, observe nothing.", "NAME")
]


INTERRUPTED = 130
"""The exit code after Ctrl-C."""


@contextlib.contextmanager
def errors_shown(console: Console) -> Iterator[None]:
    """Show what is wrong with the pipeline, and end the command with 1; SIGTERM is as Ctrl-C inside."""
    try:
        with sigterm_as_ctrl_c():
            yield
    except PipelineError as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except (ClientError, BotoCoreError) as error:
        console.print(
            f"AWS does not do it: {error}. {_advice(error)}",
            style="red",
            markup=False,
            soft_wrap=True,
        )
        raise typer.Exit(1) from None


@contextlib.contextmanager
def stop_told(console: Console) -> Iterator[None]:
    """Say that Ctrl-C ended it with nothing to sum up, and end the command with 130."""
    try:
        yield
    except KeyboardInterrupt:
        console.print("Stopped with nothing to sum up; what was started has been ended.", soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None


def _advice(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError) and "NotFound" in error.response["Error"].get("Code", ""):
        return "See that name, region and account are those of the pipeline"
    return "docs/deploy.md says what the credentials need"
