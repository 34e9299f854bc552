"""A plan: one way to set the pipeline up for a plant, what it costs, and how far it holds."""

from dataclasses import dataclass
from functools import cached_property

from producer_sim.plan.bill import Bill, PriceTable, bill_of
from producer_sim.plan.limit_usage import LimitUsage, limits_of
from producer_sim.plan.load import DAY_S, Load


@dataclass(frozen=True)
class Plan:
    """A named way to set the pipeline up."""

    name: str
    load: Load
    prices: PriceTable

    @cached_property
    def bill(self) -> Bill:
        """What it costs."""
        return bill_of(self.load, self.prices)

    @cached_property
    def limits(self) -> list[LimitUsage]:
        """The limits, the one that is reached first in front."""
        return limits_of(self.load)

    @property
    def first_limit(self) -> LimitUsage | None:
        """The limit that binds first as the rate grows; None: none does."""
        binding = (limit for limit in self.limits if limit.binding and limit.reached_at is not None)
        return next(binding, None)

    @property
    def holds(self) -> bool:
        """Whether no limit is exceeded at the rate that was asked for."""
        first = self.first_limit
        return first is None or (first.reached_at or 0.0) >= 1.0

    @property
    def dollars_per_million(self) -> float:
        """Dollars for a million observations of the plant; each use case learns all of them."""
        days = self.load.assumptions.assumed.month_days
        observations = self.load.workload.observations_per_s * days * DAY_S
        return self.bill.total / observations * 1e6 if observations else 0.0

    @property
    def gathering_s(self) -> float:
        """How long a gateway gathers the values of a record, at most."""
        return (self.load.configuration.values_per_record - 1) / max(self.load.workload.rate, 1e-9)

    @property
    def alert_delay_s(self) -> tuple[float, float]:
        """From a value to its alert: on average, and at most while nothing fails.

        Half of the window and half of what the gateway gathers, or all of both; then the invocation and the
        delivery of the alert.
        """
        waiting_s = self.load.window_s + self.gathering_s
        after_s = self.load.duration_s + self.load.assumptions.assumed.delivery_s
        return waiting_s / 2 + after_s, waiting_s + after_s
