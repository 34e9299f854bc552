"""What `plan` prints: the four ways side by side, the bill, the limits and the advice; or JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from clients.console import Console
from producer_sim.plan.advice import (
    fragment_of,
    names_of,
    number,
    reasons_of,
    reasons_of_configured,
    recommended,
)
from producer_sim.plan.bill import printed_quantity, stream_dollars, versions_of_page
from producer_sim.plan.configured import Configured
from producer_sim.plan.limit_usage import LimitUsage
from producer_sim.plan.load import MB
from producer_sim.plan.plan import Plan
from producer_sim.plan.sizing import shard_needs
from producer_sim.plan.workload import STREAM_MODES

Figure = float | str
_COMPARED = ("Settings", "The stream", "An invocation", "Dollars by service", "Value to alert, in s")


def figures_of(plan: Plan) -> dict[str, dict[str, Figure]]:
    """Section -> name -> figure, in the order in which they build on each other."""
    load, configuration, lines = plan.load, plan.load.configuration, plan.bill.lines.values()
    needs, cpu_us = shard_needs(load), load.cpu_us_with(load.warm)
    services = dict.fromkeys(line.service for line in lines)
    return {
        "Settings": {
            "values a record": configuration.values_per_record,
            "stream": configuration.stream,
            "shards": configuration.shards,
            "pages": configuration.pages or "none",
            "batch_window_s": configuration.batch_window_s,
            "memory_mb": configuration.memory_mb,
        },
        "The stream": {
            "observations/s": plan.load.workload.observations_per_s,
            "records/s": load.records_per_s,
            "bytes of a record": load.record_bytes,
            "MB/s": load.bytes_per_s / MB,
            **{f"shards by {reason}": shards for reason, shards in needs.items()},
            "which binds": max(needs, key=lambda reason: needs[reason]),
        },
        "An invocation": {
            "batch holds, records": load.batch_records_max,
            "window, s": load.window_s,
            "records": load.records,
            "observations": load.observations,
            "signals": load.signals,
            "pages": load.pages,
            "states written": load.states,
            "invocations/s": load.invocations_per_s,
            "CPU s": sum(cpu_us.values()) / 1e6,
            "waiting for S3, s": load.wait_s_with(load.warm),
            "duration, s": load.duration_s,
            "memory needed, MB": load.memory_mb,
        },
        "CPU of an invocation, in ms": {f"for {cause}": us / 1000 for cause, us in cpu_us.items()},
        "Concurrency and memory": {
            "processor": load.processor,
            "concurrency": load.concurrency,
            "busy share of a shard's time": load.busy,
            "states in memory": load.states_in_memory,
        },
        "S3": {
            "PUT/s": load.commits_per_s,
            "GET/s": load.commits_per_s * (1 - load.warm),
            "environments": load.environments,
            "warm share of pages": load.warm,
            "bytes of a state": load.state_bytes,
            "MB of a page": load.page_bytes / MB,
            "versions of a page": versions_of_page(load),
        },
        "A month": {line.name: line.quantity for line in lines},
        "Unit prices in dollars": {line.name: line.unit_price for line in lines},
        "Dollars a month": {line.name: line.dollars for line in lines},
        "Dollars by service": {
            **{name: sum(line.dollars for line in lines if line.service == name) for name in services},
            "all": plan.bill.total,
            **{f"Kinesis, if {mode}": stream_dollars(load, mode, plan.prices) for mode in STREAM_MODES},
            "for a million observations": plan.dollars_per_million,
        },
        "Value to alert, in s": dict(zip(("on average", "at most"), plan.alert_delay_s, strict=True)),
    }


def as_json(
    plans: Sequence[Plan], now: Plan | None = None, plant: Configured | None = None
) -> dict[str, Any]:
    """Every figure, bill line and limit of each plan, and which to use; `now`: as the plant's cdk.json is."""
    best = recommended(plans)
    of_now = {} if now is None else {"cdk_json_now": _plan_as_json(now)}
    return {
        "prices": {"region": best.prices.region, "date": best.prices.date},
        "measured_on": best.load.assumptions.measured_on,
        "plans": {plan.name: _plan_as_json(plan) for plan in plans},
        "recommended": best.name,
        "reasons": [*reasons_of(best, plans), *_reasons_now(now, plant)],
        "cdk_json": fragment_of(best),
        **of_now,
    }


def _reasons_now(now: Plan | None, plant: Configured | None) -> Iterator[str]:
    if now is not None:
        yield from reasons_of_configured(now)
    if plant is not None:
        yield from plant.reasons()


def print_plans(
    console: Console, plans: Sequence[Plan], now: Plan | None = None, plant: Configured | None = None
) -> None:
    """Print the four ways side by side, then the bill, the limits and the settings of the best.

    `now`, beside them: as the plant's cdk.json is.
    """
    best = recommended(plans)
    workload, assumptions, prices = best.load.workload, best.load.assumptions, best.prices
    use_cases = f"{workload.use_cases} use case{'s' if workload.use_cases > 1 else ''}"
    if plant is not None:
        use_cases += " of cdk.json"
    is_drift = workload.named == ("drift",)
    use_cases += f" of {workload.model}" if is_drift else f": {', '.join(names_of(workload))}"
    console.print(
        Text(f"{workload.signals:,} signals at {workload.rate:g} Hz", "bold").append(
            f", {use_cases}, a month of {assumptions.assumed.month_days:g} days", "not bold"
        )
    )
    console.print(
        f"Prices of {prices.region} as known on {prices.date}, not read off AWS: check those that matter.\n"
        f"CPU measured on {assumptions.measured_on}; Lambda's processor is assumed to be "
        f"{assumptions.assumed.processor_speed:g} times as fast.\n"
    )
    for table in (_comparison(plans, best, now), _bill(best), _limits(best)):
        console.print(table)
    console.print("Which configuration", style="bold")
    for reason in (*reasons_of(best, plans), *_reasons_now(now, plant)):
        console.print(f"- {reason}")
    console.print("\nIts settings, for a plant of context.plants in cdk.json:")
    console.print_json(json.dumps(fragment_of(best), indent=2))


def _plan_as_json(plan: Plan) -> dict[str, Any]:
    return {
        "holds": plan.holds,
        "dollars_a_month": round(plan.bill.total, 2),
        "lines": [
            {"section": section, "name": name, "value": value}
            for section, figures in figures_of(plan).items()
            for name, value in figures.items()
        ],
        "limits": [_limit_as_json(limit) for limit in plan.limits],
        "cdk_json": fragment_of(plan),
    }


def _limit_as_json(limit: LimitUsage) -> dict[str, Any]:
    fields = asdict(limit)
    fields["reached_at_times_the_rate"] = fields.pop("reached_at")
    return fields


def _table(title: str, left: Sequence[str], right: Sequence[str], last: Sequence[str] = ()) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.padding = (0, 1, 0, 0)
    for heading in left:
        table.add_column(heading, no_wrap=True)
    for heading in right:
        table.add_column(heading, justify="right")
    for heading in last:
        table.add_column(heading)
    return table


def _comparison(plans: Sequence[Plan], best: Plan, now: Plan | None) -> Table:
    names = [plan.name.replace(", ", "\n") + "\nrecommended" * (plan is best) for plan in plans]
    title = "Four ways to set it up"
    if now is not None:
        title += ", and cdk.json as it is"
        names, plans = [*names, now.name.replace(", ", "\n")], [*plans, now]
    table = _table(title, [""], names)
    figures = [figures_of(plan) for plan in plans]
    for section in _COMPARED:
        table.add_row(Text(section, "bold"))
        for name in figures[0][section]:
            values = [of_plan[section][name] for of_plan in figures]
            if any(values):  # not services that none of them uses
                style = "bold" if name == "all" else ""
                table.add_row(f"  {name}", *(_cell(section, value) for value in values), style=style)
    firsts = [plan.first_limit for plan in plans]
    table.add_row(Text("The first limit", "bold"))
    table.add_row("  which", *(first.name if first else "none" for first in firsts))
    table.add_row("  reached, times the rate", *map(_times, firsts))
    return table


def _cell(section: str, value: Figure) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.2f}" if section.startswith("Dollars") and value >= 1 else number(value)


def _bill(plan: Plan) -> Table:
    table = _table(f"The bill of '{plan.name}'", ["a month"], ["quantity", "x unit price, $", "= dollars"])
    for line in plan.bill.lines.values():
        if line.quantity:
            decimals = 0 if line.quantity >= 100 else 3
            quantity = f"{printed_quantity(line.quantity):,.{decimals}f}".removesuffix(".000")
            whole, _, cents = f"{line.unit_price:.10f}".rstrip("0").partition(".")
            table.add_row(line.name, quantity, f"{whole}.{cents:0<2}", f"{line.dollars:,.2f}")
    table.add_row("all", "", "", f"{plan.bill.total:,.2f}", style="bold")
    return table


def _limits(plan: Plan) -> Table:
    title = f"The limits of '{plan.name}': reached at how many times the rate, and what happens beyond"
    table = _table(title, ["limit"], ["used", "of", "reached at"], ["beyond it"])
    for limit in plan.limits:
        allowed = f"{number(limit.allowed)} {limit.unit}"
        table.add_row(limit.name, number(limit.used), allowed, _times(limit), limit.beyond)
    return table


def _times(limit: LimitUsage | None) -> str:
    return "never" if limit is None or limit.reached_at is None else f"{number(limit.reached_at)} x"
