"""What operators change while the local pipeline runs at rate: no value is lost, and none learned twice."""

import json
import random
import re
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from river import drift
from typer.testing import CliRunner

from clients.local_pipeline import FOLDER
from consumer.detectors.base import fingerprint
from consumer.detectors.drift import DriftUseCase
from consumer.learning.state import State
from consumer.pages.codec import PageCodec, versions
from consumer.pages.layout import prefix_of
from consumer.use_cases import USE_CASES
from local.serving import described
from local.session import LocalOptions, LocalPipeline
from ops.__main__ import app
from tests.consumer.world import state_of

SIGNALS = ["untouched", "reset", "put back", "taken back", "repaired"]
EVERY_S = 0.02


class Sender:
    """A context manager: sends a value of each signal in turn until the block ends."""

    def __init__(self, pipeline: LocalPipeline) -> None:
        self.values: dict[str, list[float]] = {signal: [] for signal in SIGNALS}
        self.records = 0
        self._kinesis = pipeline.aws.client("kinesis")
        self._stream_name = pipeline.resources.stream_name
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> "Sender":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def put(self, *records: tuple[str, bytes]) -> None:
        entries = [{"PartitionKey": key, "Data": data} for key, data in records]
        answer = self._kinesis.put_records(StreamName=self._stream_name, Records=entries)
        assert answer["FailedRecordCount"] == 0
        self.records += len(records)

    def _send(self) -> None:
        rng = random.Random(7)
        while not self._ended.wait(EVERY_S):
            records = []
            for signal in SIGNALS:
                value = rng.gauss(float(len(self.values[signal]) // 150 % 2 * 8), 1.0)
                self.values[signal].append(value)
                records.append((signal, json.dumps({"signal": signal, "value": value}).encode()))
            self.put(*records)


def states(pipeline: LocalPipeline, prefix: str = "", without: str = "nothing") -> dict[str, State]:
    s3, bucket = pipeline.aws.client("s3"), pipeline.resources.model_bucket
    found = {}
    for each in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
        if "/pages/" in each["Key"] and not each["Key"].startswith(without):
            page = PageCodec().decode(s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read())
            found |= {key.signal: state for key, state in page.items()}
    return found


def command(*arguments: str) -> str:
    ran = CliRunner().invoke(app, [*arguments, "--local", "--yes"])
    assert ran.exit_code == 0, (ran.output, ran.exception)
    return ran.output


def assert_is_of(state: State, values: list[float]) -> None:
    """The model is that of a plain loop over these values."""
    plain = drift.ADWIN()
    for value in values:
        plain.update(value)
    assert state.learned == len(values)
    assert state_of(state.model.detector) == state_of(plain)


def test_each_change_is_exact_while_values_keep_arriving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    FOLDER.mkdir(parents=True)
    with (
        LocalPipeline(FOLDER, LocalOptions(warm=True)) as pipeline,
        described(pipeline, FOLDER),
        Sender(pipeline) as sender,
    ):
        sender.put(("repaired", b"not JSON"))
        time.sleep(3)
        then = datetime.now(UTC).isoformat()
        time.sleep(2)
        command("reset", "reset", "taken back")
        said = command("rollback", "put back", "--to", then)
        [kept] = re.findall(r"observations before, (\d+) now", said)
        [line] = command_lines("quarantine", "list", "--json")
        shown = command_lines("quarantine", "show", line["key"], "--json")
        repaired = [each | {"payload": {"signal": "late", "value": 1.0}} for each in shown]
        Path("repaired.ndjson").write_text("".join(json.dumps(each) + "\n" for each in repaired))
        redrive = ("quarantine", "redrive", "--repaired", "repaired.ndjson")
        assert "Sent and marked: 1 line." in command(*redrive)
        time.sleep(2)
        assert "learned again" in command("rollback", "taken back", "--to", then, "--relearn")
        assert "There is nothing to send" in command(*redrive)
        time.sleep(1)
        sender.__exit__()
        pipeline.wait_until_done(sender.records + 1)
        found, values = states(pipeline), sender.values
        assert_is_of(found["untouched"], values["untouched"])
        assert_is_of(found["repaired"], values["repaired"])
        assert_is_of(found["taken back"], values["taken back"])
        assert 0 < found["reset"].learned < len(values["reset"])
        assert_is_of(found["reset"], values["reset"][-found["reset"].learned :])
        first, after = int(kept), found["put back"].learned - int(kept)
        assert 0 < after < len(values["put back"]) - first
        assert_is_of(found["put back"], values["put back"][:first] + values["put back"][-after:])
        assert found["late"].learned == 1


def test_new_models_are_built_while_values_keep_arriving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """They end as models that had learned from the first value on, and those in use are left alone."""
    monkeypatch.chdir(tmp_path)
    FOLDER.mkdir(parents=True)
    with (
        LocalPipeline(FOLDER, LocalOptions(warm=True)) as pipeline,
        described(pipeline, FOLDER),
        Sender(pipeline) as sender,
    ):
        time.sleep(3)
        line = DriftUseCase(drift.PageHinkley())
        monkeypatch.setitem(USE_CASES, "drift", line)
        assert "Learned: " in command("upgrade", "build")
        time.sleep(2)
        assert "Learned: " in command("upgrade", "build")
        sender.__exit__()
        pipeline.wait_until_done(sender.records)
        command("upgrade", "build")
        command("upgrade", "finish", "--idle")
        assert "There is nothing to do" in command("upgrade", "build")
        prefix, values = prefix_of("drift", fingerprint(line, versions())), sender.values
        new, in_use = states(pipeline, f"{prefix}/"), states(pipeline, "models/", without=prefix)
        for signal in SIGNALS:
            plain = drift.PageHinkley()
            for value in values[signal]:
                plain.update(value)
            assert new[signal].learned == len(values[signal])
            assert _known(new[signal].model.detector) == _known(plain)
            assert_is_of(in_use[signal], values[signal])


def _known(detector: drift.PageHinkley) -> dict[str, object]:
    """All that it knows."""
    return {
        name: vars(value) if hasattr(value, "__dict__") else value for name, value in vars(detector).items()
    }


def command_lines(*arguments: str) -> list[dict]:
    ran = CliRunner().invoke(app, [*arguments, "--local"])
    assert ran.exit_code == 0, (ran.output, ran.exception)
    return [json.loads(line) for line in ran.output.splitlines()]
