"""`python -m producer_sim plan`: what a plant costs, which limit it reaches first, and its settings."""

import json
from typing import Annotated

import typer

from clients.console import Console
from clients.plant_files import configured_plants
from clients.terminal import echo
from consumer.errors import ConfigurationError
from consumer.plant import plant as plant_in_force
from producer_sim.plan.advice import plans_of
from producer_sim.plan.assumptions import Assumptions, read_assumptions
from producer_sim.plan.bill import read_prices
from producer_sim.plan.configured import Configured, configured
from producer_sim.plan.plan import Plan
from producer_sim.plan.plan_table import as_json, print_plans
from producer_sim.plan.workload import DRIFT_MODEL, Choices, Configuration, Ingest, StreamMode, Workload

_WIDTH = 100  # of a file or a pipe


def plan(
    signals: Annotated[int, typer.Option(min=0, max=1_000_000_000, help="Signals of the plant.")],
    rate: Annotated[float, typer.Option(min=0.0, max=1e6, help="Values a second of each signal.")] = 1.0,
    values_per_record: Annotated[
        int, typer.Option(min=2, max=10_000, help="Values in a record of columns.")
    ] = 10,
    batch_window: Annotated[
        int | None,
        typer.Option(min=0, max=300, help="Seconds that Lambda gathers records for; default: cdk.json's."),
    ] = None,
    pages: Annotated[
        int | None,
        typer.Option(min=1, max=4096, help="Objects that hold the models; default: enough for the plant."),
    ] = None,
    memory: Annotated[
        int | None,
        typer.Option(min=512, max=10_240, help="Lambda's memory in MB; default: enough for the plant."),
    ] = None,
    use_case: Annotated[
        list[str] | None,
        typer.Option(
            help="Use case by its name: anomaly, shift or drift. May be repeated. Default: those of cdk.json."
        ),
    ] = None,
    use_cases: Annotated[
        int | None,
        typer.Option(min=1, max=50, help="Use cases, each with a model per signal; default: those named."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Of drift, and of a use case of yours: ADWIN, PageHinkley, KSWIN, KMeans or HalfSpaceTrees."
        ),
    ] = None,
    plant: Annotated[
        str | None, typer.Option(help="Plant of context.plants in cdk.json; default: the first.")
    ] = None,
    ingest: Annotated[
        Ingest, typer.Option(help="What puts records on the stream: your own producers, or AWS IoT rules.")
    ] = "kinesis",
    events_per_day: Annotated[
        float, typer.Option(min=0.0, max=1e6, help="Events a day of each signal and use case.")
    ] = 1.0,
    stream: Annotated[
        StreamMode | None,
        typer.Option(help="Kind of Kinesis stream; advantage: On-demand Advantage. Default: the cheapest."),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
) -> None:
    """Plan a plant: its bill in dollars a month, the limits it reaches, and its settings for cdk.json.

    Four ways side by side: an object for each signal or pages, single
    values or columns; beside them what cdk.json has now, unless use cases
    are named; then the bill and the limits of the best of the four.

    The figures behind it are in assumptions.toml and prices.toml in
    producer_sim/plan; docs/costs.md has examples.
    """
    assumptions, prices = read_assumptions(), read_prices()
    if model is not None and model not in assumptions.models:
        raise typer.BadParameter(
            f"{model} was not measured; measured: {', '.join(assumptions.models)}", param_hint="--model"
        )
    own = None if use_case or (model is not None and plant is None) else _own_plant(plant)
    named = _named(use_case, assumptions) if own is None else own.use_cases
    if use_cases is not None and use_cases < len(named):
        raise typer.BadParameter(f"{len(named)} are named", param_hint="--use-cases")
    if model is not None and not set(named) - assumptions.use_cases.keys():
        raise typer.BadParameter(f"none of {', '.join(named)} takes one; drift does", param_hint="--model")
    count = use_cases or len(named)
    workload = Workload(signals, rate, count, model or DRIFT_MODEL, ingest, events_per_day, named)
    if batch_window is None:
        batch_window = own.batch_window_s if own else Configuration(1, "on-demand", 1).batch_window_s
    choices = Choices(values_per_record, batch_window, pages, memory, stream)
    plans = plans_of(workload, choices, assumptions, prices)
    now = None
    if own is not None:
        now = Plan("cdk.json, single values", own.load(workload, stream, assumptions), prices)
    if json_:
        echo(json.dumps(as_json(plans, now, own), indent=2))
        return
    console = Console()
    print_plans(console if console.is_terminal else Console(width=_WIDTH), plans, now, own)


def _own_plant(name: str | None) -> Configured:
    """The plant of `cdk.json`. Raises: `BadParameter` where the file or the plant in it is not there."""
    try:
        return configured(configured_plants(plant_in_force()), name)
    except ConfigurationError as error:
        raise typer.BadParameter(str(error), param_hint="--plant") from None


def _named(use_case: list[str] | None, assumptions: Assumptions) -> tuple[str, ...]:
    """The use cases that were named, each once. Raises: `BadParameter` for one that was not measured."""
    named = tuple(dict.fromkeys(use_case or ["drift"]))
    for name in named:
        if name not in assumptions.named_use_cases:
            measured = ", ".join(assumptions.named_use_cases)
            raise typer.BadParameter(
                f"{name} was not measured; measured: {measured}", param_hint="--use-case"
            )
    return named
