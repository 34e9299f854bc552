"""`make soak`: real components, killed, slowed and resharded; then compared with a plain River loop.

Lambda's own runtime client runs the deployed asset, the embedded AWS is behind a proxy that fails, and
producer_sim loads a Kinesis that can reshard.
"""

import os
import platform
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from consumer.use_cases import USE_CASES
from local.emulator.embedded_aws import EmbeddedAWS
from local.emulator.event_source_mapping import EventSourceMapping, MappingConfig, Pace, RealClock, in_thread
from local.emulator.kinesis_source import KinesisSource, S3Destination
from local.emulator.mapping_thread import MappingThread
from local.emulator.pipeline_resources import create_pipeline_resources, drain_audit
from local.function.function_logs import metric_sums
from stack.bundling import bundle
from tests.e2e.faulty_proxy import Fate, FaultyProxy, seeded
from tests.soak.killed_function import KilledFunction
from tests.soak.kinesalite import client, create_stream, kinesalite, records_of, reshard
from tests.soak.soak_verdict import sent, violations

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "soak"
LOGS = FOLDER / "consumer-logs"
MODULES = ROOT / ".venv" / "kinesalite" / "node_modules"
STREAM = "soak"
ENVIRONMENTS = 3
RATES: dict[Fate, float] = {"refuse": 0.03, "drop": 0.01, "lose": 0.03, "delay": 0.05, "fail entries": 0.1}
KILL_EVERY_S = (2.0, 7.0)
PATIENCE_S = 180.0

app = typer.Typer(add_completion=False)


@app.command()
def main(
    seconds: Annotated[int, typer.Option(help="How many seconds to send.")] = 150,
    rate: Annotated[int, typer.Option(help="Observations a second.")] = 500,
    signals: Annotated[int, typer.Option(help="How many signals.")] = 200,
    seed: Annotated[int, typer.Option(help="Of the faults; their times depend on the machine.")] = 0,
) -> None:
    """Exit with 1 if anything was lost or learned twice, or if a kind of fault never happened."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    print(f"Building the function for this machine; its logs will be in {FOLDER}")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    asset = bundle(platform=f"{platform.machine()}-manylinux_2_28", python=python).folder.resolve()
    node = str(Path(sys.executable).with_name("node"))
    with (
        EmbeddedAWS(FOLDER / "aws.log") as aws,
        kinesalite(MODULES, node) as kinesis_url,
        FaultyProxy(aws.endpoint_url, seeded(seed, RATES)) as proxy,
    ):
        resources = create_pipeline_resources(aws, shards=1)
        kinesis = client(kinesis_url)
        stream_arn = create_stream(kinesis, STREAM, shards=2)
        environment = aws.environment() | {
            "AWS_ENDPOINT_URL": proxy.endpoint_url,
            "MODEL_BUCKET": resources.model_bucket,
            "EVENT_BUS_NAME": resources.event_bus_name,
            "MODEL_PAGES": "4",
        }
        with KilledFunction(asset, environment, LOGS, ENVIRONMENTS, seed) as function:
            destination = S3Destination(aws.client("s3"), resources.failed_batch_bucket)
            with _mapping(KinesisSource(kinesis, stream_arn), function, destination) as mapping:
                reshards = _disturb(kinesis, kinesis_url, function, seconds, rate, signals, seed)
                on_stream = sent(records_of(kinesis, STREAM), stream_arn)
                _wait_until_done(mapping, on_stream.records)
            metrics = metric_sums(LOGS, "drift")
            deaths, deliveries_to_two = function.deaths, function.deliveries_to_two
        print("Comparing models and events with a plain River loop")
        published = [event["detail"]["id"] for event in drain_audit(aws, resources)]
        found = violations(
            on_stream, USE_CASES["drift"], aws.client("s3"), resources.model_bucket, set(published)
        )
        if stored := aws.client("s3").list_objects_v2(Bucket=resources.failed_batch_bucket).get("Contents"):
            found.append(f"{len(stored)} batches were given up")
    happened = {
        "environments killed during an invocation": deaths,
        "batches delivered to two environments at once": deliveries_to_two,
        "page conflicts": int(metrics["PageConflicts"]),
        "records delivered again and not learned twice": int(metrics["Redelivered"]),
        "publish failures": sum(proxy.fates["events", fate] for fate in ("refuse", "drop", "fail entries")),
        "lost responses of S3": proxy.fates["s3", "lose"],
        "events published again": len(published) - len(set(published)),
        "batches retried or split": mapping.progress.retries + mapping.progress.bisections,
        "shards split or merged": reshards,
    }
    for name, times in happened.items():
        print(f"  {times:7,} {name}")
    never = [name for name, times in happened.items() if not times]
    for text in found:
        print(f"VIOLATED: {text}")
    if never:
        print(f"Never happened, so nothing is proved about it: {', '.join(never)}")
    print(
        f"{on_stream.records:,} records, {on_stream.observations:,} observations of "
        f"{len(on_stream.histories)} signals, {len(on_stream.refused)} in quarantine, "
        f"{len(set(published))} events, {len(found)} violations"
    )
    raise typer.Exit(int(bool(found or never)))


@contextmanager
def _mapping(
    source: KinesisSource, function: KilledFunction, destination: S3Destination
) -> Iterator[MappingThread]:
    with ThreadPoolExecutor(ENVIRONMENTS, thread_name_prefix="invoke") as invocations:
        mapping = EventSourceMapping(
            source,
            in_thread(function.invoke, invocations),
            MappingConfig(batch_size=400, bisect_on_error=True, maximum_retry_attempts=-1),
            RealClock(),
            destination,
            pace=Pace(poll_interval_s=0.3, discovery_interval_s=1.0, backoff_cap_s=2.0),
        )
        with MappingThread(mapping, abort=function.close) as running:
            yield running


def _disturb(
    kinesis: Any,
    kinesis_url: str,
    function: KilledFunction,
    seconds: int,
    rate: int,
    signals: int,
    seed: int,
) -> int:
    """Let producer_sim send; kill and reshard meanwhile. Returns the number of splits and merges."""
    print(
        f"Sending {rate} observations a second of {signals} signals for {seconds} s, with all kinds of faults"
    )
    sending = ["simulate", "--stream", STREAM, "--endpoint-url", kinesis_url, "--region", "us-east-1"]
    sending += ["--signals", str(signals), "--rate", str(rate), "--duration", str(seconds)]
    sending += ["--run", str(FOLDER / "run"), "--no-report"]
    rng, start, reshards = random.Random(seed), time.monotonic(), 0
    environment = os.environ | {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    with (
        (FOLDER / "producer_sim.log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "producer_sim", *sending],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        ) as producer,
    ):
        while producer.poll() is None:
            time.sleep(rng.uniform(*KILL_EVERY_S))
            function.kill_one()
            if time.monotonic() - start > seconds * (reshards + 1) / 4 and reshards < 3:
                reshard(kinesis, STREAM, split=reshards != 1)
                reshards += 1
    if producer.returncode:
        raise SystemExit(f"producer_sim ended with {producer.returncode}: see {FOLDER / 'producer_sim.log'}")
    return reshards


def _wait_until_done(mapping: MappingThread, records: int) -> None:
    ends = time.monotonic() + PATIENCE_S
    while mapping.progress.records_done < records:
        mapping.check()
        if time.monotonic() > ends:
            done = mapping.progress.records_done
            raise SystemExit(
                f"After {PATIENCE_S:g} s only {done} of {records} records are done; see {FOLDER}"
            )
        time.sleep(0.2)


if __name__ == "__main__":
    app()
