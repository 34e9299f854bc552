"""A plan: one way to set the pipeline up for a plant, what it takes and how far it holds."""

from dataclasses import dataclass

from producer_sim.plan.assumptions import Assumptions
from producer_sim.plan.bill import Bill, bill_of
from producer_sim.plan.flow import Flow, flow_of
from producer_sim.plan.learning import Learning, learning_of
from producer_sim.plan.limits import Limit, limits_of
from producer_sim.plan.prices import PriceTable
from producer_sim.plan.workload import Configuration, Workload


@dataclass(frozen=True, slots=True)
class Plan:
    """What a configuration takes; `limits` has the one reached first at the front."""

    name: str
    workload: Workload
    configuration: Configuration
    flow: Flow
    learning: Learning
    bill: Bill
    limits: list[Limit]

    @property
    def first_limit(self) -> Limit | None:
        """What binds first as the rate grows; None: nothing does."""
        binding = [limit for limit in self.limits if limit.use.binding and limit.multiple is not None]
        return binding[0] if binding else None

    @property
    def holds(self) -> bool:
        """Whether no limit is passed at the rate that was asked for."""
        first = self.first_limit
        return first is None or (first.multiple or 0.0) >= 1.0

    @property
    def observations_per_month(self) -> float:
        """Of the plant: each use case learns all of them."""
        assumed_days = self.bill.days
        return self.workload.observations_per_s * assumed_days * 86_400

    def alert_delay_s(self, delivery_s: float) -> tuple[float, float]:
        """From a value to its alert: on average, and at most while nothing fails.

        Half of the window and half of what the gateway gathers, or all of both; then the invocation, and the
        way to whoever is alerted.
        """
        gathering_s = (self.configuration.values_per_record - 1) / max(self.workload.rate, 1e-9)
        waiting_s = self.flow.window_s + gathering_s
        after_s = self.learning.duration_s + delivery_s
        return waiting_s / 2 + after_s, waiting_s + after_s


def plan_of(
    name: str,
    workload: Workload,
    configuration: Configuration,
    assumptions: Assumptions,
    prices: PriceTable,
) -> Plan:
    """All that follows from a workload and a configuration."""
    flow = flow_of(workload, configuration, assumptions)
    learning = learning_of(workload, configuration, flow, assumptions)
    return Plan(
        name,
        workload,
        configuration,
        flow,
        learning,
        bill_of(workload, configuration, flow, learning, assumptions, prices),
        limits_of(workload, configuration, assumptions),
    )
