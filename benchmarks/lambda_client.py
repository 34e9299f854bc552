"""A warm invocation as Lambda runs it, from the event's bytes: its own runtime client, S3's latencies.

The deployed asset runs in a process of `awslambdaric`, which fetches the event over HTTP and has it read by
its types; obstore talks to an S3 that sleeps. Beside it: `simplejson` and the bare loop, in this process.
"""

import json
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import simplejson  # type: ignore[import-untyped]

from benchmarks import bare_loop
from benchmarks.cold_start import asset_for_this_machine
from benchmarks.handler_vs_loop import check_equal
from benchmarks.measuring import Pair, cpu_s, timed
from benchmarks.s3_server import S3Server
from benchmarks.warm_function import GET_S, PUT_S, FakeS3
from benchmarks.workloads import point_batches
from local.function.lambda_runtime import LambdaRuntime

_SIGNALS = 1_000
_WARM_UP = 3
_ROUNDS = 9


@dataclass(frozen=True, slots=True)
class Invocations:
    """Seconds of an invocation: of processor, beside the loop's, and on the wall, from request to answer."""

    cpu: Pair
    wall_s: list[float]


def lambda_client(rounds: int = _ROUNDS) -> Invocations:
    """Batches of 10,000 records."""
    asset = asset_for_this_machine()
    models, drifts = bare_loop.new_models(), []
    cpu, taken_s = Pair([], []), []

    def learn(body: bytes) -> None:
        drifts.extend(bare_loop.learn_points(simplejson.loads(body), models))

    with tempfile.TemporaryDirectory() as folder, S3Server(FakeS3(GET_S, PUT_S)) as aws:
        environment = aws.environment() | {"MODEL_BUCKET": "models", "EVENT_BUS_NAME": "bus"}
        with LambdaRuntime(asset.folder, environment, Path(folder) / "function.log") as function:
            for event in islice(point_batches(_SIGNALS), _WARM_UP + rounds):
                before_s = _cpu_s_of(function.pid)
                answer = function.invoke(event)
                cpu.ours_s.append(_cpu_s_of(function.pid) - before_s)
                taken_s.append(answer.duration_s)
                assert answer.response == {"batchItemFailures": []}, answer
                cpu.theirs_s.append(timed(cpu_s, partial(learn, json.dumps(event).encode())))
        check_equal(aws.function, models, len(drifts))
    return Invocations(Pair(cpu.ours_s[_WARM_UP:], cpu.theirs_s[_WARM_UP:]), taken_s[_WARM_UP:])


def _cpu_s_of(pid: int) -> float:
    """Processor time of a process, all its threads included; Linux makes a clock's number so."""
    return time.clock_gettime((~pid << 3) | 2)
