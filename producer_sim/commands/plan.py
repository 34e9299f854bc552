"""`python -m producer_sim plan`: what a plant takes of AWS, what it costs, and which limit binds first."""

import json
from typing import Annotated

import typer
from rich.console import Console

from producer_sim.plan.advice import plans_of
from producer_sim.plan.as_json import as_json
from producer_sim.plan.assumptions import read_assumptions
from producer_sim.plan.plan_table import lines_of
from producer_sim.plan.prices import read_prices
from producer_sim.plan.tables import show
from producer_sim.plan.workload import Ingest, StreamMode, Wishes, Workload

_WIDTH = 150  # where nobody says how wide the paper is


def plan(
    signals: Annotated[int, typer.Option(min=0, max=1_000_000_000, help="Signals of the plant.")],
    rate: Annotated[float, typer.Option(min=0.0, max=1e6, help="Values a second of each signal.")] = 1.0,
    values_per_record: Annotated[
        int, typer.Option(min=2, max=10_000, help="Values that columns gather into a record.")
    ] = 10,
    batch_window: Annotated[
        int, typer.Option(min=0, max=300, help="Seconds for which Lambda gathers records.")
    ] = 10,
    pages: Annotated[
        int | None, typer.Option(min=1, max=4096, help="Objects that hold the models; default: what fits.")
    ] = None,
    memory: Annotated[
        int | None, typer.Option(min=512, max=10_240, help="Lambda's memory in MB; default: what fits.")
    ] = None,
    use_cases: Annotated[int, typer.Option(min=1, max=50, help="Models of each signal.")] = 1,
    model: Annotated[
        str, typer.Option(help="ADWIN, PageHinkley, KSWIN, KMeans or HalfSpaceTrees.")
    ] = "ADWIN",
    ingest: Annotated[
        Ingest, typer.Option(help="What puts records on the stream: your own producers, or AWS IoT's rules.")
    ] = "kinesis",
    events_per_day: Annotated[
        float, typer.Option(min=0.0, max=1e6, help="Events of each signal and use case in a day.")
    ] = 1.0,
    stream: Annotated[
        StreamMode | None, typer.Option(help="Kind of Kinesis stream; default: the cheaper one.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
) -> None:
    """Plan a plant: shards, invocations, S3, dollars a month, the limit that binds first, and cdk.json.

    Four ways side by side: an object for each signal or pages, single
    values or columns. Each line says how it comes of those above.

    The figures behind it are in assumptions.toml and prices.toml in
    producer_sim/plan; docs/costs.md works cases through by hand.
    """
    assumptions, prices = read_assumptions(), read_prices()
    if model not in assumptions.models:
        raise typer.BadParameter(
            f"{model} was not measured; measured: {', '.join(assumptions.models)}", param_hint="--model"
        )
    workload = Workload(signals, rate, use_cases, model, ingest, events_per_day)
    wishes = Wishes(values_per_record, batch_window, pages, memory, stream)
    plans = plans_of(workload, wishes, assumptions, prices)
    lines = lines_of(plans, assumptions, prices)
    if json_:
        typer.echo(json.dumps(as_json(plans, lines, assumptions, prices), indent=2))
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    show(console, plans, lines, assumptions, prices)
