"""What arrives on the stream, and what one invocation of a use case's function takes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from producer_sim.plan.assumptions import Assumptions, Model
from producer_sim.plan.workload import Configuration, Workload

KB, MB = 2**10, 2**20
DAY_S = 86_400


@dataclass(frozen=True)
class Load:
    """A workload on a configuration.

    Rates are of the whole plant, those of invocations and commits of one use case; everything else is of one
    invocation of one use case.
    """

    workload: Workload
    configuration: Configuration
    assumptions: Assumptions

    @cached_property
    def records_per_s(self) -> float:
        """Records a second on the stream."""
        return self.workload.observations_per_s / self.configuration.values_per_record

    @cached_property
    def record_bytes(self) -> float:
        """Bytes of a record, its partition key included."""
        assumed = self.assumptions.assumed
        return assumed.point_bytes + (self.configuration.values_per_record - 1) * assumed.further_value_bytes

    @property
    def bytes_per_s(self) -> float:
        """Bytes a second on the stream."""
        return self.records_per_s * self.record_bytes

    def units_of(self, unit_bytes: int) -> int:
        """Billing units of this many bytes in one record; each one begun counts."""
        return math.ceil(self.record_bytes / unit_bytes)

    @cached_property
    def batch_records_max(self) -> float:
        """Records that fit into one invocation, each as base64 with an envelope around it."""
        limits, envelope_bytes = self.assumptions.limits, self.assumptions.assumed.envelope_bytes
        return min(limits.batch_records, limits.batch_bytes / (self.record_bytes * 4 / 3 + envelope_bytes))

    @cached_property
    def window_s(self) -> float:
        """Seconds between two invocations of a shard; a full batch ends the window early."""
        # Without a window Lambda still polls a shard once a second.
        window_s = max(self.configuration.batch_window_s, 1.0)
        shard_records_per_s = self.records_per_s / self.configuration.shards
        is_full = shard_records_per_s * window_s > self.batch_records_max
        return self.batch_records_max / shard_records_per_s if is_full else window_s

    @cached_property
    def records(self) -> float:
        """Records; a shard with less than one in a window is invoked for each by itself."""
        gathered = self.records_per_s / self.configuration.shards * self.window_s
        return max(gathered, 1.0) if self.records_per_s else 0.0

    @property
    def observations(self) -> float:
        """Observations in those records."""
        return self.records * self.configuration.values_per_record

    @cached_property
    def invocations_per_s(self) -> float:
        """Invocations a second over all shards."""
        return self.records_per_s / self.records if self.records else 0.0

    @cached_property
    def signals(self) -> float:
        """Signals that the records are of."""
        return min(max(self.workload.signals / self.configuration.shards, 1.0), self.records)

    @cached_property
    def pages(self) -> float:
        """Pages that are written."""
        return (
            min(pages_of_shard(self.configuration), self.signals)
            if self.configuration.pages
            else self.signals
        )

    @cached_property
    def states(self) -> float:
        """States in those pages: a page is written whole."""
        pages = self.configuration.pages
        return self.pages * (max(self.workload.signals / pages, 1.0) if pages else 1.0)

    @cached_property
    def commits_per_s(self) -> float:
        """Pages written a second: each is one PUT, and one GET where the page is not warm."""
        return self.invocations_per_s * self.pages

    def of_each_use_case(self) -> "list[Load]":
        """One use case at a time: a named one as it was measured, another as the dearest of those named."""
        workload = self.workload
        named: list[tuple[str, ...]] = [(name,) for name in workload.named]
        named += [workload.named] * (workload.use_cases - len(named))
        return [replace(self, workload=replace(workload, use_cases=1, named=names)) for names in named]

    @cached_property
    def model(self) -> Model:
        """What a model of the use case costs; of several, each figure is that of the dearest."""
        return self.assumptions.model_of(self.workload)

    @cached_property
    def state_bytes(self) -> float:
        """Bytes of a signal's state in its page: the model, and its checkpoint and counters."""
        return self.assumptions.measured.state_bytes + self.model.page_bytes

    @property
    def page_bytes(self) -> float:
        """Bytes of a page."""
        return self.states / self.pages * self.state_bytes if self.pages else 0.0

    @cached_property
    def warm_states_max(self) -> float:
        """States whose pages one environment keeps warm."""
        return self.assumptions.assumed.warm_share * self.configuration.memory_mb * MB / self.model.warm_bytes

    @cached_property
    def environments(self) -> int:
        """Environments that serve the shards: the concurrency if every page were read."""
        return max(1, math.ceil(self.invocations_per_s * self.duration_with(0.0)))

    @cached_property
    def warm(self) -> float:
        """Share of the pages that need not be read.

        Which environment serves a shard is Lambda's choice: of E environments, one in E wrote a page last.
        """
        signals = self.workload.signals
        return min(1.0, self.warm_states_max / signals if signals else 1.0) / self.environments

    def cpu_us_with(self, warm: float) -> Mapping[str, float]:
        """µs of the processor that was measured, by cause, where this share of the pages is warm."""
        measured, request_us = self.assumptions.measured, self.assumptions.assumed.request_us
        model, cold = self.model, 1 - warm
        return {
            "invocation": measured.invocation_us,
            "records": self.records * measured.record_us,
            "observations": self.observations * (measured.observation_us + model.update_us),
            "signals": self.signals * measured.signal_us,
            "pages": self.pages * (measured.page_us + (1 + cold) * request_us),
            "states written": self.states * (measured.state_encode_us + model.dump_us),
            "states read": self.states * cold * (measured.state_decode_us + model.load_us),
        }

    @cached_property
    def processor(self) -> float:
        """What Lambda gives for this memory, as a share of the processor that was measured."""
        assumed = self.assumptions.assumed
        return min(1.0, self.configuration.memory_mb / assumed.processor_mb) * assumed.processor_speed

    def wait_s_with(self, warm: float) -> float:
        """Seconds of waiting for S3: rounds of requests side by side, and the bytes that are moved."""
        assumed, cold = self.assumptions.assumed, 1 - warm
        rounds = math.ceil(self.pages / assumed.requests_in_flight)
        moved_mb = self.states * self.state_bytes * (1 + cold) / MB
        return rounds * (cold * assumed.get_ms + assumed.put_ms) / 1000 + moved_mb / assumed.s3_mb_per_s

    def duration_with(self, warm: float) -> float:
        """Seconds on the wall: processor time on Lambda, and waiting for S3."""
        return sum(self.cpu_us_with(warm).values()) / 1e6 / self.processor + self.wait_s_with(warm)

    @cached_property
    def duration_s(self) -> float:
        """Seconds of an invocation."""
        return self.duration_with(self.warm)

    @property
    def concurrency(self) -> float:
        """Invocations at the same time, over all shards."""
        return self.invocations_per_s * self.duration_s

    @property
    def busy(self) -> float:
        """Share of a shard's time in which its one invocation runs."""
        return self.concurrency / self.configuration.shards

    @property
    def states_in_memory(self) -> float:
        """States in use or kept warm."""
        return min(self.workload.signals, self.states + self.warm_states_max)

    @property
    def memory_mb(self) -> float:
        """MB of the runtime, a batch, the models, and the bytes of pages being read or written."""
        measured, model = self.assumptions.measured, self.model
        in_flight = min(1.0, self.assumptions.assumed.requests_in_flight / self.pages if self.pages else 0.0)
        model_bytes = self.states_in_memory * model.memory_bytes + in_flight * self.states * self.state_bytes
        batch_mb = measured.batch_mb * self.records / self.assumptions.limits.batch_records
        return measured.base_mb + batch_mb + model_bytes / MB


def pages_of_shard(configuration: Configuration) -> float:
    """Pages with signals on a shard, on average.

    A page that lies across the border of two shards is written by both: `pages + shards - gcd(pages, shards)`
    pairs of a page and a shard meet.

    >>> pages_of_shard(Configuration(1, "provisioned", shards=2, pages=16))
    8.0
    >>> pages_of_shard(Configuration(1, "provisioned", shards=3, pages=16))
    6.0
    """
    pages, shards = configuration.pages, configuration.shards
    return (pages + shards - math.gcd(pages, shards)) / shards
