"""The four ways side by side, which of them to use, and what to write into `cdk.json` for it."""

from collections.abc import Iterator, Sequence
from typing import Any

from producer_sim.plan.assumptions import Assumptions
from producer_sim.plan.bill import PriceTable, stream_dollars
from producer_sim.plan.load import Load
from producer_sim.plan.plan import Plan
from producer_sim.plan.sizing import MEMORY_MIN_MB, pages_for, sized
from producer_sim.plan.workload import (
    DRIFT_MODEL,
    STREAM_MODES,
    Choices,
    Configuration,
    StreamMode,
    Workload,
)

_KINESIS_SHARE = 0.5  # of the bill, from where it is worth a sentence
_ON: dict[StreamMode, str] = {
    "provisioned": "on a provisioned stream",
    "on-demand": "on an on-demand stream",
    "advantage": "on an on-demand stream with On-demand Advantage",
}
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
    mode = "provisioned" if provisioned else "on-demand"
    use_case = {
        "pages": configuration.pages,
        "batch_window_s": configuration.batch_window_s,
        "memory_mb": configuration.memory_mb,
    }
    return {
        "stream": {"mode": mode} | ({"shards": configuration.shards} if provisioned else {}),
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
    yield f"{plan.name}, {_ON[configuration.stream]}: ${plan.bill.total:,.0f} a month."
    yield from kinesis_of(plan)
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
    if configuration.stream == "advantage":
        yield (
            "On-demand Advantage is a setting of the account and region, for a day at least, which bills "
            "25 MiB/s in and out, of all on-demand streams, even where less comes: aws kinesis "
            "update-account-settings --minimum-throughput-billing-commitment Status=ENABLED"
        )
    if len(workload.named) > 1:
        yield "An invocation's figures are those of the dearest use case; the bill has each by itself."
    if further := names_of(workload)[len(workload.named) :]:
        names = " to ".join(dict.fromkeys([further[0], further[-1]]))
        yield f"Not in consumer/use_cases.py yet: {names}. Write a line for each there, under that name."
    if workload.use_cases > 2:
        yield "More than two functions read the stream: consider enhanced_fan_out, not in this bill."
    measured = plan.load.assumptions.named_use_cases
    if unmeasured := [name for name in workload.named if name not in measured]:
        names = ", ".join(unmeasured)
        yield f"Not measured, and planned as {workload.model}: {names}; --model names another."
    elif workload.model != DRIFT_MODEL:
        yield f"For {workload.model}, change the line in consumer/use_cases.py."
    if workload.ingest == "sitewise":
        yield "What SiteWise itself charges for ingestion and storage is not in this bill."
    mean_s, most_s = plan.alert_delay_s
    yield f"An alert arrives {mean_s:,.1f} s after its value on average, {most_s:,.1f} s at most."


def reasons_of_configured(plan: Plan) -> Iterator[str]:
    """What `cdk.json` costs as it is: a sentence each."""
    mode = plan.load.configuration.stream
    yield f"cdk.json as it is, {_ON[mode]}, with single values: ${plan.bill.total:,.0f} a month."
    if (first := plan.first_limit) and not plan.holds:
        yield f"It does not hold: it exceeds '{first.name}'; {first.beyond}."
    yield from kinesis_of(plan)


def kinesis_of(plan: Plan) -> Iterator[str]:
    """Where Kinesis is most of the bill: what it would be on each kind of stream, the cheapest first."""
    dollars = {mode: stream_dollars(plan.load, mode, plan.prices) for mode in STREAM_MODES}
    share = dollars[plan.load.configuration.stream] / plan.bill.total
    if share >= _KINESIS_SHARE:
        each = sorted(dollars, key=lambda mode: dollars[mode])
        told = ", ".join(f"${dollars[mode]:,.0f} {_ON[mode]}" for mode in each)
        yield f"Kinesis is {share:.0%} of it. For what is sent so, it is {told}."


def number(value: float) -> str:
    """A number for people: whole from a hundred up, else three digits or so.

    >>> number(4147.2), number(56.166), number(0.012345), number(16)
    ('4,147', '56.17', '0.0123', '16')
    """
    if value == int(value) or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.3g}"
