"""What the commands share: the options that name a pipeline, confirmation, and how errors are shown."""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.target_options import EndpointUrl, Region, Stack, target_option
from clients.terminal import echo

NAMES = (
    "A signal's name, or a pattern: * stands for any text, ? for a character, [ab] for one of these (quote "
    "it). A name that is there is meant alone; [[] writes a bracket."
)
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """The options that name a pipeline; exactly one of `stack`, `local`, `bucket` and `folder`."""

    stack: Stack = None
    local: Annotated[bool, target_option("--local", "That of `python -m local serve`.")] = False
    bucket: Annotated[str | None, target_option("--bucket", "Model bucket, without a stack.", "NAME")] = None
    folder: Annotated[Path | None, target_option("--folder", "Copy of a bucket, read-only.", "DIR")] = None
    stream: Annotated[str | None, target_option("--stream", "With --bucket: the stream.", "NAME")] = None
    bus: Annotated[str | None, target_option("--bus", "With --bucket: the event bus.", "NAME")] = None
    failed_bucket: Annotated[
        str | None, target_option("--failed-bucket", "With --bucket: where failed batches are.", "NAME")
    ] = None
    region: Region = None
    endpoint_url: EndpointUrl = None
    use_case: Annotated[str | None, target_option("--use-case", "If it has several.", "NAME")] = None


def with_target(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that name a pipeline to a command, whose first argument gets them as `TargetOptions`.

    Errors are printed, and end the command with exit code 1.
    """
    shared = list(inspect.signature(TargetOptions).parameters.values())
    own = list(inspect.signature(command).parameters.values())[1:]

    @functools.wraps(command)
    def run(**options: Any) -> None:
        with errors_shown():
            command(TargetOptions(**{each.name: options.pop(each.name) for each in shared}), **options)

    signature = inspect.Signature(
        [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *shared)]
    )
    run.__signature__ = signature  # type: ignore[attr-defined]  # typer reads it
    run.__annotations__ = {each.name: each.annotation for each in signature.parameters.values()}
    del run.__wrapped__  # typer would read that instead
    return run


@contextmanager
def errors_shown() -> Iterator[None]:
    """Print errors, and end the command with exit code 1."""
    from botocore.exceptions import BotoCoreError, ClientError

    from consumer.errors import ConsumerError

    try:
        yield
    except ConsumerError as error:
        echo(f"Not done: {error}", err=True)
        raise typer.Exit(1) from None
    except (BotoCoreError, ClientError) as error:
        echo(
            f"Not done: AWS rejected the request: {error}. docs/operations.md lists the permissions", err=True
        )
        raise typer.Exit(1) from None


def confirmed(text: str, yes: bool) -> None:
    """Print what will be done, and ask, unless `yes`; exit with code 1 if the answer is no."""
    echo(text)
    if not yes and not typer.confirm("Proceed?"):
        echo("Nothing was changed.", err=True)
        raise typer.Exit(1)


def check_unchanged(shown: object, now: object, what: str) -> None:
    """After the answer: raise `ConfigurationError` if what was shown is not so any more."""
    from consumer.errors import ConfigurationError

    if shown != now:
        raise ConfigurationError(
            f"{what} changed while the question waited, by another operator or by what was learned. Nothing "
            "was changed: run it again, and look at what it shows"
        )
