"""What the commands share: the options that name a pipeline, and how errors are shown."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from botocore.exceptions import BotoCoreError, ClientError

from clients.console import Console
from clients.errors import PipelineError
from clients.interruption import sigterm_as_ctrl_c
from clients.kinesis_writer.processes import ProcessFailed
from clients.kinesis_writer.sending import PutFailed
from clients.recordings.refusal import ReplayRefused
from clients.target_options import target_option
from producer_sim.run_folder import RunFolderIncomplete, Unwritable

Local = Annotated[
    bool,
    target_option(
        "--local", "The pipeline that `python -m local serve` runs, or one that runs for this command."
    ),
]
Stream = Annotated[
    str | None, target_option("--stream", "A stream alone: only send, observe nothing.", "NAME")
]

Run = Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the run's files.")]
Report = Annotated[bool, typer.Option("--report/--no-report", help="Write FOLDER/report.html.")]
Settle = Annotated[
    float,
    typer.Option(
        min=0, metavar="S", help="After sending, wait at most this long until everything is learned."
    ),
]
RunOf = Annotated[Path, typer.Option(help="Folder of a run of simulate or replay.")]
Within = Annotated[
    int, typer.Option(min=1, help="A fault counts as detected within this many observations of its signal.")
]

INTERRUPTED = 130
"""The exit code after Ctrl-C."""

STOPPED = "Stopped before anything could be summarised; what was started has been ended."


@contextlib.contextmanager
def errors_shown(console: Console, *usage: type[Exception], stopped: str | None = None) -> Iterator[None]:
    """Print an error and what to do instead of a traceback; the exit code is 1, or 2 for errors of `usage`.

    SIGTERM acts as Ctrl-C; after either, `stopped` is printed if given, and the exit code is 130.
    """
    try:
        with sigterm_as_ctrl_c():
            yield
    except usage as error:
        _fail(console, str(error), 2)
    except (PutFailed, ProcessFailed) as error:
        sent = f" {error.sending.observations:,} observations had been sent." if error.sending else ""
        _fail(console, f"Sending ended early: {error}.{sent}")
    except (PipelineError, ReplayRefused, RunFolderIncomplete, Unwritable) as error:
        _fail(console, str(error))
    except (ClientError, BotoCoreError) as error:
        _fail(console, f"AWS rejected the request: {error}. {_advice(error)}")
    except KeyboardInterrupt:
        if stopped is None:
            raise
        console.print(stopped, soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None


def _fail(console: Console, text: str, code: int = 1) -> NoReturn:
    console.print(text, style="red", highlight=False, soft_wrap=True)
    raise typer.Exit(code) from None


def _advice(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError) and "NotFound" in error.response["Error"].get("Code", ""):
        return "Check that name, region and account are those of the pipeline"
    return "docs/deploy.md lists the permissions that the credentials need"
