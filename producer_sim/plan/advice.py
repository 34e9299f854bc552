"""The four ways side by side, which of them to use, and what to write into `cdk.json` for it."""

import json
from collections.abc import Sequence
from typing import Any

from producer_sim.plan.assumptions import Assumptions
from producer_sim.plan.plan import Plan, plan_of
from producer_sim.plan.prices import PriceTable
from producer_sim.plan.shown import shown
from producer_sim.plan.sizing import pages_for, sized
from producer_sim.plan.workload import StreamMode, Wishes, Workload

_MQTT = {"sql": "SELECT * FROM 'plant/+'", "partition_key": "${topic(2)}"}
_MODES: tuple[StreamMode, ...] = ("provisioned", "on-demand")


def plans_of(workload: Workload, wishes: Wishes, assumptions: Assumptions, prices: PriceTable) -> list[Plan]:
    """An object for each signal and pages, each with single values and with columns.

    Each on the kind of stream that was asked for, or else on the cheaper one.
    """
    pages = wishes.pages or pages_for(workload, assumptions)
    plans = []
    for kind, of_kind in (("an object a signal", 0), ("pages", pages)):
        for shape, values in (("single values", 1), ("columns", wishes.values_per_record)):
            modes = (wishes.stream,) if wishes.stream else _MODES
            of_modes = [
                plan_of(
                    f"{kind}, {shape}",
                    workload,
                    sized(workload, wishes, mode, of_kind, values, assumptions),
                    assumptions,
                    prices,
                )
                for mode in modes
            ]
            plans.append(_cheapest(of_modes))
    return plans


def recommended(plans: Sequence[Plan]) -> Plan:
    """The cheapest that holds the rate; where none does, the one that comes nearest to it."""
    return _cheapest(plans)


def fragment_of(plan: Plan) -> dict[str, Any]:
    """The fields of a plant in `cdk.json`; `reasons_of` says which use cases are still to be written."""
    configuration = plan.configuration
    stream: dict[str, Any] = {"mode": configuration.stream}
    if configuration.stream == "provisioned":
        stream["shards"] = configuration.shards
    use_case = {
        "pages": configuration.pages,
        "batch_window_s": configuration.batch_window_s,
        "memory_mb": configuration.memory_mb,
    }
    names = use_case_names(plan.workload.use_cases)
    ingest: dict[str, Any] = {"sitewise": plan.workload.ingest == "sitewise"}
    if plan.workload.ingest == "iot":
        ingest["mqtt"] = [_MQTT]
    return {"stream": stream, "ingest": ingest, "use_cases": dict.fromkeys(names, use_case)}


def use_case_names(count: int) -> list[str]:
    """The first is the one that is there.

    >>> use_case_names(2)
    ['drift', 'use-case-2']
    """
    return ["drift", *(f"use-case-{number}" for number in range(2, count + 1))]


def reasons_of(plan: Plan, plans: Sequence[Plan], assumptions: Assumptions) -> list[str]:
    """Why this one, and what to mind with it: a sentence each."""
    workload, configuration = plan.workload, plan.configuration
    article = "an" if configuration.stream == "on-demand" else "a"
    reasons = [f"{plan.name}, on {article} {configuration.stream} stream: ${plan.bill.total:,.0f} a month."]
    if not plan.holds:
        reasons.append("NONE of the four holds this rate as asked; the limits below say what to change.")
    for other in plans:
        if other is not plan:
            verdict = "" if other.holds else f", and does not hold: {_first(other)} is passed"
            reasons.append(f"{other.name} would be ${other.bill.total:,.0f}{verdict}.")
    first = plan.first_limit
    if first is not None and first.multiple is not None:
        reasons.append(
            f"As the rate grows, the first limit is '{first.use.name}', at {shown(first.multiple)} times the "
            f"rate; then {first.use.beyond}."
        )
    if configuration.values_per_record > 1:
        gathering_s = (configuration.values_per_record - 1) / max(workload.rate, 1e-9)
        reasons.append(
            f"Gateways have to gather {configuration.values_per_record} values of a signal into a record, "
            f"which takes up to {shown(gathering_s)} s: docs/send-data.md has the shape."
        )
    if plan.flow.window_s < configuration.batch_window_s:
        reasons.append(f"Batches are full after {plan.flow.window_s:.1f} s: a longer window saves nothing.")
    if further := use_case_names(workload.use_cases)[1:]:
        names = " to ".join(dict.fromkeys([further[0], further[-1]]))
        reasons.append(
            f"Not in consumer/use_cases.py yet: {names}. Write a line for each there, under that name."
        )
    if workload.use_cases > 2:
        reasons.append(
            "More than two functions read the stream: consider enhanced_fan_out, not in this bill."
        )
    if workload.model != "ADWIN":
        reasons.append(f"For {workload.model}, change the line of consumer/use_cases.py.")
    if workload.ingest == "sitewise":
        reasons.append("What SiteWise itself asks for ingestion and storage is not in this bill.")
    delay = plan.alert_delay_s(assumptions.assumed.delivery_s)
    reasons.append(f"An alert comes {delay[0]:,.1f} s after its value on average, {delay[1]:,.1f} s at most.")
    return reasons


def fragment_text(plan: Plan) -> str:
    """The fragment as JSON, to be copied."""
    return json.dumps(fragment_of(plan), indent=2)


def _cheapest(plans: Sequence[Plan]) -> Plan:
    """Where two cost the same to a dollar: pages, for plants grow, and values as they come."""

    def rank(plan: Plan) -> tuple[bool, float, int, bool, int]:
        first, configuration = plan.first_limit, plan.configuration
        # Of those that do not hold, the one that holds most of the rate.
        held = first.multiple or 0.0 if first and not plan.holds else 1.0
        per_signal = configuration.pages == 0
        return not plan.holds, -held, round(plan.bill.total), per_signal, configuration.values_per_record

    return min(plans, key=rank)


def _first(plan: Plan) -> str:
    first = plan.first_limit
    return first.use.name if first else "nothing"
