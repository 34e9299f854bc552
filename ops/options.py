"""What the commands share: the options that say where, how they ask, and how they show what is wrong."""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clients.target_options import EndpointUrl, Region, Stack, target_option

if TYPE_CHECKING:
    from ops.target import TargetOptions

Local = Annotated[bool, target_option("--local", "The pipeline that `python -m local serve` runs.")]
Bucket = Annotated[str | None, target_option("--bucket", "Model bucket, if there is no stack.", "NAME")]
Folder = Annotated[Path | None, target_option("--folder", "Local copy of a model bucket, read-only.", "DIR")]
Stream = Annotated[str | None, target_option("--stream", "With --bucket: the Kinesis stream.", "NAME")]
Bus = Annotated[str | None, target_option("--bus", "With --bucket: the event bus.", "NAME")]
FailedBucket = Annotated[
    str | None, target_option("--failed-bucket", "With --bucket: the bucket of failed batches.", "NAME")
]
UseCase = Annotated[str | None, target_option("--use-case", "Needed if the pipeline has several.", "NAME")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]

_WHERE = {
    "stack": (Stack, None),
    "local": (Local, False),
    "bucket": (Bucket, None),
    "folder": (Folder, None),
    "stream": (Stream, None),
    "bus": (Bus, None),
    "failed_bucket": (FailedBucket, None),
    "region": (Region, None),
    "endpoint_url": (EndpointUrl, None),
    "use_case": (UseCase, None),
}


def somewhere(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say where, as its first argument: `named`, a `where.Named`.

    What is wrong is shown, and ends the command with 1.
    """

    @functools.wraps(command)
    def run(**options: Any) -> None:
        with errors_shown():
            command(_named(options), **options)

    own = list(inspect.signature(command).parameters.values())[1:]
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in _WHERE.items()
    ]
    by_name = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own]
    signature = inspect.Signature([*by_name, *shared])
    run.__signature__ = signature  # type: ignore[attr-defined]  # what typer looks at
    run.__annotations__ = {each.name: each.annotation for each in signature.parameters.values()}
    del run.__wrapped__  # typer would look there
    return run


def _named(options: dict[str, Any]) -> "TargetOptions":
    """Take the options that say where out of all."""
    from ops.target import TargetOptions

    return TargetOptions(**{name: options.pop(name) for name in _WHERE})


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show the text of what is wrong, and end the command with 1."""
    from botocore.exceptions import BotoCoreError, ClientError

    from consumer.errors import ConsumerError

    try:
        yield
    except ConsumerError as error:
        typer.echo(f"Not done: {error}", err=True)
        raise typer.Exit(1) from None
    except (BotoCoreError, ClientError) as error:
        typer.echo(f"Not done: AWS does not do it: {error}. docs/operations.md has the permissions", err=True)
        raise typer.Exit(1) from None


def confirmed(text: str, yes: bool) -> None:
    """Say what will be done, and ask, unless `yes`; end the command with 1 where the answer is no."""
    typer.echo(text)
    if not yes and not typer.confirm("Do it?"):
        typer.echo("Nothing was done.", err=True)
        raise typer.Exit(1)
