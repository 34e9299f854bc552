"""`simulate`, on the embedded AWS: what it sends is on the stream, and what it leaves says so."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
import typer
from botocore.config import Config
from typer.testing import CliRunner

from local.emulator.embedded_aws import EmbeddedAWS
from producer_sim.commands import simulate as command
from producer_sim.observe import observer as observer_module
from producer_sim.run_folder import RunFolder

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Pipeline:
    """A stream and nothing more; it can be pickled, as sending processes need it."""

    endpoint_url: str
    name: str = "a stream"
    stream_name: str = "telemetry"
    models: tuple[str, ...] = ("drift",)

    @property
    def account(self):
        return self

    def client(self, service: Any, config: Config | None = None) -> Any:
        session = boto3.Session(
            aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
        )
        direct = Config(proxies={})
        config = direct.merge(config) if config else direct
        return session.client(service, endpoint_url=self.endpoint_url, config=config)


class Observer:
    """Counts what it is told, and says that all of it was learned."""

    def __init__(self):
        self.told: list[tuple[int, int]] = []

    def progress(self, due, acknowledged):
        self.told.append((due, acknowledged))

    def wait_until_settled(self, observations, timeout_s):
        return SimpleNamespace(learned=observations, skipped=0, quarantined=0)


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    with EmbeddedAWS(tmp_path_factory.mktemp("aws") / "aws.log") as embedded:
        kinesis = embedded.client("kinesis")
        kinesis.create_stream(StreamName="telemetry", ShardCount=2)
        kinesis.get_waiter("stream_exists").wait(StreamName="telemetry")
        yield embedded


@pytest.fixture
def observer(aws, monkeypatch):
    observer = Observer()

    @contextmanager
    def open_pipeline(*which):
        yield Pipeline(aws.endpoint_url)

    @contextmanager
    def observe(pipeline, folder, signals):
        yield observer

    monkeypatch.setattr(command, "open_pipeline", open_pipeline)
    monkeypatch.setattr(observer_module, "observe", observe)
    return observer


def run(*arguments: str) -> Any:
    app = typer.Typer()
    app.command()(command.simulate)
    return CliRunner().invoke(app, [*arguments, "--no-report"])


def records_on(aws: EmbeddedAWS, enough: float = float("inf")) -> list[dict]:
    """All records, or `enough` of them: who reads slower than another sends would never see the end."""
    kinesis = aws.client("kinesis")
    found = []
    for shard in kinesis.list_shards(StreamName="telemetry")["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName="telemetry",
            ShardId=shard["ShardId"],
            ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
        while answer := kinesis.get_records(ShardIterator=iterator):
            found += answer["Records"]
            iterator = answer["NextShardIterator"]
            if not answer["Records"] or len(found) >= enough:
                break
    return found


@pytest.mark.parametrize("processes", ["1", "2"])
def test_what_is_sent_is_on_the_stream_and_in_the_summary(aws, observer, tmp_path, processes):
    before = len(records_on(aws))
    outcome = run(
        *("--signals", "20", "--rate", "400", "--duration", "2", "--plant", "steady", "--seed", "3"),
        *("--processes", processes, "--run", str(tmp_path / "run"), "--truth", str(tmp_path / "truth.json")),
        "--json",
    )
    assert outcome.exit_code == 0, outcome.output
    folder = RunFolder(tmp_path / "run")
    assert json.loads(outcome.stdout)["observations_sent"] == folder.run.observations_sent == 800
    assert folder.run.lost == 0
    assert sum(shard.records for shard in folder.run.shards) == folder.run.records_sent == 800
    assert sum(shard.bytes for shard in folder.run.shards) == folder.run.bytes_sent
    assert len(records_on(aws)) == before + 800
    assert observer.told == sorted(observer.told)
    assert observer.told[-1][1] == 800
    assert len(folder.truth.faults) == 2
    assert (tmp_path / "truth.json").read_bytes() == (tmp_path / "run" / "truth.json").read_bytes()
    drawn = {series.signal for series in folder.series}
    assert {name for fault in folder.truth.faults for name in fault.signals} < drawn
    assert all(len(series.values) == 40 for series in folder.series)


def test_the_summary_says_what_each_shard_took(observer, tmp_path):
    outcome = run("--signals", "10", "--count", "100", "--run", str(tmp_path))
    assert outcome.exit_code == 0, outcome.output
    assert "shardId-000000000001" in outcome.output
    assert "observations a second" in outcome.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--shape", "xml"], "there is no shape 'xml'"),
        (["--plant", "nowhere.yaml"], "factory and steady"),
        (["--duration", "1", "--count", "1"], "not both"),
        (["--processes", "many"], "'auto' or a number"),
        (["--truth", "/dev/null/truth.json"], "Choose another place with --truth"),
    ],
)
def test_a_mistake_is_told_with_what_is_allowed(observer, tmp_path, arguments, told):
    outcome = run(*arguments, "--run", str(tmp_path))
    assert outcome.exit_code == 2
    assert told in " ".join(outcome.output.replace("│", " ").split())
    assert "Traceback" not in outcome.output


def test_ctrl_c_before_anything_is_sent_is_told_in_a_sentence(tmp_path, monkeypatch):
    def open_pipeline(*which):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "open_pipeline", open_pipeline)
    outcome = run("--count", "1", "--run", str(tmp_path))
    assert outcome.exit_code == 130
    assert "Stopped before anything could be summarised" in outcome.output


INTERRUPTED = """
import os
from contextlib import contextmanager
import typer
from producer_sim.commands import simulate as command
from producer_sim.observe import observer as observer_module
from tests.producer_sim.test_simulate_command import Observer, Pipeline

@contextmanager
def open_pipeline(*which):
    yield Pipeline(os.environ["AT"])

@contextmanager
def observe(pipeline, folder, signals):
    yield Observer()

if __name__ == "__main__":
    command.open_pipeline, observer_module.observe = open_pipeline, observe
    app = typer.Typer()
    app.command()(command.simulate)
    app()
"""


@pytest.mark.parametrize("processes", ["1", "2"])
def test_ctrl_c_ends_all_with_a_summary_of_what_was_sent(aws, tmp_path, processes):
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    arguments = ["--signals", "20", "--rate", "200", "--duration", "600", "--no-report", "--processes"]
    before, deadline = len(records_on(aws)), time.monotonic() + 60
    command_line = [sys.executable, str(script), *arguments, processes, "--run", str(tmp_path / "run")]
    with (tmp_path / "out").open("w") as out:
        sender = subprocess.Popen(
            command_line,
            env=os.environ | {"PYTHONPATH": f"{ROOT}:{Path(__file__).parent}", "AT": aws.endpoint_url},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        while len(records_on(aws, before + 50)) < before + 50:
            assert sender.poll() is None, (tmp_path / "out").read_text()
            assert time.monotonic() < deadline, (tmp_path / "out").read_text()
            time.sleep(0.2)
        os.killpg(sender.pid, signal.SIGINT)
        assert sender.wait(30) == 130, (tmp_path / "out").read_text()
    printed = (tmp_path / "out").read_text()
    assert "Traceback" not in printed
    assert "Sent until Ctrl-C" in printed
    folder = RunFolder(tmp_path / "run")
    assert folder.run.interrupted
    assert 0 < folder.run.observations_sent < 200 * 600
    for _ in range(100):
        try:
            os.killpg(sender.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError("processes that it started are still there")
