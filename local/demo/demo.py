"""Runs the demo: a plant sends, the pipeline learns and alerts, a plain loop checks the results."""

import json
import shlex
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from clients.console import Console
from clients.kinesis_writer.ordered_put import OrderedPut
from clients.kinesis_writer.put_request import SEND_ONCE, Acknowledgement
from clients.plant_files import deployed_use_cases
from consumer.detectors.drift import DriftUseCase
from consumer.plant import Plant, load_plant, plant
from consumer.settings.signals_yaml import SHIPPED, read_signals_file
from local.demo import verdict
from local.demo.records import (
    MIXER,
    START_S,
    Sent,
    changes,
    demo_plant,
    demo_records,
    demo_settings,
    mixer_rows,
)
from local.emulator.embedded_aws import EmbeddedAWS
from local.emulator.event_source_mapping import Pace
from local.emulator.pipeline_resources import drain_alerts, drain_audit
from local.function.execution_environment import Function
from local.function.function_logs import metric_sums
from local.serving import STARTING
from local.session import Invocation, LocalOptions, LocalPipeline
from producer_sim.plant.simulation import Simulation
from producer_sim.plant.water_flow import water_flow

USE_CASE = "drift"
OTHERS = ("anomaly", "shift", "asset", "clusters")
"""The use cases beside the reference, unless PLANT names a plant of its own."""
ALERTS_SHOWN = 3
BUCKET = "bucket"
"""In the demo's folder: a copy of the bucket, to inspect after the demo."""


@dataclass(frozen=True, slots=True)
class DemoSize:
    """How much is sent: `observations` of each of `signals` and of a mixer, and the recorded series twice."""

    signals: int = 200
    observations: int = 1000
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Summary:
    """The content of `summary.json`. Learned and skipped are counted from the states in S3."""

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
    """Unique events and unique alerts of each other use case."""


class _Faults:
    """Kills one invocation after publishing, and delivers one batch twice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._dying = False
        self.deaths = 0
        self.batches_repeated = 0

    def wrapped(self, function: Function) -> Invocation:
        """What is invoked instead of the function."""
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
    """Run the demo; return the summary and the checks that failed, none if everything is exact."""
    use_case, own = load_plant("").use_case(USE_CASE), plant()
    assert isinstance(use_case, DriftUseCase)
    others = OTHERS if own.folder is None else _others_of(own)
    console.print("Simulating a plant and loading River's WaterFlow series")
    simulated = demo_plant(size.seed, size.signals, size.observations)
    mixer = mixer_rows(size.seed, size.observations, START_S)
    sent = demo_records(simulated, water_flow("branch1.water_flow"), water_flow("branch1:water_flow"), mixer)
    console.print(STARTING)
    faults = _Faults()
    settings = _write_settings(folder / "signals.yaml", simulated, own)
    signals = read_signals_file(str(settings), own)
    # The reference is this repository's line, whatever the plant calls by its name.
    reference_settings = _write_settings(folder / "reference-signals.yaml", simulated, load_plant(""))
    options = LocalOptions(
        use_case=USE_CASE,
        more_use_cases=others,
        settings=settings,
        variables={USE_CASE: {"PLANT": "", "SIGNAL_SETTINGS": str(reference_settings)}},
        # On a slow machine that takes minutes, a sweep would report signals as silent.
        sweep_every_s=86_400.0,
        pace=Pace(poll_interval_s=1.0),
        wrapped=faults.wrapped,
    )
    with LocalPipeline(folder, options) as pipeline:
        aws, resources = pipeline.aws, pipeline.resources
        acknowledged, seconds = _stream(pipeline, sent, console)
        console.print("Reading the models, the quarantine and the alerts from the embedded AWS")
        records = verdict.retained_records(aws, resources.stream_arn)
        objects = list(_objects(aws, resources.model_bucket))
        _copy_to(folder / BUCKET, objects)
        published = _by_use_case(drain_audit(aws, resources), others)
        alerts = _by_use_case(drain_alerts(aws, resources), others)
        _write_events(folder / "events.jsonl", published)
    expected = {
        name: verdict.events_of_one_pass(name, own.use_cases[name], records, signals) for name in others
    }
    drifts_of_loop = verdict.plain_loop_ids(USE_CASE, use_case, resources.stream_arn, sent, acknowledged)
    expected[USE_CASE] = dict.fromkeys(drifts_of_loop, "opened")
    states = verdict.states_in(objects, USE_CASE)
    score = verdict.score_detections(changes(simulated), published[USE_CASE])
    _print_alerts(published, console)
    learned = sum(state.learned for state in states.values())
    summary = Summary(
        observations_sent=sum(len(one.observations) for one in sent),
        observations_learned=learned,
        skipped=sum(state.skipped for state in states.values()),
        quarantined=len(verdict.quarantined_ids(objects, USE_CASE)),
        redelivered=int(metric_sums(pipeline.consumer_logs, USE_CASE)["Redelivered"]),
        signals=sum(state.learned > 0 for state in states.values()),
        drifts_injected=score.injected,
        drifts_detected=score.detected,
        false_alarms=score.false_alarms,
        events_published=len(published[USE_CASE]),
        events_unique=len(_ids(published[USE_CASE])),
        alerts_received=len(alerts[USE_CASE]),
        alerts_unique=len(_ids(alerts[USE_CASE])),
        median_detection_delay_observations=score.median_delay,
        observations_per_second=round(learned / seconds, 1),
        others={
            name: {"events": len(_ids(published[name])), "alerts": len(_ids(alerts[name]))} for name in others
        },
    )
    (folder / "summary.json").write_text(json.dumps(asdict(summary), indent=2) + "\n")
    checks = {
        "every observation was learned, skipped or quarantined": summary.observations_sent
        == summary.observations_learned + summary.skipped + summary.quarantined,
        "exactly the bad records were quarantined": summary.quarantined == sum(one.is_bad for one in sent),
        "one invocation was killed between publish and commit": faults.deaths == 1,
        "one batch was delivered twice": faults.batches_repeated == 1 and summary.redelivered > 0,
    }
    for name, change_of in expected.items():
        reference = "a plain River loop" if name == USE_CASE else "one pass over each shard"
        opened = {identity for identity, change in change_of.items() if change == "opened"}
        checks[f"{name} published the events of {reference}"] = _ids(published[name]) == set(change_of)
        checks[f"{name} raised the alerts of {reference}"] = _ids(alerts[name]) == opened
    return summary, [check for check, holds in checks.items() if not holds]


def summary_table(summary: Summary) -> Table:
    """The summary, as people read it."""
    delay = summary.median_detection_delay_observations
    rows = {
        "Observations sent": f"{summary.observations_sent:,}",
        "  learned": f"{summary.observations_learned:,}",
        "  skipped: null, text or of bad quality": f"{summary.skipped:,}",
        "  quarantined: can never be learned": f"{summary.quarantined:,}",
        "Delivered again and not learned twice": f"{summary.redelivered:,}",
        "Signals, each with a model of its own": f"{summary.signals:,}",
        "Learned per second, on this machine": f"{summary.observations_per_second:,.0f}",
        "Drifts injected": f"{summary.drifts_injected:,}",
        "  detected": f"{summary.drifts_detected:,}",
        "  median delay, in observations": "none" if delay is None else f"{delay:,g}",
        "False alarms": f"{summary.false_alarms:,}",
        f"{USE_CASE}: events": f"{summary.events_unique:,} ({summary.events_published:,} with repeats)",
        f"{USE_CASE}: alerts": f"{summary.alerts_unique:,} ({summary.alerts_received:,} with repeats)",
    }
    for name, counts in summary.others.items():
        rows[f"{name}: events, alerts"] = f"{counts['events']:,}, {counts['alerts']:,}"
    table = Table(title="Result", show_header=False)
    for label, figure in rows.items():
        table.add_row(label, figure)
    return table


def _others_of(own: Plant) -> tuple[str, ...]:
    """The use cases that the plant deploys beside the reference, whose own version of it is not run."""
    return tuple(name for name in deployed_use_cases(own) if name != USE_CASE)


def _write_settings(path: Path, simulated: Simulation, own: Plant) -> Path:
    read_signals_file(SHIPPED, own)  # a mistake is reported in the plant's own file
    path.write_text(demo_settings(simulated, own.settings_file(SHIPPED)))
    return path.absolute()


def _write_events(path: Path, published: dict[str, list[dict[str, Any]]]) -> None:
    """Each event once, in the order of the observations, a line of JSON each."""
    by_id = {detail["id"]: detail for details in published.values() for detail in details}
    ordered = sorted(by_id.values(), key=lambda detail: (detail["timestamp"], detail["id"]))
    path.write_text("".join(json.dumps(detail) + "\n" for detail in ordered))


def _by_use_case(events: Iterable[dict[str, Any]], others: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    details: dict[str, list[dict[str, Any]]] = {name: [] for name in (USE_CASE, *others)}
    for event in events:
        details[event["detail"]["use_case"]].append(event["detail"])
    return details


def _ids(details: Iterable[dict[str, Any]]) -> set[str]:
    return {detail["id"] for detail in details}


def _print_alerts(published: dict[str, list[dict[str, Any]]], console: Console) -> None:
    """The latest alerts of each use case, as whoever is on call reads them."""
    for name, details in published.items():
        by_id = {detail["id"]: detail for detail in details}
        changes = Counter(detail["change"] for detail in by_id.values())
        counts = ", ".join(
            f"{changes[change]:,} {change.replace('_', ' ')}"
            for change in ("opened", "still_open", "cleared")
            if changes[change]
        )
        text = f"{counts}. The latest:" if counts else "none"
        console.print(f"\nAlerts of {name}: {text}", highlight=False)
        opened = [detail for detail in by_id.values() if detail["change"] == "opened"]
        for detail in sorted(opened, key=lambda detail: detail["timestamp"])[-ALERTS_SHOWN:]:
            text = f"  {detail['timestamp'][:19].replace('T', ' ')}  {detail['headline']}"
            console.print(text, highlight=False, soft_wrap=True)
    console.print()


def _stream(
    pipeline: LocalPipeline, sent: list[Sent], console: Console
) -> tuple[list[Acknowledgement], float]:
    """Send while the pipeline learns; return where each record went, and how many seconds everything took."""
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
        acknowledgements = put.send([one.record for one in sent])
        pipeline.wait_until_done(len(sent), learned)
        return acknowledgements, time.monotonic() - started


def _objects(aws: EmbeddedAWS, bucket: str) -> Iterator[tuple[str, bytes]]:
    s3 = aws.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for listed in page.get("Contents", []):
            yield listed["Key"], s3.get_object(Bucket=bucket, Key=listed["Key"])["Body"].read()


def _copy_to(folder: Path, objects: Iterable[tuple[str, bytes]]) -> None:
    for key, body in objects:
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


def next_commands(folder: Path) -> list[str]:
    """Commands that inspect what the demo left."""
    ops, bucket = ".venv/bin/python -m ops", f"--folder {folder / BUCKET}"
    own = plant()
    if own.folder is not None:
        ops = f"PLANT={shlex.quote(str(own.folder))} {ops}"
        use_case = next(iter(_others_of(own)), USE_CASE)
        return [
            f"{ops} signals {bucket} --use-case {use_case}",
            f"{ops} quarantine list {bucket} --use-case {use_case}",
        ]
    return [
        f'{ops} signals "{MIXER}*" {bucket}',
        f"{ops} inspect {MIXER} {bucket} --use-case asset",
        f"{ops} quarantine list {bucket} --use-case {USE_CASE}",
    ]
