"""The demo: a plant sends, the pipeline learns and alerts, and the outcome is held against a plain loop."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from clients.kinesis_writer.ordered_put import OrderedPut
from clients.kinesis_writer.put_request import SEND_ONCE, Acknowledgement
from clients.plant_files import deployed_use_cases
from consumer.detectors.drift import DriftUseCase
from consumer.plant import Plant, plant
from consumer.settings.signals_yaml import SHIPPED, read_signals_file
from consumer.use_cases import USE_CASES as DEFAULT_USE_CASES
from local.demo import verdict
from local.demo.mixer import MIXER, mixer_rows
from local.demo.records import START_S, Sent, changes, demo_plant, demo_records, demo_settings
from local.demo.reference import learned_at_once, whole_shards
from local.emulator.embedded_aws import EmbeddedAWS
from local.emulator.event_source_mapping import Pace
from local.emulator.pipeline_resources import drain_alerts, drain_audit
from local.function.execution_environment import Function
from local.function.function_logs import metric_sums
from local.session import Invocation, LocalOptions, LocalPipeline
from producer_sim.plant.water_flow import water_flow

USE_CASE = "drift"
OTHERS = ("anomaly", "shift", "asset", "clusters")
"""Beside the reference, where the plant is this repository's."""
TOLD_OF_EACH = 3
BUCKET = "bucket"
"""Of the demo's folder: a copy of the bucket, to be looked into when all has ended."""


@dataclass(frozen=True, slots=True)
class DemoSize:
    """How much is sent: `signals` and a mixer of `observations` each, and the recorded series twice."""

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
    others: dict[str, dict[str, int]]
    """Of each other use case: unique events, and unique alerts, which tell of what opened."""


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
    use_case, own = DEFAULT_USE_CASES[USE_CASE], plant()
    assert isinstance(use_case, DriftUseCase)
    others = OTHERS if own.folder is None else _others_of(own)
    console.print("Simulating a plant, and reading River's WaterFlow series")
    simulated = demo_plant(size.seed, size.signals, size.observations)
    mixer = mixer_rows(size.seed, size.observations, START_S)
    sent = demo_records(simulated, water_flow("branch1.water_flow"), water_flow("branch1:water_flow"), mixer)
    console.print("Starting the embedded AWS on 127.0.0.1: stream, bucket, event bus, rules, topic, queues")
    faults = _Faults()
    settings = folder / "signals.yaml"
    settings.write_text(demo_settings(simulated, own.settings_file(SHIPPED)))
    signals = read_signals_file(str(settings.absolute()), own)
    options = LocalOptions(
        use_case=USE_CASE,
        more_use_cases=others,
        settings=settings,
        variables={USE_CASE: {"PLANT": "", "SIGNAL_SETTINGS": SHIPPED}} if own.folder else {},
        pace=Pace(poll_interval_s=1.0),
        wrapped=faults.wrapped,
    )
    with LocalPipeline(folder, options) as pipeline:
        aws, resources = pipeline.aws, pipeline.resources
        acknowledged, seconds = _stream(pipeline, sent, console)
        console.print("Reading the states, the quarantine and the alerts")
        shards = whole_shards(aws, resources.stream_arn)
        objects = list(_objects(aws, resources.model_bucket))
        _leave(folder / BUCKET, objects)
        published = _by_use_case(drain_audit(aws, resources), others)
        alerts = _by_use_case(drain_alerts(aws, resources), others)
    expected = {name: learned_at_once(name, own.use_cases[name], shards, signals) for name in others}
    drifts_of_loop = verdict.plain_loop_ids(USE_CASE, use_case, resources.stream_arn, sent, acknowledged)
    expected[USE_CASE] = dict.fromkeys(drifts_of_loop, "opened")
    states = verdict.states_in(objects, USE_CASE)
    judged = verdict.judge(changes(simulated), published[USE_CASE])
    _show(published, console)
    drifts, drift_alerts = published[USE_CASE], _ids(alerts[USE_CASE])
    learned = sum(state.learned for state in states.values())
    summary = Summary(
        observations_sent=sum(len(one.observations) for one in sent),
        observations_learned=learned,
        skipped=sum(state.skipped for state in states.values()),
        quarantined=len(verdict.quarantined_ids(objects, USE_CASE)),
        redelivered=int(metric_sums(pipeline.consumer_logs, USE_CASE)["Redelivered"]),
        signals=sum(state.learned > 0 for state in states.values()),
        drifts_injected=judged.injected,
        drifts_detected=judged.detected,
        false_alarms=judged.false_alarms,
        events_published=len(drifts),
        events_unique=len(_ids(drifts)),
        alerts_received=len(alerts[USE_CASE]),
        alerts_unique=len(drift_alerts),
        median_detection_delay_observations=judged.median_delay,
        observations_per_second=round(learned / seconds, 1),
        others={
            name: {"events": len(_ids(published[name])), "alerts": len(_ids(alerts[name]))} for name in others
        },
    )
    (folder / "summary.json").write_text(json.dumps(asdict(summary), indent=2) + "\n")
    promises = {
        "every observation was learned, skipped or quarantined": summary.observations_sent
        == summary.observations_learned + summary.skipped + summary.quarantined,
        "what was quarantined is what was bad": summary.quarantined == sum(one.is_bad for one in sent),
        "one invocation died between publish and commit": faults.deaths == 1,
        "one batch arrived twice": faults.batches_repeated == 1 and summary.redelivered > 0,
    }
    for name, change_of in expected.items():
        reference = "a plain River loop" if name == USE_CASE else "learning each shard at once"
        opened = {identity for identity, change in change_of.items() if change == "opened"}
        promises[f"the events of {name} are those of {reference}"] = _ids(published[name]) == set(change_of)
        promises[f"the alerts of {name} are those of {reference}"] = _ids(alerts[name]) == opened
    return summary, [promise for promise, holds in promises.items() if not holds]


def _others_of(own: Plant) -> tuple[str, ...]:
    """What the plant deploys, beside the reference: a plant's own line of that name is not run."""
    return tuple(name for name in deployed_use_cases(own) if name != USE_CASE)


def _by_use_case(events: Iterable[dict[str, Any]], others: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    details: dict[str, list[dict[str, Any]]] = {name: [] for name in (USE_CASE, *others)}
    for event in events:
        details[event["detail"]["use_case"]].append(event["detail"])
    return details


def _ids(details: Iterable[dict[str, Any]]) -> set[str]:
    return {detail["id"] for detail in details}


def _show(published: dict[str, list[dict[str, Any]]], console: Console) -> None:
    """Some alerts of each use case, as whoever is on call reads them: of each kind the last."""
    for name, details in published.items():
        by_id = {detail["id"]: detail for detail in details}
        changes = Counter(detail["change"] for detail in by_id.values())
        told = ", ".join(f"{count} {change.replace('_', ' ')}" for change, count in sorted(changes.items()))
        console.print(f"{name}: {told}; the last alerts are", markup=False, highlight=False)
        opened = [detail for detail in by_id.values() if detail["change"] == "opened"]
        for detail in sorted(opened, key=lambda detail: detail["timestamp"])[-TOLD_OF_EACH:]:
            text = f"  {detail['timestamp'][:19]}  {detail['headline']}"
            console.print(text, markup=False, highlight=False, soft_wrap=True)


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


def _leave(folder: Path, objects: Iterable[tuple[str, bytes]]) -> None:
    for key, body in objects:
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


def commands_next(folder: Path) -> list[str]:
    """What looks into what the demo left."""
    look, at = ".venv/bin/python -m consumer", f"--folder {folder / BUCKET}"
    return [
        f'{look} signals "{MIXER}*" {at}',
        f"{look} inspect {MIXER} {at} --use-case asset",
        f"{look} quarantine list {at} --use-case {USE_CASE}",
    ]
