"""How much of each AWS limit a plan uses, which it reaches first as the rate grows, and what happens then."""

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from producer_sim.plan.load import DAY_S, Load

_NEVER = 2.0**30


@dataclass(frozen=True, slots=True)
class LimitUsage:
    """How much of a limit is used; past one that is not `binding` everything still works, and costs more.

    Units: `reached_at` times the rate, everything else being as configured; None: never; 0: at any rate
    """

    name: str
    used: float
    allowed: float
    unit: str
    beyond: str
    binding: bool = True
    reached_at: float | None = None

    @property
    def share(self) -> float:
        """The used share of what is allowed."""
        return self.used / self.allowed


def limits_of(load: Load) -> list[LimitUsage]:
    """All limits, the one that is reached first in front."""

    @functools.cache
    def usage(times: float) -> list[LimitUsage]:
        workload = load.workload
        rate, events_per_day = workload.rate * times, workload.events_per_day * times
        faster = replace(load, workload=replace(workload, rate=rate, events_per_day=events_per_day))
        return limit_usage(grown(faster))

    def share_of(position: int) -> Callable[[float], float]:
        return lambda times: usage(times)[position].share

    limits = [
        replace(limit, reached_at=_multiple(share_of(position))) for position, limit in enumerate(usage(1.0))
    ]
    return sorted(limits, key=lambda limit: _NEVER if limit.reached_at is None else limit.reached_at)


def grown(load: Load) -> Load:
    """An on-demand stream opens shards as the rate grows, with room for twice what comes."""
    configuration, limits = load.configuration, load.assumptions.limits
    if configuration.stream == "provisioned":
        return load
    by_records = 2 * load.records_per_s / limits.shard_records_per_s
    by_bytes = 2 * load.bytes_per_s / limits.shard_bytes_in_per_s
    shards = max(configuration.shards, math.ceil(max(by_records, by_bytes)))
    return replace(load, configuration=replace(configuration, shards=shards))


def limit_usage(load: Load) -> list[LimitUsage]:
    """How much of each limit is used at this rate."""
    return [*_of_stream(load), *_of_function(load), *_of_services(load)]


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


def _of_stream(load: Load) -> list[LimitUsage]:
    limits = load.assumptions.limits
    # All records of a signal go to one shard: with fewer signals than shards, some shards are idle.
    shards = min(load.configuration.shards, max(load.workload.signals, 1))
    rejected = "Kinesis rejects records: add shards, or put more values into a record"
    quota = "Kinesis rejects records: AWS raises this quota on request"
    behind = "functions fall behind: set enhanced_fan_out, or add shards"
    records, bytes_in = load.records_per_s, load.bytes_per_s
    bytes_out = bytes_in * load.workload.use_cases
    usage = [
        LimitUsage("shard, records in", records / shards, limits.shard_records_per_s, "records/s", rejected),
        LimitUsage("shard, bytes in", bytes_in / shards, limits.shard_bytes_in_per_s, "bytes/s", rejected),
        LimitUsage("shard, bytes out", bytes_out / shards, limits.shard_bytes_out_per_s, "bytes/s", behind),
    ]
    if load.configuration.stream != "provisioned":
        usage += [
            LimitUsage("stream, records in", records, limits.on_demand_records_per_s, "records/s", quota),
            LimitUsage("stream, bytes in", bytes_in, limits.on_demand_bytes_per_s, "bytes/s", quota),
        ]
    return usage


def _of_function(load: Load) -> Iterator[LimitUsage]:
    configuration, limits, assumed = load.configuration, load.assumptions.limits, load.assumptions.assumed
    gathered = load.records_per_s / configuration.shards * configuration.batch_window_s
    name = "batch, records" if load.batch_records_max == limits.batch_records else "batch, 6 MB"
    beyond = "batches fill before the window ends: more invocations and PUTs, nothing is lost"
    yield LimitUsage(name, gathered, load.batch_records_max, "records", beyond, binding=False)
    beyond = "functions fall behind: add shards, memory (up to 1,769 MB), or a longer window"
    yield LimitUsage("one invocation a shard", load.busy, 1.0, "of the time", beyond)
    beyond = "what was learned is committed, the rest is retried: add shards, or shorten the window"
    yield LimitUsage("Lambda, time-out", load.duration_s, float(configuration.timeout_s), "s", beyond)
    beyond = "the function runs out of memory: add memory, or shards"
    yield LimitUsage("Lambda, memory", load.memory_mb, float(configuration.memory_mb), "MB", beyond)
    concurrency = min(load.concurrency, configuration.shards) * load.workload.use_cases
    beyond = "Lambda throttles: AWS raises this quota on request"
    yield LimitUsage("Lambda, concurrency", concurrency, limits.concurrency, "invocations", beyond)
    # Each commit of a page is a GET and a PUT, and waits for the one before it.
    commits_per_s_max = 1000 / (assumed.get_ms + assumed.put_ms)
    pages = configuration.pages or load.workload.signals
    commits_per_s = load.commits_per_s / pages if pages else 0.0
    beyond = "writers of a page conflict: no more shards than pages, both powers of two"
    yield LimitUsage("one page's writes", commits_per_s, commits_per_s_max, "PUT/s", beyond)


def _of_services(load: Load) -> Iterator[LimitUsage]:
    workload, limits = load.workload, load.assumptions.limits
    beyond = "S3 answers 503 until it has split the prefix: use fewer pages, or a longer window"
    yield LimitUsage("S3, PUTs", load.commits_per_s, limits.s3_puts_per_s, "PUT/s", beyond)
    yield LimitUsage("S3, GETs", load.commits_per_s, limits.s3_gets_per_s, "GET/s", beyond)
    events_per_s = workload.signals * workload.events_per_day * workload.use_cases / DAY_S
    beyond = "pages with events are retried: fewer events, or AWS raises this quota"
    yield LimitUsage("EventBridge, PutEvents", events_per_s, limits.put_events_per_s, "requests/s", beyond)
    if workload.ingest != "kinesis":
        beyond = "AWS IoT rejects messages: put more values into one, or AWS raises this quota"
        messages_max = limits.iot_messages_per_s
        yield LimitUsage("AWS IoT, messages", load.records_per_s, messages_max, "messages/s", beyond)
