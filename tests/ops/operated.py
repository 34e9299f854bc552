"""An embedded AWS with a function that learns, for the commands of operators."""

import io
import json
import math
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import boto3
import pytest
from moto.server import ThreadedMotoServer
from typer.testing import CliRunner, Result

from clients.lambda_event import lambda_record
from consumer.handler import handler, start
from ops.__main__ import app

STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/plant"
SHARD = "shardId-000000000000"
STARTED_S = 1_700_000_000.0


class Plant:
    """A bucket, a bus whose events end in a queue, and a real function that learns what it is sent."""

    def __init__(self) -> None:
        self.sent = 0
        self.environment = pytest.MonkeyPatch()
        self.queue = ""
        self.endpoint_url = ""
        self.later_s = 0.0
        """How far ahead of the real one the function's clock is."""

    def learn(self, use_case: str, values: list[tuple[str, float]], step_s: float = 60.0) -> None:
        """A batch of points, each measured and arrived a step after the one before."""
        self.environment.setenv("USE_CASE", use_case)
        records = []
        for signal, value in values:
            at_s = STARTED_S + self.sent * step_s
            records.append(
                _record(1000 + self.sent, {"signal": signal, "value": value, "timestamp": at_s}, at_s)
            )
            self.sent += 1
        assert handler({"Records": records}, None) == {"batchItemFailures": []}

    def learn_rows(self, use_case: str, asset: str, rows: list[dict[str, float]]) -> None:
        """A batch of an asset's rows."""
        self.environment.setenv("USE_CASE", use_case)
        records = []
        for row in rows:
            at_s = STARTED_S + self.sent * 60.0
            records.append(
                _record(1000 + self.sent, {"signal": asset, "timestamp": at_s, "values": row}, at_s)
            )
            self.sent += 1
        assert handler({"Records": records}, None) == {"batchItemFailures": []}

    def now_ms(self) -> int:
        """The time, as CloudWatch's logs have it."""
        return int(time.time() * 1000)

    def told(self) -> list[dict]:
        """The details of all events since the last time."""
        sqs, found = boto3.client("sqs"), []
        while messages := sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"])["detail"])
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    def states(self) -> dict[str, bytes]:
        """Each page's content."""
        s3 = boto3.client("s3")
        return {
            key: s3.get_object(Bucket="models", Key=key)["Body"].read()
            for key in self.objects()
            if key.startswith("models/")
        }

    def objects(self) -> dict[str, str]:
        """Each object's version, by its key."""
        listed = boto3.client("s3").list_objects_v2(Bucket="models").get("Contents", [])
        return {found["Key"]: found["ETag"] for found in listed}


@contextmanager
def plant() -> Iterator[Plant]:
    """One that has learned nothing."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    made = Plant()
    made.endpoint_url = f"http://127.0.0.1:{port}"
    variables = {
        "AWS_ENDPOINT_URL": made.endpoint_url,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "MODEL_BUCKET": "models",
        "EVENT_BUS_NAME": "bus",
        "COLUMNS": "200",
    }
    for name, value in variables.items():
        made.environment.setenv(name, value)
    reset = urllib.request.Request(f"http://127.0.0.1:{port}/moto-api/reset", method="POST")
    urllib.request.urlopen(reset).close()  # what another test has left: they share moto's memory
    s3, events, sqs = boto3.client("s3"), boto3.client("events"), boto3.client("sqs")
    s3.create_bucket(Bucket="models")
    s3.put_bucket_versioning(Bucket="models", VersioningConfiguration={"Status": "Enabled"})
    made.queue = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=made.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.create_event_bus(Name="bus")
    events.put_rule(Name="all", EventBusName="bus", EventPattern='{"source": ["river.consumer"]}')
    events.put_targets(Rule="all", EventBusName="bus", Targets=[{"Id": "told", "Arn": arn}])
    clock = SimpleNamespace(time=lambda: time.time() + made.later_s)
    made.environment.setattr("consumer.handler.time", clock)
    start.cache_clear()
    try:
        yield made
    finally:
        urllib.request.urlopen(reset).close()
        start.cache_clear()
        made.environment.undo()
        server.stop()


def deploy(name: str, variables: dict[str, str]) -> None:
    """A function that can be asked what it is told; nobody invokes it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as written:
        written.writestr("handler.py", "")
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = boto3.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    boto3.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role,
        Handler="handler.handler",
        Code={"ZipFile": packed.getvalue()},
        Environment={"Variables": variables},
    )


def run(*arguments: str, answer: str | None = None) -> Result:
    """`python -m ops`, with its output and its errors apart."""
    return CliRunner().invoke(app, list(arguments), input=answer)


def waves(signal: str, count: int, start: int = 0) -> list[tuple[str, float]]:
    """A signal that comes and goes."""
    return [
        (signal, round(math.sin((start + number) / 20.0) + 0.1 * math.sin(number * 7.0), 6))
        for number in range(count)
    ]


def steps(signal: str, count: int = 300, at: int = 200) -> list[tuple[str, float]]:
    """A signal whose mean changes once."""
    return [(signal, (0.0 if number < at else 8.0) + 0.1 * math.sin(number)) for number in range(count)]


def _record(sequence_number: int, payload: dict, arrived_s: float) -> dict:
    data = json.dumps(payload).encode()
    return lambda_record(STREAM, SHARD, str(sequence_number), payload["signal"], data, arrived_s)
