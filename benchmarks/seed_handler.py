"""The handler to start from: for each value, one GET and one PUT of its model, with boto3."""

import io
import json
import pickle
import time
from base64 import b64decode
from collections.abc import Iterator
from typing import Any, cast

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from river import drift

from benchmarks.workloads import LambdaEvent


class SeedHandler:
    """A dictionary answers in place of S3, after S3's latencies; boto3 does all it does for a request."""

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
