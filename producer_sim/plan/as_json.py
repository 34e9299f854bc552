"""A plan as JSON, for scripts."""

from collections.abc import Sequence
from typing import Any

from producer_sim.plan.advice import fragment_of, reasons_of, recommended
from producer_sim.plan.assumptions import Assumptions
from producer_sim.plan.limits import Limit
from producer_sim.plan.plan import Plan
from producer_sim.plan.plan_table import Line
from producer_sim.plan.prices import PriceTable


def as_json(
    plans: Sequence[Plan], lines: Sequence[Line], assumptions: Assumptions, prices: PriceTable
) -> dict[str, Any]:
    """All lines and limits of each plan, and which to use."""
    best = recommended(plans)
    return {
        "prices": {"region": prices.region, "date": prices.date},
        "measured_on": assumptions.measured_on,
        "plans": {
            one.name: {
                "holds": one.holds,
                "dollars_a_month": round(one.bill.total, 2),
                "lines": [
                    {
                        "section": line.section,
                        "name": line.name,
                        "value": line.values[position],
                        "how": line.how,
                    }
                    for line in lines
                ],
                "limits": [_limit_as_json(limit) for limit in one.limits],
                "cdk_json": fragment_of(one),
            }
            for position, one in enumerate(plans)
        },
        "recommended": best.name,
        "reasons": reasons_of(best, plans, assumptions),
        "cdk_json": fragment_of(best),
    }


def _limit_as_json(limit: Limit) -> dict[str, Any]:
    use = limit.use
    return {
        "name": use.name,
        "used": use.used,
        "allowed": use.allowed,
        "unit": use.unit,
        "binding": use.binding,
        "reached_at_times_the_rate": limit.multiple,
        "beyond": use.beyond,
    }
