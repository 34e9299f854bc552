"""The commands of operators on a local pipeline that learns all the while."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml

from local.emulator.pipeline_resources import drain_alerts, drain_audit
from local.serving import described
from local.session import LocalPipeline
from producer_sim.payloads import encoders
from producer_sim.smoke.trip import step_payloads

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder in which a pipeline runs, as `python -m local serve` leaves it."""
    place = tmp_path_factory.mktemp("place")
    folder = place / "build" / "local"
    folder.mkdir(parents=True)
    with LocalPipeline(folder) as pipeline, described(pipeline, folder):
        yield place, pipeline


def consumer(place: Path, *arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "consumer", *arguments, "--local"],
        cwd=place,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def put(pipeline: LocalPipeline, key: str, *records: bytes) -> None:
    kinesis = pipeline.aws.client("kinesis")
    for record in records:
        kinesis.put_record(StreamName=pipeline.resources.stream_name, PartitionKey=key, Data=record)


class Sending(threading.Thread):
    """Values of a signal of its own, until it should stop."""

    def __init__(self, pipeline: LocalPipeline) -> None:
        super().__init__()
        self.pipeline, self.sent, self.ends = pipeline, 0, threading.Event()

    def run(self) -> None:
        while not self.ends.wait(0.02):
            put(self.pipeline, "steady.flow", encoders.point("steady.flow", 1.0 + self.sent % 3, time.time()))
            self.sent += 1


def learned(place: Path, signal: str) -> int:
    lines = [json.loads(line) for line in consumer(place, "signals", "--json").splitlines()]
    return next((line["observations"] for line in lines if line["signal"] == signal), 0)


def wait_until(place: Path, signal: str, observations: int) -> None:
    deadline = time.monotonic() + 60
    while learned(place, signal) < observations:
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_they_look_in_mute_and_explain_while_data_arrives_and_no_value_is_lost(place):
    folder, pipeline = place
    put(pipeline, "steady.flow", encoders.point("steady.flow", 1.0, time.time()))
    pipeline.wait_until_done(1)
    sending = Sending(pipeline)
    sending.start()
    try:
        muted = consumer(folder, "mute", "muted.*", "--until", "1h", "--reason", "a test", "--yes")
        assert "Muted: muted.*" in muted
        for signal in ("muted.flow", "reported.flow"):
            put(pipeline, signal, *step_payloads(signal, time.time()))
        for signal in ("muted.flow", "reported.flow"):
            wait_until(folder, signal, 400)
        audit = {
            event["detail"]["signal"]: event["detail"]
            for event in drain_audit(pipeline.aws, pipeline.resources)
        }
        assert {name: detail["muted"] for name, detail in audit.items()} == {
            "muted.flow": True,
            "reported.flow": False,
        }
        alerts = [alert["detail"]["signal"] for alert in drain_alerts(pipeline.aws, pipeline.resources)]
        assert alerts == ["reported.flow"]

        event = folder / "event.json"
        event.write_text(json.dumps(audit["reported.flow"]))
        explained = yaml.safe_load(
            consumer(folder, "explain", audit["reported.flow"]["id"], "--event", str(event))
        )
        assert explained["told_again"] == "yes, with the same evidence"
        inspected = yaml.safe_load(consumer(folder, "inspect", "reported.flow", "--predict", "30"))
        assert inspected["would_tell"] == "nothing"

        # Now a version knows the signal.
        put(pipeline, "reported.flow", *step_payloads("reported.flow", time.time()))
        wait_until(folder, "reported.flow", 800)
        again = [
            found["detail"]
            for found in drain_audit(pipeline.aws, pipeline.resources)
            if found["detail"]["signal"] == "reported.flow"
        ]
        assert again
        event.write_text(json.dumps(again[-1]))
        explained = yaml.safe_load(consumer(folder, "explain", again[-1]["id"], "--event", str(event)))
        assert explained["told_again"] == "yes, with the same evidence"
    finally:
        sending.ends.set()
        sending.join()
    wait_until(folder, "steady.flow", sending.sent + 1)
    assert learned(folder, "steady.flow") == sending.sent + 1
