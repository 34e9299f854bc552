"""What operators run, such as `python -m consumer backtest --use-case drift FILE`. It is not in the asset."""

import asyncio
import os
import time as clock
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


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
    from consumer.core.errors import ConsumerError

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
    events: Annotated[
        Path | None, typer.Option(metavar="OUT.jsonl", help="Write the events' details here, line by line.")
    ] = None,
) -> None:
    """Learn recordings as the function would, in one pass; print what it would have told."""
    from consumer.core.errors import ConsumerError
    from producer_sim.replay.refusals import ReplayRefused

    try:
        with ExitStack() as opened:
            lines = opened.enter_context(events.open("w")) if events else None
            for path in files:
                _backtest(path, use_case, time, signals, lines)
    except (ConsumerError, ReplayRefused) as error:
        typer.echo(f"Not done: {error}", err=True)
        raise typer.Exit(1) from None


def _backtest(path: Path, name: str, time: str | None, signals: str | None, lines: Any) -> None:
    import json

    from consumer.backtest import Backtest
    from consumer.core.errors import ConfigurationError
    from consumer.core.signals import check_name
    from consumer.use_cases import USE_CASES
    from producer_sim.replay.choice import choose
    from producer_sim.replay.table import open_table

    if name not in USE_CASES:
        known = ", ".join(sorted(USE_CASES))
        raise ConfigurationError(f"consumer/use_cases.py has no {name!r}; it has {known}")
    choice = choose(open_table(path), time, signals.split(",") if signals else ())
    asset = path.name.split(".")[0]
    names = [check_name(f"{asset}.{column.name}") for column in choice.signals]
    cells = ", ".join([choice.seconds_sql, *map(choice.value_sql, choice.signals)])
    rows = ((at_s, values) for at_s, *values in choice.table.rows(cells) if at_s is not None)
    run, start, told = Backtest(name, USE_CASES[name], asset, names), clock.perf_counter(), 0
    for detail in run.events(rows):
        told += 1
        typer.echo(f"{detail['timestamp']}  {detail['headline']}  {json.dumps(detail['evidence'])}")
        if lines:
            lines.write(json.dumps(detail) + "\n")
    took_s = clock.perf_counter() - start
    typer.echo(
        f"{path}: {run.learned:,} values of {len(names)} signals, {run.learned / took_s:,.0f} a second; "
        f"{told} events of {name}; {run.refused.total()} values could not be learned",
        err=True,
    )
    for reason, times in run.refused.most_common(5):
        typer.echo(f"  {times} times: {reason}", err=True)


def _repage(pages: int, function: str, force: bool) -> None:
    from consumer.core.errors import ConfigurationError
    from consumer.core.layout import prefix_of
    from consumer.core.use_case import fingerprint
    from consumer.edge.function_configuration import DeployedFunction
    from consumer.edge.objects import open_bucket
    from consumer.edge.page_codec import PageCodec, versions
    from consumer.edge.settings import read_settings
    from consumer.repage import Repage
    from consumer.use_cases import USE_CASES

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
    if settings.use_case not in USE_CASES:
        raise ConfigurationError(
            f"USE_CASE is {settings.use_case!r}, which consumer/use_cases.py does not have"
        )
    objects = open_bucket(settings.model_bucket, settings.region, settings.s3_endpoint)
    prefix = prefix_of(settings.use_case, fingerprint(USE_CASES[settings.use_case], versions()))
    done = asyncio.run(Repage(objects, PageCodec(), prefix, typer.echo).run(pages))
    typer.echo(
        f"Done: {done.signals} signals. Set MODEL_PAGES (`pages` in cdk.json) to {pages}, "
        "and enable the mapping again"
    )


if __name__ == "__main__":
    app(prog_name="python -m consumer")
