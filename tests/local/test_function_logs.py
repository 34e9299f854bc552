"""Each process of a function has a log of its own, and what the processes print is read whole."""

import json
import multiprocessing
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.function.execution_environment import Function, FunctionError
from local.function.function_logs import metric_sums, new_log, redirect_output, remove_logs, whole_lines

ENVIRONMENT = {
    "USE_CASE": "drift",
    "MODEL_BUCKET": "models",
    "EVENT_BUS_NAME": "bus",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",  # an invocation without records asks nothing of AWS
}
LINES = 200
LONG = "pressure " * 2000
PIECE = 1000


def print_in_pieces(logs: Path, all_are_ready, writer: int) -> None:
    """Print long lines of JSON unbuffered, giving way to the other process after each piece."""
    redirect_output(new_log(logs, "drift"))
    all_are_ready.wait()
    for number in range(LINES):
        line = json.dumps({"writer": writer, "number": number, "text": LONG}).encode() + b"\n"
        for start in range(0, len(line), PIECE):
            os.write(sys.stdout.fileno(), line[start : start + PIECE])
            os.sched_yield()


def test_long_lines_that_two_processes_print_at_once_are_all_read(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    all_are_ready = spawn.Barrier(2)
    writers = [
        spawn.Process(target=print_in_pieces, args=(tmp_path, all_are_ready, writer)) for writer in (1, 2)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    read = [json.loads(line) for line in whole_lines(tmp_path)]
    assert [(line["writer"], line["number"]) for line in sorted(read, key=lambda line: line["writer"])] == [
        (writer, number) for writer in (1, 2) for number in range(LINES)
    ]
    assert all(line["text"] == LONG for line in read)


def test_all_that_a_function_of_several_processes_prints_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")  # a line and its newline are then two writes
    invocations = 400
    with Function(ENVIRONMENT, tmp_path, environments=2) as function, ThreadPoolExecutor(2) as threads:
        list(threads.map(function.invoke, [{"Records": []}] * invocations))
    lines = [json.loads(line) for line in whole_lines(tmp_path)]
    assert sum(line.get("message") == "batch done" for line in lines) == invocations
    assert sum("_aws" in line for line in lines) == invocations
    assert len(list(tmp_path.glob("drift-*.log"))) == 2
    assert metric_sums(tmp_path, "drift").keys() >= {"Records", "Redelivered"}


def test_a_process_that_replaces_a_dead_one_leaves_the_dead_ones_log_alone(tmp_path):
    with Function(ENVIRONMENT, tmp_path, environments=1) as function:
        function.invoke({"Records": []})
        [before] = tmp_path.iterdir()
        printed = before.read_bytes()
        os.kill(int(json.loads(printed.splitlines()[-1])["aws_request_id"].partition("-")[0]), 9)
        with pytest.raises(FunctionError, match="died"):
            function.invoke({"Records": []})
        function.invoke({"Records": []})
    assert before.read_bytes() == printed
    assert len(list(tmp_path.iterdir())) == 2
    assert sum("batch done" in line for line in whole_lines(tmp_path)) == 2


def test_a_killed_process_leaves_every_line_whole_but_its_last(tmp_path):
    log = new_log(tmp_path, "drift")
    script = (
        "import os, pathlib, sys, time; from local.function.function_logs import redirect_output\n"
        "redirect_output(pathlib.Path(sys.argv[1]))\n"
        "for number in range(5): print('x' * 9000, number); print('a warning', file=sys.stderr)\n"
        "os.write(1, b'cut off'); time.sleep(60)\n"
    )
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    root = str(Path(__file__).parents[2])
    killed = subprocess.Popen([sys.executable, "-c", script, str(log)], env=buffered | {"PYTHONPATH": root})
    try:
        deadline = time.monotonic() + 30
        while not log.read_bytes().endswith(b"cut off"):
            assert killed.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        killed.kill()
        killed.wait()
    printed = [("x" * 9000 + f" {number}", "a warning") for number in range(5)]
    assert list(whole_lines(tmp_path)) == [line for both in printed for line in both]


def test_only_a_last_line_without_its_end_is_left_out(tmp_path):
    (tmp_path / "drift-001.log").write_text('{"a": "\u2028 is no end of a line"}\n{"_aws": {}, "Red')
    (tmp_path / "drift-002.log").write_bytes('{"b": 2}\n"ö'.encode()[:-1])
    assert list(whole_lines(tmp_path)) == ['{"a": "\u2028 is no end of a line"}', '{"b": 2}']
    assert metric_sums(tmp_path, "drift") == {}
    (tmp_path / "drift-003.log").write_text('{"_aws": {}, "Red\n{"b": 2}\n')
    with pytest.raises(json.JSONDecodeError):
        metric_sums(tmp_path, "drift")


def test_metrics_are_those_of_one_use_case(tmp_path):
    for use_case, redelivered in (("drift", 3.0), ("drift", 4.0), ("asset", 50.0)):
        line = {"_aws": {}, "use_case": use_case, "Redelivered": [redelivered]}
        new_log(tmp_path, use_case).write_text(json.dumps(line, separators=(",", ":")) + "\n")
    assert metric_sums(tmp_path, "drift")["Redelivered"] == 7


def test_logs_of_an_earlier_run_are_removed_and_nothing_else(tmp_path):
    new_log(tmp_path, "drift")
    (tmp_path / "notes.txt").write_text("mine")
    remove_logs(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    remove_logs(tmp_path / "not there yet")
