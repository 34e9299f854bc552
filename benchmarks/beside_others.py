"""The handler beside what people would use instead: a handler of one GET and one PUT a value, and Bytewax."""

import subprocess
import sys
import time
import venv
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

from benchmarks.fake_s3 import FakeS3
from benchmarks.measuring import Pair, alternately, cpu_s, timed, wall_s
from benchmarks.seed_handler import SeedHandler
from benchmarks.warm_function import function
from benchmarks.workloads import RECORDS_PER_BATCH, point_batches

GET_S, PUT_S = 0.015, 0.030
_SIGNALS = 1_000
_SEED_VALUES = 40
_ROUNDS = 7
_BYTEWAX_BATCHES = 20
_BENCH = Path(__file__).parent.parent / "build" / "bench"


def seed(rounds: int = _ROUNDS) -> Pair:
    """Seconds an observation, both with S3's latencies."""
    seed_handler = SeedHandler(GET_S, PUT_S)
    batches = point_batches(_SIGNALS)
    few = point_batches(_SIGNALS, records=_SEED_VALUES, seed=3)
    with function(FakeS3(GET_S, PUT_S)) as ours:

        def next_pair() -> tuple[Callable[[], object], Callable[[], object]]:
            return partial(ours.invoke, next(batches)), partial(seed_handler.learn, next(few))

        alternately(2, wall_s, next_pair)
        pair = alternately(rounds, wall_s, next_pair)
    return Pair(
        [seconds / RECORDS_PER_BATCH for seconds in pair.ours_s],
        [seconds / _SEED_VALUES for seconds in pair.theirs_s],
    )


def bytewax() -> Pair:
    """CPU seconds an observation; ours before and after theirs."""
    python = _environment()
    events = list(islice(point_batches(_SIGNALS), _BYTEWAX_BATCHES))
    payloads = _BENCH / "payloads.txt"
    payloads.write_text(
        "\n".join(record["kinesis"]["data"] for event in events for record in event["Records"])
    )
    before = _ours()
    command = [str(python), str(Path(__file__).with_name("bytewax_flow.py")), str(payloads)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    theirs = [float(line) / (_BYTEWAX_BATCHES * RECORDS_PER_BATCH) for line in ran.stdout.split()]
    ours = sorted(before + _ours())
    return Pair(
        ours[: len(theirs)] if len(ours) == len(theirs) else _thinned(ours, len(theirs)), sorted(theirs)
    )


def _ours() -> list[float]:
    batches = point_batches(_SIGNALS)
    with function() as ours:
        ours.invoke(next(batches))
        return [timed(cpu_s, partial(ours.invoke, next(batches))) / RECORDS_PER_BATCH for _ in range(5)]


def _thinned(ordered: list[float], count: int) -> list[float]:
    """So many of them, spread evenly."""
    return [ordered[round((number + 0.5) * len(ordered) / count - 0.5)] for number in range(count)]


def _environment() -> Path:
    """Bytewax's own environment, made the first time; its Python."""
    folder = _BENCH / "bytewax"
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.exists():
        print("Installing Bytewax into build/bench, once", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        requirements = Path(__file__).with_name("requirements.txt")
        pip = [
            str(python),
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            "-r",
            str(requirements),
        ]
        subprocess.run(pip, check=True)
        done.write_text(time.strftime("%F"))
    return python
