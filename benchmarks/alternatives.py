"""The handler beside the alternatives: a handler with one GET and one PUT for each value, and Bytewax."""

import io
import json
import pickle
import subprocess
import sys
import time
import venv
from base64 import b64decode
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, cast

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from river import drift

from benchmarks.measuring import Pair, alternately, cpu_s, timed, wall_s
from benchmarks.warm_function import GET_S, PUT_S, FakeS3, function
from benchmarks.workloads import RECORDS_PER_BATCH, LambdaEvent, point_batches

_SIGNALS = 1_000
_SEED_VALUES = 40
_ROUNDS = 7
_BYTEWAX_BATCHES = 20
_BENCH = Path(__file__).parent.parent / "build" / "bench"


class SeedHandler:
    """A handler of one GET and one PUT for each value, with boto3.

    A dictionary answers in place of S3, after S3's latencies; boto3 does all its work for a request.
    """

    def __init__(self, get_s: float, put_s: float) -> None:
        self._stored: dict[str, bytes] = {}
        self._latency_s = {"GET": get_s, "PUT": put_s}
        self._s3 = boto3.client(
            "s3",
            region_name="eu-west-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",  # the faster way, and a plain body
                response_checksum_validation="when_required",
            ),
        )
        self._s3.meta.events.register("before-send.s3", cast("Any", self._answer))

    def learn(self, event: LambdaEvent) -> None:
        """Learn a batch, value by value."""
        for record in event["Records"]:
            point = json.loads(b64decode(record["kinesis"]["data"]))
            key = f"models/{point['signal']}"
            try:
                model = pickle.loads(self._s3.get_object(Bucket="models", Key=key)["Body"].read())
            except self._s3.exceptions.NoSuchKey:
                model = drift.ADWIN()
            model.update(point["value"])
            if model.drift_detected:
                print(json.dumps({"drift": point}))
            self._s3.put_object(Bucket="models", Key=key, Body=pickle.dumps(model))

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        time.sleep(self._latency_s[request.method])
        if request.method == "PUT":
            body = request.body
            self._stored[request.url] = body if isinstance(body, bytes) else body.read()
            return _response(request.url, 200, b"")
        stored = self._stored.get(request.url)
        if stored is None:
            return _response(request.url, 404, b"<Error><Code>NoSuchKey</Code></Error>")
        return _response(request.url, 200, stored)


def _response(url: str, status: int, body: bytes) -> AWSResponse:
    headers: Any = {"Content-Length": str(len(body)), "ETag": '"1"'}
    return AWSResponse(url, status, headers, _Raw(body))


class _Raw(io.BytesIO):
    """A body as urllib3 gives one."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


def seed(rounds: int = _ROUNDS) -> Pair:
    """Seconds per observation, both with S3's latencies."""
    seed_handler = SeedHandler(GET_S, PUT_S)
    batches = point_batches(_SIGNALS)
    few = point_batches(_SIGNALS, records=_SEED_VALUES, seed=3)
    with function(FakeS3(GET_S, PUT_S)) as ours:
        pairs = zip(
            (partial(ours.invoke, event) for event in batches),
            (partial(seed_handler.learn, event) for event in few),
            strict=True,
        )
        alternately(2, wall_s, pairs)
        pair = alternately(rounds, wall_s, pairs)
    return Pair(
        [seconds / RECORDS_PER_BATCH for seconds in pair.ours_s],
        [seconds / _SEED_VALUES for seconds in pair.theirs_s],
    )


def bytewax() -> Pair:
    """CPU seconds per observation; ours is measured before and after theirs."""
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
    return Pair(_thinned(ours, len(theirs)), sorted(theirs))


def _ours() -> list[float]:
    batches = point_batches(_SIGNALS)
    with function() as ours:
        ours.invoke(next(batches))
        return [timed(cpu_s, partial(ours.invoke, next(batches))) / RECORDS_PER_BATCH for _ in range(5)]


def _thinned(ordered: list[float], count: int) -> list[float]:
    """That many of them, evenly spread."""
    return [ordered[round((number + 0.5) * len(ordered) / count - 0.5)] for number in range(count)]


def _environment() -> Path:
    """The Python of Bytewax's own environment, which is created the first time."""
    folder = _BENCH / "bytewax"
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.exists():
        print("Installing Bytewax into build/bench (once)", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        requirements = Path(__file__).with_name("requirements.txt")
        pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(requirements)], check=True)
        done.write_text(time.strftime("%F"))
    return python
