"""`python -m ops repage --pages N`: moves a use case's models to other pages, while nothing learns."""

import asyncio
import os
from typing import Annotated

import typer

from clients.terminal import echo
from ops.options import errors_shown


def repage(
    pages: Annotated[int, typer.Option(min=0, max=4096, help="How many; 0: one object per signal.")],
    function: Annotated[
        str, typer.Option(help="The function whose models to move; its environment says where they are.")
    ] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Do not check that the event source mapping is disabled.")
    ] = False,
) -> None:
    """Move a use case's models to another number of pages. If interrupted, run it again.

    Its event source mapping must be disabled. Without --function, set the
    function's environment variables here, and use --force only if nothing
    learns, for instance because there is no Lambda.
    """
    with errors_shown():
        _repage(pages, function, force)


def _repage(pages: int, function: str, force: bool) -> None:
    import boto3

    from consumer.aws.s3 import open_bucket
    from consumer.errors import ConfigurationError
    from consumer.pages.codec import PageCodec
    from consumer.settings.environment import read_settings
    from ops.lambda_function import LambdaFunction
    from ops.state.repage import Repage
    from ops.target import models_prefix

    environment = dict(os.environ)
    if function:
        deployed = LambdaFunction(boto3.client("lambda"), function)
        if not force:
            deployed.check_is_paused()
        environment |= deployed.environment()
    elif not force:
        raise ConfigurationError(
            "name the function with --function, to check that its mapping is disabled; "
            "or use --force if nothing learns meanwhile"
        )
    settings = read_settings(environment)
    objects = open_bucket(settings.model_bucket, settings.region, settings.s3_endpoint)
    repage = Repage(objects, PageCodec(), models_prefix(settings.use_case, environment), echo)
    signals = asyncio.run(repage.run(pages))
    echo(
        f"Done: {signals} signals. Set MODEL_PAGES (`pages` in cdk.json) to {pages}, "
        "and enable the mapping again"
    )
