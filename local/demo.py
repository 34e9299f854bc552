"""The demo: a plant sends, the pipeline learns and alerts, and the outcome is held against a plain loop."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from consumer.core.drift import DriftUseCase
from consumer.use_cases import USE_CASES
from local import demo_verdict
from local.aws import EmbeddedAWS
from local.demo_records import Sent, changes, demo_plant, demo_records
from local.execution_environment import Function
from local.pipeline_resources import drain_alerts, drain_audit
from local.session import Invocation, LocalOptions, LocalPipeline
from producer_sim.sending.ordered_put import SEND_ONCE, Acknowledgement, OrderedPut
from producer_sim.water_flow import water_flow

USE_CASE = "drift"


@dataclass(frozen=True, slots=True)
class DemoSize:
    """How much is sent: `signals` simulated ones of `observations` each, and the recorded series twice."""

    signals: int = 200
    observations: int = 1000
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Summary:
    """What `summary.json` holds. Learned and skipped are counted from the states in S3."""

    observations_sent: int
    observations_learned: int
    skipped: int
    quarantined: int
    redelivered: int
    signals: int
    drifts_injected: int
    drifts_detected: int
    false_alarms: int
    events_published: int
    events_unique: int
    alerts_received: int
    alerts_unique: int
    median_detection_delay_observations: float | None
    observations_per_second: float


class _Faults:
    """Makes one invocation die after publishing, and one batch arrive twice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._dying = False
        self.deaths = 0
        self.batches_repeated = 0

    def wrapped(self, function: Function) -> Invocation:
        """What is invoked in the function's place."""
        return lambda event: self._invoke(function, event)

    def _invoke(self, function: Function, event: dict[str, Any]) -> Any:
        with self._lock:
            dies = function.deaths == 0 and not self._dying
            self._dying |= dies
        try:
            response = function.invoke(event, dies_after_publishing=dies)
        finally:
            self.deaths = function.deaths
            if dies:
                self._dying = False
        with self._lock:
            repeat = not self.batches_repeated and not response["batchItemFailures"] and not dies
            self.batches_repeated += repeat
        return function.invoke(event) if repeat else response


def run_demo(folder: Path, size: DemoSize, console: Console) -> tuple[Summary, list[str]]:
    """Run it all; give the summary, and what does not hold: empty where all is exact."""
    use_case = USE_CASES[USE_CASE]
    assert isinstance(use_case, DriftUseCase)
    console.print("Simulating a plant, and reading River's WaterFlow series")
    plant = demo_plant(size.seed, size.signals, size.observations)
    sent = demo_records(plant, water_flow("branch1.water_flow"), water_flow("branch1:water_flow"))
    console.print("Starting the embedded AWS on 127.0.0.1: stream, bucket, event bus, rules, topic, queues")
    faults = _Faults()
    options = LocalOptions(use_case=USE_CASE, wrapped=faults.wrapped)
    with LocalPipeline(folder, options) as pipeline:
        aws, resources = pipeline.aws, pipeline.resources
        acknowledged, seconds = _stream(pipeline, sent, console)
        console.print("Reading the states, the quarantine and the alerts")
        objects = list(_objects(aws, resources.model_bucket))
        published = [event["detail"] for event in drain_audit(aws, resources)]
        alerts = [event["detail"]["id"] for event in drain_alerts(aws, resources)]
    expected = demo_verdict.plain_loop_ids(USE_CASE, use_case, resources.stream_arn, sent, acknowledged)
    states = demo_verdict.states_in(objects)
    judged = demo_verdict.judge(changes(plant), published)
    learned = sum(state.learned for state in states.values())
    summary = Summary(
        observations_sent=sum(len(one.observations) for one in sent),
        observations_learned=learned,
        skipped=sum(state.skipped for state in states.values()),
        quarantined=len(demo_verdict.quarantined_ids(objects)),
        redelivered=demo_verdict.metric_sum(pipeline.consumer_log, "Redelivered"),
        signals=sum(state.learned > 0 for state in states.values()),
        drifts_injected=judged.injected,
        drifts_detected=judged.detected,
        false_alarms=judged.false_alarms,
        events_published=len(published),
        events_unique=len({event["id"] for event in published}),
        alerts_received=len(alerts),
        alerts_unique=len(set(alerts)),
        median_detection_delay_observations=judged.median_delay,
        observations_per_second=round(learned / seconds, 1),
    )
    (folder / "summary.json").write_text(json.dumps(asdict(summary), indent=2) + "\n")
    promises = {
        "every observation was learned, skipped or quarantined": summary.observations_sent
        == summary.observations_learned + summary.skipped + summary.quarantined,
        "what was quarantined is what was bad": summary.quarantined == sum(one.is_bad for one in sent),
        "the events are those of a plain River loop": {event["id"] for event in published} == expected,
        "the alerts are those of a plain River loop": set(alerts) == expected,
        "one invocation died between publish and commit": faults.deaths == 1,
        "one batch arrived twice": faults.batches_repeated == 1 and summary.redelivered > 0,
    }
    return summary, [promise for promise, holds in promises.items() if not holds]


def _stream(
    pipeline: LocalPipeline, sent: list[Sent], console: Console
) -> tuple[list[Acknowledgement], float]:
    """Send while the pipeline learns; give where each record went, and how many seconds it all took."""
    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        sending = progress.add_task("records sent", total=len(sent))
        learning = progress.add_task("records learned", total=len(sent))

        def learned(done: int) -> None:
            progress.update(learning, completed=done)

        def acknowledged(done: int, total: int) -> None:
            pipeline.check()
            progress.update(sending, completed=done)
            learned(pipeline.progress.records_done)

        kinesis = pipeline.aws.client("kinesis", SEND_ONCE)
        put = OrderedPut(kinesis, pipeline.resources.stream_name, progress=acknowledged)
        started = time.monotonic()
        where = put.send([one.record for one in sent])
        pipeline.wait_until_done(len(sent), learned)
        return where, time.monotonic() - started


def _objects(aws: EmbeddedAWS, bucket: str) -> Iterator[tuple[str, bytes]]:
    s3 = aws.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for listed in page.get("Contents", []):
            yield listed["Key"], s3.get_object(Bucket=bucket, Key=listed["Key"])["Body"].read()
