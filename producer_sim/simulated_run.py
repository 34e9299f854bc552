"""One run of a simulated plant: observe, send, wait until all is learned, and leave it all in a folder."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clients.deployment import Pipeline
from clients.kinesis_writer.paced import WallClock
from clients.kinesis_writer.processes import processes_needed, send_in_processes
from clients.kinesis_writer.put_request import SEND_ONCE
from clients.kinesis_writer.sending import Sending
from producer_sim.observe.observer import Observing, settle
from producer_sim.payloads.record_groups import RecordGroup, learned_names
from producer_sim.plant.chart_series import chart_series
from producer_sim.plant.simulated_records import Partition, Shares
from producer_sim.plant.simulation import Simulation
from producer_sim.run_folder import RunFolder, RunSummary

_LEAD_SECONDS = 0.2
_LEAD_SECONDS_A_SIGNAL = 50e-6
_LEAD_SECONDS_A_PROCESS = 1.5
"""The run begins when the signals' first values are there, and the last process has started."""


@dataclass(frozen=True, slots=True)
class SimulatedRun:
    """What to run: `processes` None finds out how many the rate needs."""

    simulation: Simulation
    groups: tuple[RecordGroup, ...]
    partition: Partition
    processes: int | None
    settle_timeout_s: float
    configuration: dict[str, Any]


def run_simulation(
    run: SimulatedRun,
    pipeline: Pipeline,
    observing: Observing,
    folder: RunFolder,
    on_progress: Callable[[int, Sending], None],
    on_stage: Callable[[str], None],
) -> tuple[RunSummary, Sending]:
    """Send a plant to a pipeline, and write `run.json`, `truth.json` and `series.json`.

    `on_progress` gets how many observations are due, and what was sent. After Ctrl-C all is written as far
    as it came; the summary says `interrupted`.

    Raises:
        PutFailed, ProcessFailed: See `send_in_processes`; nothing but what the observer wrote is left.
    """
    simulation, names = run.simulation, learned_names(run.groups)
    processes = run.processes or _processes(run)
    clock = WallClock()
    with observing as observer:
        lead_s = _LEAD_SECONDS + len(simulation.members) * _LEAD_SECONDS_A_SIGNAL
        start_s = clock.now() + lead_s + (processes > 1) * processes * _LEAD_SECONDS_A_PROCESS

        def report(sending: Sending) -> None:
            elapsed_s = clock.now() - start_s
            due = max(0, min(simulation.observations, math.floor(elapsed_s * simulation.rate) + 1))
            if observer is not None:
                observer.progress(due, sending.observations)
            on_progress(due, sending)

        on_stage(f"Sending to {pipeline.name} from {processes} process{'es' if processes > 1 else ''}")
        shares = Shares(simulation, run.groups, start_s, run.partition)
        connect = functools.partial(pipeline.account.client, "kinesis", SEND_ONCE)
        sending = send_in_processes(
            processes, shares, connect, pipeline.stream_name, start_s=start_s, on_progress=report
        )
        if observer is not None:
            on_stage("Waiting until the pipeline has learned everything")
        settled = settle(observer, sending.observations, run.settle_timeout_s)
    summary = settled.summary(
        sending,
        command="simulate",
        pipeline=pipeline.name,
        seed=simulation.seed,
        ended_s=sending.ended_s,
        rate_target=simulation.rate,
        configuration=run.configuration
        | {"processes": processes, "late_max_s": round(sending.late_max_s, 3)},
    )
    end_s = sending.ended_s if sending.interrupted else start_s + simulation.ticks * simulation.period_s
    folder.write("truth", simulation.truth(start_s, names, end_s))
    folder.write("series", list(chart_series(simulation, names, start_s, end_s)))
    folder.write("run", summary)
    return summary, sending


def _processes(run: SimulatedRun) -> int:
    return processes_needed(run.simulation.rate, Shares(run.simulation, run.groups, 0.0, run.partition)(0, 1))
