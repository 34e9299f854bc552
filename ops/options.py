"""What the commands share: the options that say where, how they ask, and how they show what is wrong."""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ops.target import TargetOptions

_PANEL = "Which pipeline"


def _option(name: str, metavar: str | None, text: str) -> Any:
    return typer.Option(name, metavar=metavar, help=text, rich_help_panel=_PANEL)


Stack = Annotated[str | None, _option("--stack", "NAME", "A deployed stack, by its outputs.")]
Local = Annotated[bool, _option("--local", None, "The one of `python -m local serve`.")]
Bucket = Annotated[str | None, _option("--bucket", "NAME", "Its bucket of models, where there is no stack.")]
Folder = Annotated[Path | None, _option("--folder", "DIR", "A copy of such a bucket on disk, to look at.")]
Stream = Annotated[str | None, _option("--stream", "NAME", "Beside --bucket: its stream.")]
Bus = Annotated[str | None, _option("--bus", "NAME", "Beside --bucket: its event bus.")]
FailedBucket = Annotated[
    str | None, _option("--failed-bucket", "NAME", "Beside --bucket: where batches are stored that failed.")
]
Region = Annotated[str | None, _option("--region", "NAME", "Its AWS region, where not that of your profile.")]
EndpointUrl = Annotated[str | None, _option("--endpoint-url", "URL", "Where AWS is, for an emulator.")]
UseCase = Annotated[str | None, _option("--use-case", "NAME", "Where the pipeline has several.")]
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
