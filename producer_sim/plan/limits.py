"""Which limit binds first as the rate grows, with everything else as it is configured."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from producer_sim.plan.assumptions import Assumptions
from producer_sim.plan.flow import flow_of
from producer_sim.plan.learning import learning_of
from producer_sim.plan.limit_usage import Use, uses_of
from producer_sim.plan.workload import Configuration, Workload

_NEVER = 2.0**30


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit, and at how many times the rate it is reached; None: never; 0: at any rate."""

    use: Use
    multiple: float | None


def limits_of(workload: Workload, configuration: Configuration, assumptions: Assumptions) -> list[Limit]:
    """All limits, the one that is reached first at the front."""

    def uses(times: float) -> list[Use]:
        faster = replace(workload, rate=workload.rate * times, events_per_day=workload.events_per_day * times)
        grown = grown_with(faster, configuration, assumptions)
        flow = flow_of(faster, grown, assumptions)
        return uses_of(faster, grown, flow, learning_of(faster, grown, flow, assumptions), assumptions)

    limits = [
        Limit(use, _multiple(lambda times, at=position: uses(times)[at].share))  # type: ignore[misc]
        for position, use in enumerate(uses(1.0))
    ]
    return sorted(limits, key=lambda limit: _NEVER if limit.multiple is None else limit.multiple)


def grown_with(workload: Workload, configuration: Configuration, assumptions: Assumptions) -> Configuration:
    """An on-demand stream opens shards as the rate grows, with room for twice what comes."""
    if configuration.stream == "provisioned":
        return configuration
    limits, flow = assumptions.limits, flow_of(workload, configuration, assumptions)
    records = 2 * flow.records_per_s / limits.shard_records_per_s
    megabytes = 2 * flow.bytes_per_s / limits.shard_bytes_in_per_s
    shards = max(configuration.shards, -int(-max(records, megabytes) // 1))
    return replace(configuration, shards=shards)


def _multiple(share: Callable[[float], float]) -> float | None:
    """The least multiple of the rate at which the share reaches 1, to a thousandth; shares grow with it."""
    low, high = 1 / _NEVER, 1.0
    if share(low) >= 1.0:  # such as a page that no memory holds
        return 0.0
    while share(high) < 1.0:
        low, high = high, high * 2
        if high > _NEVER:
            return None
    while high - low > high / 2000:
        middle = (low + high) / 2
        low, high = (middle, high) if share(middle) < 1.0 else (low, middle)
    return high
