"""A plan's tables for the terminal."""

from rich.console import Console
from rich.table import Table

from producer_sim.plan.advice import fragment_text, reasons_of, recommended
from producer_sim.plan.assumptions import Assumptions
from producer_sim.plan.limits import Limit
from producer_sim.plan.plan import Plan
from producer_sim.plan.plan_table import Line
from producer_sim.plan.prices import PriceTable
from producer_sim.plan.shown import shown


def show(
    console: Console, plans: list[Plan], lines: list[Line], assumptions: Assumptions, prices: PriceTable
) -> None:
    """Print the lines side by side, the limits, and what to use."""
    best = recommended(plans)
    workload = best.workload
    console.print(
        f"[bold]{workload.signals:,} signals at {workload.rate:g} Hz[/], {workload.use_cases} use case(s) of "
        f"{workload.model}, a month of {assumptions.assumed.month_days:g} days"
    )
    console.print(
        f"Prices of {prices.region} as known on {prices.date}, not read off AWS: check those that matter.\n"
        f"Processor measured on {assumptions.measured_on}; Lambda's is assumed to be "
        f"{assumptions.assumed.processor_speed:g} of it."
    )
    console.print(_sheet(plans, lines, best))
    console.print(_limits(best))
    console.print("[bold]Which configuration[/]")
    for reason in reasons_of(best, plans, assumptions):
        console.print(f"- {reason}")
    console.print("\nA plant of context.plants in cdk.json:")
    console.print_json(fragment_text(best))


def _sheet(plans: list[Plan], lines: list[Line], best: Plan) -> Table:
    table = Table("", title="What it takes", title_justify="left")
    for one in plans:
        mark = " <-" if one is best else ""
        table.add_column(one.name.replace(", ", "\n") + mark, justify="right")
    table.add_column("how")
    section = ""
    for line in lines:
        if line.section != section:
            section = line.section
            table.add_section()
            table.add_row(f"[bold]{section}[/]")
        bold = "bold" if line.name == "all" else ""
        table.add_row(line.name, *(shown(value) for value in line.values), line.how, style=bold)
    table.add_section()
    firsts = [one.first_limit for one in plans]
    table.add_row("[bold]The first limit[/]")
    table.add_row("which", *(first.use.name if first else "none" for first in firsts), "see below")
    table.add_row("at times the rate", *(_times(first) for first in firsts), "< 1: it does not hold")
    return table


def _limits(plan: Plan) -> Table:
    table = Table(title=f"Limits of: {plan.name}, as the rate grows", title_justify="left")
    for heading in ("limit", "used now", "allowed", "", "reached at", "beyond it"):
        table.add_column(
            heading, justify="right" if heading in {"used now", "allowed", "reached at"} else "left"
        )
    for limit in plan.limits:
        use = limit.use
        table.add_row(
            use.name, shown(use.used), shown(use.allowed), use.unit, _times(limit, " x"), use.beyond
        )
    return table


def _times(limit: Limit | None, unit: str = "") -> str:
    return "never" if limit is None or limit.multiple is None else f"{shown(limit.multiple)}{unit}"
