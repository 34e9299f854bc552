"""Shards, pages and memory for a plant, where the user has not decided."""

import math
from collections.abc import Mapping
from dataclasses import replace

from producer_sim.plan.assumptions import Assumptions
from producer_sim.plan.limit_usage import grown
from producer_sim.plan.load import Load
from producer_sim.plan.workload import Configuration, Workload

SIGNALS_PER_PAGE = 500
PAGE_BYTES = 4 * 2**20
PAGES_MIN, PAGES_MAX = 16, 4096
SHARDS_MAX = 10_000
MEMORY_MIN_MB, MEMORY_MAX_MB, MEMORY_STEP_MB = 1024, 10_240, 256


def shard_needs(load: Load) -> Mapping[str, int]:
    """Shards that each limit asks for: the rate over the share of the limit that may be used."""
    limits, bytes_out_per_s = load.assumptions.limits, load.bytes_per_s * load.workload.use_cases
    needs = {
        "records": load.records_per_s / limits.shard_records_per_s,
        "bytes in": load.bytes_per_s / limits.shard_bytes_in_per_s,
        "bytes out": bytes_out_per_s / limits.shard_bytes_out_per_s,
    }
    headroom = load.assumptions.assumed.headroom
    return {reason: max(1, math.ceil(full / headroom)) for reason, full in needs.items()}


def shards_for(load: Load) -> int:
    """The next power of two, so that pages lie within shards; a stream has 10,000 at most."""
    return min(power_of_two(max(shard_needs(load).values())), SHARDS_MAX)


def pages_for(workload: Workload, assumptions: Assumptions) -> int:
    """A power of two with up to 500 signals and 4 MB in a page; 4,096 pages at most."""
    load = Load(workload, Configuration(1, "provisioned", 1), assumptions)
    wanted = max(
        workload.signals / SIGNALS_PER_PAGE, workload.signals * load.state_bytes / PAGE_BYTES, PAGES_MIN
    )
    return min(power_of_two(wanted), PAGES_MAX)


def power_of_two(least: float) -> int:
    """The smallest power of two that is not below.

    >>> power_of_two(1), power_of_two(12.5), power_of_two(16)
    (1, 16, 16)
    """
    return int(2 ** math.ceil(math.log2(max(least, 1))))


def sized(load: Load, *, sizes_memory: bool) -> Load:
    """The smallest configuration with room to spare, where there is one, from this one's pages and window.

    A provisioned stream's shards are doubled while an invocation takes more than its share of the window; an
    on-demand stream has as many as it opens by itself. Memory grows in steps until its headroom is kept.
    """

    def changed(**fields: int) -> Load:
        configuration = replace(load.configuration, **fields)  # type: ignore[arg-type]
        return replace(load, configuration=configuration)

    headroom = load.assumptions.assumed.headroom
    provisioned = load.configuration.stream == "provisioned"
    load = changed(shards=shards_for(load)) if provisioned else grown(load)
    while provisioned and load.configuration.shards * 2 <= SHARDS_MAX:
        fuller = max(load.busy, load.duration_s / load.configuration.timeout_s)
        if fuller <= headroom or load.configuration.shards >= max(load.workload.signals, 1):
            break
        load = changed(shards=load.configuration.shards * 2)
    while sizes_memory and MEMORY_MAX_MB > load.configuration.memory_mb < load.memory_mb / headroom:
        load = changed(memory_mb=load.configuration.memory_mb + MEMORY_STEP_MB)
    return load
