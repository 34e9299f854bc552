"""The options that name a pipeline, as every command line has them."""

from typing import Annotated, Any

import typer


def target_option(name: str, text: str, metavar: str | None = None) -> Any:
    """An option under the heading "Which pipeline"."""
    return typer.Option(name, metavar=metavar, help=text, rich_help_panel="Which pipeline")


Stack = Annotated[str | None, target_option("--stack", "A deployed stack, found by its outputs.", "NAME")]
Region = Annotated[
    str | None, target_option("--region", "AWS region, if not the one of your profile.", "NAME")
]
EndpointUrl = Annotated[str | None, target_option("--endpoint-url", "Endpoint of an AWS emulator.", "URL")]
