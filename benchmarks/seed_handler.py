"""The handler to start from: for each value, one GET and one PUT of its model, with boto3."""

import io
import json
import pickle
import time
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from river import drift

from benchmarks.workloads import LambdaEvent


class SeedHandler:
    """It answers from a dictionary in place of S3, after S3's latencies; boto3 does all it does for a request."""

    def __init__(self, get_s: float, put_s: float) -> None:
        self._stored: dict[str, bytes] = {}
        self._latency_s = {"GET": get_s, "PUT": put_s}
        self._s3 = boto3.client(
            "s3",
            region_name="eu-west-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(s3={"addressing_style": "path"}),
        )
        self._s3.meta.events.register("before-send.s3", self._answer)

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
            return AWSResponse(request.url, 200, {"ETag": '"1"'}, _Raw(b""))
        stored = self._stored.get(request.url)
        if stored is None:
            return AWSResponse(request.url, 404, {}, _Raw(b"<Error><Code>NoSuchKey</Code></Error>"))
        return AWSResponse(request.url, 200, {"Content-Length": str(len(stored))}, _Raw(stored))


class _Raw(io.BytesIO):
    """A body as urllib3 gives one."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()
