"""The cases that docs/costs.md works through, and what one change of them costs."""

from dataclasses import dataclass, replace
from typing import Any

from producer_sim.plan.assumptions import Assumptions
from producer_sim.plan.plan import Plan, plan_of
from producer_sim.plan.prices import PriceTable
from producer_sim.plan.workload import Configuration, Workload


@dataclass(frozen=True, slots=True)
class Case:
    """A plant as it is set up by hand."""

    workload: Workload
    configuration: Configuration


_PLANT = Workload(signals=1000)
CASES = {
    "idle": Case(Workload(signals=0), Configuration(1, "on-demand", 4)),
    "default": Case(_PLANT, Configuration(1, "on-demand", 4)),
    "provisioned": Case(_PLANT, Configuration(1, "provisioned", 2)),
    "columns": Case(_PLANT, Configuration(10, "provisioned", 1)),
    "large": Case(Workload(signals=100_000), Configuration(10, "provisioned", 16, pages=256)),
}
FIELDS = {
    "signals": "signals",
    "values a second of each": "rate",
    "use cases": "use_cases",
    "values a record": "values_per_record",
    "stream": "stream",
    "shards": "shards",
    "pages": "pages",
    "batch_window_s": "batch_window_s",
    "memory_mb": "memory_mb",
}
CHANGES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("`pages` 0, so one PUT for each signal and window", "default", {"pages": 0}),
    ("`batch_window_s` 1: ten times the PUTs and invocations", "default", {"batch_window_s": 1}),
    (
        "`batch_window_s` 30: an alert comes up to half a minute later",
        "default",
        {"batch_window_s": 30},
    ),
    ("`values a record` 10", "default", {"values_per_record": 10}),
    ("`batch_window_s` 60", "columns", {"batch_window_s": 60}),
    ("`use cases` 2", "columns", {"use_cases": 2}),
    ("`values a record` 1, `shards` 128", "large", {"values_per_record": 1, "shards": 128}),
    ("`stream` on-demand", "large", {"stream": "on-demand"}),
    ("`pages` 64", "large", {"pages": 64}),
)


def plan_of_case(name: str, case: Case, assumptions: Assumptions, prices: PriceTable) -> Plan:
    """The plan of a case."""
    return plan_of(name, case.workload, case.configuration, assumptions, prices)


def changed(case: Case, fields: dict[str, Any]) -> Case:
    """The case with some fields of its workload or configuration otherwise.

    >>> changed(CASES["default"], {"pages": 0, "use_cases": 2}).configuration.pages
    0
    """
    of_workload = {name: value for name, value in fields.items() if hasattr(case.workload, name)}
    of_configuration = {name: value for name, value in fields.items() if name not in of_workload}
    return Case(replace(case.workload, **of_workload), replace(case.configuration, **of_configuration))
