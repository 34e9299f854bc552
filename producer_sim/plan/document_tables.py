"""The tables of docs/costs.md, as Markdown."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping

from producer_sim.plan.assumptions import Assumptions, Figures
from producer_sim.plan.cases import CASES, CHANGES, FIELDS, changed, plan_of_case
from producer_sim.plan.plan import Plan
from producer_sim.plan.plan_table import lines_of
from producer_sim.plan.prices import PriceTable
from producer_sim.plan.shown import shown

_BY_HAND = "provisioned"
_KINESIS = ("stream_hours", "stream_gb_in", "stream_gb_out", "shard_hours", "put_units")


def texts_of(assumptions: Assumptions, figures: Figures, prices: PriceTable) -> dict[str, str]:
    """Mark in the document -> what belongs there."""
    plans = {name: plan_of_case(name, case, assumptions, prices) for name, case in CASES.items()}
    return {
        "in short": _in_short(plans),
        "cases": "\n".join(_cases()),
        "assumed": "\n".join(_figures(figures["assumed"])),
        "limits": "\n".join(_figures(figures["limits"])),
        "measured": "\n".join([_measured_on(assumptions), *_figures(figures["measured"])]),
        "models": "\n".join(_models(assumptions)),
        "prices": "\n".join(_prices(prices)),
        "by hand": "\n".join(_by_hand(plans[_BY_HAND], assumptions, prices)),
        "takes": "\n".join(_bill(plans, prices, lambda plan, key: _quantity(plan.bill.quantities[key]))),
        "costs": "\n".join([*_bill(plans, prices, _cents), _total(plans)]),
        "peaks": _peaks(plans, prices),
        "changes": "\n".join(_changes(assumptions, prices)),
    }


def _in_short(plans: Mapping[str, Plan]) -> str:
    idle, default, provisioned = (plans[name].bill for name in ("idle", "default", "provisioned"))
    columns = plans["columns"].bill
    return (
        f"In short: ${idle.total:.0f} where nothing is sent, of which the on-demand stream is "
        f"${idle.dollars['stream_hours']:.0f}.\n"
        f"With 1,000 signals at 1 Hz it is ${default.total:.0f}, ${provisioned.total:.0f} on a provisioned "
        f"stream of two shards,\nand ${columns.total:.0f} where a record holds ten values."
    )


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _cases() -> Iterator[str]:
    yield _row(["", *CASES])
    yield _row(["---", *(["---:"] * len(CASES))])
    for words, field in FIELDS.items():
        values = []
        for case in CASES.values():
            of_workload = hasattr(case.workload, field)
            value = getattr(case.workload if of_workload else case.configuration, field)
            values.append(value if isinstance(value, str) else f"{value:,g}" if value < 1e5 else f"{value:,}")
        yield _row([words, *values])


def _figures(table: Mapping[str, Mapping[str, object]]) -> Iterator[str]:
    yield _row(["", "value", "unit", "what, and where it comes from"])
    yield _row(["---", "---:", "---", "---"])
    for name, figure in table.items():
        source = str(figure["source"]).partition(": python -m")[0]
        yield _row([f"`{name}`", f"{figure['value']:,}", figure["unit"], source])


def _measured_on(assumptions: Assumptions) -> str:
    return f"Measured on {assumptions.measured_on}, on {assumptions.measured_where}:\n"


def _models(assumptions: Assumptions) -> Iterator[str]:
    costs = ("update_us", "dump_us", "load_us", "pickle_bytes", "memory_bytes")
    yield _row(["", *(f"`{cost}`" for cost in costs)])
    yield _row(["---", *(["---:"] * len(costs))])
    for name, model in assumptions.models.items():
        yield _row([name, *(f"{getattr(model, cost):,}" for cost in costs)])


def _prices(prices: PriceTable) -> Iterator[str]:
    yield _row(["", "$", "source"])
    yield _row(["---", "---:", "---"])
    for price in prices.prices.values():
        dollars = f"{price.usd:.10f}".rstrip("0")
        whole, _, cents = dollars.partition(".")
        yield _row([price.name, f"{whole}.{cents.ljust(2, '0')}", f"[{price.page}]({price.source})"])


def _by_hand(plan: Plan, assumptions: Assumptions, prices: PriceTable) -> Iterator[str]:
    yield _row(["", _BY_HAND, "how"])
    yield _row(["---", "---:", "---"])
    section = ""
    for line in lines_of([plan], assumptions, prices):
        if line.section in {"A month", "Dollars a month"}:
            continue
        if line.section != section:
            section = line.section
            yield _row([f"**{section}**", "", ""])
        yield _row([line.name, shown(line.values[0]), line.how.replace("*", "\N{MULTIPLICATION SIGN}")])


def _bill(plans: Mapping[str, Plan], prices: PriceTable, cell: Callable[[Plan, str], str]) -> Iterator[str]:
    yield _row(["", *plans])
    yield _row(["---", *(["---:"] * len(plans))])
    for key, price in prices.prices.items():
        yield _row([price.name, *(cell(plan, key) for plan in plans.values())])


def _total(plans: Mapping[str, Plan]) -> str:
    return _row(["**all**", *(f"{plan.bill.total:,.2f}" for plan in plans.values())])


def _quantity(quantity: float) -> str:
    if quantity == 0:
        return "0"
    return f"{quantity:,.0f}" if quantity >= 100 else f"{quantity:,.3f}"


def _cents(plan: Plan, key: str) -> str:
    return f"{plan.bill.dollars[key]:,.2f}"


def _peaks(plans: Mapping[str, Plan], prices: PriceTable) -> str:
    """From how many shards on the on-demand stream is the cheaper one, at 1,000 records a second."""
    stream = plans["default"].bill.dollars_of(*_KINESIS)
    put_units = plans["provisioned"].bill.dollars["put_units"]
    shard = 30 * 24 * prices.prices["shard_hours"].usd
    shards = math.ceil((stream - put_units) / shard)
    return (
        "On-demand is the cheaper one where the stream is idle for most of the time and its peaks are high:\n"
        f"at 1,000 records a second on average, once the peaks need {shards} shards."
    )


def _changes(assumptions: Assumptions, prices: PriceTable) -> Iterator[str]:
    yield _row(["one change", "of the case", "$ a month"])
    yield _row(["---", "---", "---:"])
    for words, name, fields in CHANGES:
        plan = plan_of_case(name, changed(CASES[name], fields), assumptions, prices)
        yield _row([words, name, f"{plan.bill.total:,.0f}"])
