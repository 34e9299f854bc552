"""What an invocation takes of a function: processor, waiting, memory."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from producer_sim.plan.assumptions import Assumptions
from producer_sim.plan.flow import Flow
from producer_sim.plan.workload import Configuration, Workload

MB = 2**20


@dataclass(frozen=True, slots=True)
class Learning:
    """One invocation of one use case.

    Units: `cpu_us` by what takes it and `cpu_s` in all, on the processor that was measured; `processor` the
           share of such a one that Lambda gives; `duration_s` on the wall; `concurrency` of all shards,
           `environments` those that serve it; `busy` the share of a shard's time; `warm` the share of
           pages that are at hand as they are in S3; `states_in_memory` those at work and those kept warm
    """

    cpu_us: Mapping[str, float]
    cpu_s: float
    processor: float
    wait_s: float
    duration_s: float
    busy: float
    concurrency: float
    environments: int
    warm: float
    states_in_memory: float
    page_bytes: float
    memory_mb: float


def learning_of(
    workload: Workload, configuration: Configuration, flow: Flow, assumptions: Assumptions
) -> Learning:
    """What an invocation takes.

    Which environment serves a shard is Lambda's choice: of E environments one in E has written the page
    last, and need not read it. E comes of how long invocations take where every page is read.
    """
    whole = _invocation(workload, configuration, flow, assumptions, warm=0.0)
    environments = max(1, math.ceil(whole.concurrency))
    all_bytes = workload.signals * state_bytes(workload, assumptions)
    kept = min(1.0, _warm_bytes(configuration, assumptions) / all_bytes) if all_bytes else 1.0
    learning = _invocation(workload, configuration, flow, assumptions, warm=kept / environments)
    return replace(learning, environments=environments)


def state_bytes(workload: Workload, assumptions: Assumptions) -> float:
    """A signal's state as a page holds it: the model, and its checkpoint and counters."""
    return assumptions.measured.state_bytes + assumptions.models[workload.model].pickle_bytes


def _warm_bytes(configuration: Configuration, assumptions: Assumptions) -> float:
    return assumptions.assumed.warm_share * configuration.memory_mb * MB


def _invocation(
    workload: Workload, configuration: Configuration, flow: Flow, assumptions: Assumptions, warm: float
) -> Learning:
    assumed, measured = assumptions.assumed, assumptions.measured
    model = assumptions.models[workload.model]
    cpu_us = {
        "invocation": measured.invocation_us,
        "records": flow.records * measured.record_us,
        "observations": flow.observations * (measured.observation_us + model.update_us),
        "signals": flow.signals * measured.signal_us,
        "pages": flow.pages * (measured.page_us + (2 - warm) * assumed.request_us),
        "states written": flow.states * (measured.state_encode_us + model.dump_us),
        "states read": flow.states * (1 - warm) * (measured.state_decode_us + model.load_us),
    }
    cpu_s = sum(cpu_us.values()) / 1e6
    page_bytes = state_bytes(workload, assumptions) * (flow.states / flow.pages if flow.pages else 0.0)
    moved_mb = flow.pages * page_bytes * (2 - warm) / MB
    turns = math.ceil(flow.pages / assumed.requests_in_flight)
    asked_ms = (1 - warm) * assumed.get_ms + assumed.put_ms
    wait_s = turns * asked_ms / 1000 + moved_mb / assumed.s3_mb_per_s
    processor = min(1.0, configuration.memory_mb / assumed.processor_mb) * assumed.processor_speed
    duration_s = cpu_s / processor + wait_s
    concurrency = flow.invocations_per_s * duration_s
    return Learning(
        cpu_us=cpu_us,
        cpu_s=cpu_s,
        processor=processor,
        wait_s=wait_s,
        duration_s=duration_s,
        busy=concurrency / configuration.shards,
        concurrency=concurrency,
        environments=1,
        warm=warm,
        states_in_memory=_states_in_memory(workload, configuration, flow, assumptions),
        page_bytes=page_bytes,
        memory_mb=_memory_mb(workload, configuration, flow, assumptions),
    )


def _states_in_memory(
    workload: Workload, configuration: Configuration, flow: Flow, assumptions: Assumptions
) -> float:
    """States at work and kept warm."""
    kept = _warm_bytes(configuration, assumptions) / state_bytes(workload, assumptions)
    return min(workload.signals, flow.states + kept)


def _memory_mb(
    workload: Workload, configuration: Configuration, flow: Flow, assumptions: Assumptions
) -> float:
    """The runtime, a batch, the models in memory, and the pages under way, as bytes."""
    measured, model = assumptions.measured, assumptions.models[workload.model]
    states = _states_in_memory(workload, configuration, flow, assumptions)
    under_way = min(1.0, assumptions.assumed.requests_in_flight / flow.pages if flow.pages else 0.0)
    batch_mb = measured.batch_mb * flow.records / assumptions.limits.batch_records
    pages_mb = under_way * flow.states * state_bytes(workload, assumptions) / MB
    return measured.base_mb + batch_mb + states * model.memory_bytes / MB + pages_mb
