"""A smaller demo: all its checks hold, and its summary says so."""

import io
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from local.demo.demo import DemoSize, next_commands, run_demo
from local.function.function_logs import whole_lines
from ops.__main__ import app
from producer_sim.payloads.encoders import bad_observations, skipped_observations

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    size = DemoSize(signals=60, observations=500, seed=3)
    summary, failed = run_demo(folder, size, Console(file=io.StringIO()))
    return folder, summary, failed


def test_the_demo_is_exact_though_a_process_died_and_a_batch_came_twice(outcome):
    _, _, failed = outcome
    assert failed == []


def test_its_numbers_add_up(outcome):
    _, summary, _ = outcome
    odd = len(bad_observations()) + len(skipped_observations())
    assert summary.observations_sent == 64 * 500 + 2 * 1268 + odd
    assert summary.observations_learned == 64 * 500 + 2 * 1268
    assert summary.skipped == len(skipped_observations())
    assert summary.quarantined == len(bad_observations())
    assert summary.signals == 66
    assert summary.redelivered > 0
    assert summary.events_published >= summary.events_unique == summary.alerts_unique > 0
    assert summary.alerts_received >= summary.alerts_unique
    for name in ("anomaly", "shift", "clusters"):
        assert summary.others[name]["events"] >= summary.others[name]["alerts"] > 0


def test_the_summary_is_left_as_json(outcome):
    folder, summary, _ = outcome
    assert json.loads((folder / "summary.json").read_text()) == asdict(summary)


def test_what_the_function_prints_is_json_line_by_line(outcome):
    folder, _, _ = outcome
    lines = list(whole_lines(folder / "consumer-logs"))
    assert lines
    for line in lines:
        json.loads(line)


def test_ctrl_c_ends_the_demo_and_all_that_it_started(tmp_path):
    with (tmp_path / "out").open("w") as out:
        demo = subprocess.Popen(
            [sys.executable, "-m", "local"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    logs = tmp_path / "build" / "demo" / "consumer-logs"
    deadline = time.monotonic() + 90
    while not any("batch done" in line for line in whole_lines(logs)):
        assert demo.poll() is None, (tmp_path / "out").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    os.killpg(demo.pid, signal.SIGINT)
    assert demo.wait(30) == 130, (tmp_path / "out").read_text()
    assert "Stopped" in (tmp_path / "out").read_text()
    assert "Traceback" not in (tmp_path / "out").read_text()
    for _ in range(50):
        try:
            os.killpg(demo.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError("processes that the demo started are still there")


def test_what_it_says_to_run_next_works_on_what_it_left(outcome):
    folder, *_ = outcome
    outputs = []
    for command in next_commands(folder):
        python, module, name, *arguments = shlex.split(command)
        assert (python, module, name) == (".venv/bin/python", "-m", "ops")
        ran = CliRunner().invoke(app, arguments)
        assert ran.exit_code == 0, ran.output
        outputs.append(ran.output)
    signals, inspected, quarantine = outputs
    assert "sensor" in signals
    assert "HotellingMonitor" in inspected
    assert "neither a JSON object nor a finite number" in quarantine
