"""Shards, pages and memory for a plant: what the user has not decided."""

import math
from dataclasses import dataclass, replace

from producer_sim.plan.assumptions import Assumptions
from producer_sim.plan.flow import flow_of
from producer_sim.plan.learning import learning_of, state_bytes
from producer_sim.plan.limits import grown_with
from producer_sim.plan.workload import Configuration, StreamMode, Wishes, Workload

SIGNALS_PER_PAGE = 500
PAGE_BYTES = 4 * 2**20
PAGES_MIN, PAGES_MAX = 16, 4096
SHARDS_MAX = 10_000
MEMORY_MIN_MB, MEMORY_MAX_MB, MEMORY_STEP_MB = 1024, 10_240, 256


@dataclass(frozen=True, slots=True)
class ShardNeeds:
    """Shards that each reason asks for, each filled up to the headroom."""

    by_records: int
    by_bytes_in: int
    by_bytes_out: int

    @property
    def most(self) -> int:
        """What all reasons together ask for."""
        return max(self.by_records, self.by_bytes_in, self.by_bytes_out)

    @property
    def rounded(self) -> int:
        """The next power of two, so that pages lie within shards; a stream has 10,000 at most."""
        return min(power_of_two(self.most), SHARDS_MAX)

    @property
    def binding(self) -> str:
        """The reason that asks for most."""
        reasons = {"records": self.by_records, "bytes in": self.by_bytes_in, "bytes out": self.by_bytes_out}
        return max(reasons, key=lambda reason: reasons[reason])


def shard_needs(workload: Workload, values_per_record: int, assumptions: Assumptions) -> ShardNeeds:
    """Shards by records, bytes in and bytes out: each rate over the limit's share that is to be filled."""
    one = Configuration(values_per_record, "provisioned", 1)
    flow, limits, room = flow_of(workload, one, assumptions), assumptions.limits, assumptions.assumed.headroom
    bytes_out = flow.bytes_per_s * workload.use_cases
    return ShardNeeds(
        max(1, math.ceil(flow.records_per_s / (limits.shard_records_per_s * room))),
        max(1, math.ceil(flow.bytes_per_s / (limits.shard_bytes_in_per_s * room))),
        max(1, math.ceil(bytes_out / (limits.shard_bytes_out_per_s * room))),
    )


def pages_for(workload: Workload, assumptions: Assumptions) -> int:
    """A power of two: up to 500 signals and 4 MB in a page, as far as 4,096 pages do."""
    bytes_of_all = workload.signals * state_bytes(workload, assumptions)
    wanted = max(workload.signals / SIGNALS_PER_PAGE, bytes_of_all / PAGE_BYTES, PAGES_MIN)
    return min(power_of_two(wanted), PAGES_MAX)


def power_of_two(least: float) -> int:
    """The least power of two that is not below.

    >>> power_of_two(1), power_of_two(12.5), power_of_two(16)
    (1, 16, 16)
    """
    return int(2 ** math.ceil(math.log2(max(least, 1))))


def sized(
    workload: Workload, wishes: Wishes, stream: StreamMode, pages: int, values: int, assumptions: Assumptions
) -> Configuration:
    """The smallest configuration of this kind with room to spare, where there is one.

    Shards are a power of two, so that pages lie within shards, and are doubled while an invocation takes more
    than its share of the window; an on-demand stream has as many as it opens by itself.
    """
    needed = shard_needs(workload, values, assumptions).rounded
    configuration = Configuration(
        values,
        stream,
        assumptions.assumed.on_demand_shards_min if stream == "on-demand" else needed,
        pages,
        wishes.batch_window_s,
        wishes.memory_mb or MEMORY_MIN_MB,
    )
    configuration = grown_with(workload, configuration, assumptions)
    room = assumptions.assumed.headroom
    while stream == "provisioned" and configuration.shards * 2 <= SHARDS_MAX:
        learning = learning_of(
            workload, configuration, flow_of(workload, configuration, assumptions), assumptions
        )
        fuller = max(learning.busy, learning.duration_s / configuration.timeout_s)
        if fuller <= room or configuration.shards >= max(workload.signals, 1):
            break
        configuration = replace(configuration, shards=configuration.shards * 2)
    return configuration if wishes.memory_mb else _with_memory(workload, configuration, assumptions)


def _with_memory(workload: Workload, configuration: Configuration, assumptions: Assumptions) -> Configuration:
    """Memory in steps until the plan's share of it is enough."""
    flow = flow_of(workload, configuration, assumptions)
    while configuration.memory_mb < MEMORY_MAX_MB:
        learning = learning_of(workload, configuration, flow, assumptions)
        if learning.memory_mb <= configuration.memory_mb * assumptions.assumed.headroom:
            break
        configuration = replace(configuration, memory_mb=configuration.memory_mb + MEMORY_STEP_MB)
    return configuration
