"""What operators run, such as `python -m consumer backtest --use-case drift FILE`. It is not in the asset."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from ops.commands import changing, reading
from ops.commands.new import new

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
reading.register(app)
changing.register(app)
app.command()(new)


@app.callback()
def main() -> None:
    """Tools for a deployment of the consumer."""


@app.command()
def repage(
    pages: Annotated[int, typer.Option(min=0, max=4096, help="How many; 0: an object for each signal.")],
    function: Annotated[
        str, typer.Option(help="The function whose models are moved: its environment says where they lie.")
    ] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Move without asking Lambda whether the mapping is disabled.")
    ] = False,
) -> None:
    """Move a use case's models to other pages; interrupt it where you like, and run it again.

    Its event source mapping must be disabled. Without --function, the environment variables are those of the
    function, and --force says that nothing learns meanwhile, as where there is no Lambda.
    """
    from consumer.errors import ConsumerError

    try:
        _repage(pages, function, force)
    except ConsumerError as error:
        typer.echo(f"Not done: {error}", err=True)
        raise typer.Exit(1) from None


@app.command()
def backtest(
    files: Annotated[list[Path], typer.Argument(help="CSV, Parquet or JSON lines; each is an asset.")],
    use_case: Annotated[str, typer.Option(help="A name of consumer/use_cases.py.")],
    time: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="When it was measured; else the only one of times.")
    ] = None,
    signals: Annotated[
        str | None, typer.Option(metavar="COL,COL", help="What is learned; else all numbers but labels.")
    ] = None,
    upper: Annotated[float | None, typer.Option(help="Of a forecast: the limit from below.")] = None,
    lower: Annotated[float | None, typer.Option(help="Of a forecast: the limit from above.")] = None,
    settings: Annotated[
        Path | None,
        typer.Option(metavar="FILE.yaml", help="Settings per signal; else the shipped."),
    ] = None,
    events: Annotated[
        Path | None, typer.Option(metavar="OUT.jsonl", help="Write the events' details here, line by line.")
    ] = None,
    scores: Annotated[
        Path | None, typer.Option(metavar="OUT.csv", help="Write each row's timestamp, value and score here.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="OUT.html", help="Draw values, scores and events; of one file.")
    ] = None,
    windows: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help='Draw labels too: {"file.csv": [["first", "last"], ...]}.'),
    ] = None,
) -> None:
    """Learn recordings as the function would, in one pass; print what it would have told."""
    from clients.recordings.refusals import ReplayRefused
    from consumer.errors import ConsumerError
    from ops.backtest.command import Columns, Outputs, choose, run_backtest

    try:
        chosen = choose(use_case, upper, lower, settings)
        run_backtest(files, use_case, chosen, Columns(time, signals), Outputs(events, scores, plot, windows))
    except (ConsumerError, ReplayRefused) as error:
        typer.echo(f"Not done: {error}", err=True)
        raise typer.Exit(1) from None


def _repage(pages: int, function: str, force: bool) -> None:
    from consumer.aws.s3 import open_bucket
    from consumer.detectors.base import fingerprint
    from consumer.errors import ConfigurationError
    from consumer.pages.codec import PageCodec, versions
    from consumer.pages.layout import prefix_of
    from consumer.plant import plant
    from consumer.settings.environment import read_settings
    from ops.commands.repage import Repage
    from ops.lambda_function import DeployedFunction

    environment = dict(os.environ)
    if function:
        deployed = DeployedFunction(function)
        if not force:
            deployed.check_is_idle()
        environment |= deployed.environment()
    elif not force:
        raise ConfigurationError(
            "name the function with --function, so that Lambda can be asked whether its mapping is disabled; "
            "or say --force where nothing learns meanwhile"
        )
    settings = read_settings(environment)
    objects = open_bucket(settings.model_bucket, settings.region, settings.s3_endpoint)
    prefix = prefix_of(settings.use_case, fingerprint(plant().use_case(settings.use_case), versions()))
    done = asyncio.run(Repage(objects, PageCodec(), prefix, typer.echo).run(pages))
    typer.echo(
        f"Done: {done.signals} signals. Set MODEL_PAGES (`pages` in cdk.json) to {pages}, "
        "and enable the mapping again"
    )


if __name__ == "__main__":
    app(prog_name="python -m consumer")
