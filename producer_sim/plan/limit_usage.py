"""How much of each limit a plan uses, and what happens beyond it."""

from dataclasses import dataclass

from producer_sim.plan.assumptions import Assumptions
from producer_sim.plan.flow import Flow
from producer_sim.plan.learning import Learning
from producer_sim.plan.workload import Configuration, Workload

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a limit is used. Where it is not `binding`, past it all holds, and costs more."""

    name: str
    used: float
    allowed: float
    unit: str
    beyond: str
    binding: bool = True

    @property
    def share(self) -> float:
        """Of what is allowed."""
        return self.used / self.allowed


def uses_of(
    workload: Workload,
    configuration: Configuration,
    flow: Flow,
    learning: Learning,
    assumptions: Assumptions,
) -> list[Use]:
    """How much of each limit is used at this rate."""
    return [
        *_of_stream(workload, configuration, flow, assumptions),
        *_of_function(workload, configuration, flow, learning, assumptions),
        *_of_services(workload, configuration, flow, assumptions),
    ]


def _of_stream(
    workload: Workload, configuration: Configuration, flow: Flow, assumptions: Assumptions
) -> list[Use]:
    limits = assumptions.limits
    # All records of a signal go to one shard: with fewer signals than shards, some shards are idle.
    shards = min(configuration.shards, max(workload.signals, 1))
    refused = "the stream refuses records: more shards, or more values a record"
    out = flow.bytes_per_s * workload.use_cases
    uses = [
        Use(
            "shard, records in", flow.records_per_s / shards, limits.shard_records_per_s, "records/s", refused
        ),
        Use("shard, bytes in", flow.bytes_per_s / shards, limits.shard_bytes_in_per_s, "bytes/s", refused),
        Use(
            "shard, bytes out",
            out / shards,
            limits.shard_bytes_out_per_s,
            "bytes/s",
            "functions fall behind: enhanced_fan_out, or more shards",
        ),
    ]
    if configuration.stream == "on-demand":
        quota = "AWS raises it on request"
        uses += [
            Use("stream, records in", flow.records_per_s, limits.on_demand_records_per_s, "records/s", quota),
            Use("stream, bytes in", flow.bytes_per_s, limits.on_demand_bytes_per_s, "bytes/s", quota),
        ]
    return uses


def _of_function(
    workload: Workload,
    configuration: Configuration,
    flow: Flow,
    learning: Learning,
    assumptions: Assumptions,
) -> list[Use]:
    limits, assumed = assumptions.limits, assumptions.assumed
    gathered = flow.records_per_s / configuration.shards * configuration.batch_window_s
    of_batch = min(limits.batch_records, limits.batch_bytes / flow.event_bytes_per_record)
    bound = "records" if of_batch == limits.batch_records else "6 MB"
    commit_s = (assumed.get_ms + assumed.put_ms) / 1000
    pages = configuration.pages or workload.signals
    return [
        Use(
            f"batch, {bound}",
            gathered,
            of_batch,
            "records",
            "batches end before the window: more invocations and PUTs, and all is learned",
            binding=False,
        ),
        Use(
            "one invocation a shard",
            learning.busy,
            1.0,
            "of the time",
            "functions fall behind: more shards, more memory up to 1,769 MB, or a longer window",
        ),
        Use(
            "Lambda, time-out",
            learning.duration_s,
            float(configuration.timeout_s),
            "s",
            "what is learned is kept, the rest comes again: more shards or a shorter window",
        ),
        Use(
            "Lambda, memory",
            learning.memory_mb,
            float(configuration.memory_mb),
            "MB",
            "the function dies: more memory, or more shards",
        ),
        Use(
            "Lambda, concurrency",
            min(learning.concurrency, configuration.shards) * workload.use_cases,
            limits.concurrency,
            "invocations",
            "invocations are throttled: AWS raises it on request",
        ),
        Use(
            "one page's writes",
            flow.commits_per_s / pages if pages else 0.0,
            1 / commit_s,
            "PUT/s",
            "writers of a page meet: no more shards than pages, both powers of two",
        ),
    ]


def _of_services(
    workload: Workload, configuration: Configuration, flow: Flow, assumptions: Assumptions
) -> list[Use]:
    limits = assumptions.limits
    slow_down = "S3 answers 503 until it has split the prefix: fewer pages, or a longer window"
    events = workload.signals * workload.events_per_day * workload.use_cases / DAY_S
    uses = [
        Use("S3, PUTs", flow.commits_per_s, limits.s3_puts_per_s, "PUT/s", slow_down),
        Use("S3, GETs", flow.commits_per_s, limits.s3_gets_per_s, "GET/s", slow_down),
        Use(
            "EventBridge, PutEvents",
            events,
            limits.put_events_per_s,
            "requests/s",
            "pages with events wait and are learned again: fewer events, or AWS raises it",
        ),
    ]
    if workload.ingest != "kinesis":
        uses.append(
            Use(
                "AWS IoT, messages",
                flow.records_per_s,
                limits.iot_messages_per_s,
                "messages/s",
                "messages are refused: more values a message, or AWS raises it",
            )
        )
    return uses
