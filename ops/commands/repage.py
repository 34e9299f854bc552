"""`python -m ops repage`: moves a use case's models to other pages, or places them otherwise, offline."""

import asyncio
import os
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from clients.terminal import echo
from ops.options import errors_shown

if TYPE_CHECKING:
    from consumer.settings.environment import Settings
    from ops.state.placing import Placing


class Placement(StrEnum):
    """What a signal's page follows from."""

    RECORD = "record"
    ASSET = "asset"


def repage(
    pages: Annotated[
        int | None,
        typer.Option(min=0, max=4096, help="How many; 0: one object per signal, or per asset."),
    ] = None,
    placement: Annotated[
        Placement | None,
        typer.Option(help="By a signal's asset, as signals.yaml says it here, or by what its records name."),
    ] = None,
    among: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="With --placement record: signals that come among the values of a record. Repeat it.",
        ),
    ] = None,
    function: Annotated[
        str, typer.Option(help="The function whose models to move; its environment says where they are.")
    ] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Do not check that the event source mapping is disabled.")
    ] = False,
) -> None:
    """Move a use case's models to other pages, or place them otherwise. If interrupted, run it again.

    Its event source mapping must be disabled. Without --function, set the
    function's environment variables here, and use --force only if nothing
    learns, for instance because there is no Lambda.
    """
    with errors_shown():
        _repage(pages, placement, among or [], function, force)


def _repage(
    pages: int | None, placement: Placement | None, among: list[str], function: str, force: bool
) -> None:
    import boto3

    from consumer.aws.s3 import open_bucket
    from consumer.errors import ConfigurationError
    from consumer.pages.codec import PageCodec
    from consumer.settings.environment import read_settings
    from ops.lambda_function import LambdaFunction
    from ops.state.repage import Repage
    from ops.target import check_same_models, models_prefix

    if pages is None and placement is None:
        raise ConfigurationError("say where to move the models: --pages N, --placement asset, or both")
    if among and placement is not Placement.RECORD:
        raise ConfigurationError("--among is for --placement record: by asset, all values come to one page")
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
    prefix = models_prefix(settings.use_case, environment)
    check_same_models(function or "the environment", prefix, models_prefix(settings.use_case))
    repage = Repage(objects, PageCodec(), prefix, echo)
    placing = None if placement is None else _placing(settings, placement, among)
    signals = asyncio.run(repage.run(pages, placing))
    to_set = [] if pages is None else [f"MODEL_PAGES (`pages` in cdk.json) to {pages}"]
    if placement is not None:
        to_set.append(f"PLACEMENT (`placement` in cdk.json) to {placement.value}")
    echo(f"Done: {signals} signals. Set {' and '.join(to_set)}, and enable the mapping again")


def _placing(settings: "Settings", placement: Placement, among: list[str]) -> "Placing":
    from consumer.plant import plant
    from consumer.settings.signal_settings import SettingsOfSignals
    from consumer.settings.signals_yaml import read_shipped_signals
    from ops.state.placing import Placing
    from ops.state.signal_summary import open_alerts

    use_case = plant().use_case(settings.use_case)
    of_signals = SettingsOfSignals(
        settings.use_case, use_case, read_shipped_signals(settings.signal_settings, plant())
    )
    by_asset = placement is Placement.ASSET
    return Placing(
        of_signals.assets if by_asset else None,
        among,
        use_case.learns_assets,
        lambda state: f"Open of it: {', '.join(found)}" if (found := open_alerts(use_case, state)) else "",
        lambda key, state: state.parameters == of_signals.of(key.signal).parameters,
    )
