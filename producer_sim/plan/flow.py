"""What arrives, and how Lambda cuts it into invocations."""

import math
from dataclasses import dataclass

from producer_sim.plan.assumptions import Assumptions
from producer_sim.plan.workload import Configuration, Workload

KB = 1024


@dataclass(frozen=True, slots=True)
class Flow:
    """What the stream takes and what one use case's function is invoked with.

    Units: rates a second of the whole plant, the others of one invocation; `window_s` between two
           invocations of a shard; `batch_records` at most in an invocation; `commits_per_s` of pages, each
           of which is one PUT, and one GET where the page is not warm; `states` are the models in the pages
           that are written
    """

    records_per_s: float
    record_bytes: float
    bytes_per_s: float
    event_bytes_per_record: float
    batch_records: float
    window_s: float
    invocations_per_s: float
    records: float
    observations: float
    signals: float
    pages: float
    states: float
    commits_per_s: float

    @property
    def record_kb(self) -> int:
        """A record in whole KB, as an on-demand stream counts it."""
        return math.ceil(self.record_bytes / KB)

    @property
    def put_units(self) -> int:
        """A record in units of 25 KB, as a provisioned stream counts it."""
        return math.ceil(self.record_bytes / (25 * KB))

    @property
    def iot_units(self) -> int:
        """A message in units of 5 KB, as AWS IoT counts it."""
        return math.ceil(self.record_bytes / (5 * KB))


def flow_of(workload: Workload, configuration: Configuration, assumptions: Assumptions) -> Flow:
    """What arrives, and the invocations of one use case.

    A shard's window ends early where its batch is full. A page that lies across a shard's border is written
    by both: `pages + shards - gcd(pages, shards)` pairs of a page and a shard meet.
    """
    assumed, limits = assumptions.assumed, assumptions.limits
    values, shards = configuration.values_per_record, configuration.shards
    records_per_s = workload.observations_per_s / values
    record_bytes = assumed.point_bytes + (values - 1) * assumed.further_value_bytes
    in_event = record_bytes * 4 / 3 + assumed.envelope_bytes
    batch_records = min(limits.batch_records, limits.batch_bytes / in_event)
    of_shard = records_per_s / shards
    # Without a window Lambda still looks at a shard once a second.
    window_s = max(configuration.batch_window_s, 1.0)
    if of_shard * window_s > batch_records:
        window_s = batch_records / of_shard
    # A shard with less than a record in a window is invoked once for each record.
    records = max(of_shard * window_s, 1.0) if records_per_s else 0.0
    invocations_per_s = records_per_s / records if records else 0.0
    signals = min(max(workload.signals / shards, 1.0), records)
    pages = min(pages_of_shard(configuration), signals) if configuration.pages else signals
    return Flow(
        records_per_s=records_per_s,
        record_bytes=record_bytes,
        bytes_per_s=records_per_s * record_bytes,
        event_bytes_per_record=in_event,
        batch_records=batch_records,
        window_s=window_s,
        invocations_per_s=invocations_per_s,
        records=records,
        observations=records * values,
        signals=signals,
        pages=pages,
        states=pages * max(workload.signals / configuration.pages, 1.0) if configuration.pages else signals,
        commits_per_s=invocations_per_s * pages,
    )


def pages_of_shard(configuration: Configuration) -> float:
    """Pages that meet a shard, on average.

    >>> pages_of_shard(Configuration(1, "provisioned", shards=2, pages=16))
    8.0
    >>> pages_of_shard(Configuration(1, "provisioned", shards=3, pages=16))
    6.0
    """
    pages, shards = configuration.pages, configuration.shards
    return (pages + shards - math.gcd(pages, shards)) / shards
