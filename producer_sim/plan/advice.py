"""The four ways side by side, which of them to use, and what to write into `cdk.json` for it."""

from collections.abc import Iterator, Sequence
from typing import Any

from producer_sim.plan.assumptions import Assumptions
from producer_sim.plan.bill import PriceTable
from producer_sim.plan.load import Load
from producer_sim.plan.plan import Plan
from producer_sim.plan.sizing import MEMORY_MIN_MB, pages_for, sized
from producer_sim.plan.workload import DRIFT_MODEL, STREAM_MODES, Choices, Configuration, Workload

_MQTT = {"sql": "SELECT * FROM 'plant/+'", "partition_key": "${topic(2)}"}


def plans_of(
    workload: Workload, choices: Choices, assumptions: Assumptions, prices: PriceTable
) -> list[Plan]:
    """An object for each signal or pages, each with single values and with columns.

    Each on the kind of stream that was asked for, or else on the cheaper one.
    """
    memory_mb, shards = choices.memory_mb or MEMORY_MIN_MB, assumptions.assumed.on_demand_shards_min

    def cheapest(name: str, pages: int, values: int) -> Plan:
        plans = []
        for mode in (choices.stream,) if choices.stream else STREAM_MODES:
            configuration = Configuration(values, mode, shards, pages, choices.batch_window_s, memory_mb)
            load = sized(Load(workload, configuration, assumptions), sizes_memory=choices.memory_mb is None)
            plans.append(Plan(name, load, prices))
        return recommended(plans)

    pages = choices.pages or pages_for(workload, assumptions)
    return [
        cheapest(f"{kind}, {shape}", count, values)
        for kind, count in (("an object a signal", 0), ("pages", pages))
        for shape, values in (("single values", 1), ("columns", choices.values_per_record))
    ]


def recommended(plans: Sequence[Plan]) -> Plan:
    """The cheapest that holds the rate; where none does, the one that comes nearest to it.

    Where two cost the same to a dollar: pages, for plants grow, and single values.
    """

    def rank(plan: Plan) -> tuple[bool, float, int, bool, int]:
        first, configuration = plan.first_limit, plan.load.configuration
        held = first.reached_at or 0.0 if first and not plan.holds else 1.0
        per_signal = configuration.pages == 0
        return not plan.holds, -held, round(plan.bill.total), per_signal, configuration.values_per_record

    return min(plans, key=rank)


def fragment_of(plan: Plan) -> dict[str, Any]:
    """The fields of a plant in `cdk.json`; `reasons_of` says which use cases have yet to be written."""
    configuration, ingest = plan.load.configuration, plan.load.workload.ingest
    provisioned = configuration.stream == "provisioned"
    use_case = {
        "pages": configuration.pages,
        "batch_window_s": configuration.batch_window_s,
        "memory_mb": configuration.memory_mb,
    }
    return {
        "stream": {"mode": configuration.stream} | ({"shards": configuration.shards} if provisioned else {}),
        "ingest": {"sitewise": ingest == "sitewise"} | ({"mqtt": [_MQTT]} if ingest == "iot" else {}),
        "use_cases": dict.fromkeys(names_of(plan.load.workload), use_case),
    }


def names_of(workload: Workload) -> list[str]:
    """The names of the use cases."""
    return use_case_names(workload.use_cases, workload.named)


def use_case_names(count: int, named: Sequence[str] = ("drift",)) -> list[str]:
    """Names for so many use cases; the first are those that exist.

    >>> use_case_names(2)
    ['drift', 'use-case-2']
    """
    return [*named, *(f"use-case-{number}" for number in range(len(named) + 1, count + 1))]


def reasons_of(plan: Plan, plans: Sequence[Plan]) -> Iterator[str]:
    """Why this one, and what to keep in mind with it: a sentence each."""
    workload, configuration = plan.load.workload, plan.load.configuration
    article = "an" if configuration.stream == "on-demand" else "a"
    yield f"{plan.name}, on {article} {configuration.stream} stream: ${plan.bill.total:,.0f} a month."
    if not plan.holds:
        yield "NONE of the four holds this rate as asked; the limits above say what to change."
    for other in plans:
        if other is not plan:
            first = other.first_limit
            verdict = f", and does not hold: it exceeds '{first.name}'" if first and not other.holds else ""
            yield f"{other.name} would cost ${other.bill.total:,.0f}{verdict}."
    first = plan.first_limit
    if first is not None and first.reached_at is not None:
        yield (
            f"As the rate grows, the first limit is '{first.name}', at {number(first.reached_at)} times the "
            f"rate; then {first.beyond}."
        )
    if configuration.values_per_record > 1:
        yield (
            f"Gateways have to gather {configuration.values_per_record} values of a signal into a record, "
            f"which takes up to {number(plan.gathering_s)} s: docs/send-data.md shows how."
        )
    if (window_s := plan.load.window_s) < configuration.batch_window_s:
        yield f"Batches are full after {window_s:.1f} s: a longer window saves nothing."
    if len(workload.named) > 1:
        yield "Each use case is planned as if it were the dearest of those named, in each figure."
    if further := names_of(workload)[len(workload.named) :]:
        names = " to ".join(dict.fromkeys([further[0], further[-1]]))
        yield f"Not in consumer/use_cases.py yet: {names}. Write a line for each there, under that name."
    if workload.use_cases > 2:
        yield "More than two functions read the stream: consider enhanced_fan_out, not in this bill."
    if workload.model != DRIFT_MODEL:
        yield f"For {workload.model}, change the line in consumer/use_cases.py."
    if workload.ingest == "sitewise":
        yield "What SiteWise itself charges for ingestion and storage is not in this bill."
    mean_s, most_s = plan.alert_delay_s
    yield f"An alert arrives {mean_s:,.1f} s after its value on average, {most_s:,.1f} s at most."


def number(value: float) -> str:
    """A number for people: whole from a hundred up, else three digits or so.

    >>> number(4147.2), number(56.166), number(0.012345), number(16)
    ('4,147', '56.17', '0.0123', '16')
    """
    if value == int(value) or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.3g}"
