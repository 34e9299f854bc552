"""A pipeline on an embedded AWS, its function in this process: what commands of operators are tried on."""

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import boto3
import pytest
import typer
from moto.server import ThreadedMotoServer
from typer.testing import CliRunner

from consumer.decode.records import Shard
from consumer.detectors.base import fingerprint
from consumer.events.quarantine import RECORD, each_rejected
from consumer.handler import handler, start
from consumer.learning.state import State
from consumer.pages.codec import PageCodec, moved, versions
from consumer.pages.layout import prefix_of
from consumer.pages.store import PageStore
from consumer.use_cases import USE_CASES
from ops.__main__ import app
from ops.replay.stream_reader import delivered
from tests.consumer.world import plain_loop, state_of

PREFIX = prefix_of("drift", fingerprint(USE_CASES["drift"], versions()))


@dataclass
class Plant:
    """A stream, a function on it, and the buckets."""

    environment: dict[str, str]
    shard_ids: list[str]
    stream_arn: str
    iterators: dict[str, str] = field(default_factory=dict)
    s3: object = None
    kinesis: object = None
    sent: list[dict] = field(default_factory=list)
    """All records of the stream, as Lambda delivers them."""

    def send(self, payloads: list[tuple[str, object]]) -> list[dict]:
        """Put (partition key, payload) on the stream, and give what Lambda would deliver of it."""
        for key, payload in payloads:
            body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
            self.kinesis.put_record(StreamName="plant", PartitionKey=key, Data=body)
        return self.arrived()

    def points(self, values: list[tuple[str, float]]) -> list[dict]:
        return self.send([(signal, {"signal": signal, "value": value}) for signal, value in values])

    def arrived(self) -> list[dict]:
        """What is new on the stream."""
        records = []
        for shard_id in self.shard_ids:
            page = self.kinesis.get_records(ShardIterator=self.iterators[shard_id])
            self.iterators[shard_id] = page["NextShardIterator"]
            records += [self._delivered(record, shard_id) for record in page["Records"]]
        self.sent += records
        return records

    def _delivered(self, record: dict, shard_id: str) -> dict:
        return delivered(record, Shard(self.stream_arn, shard_id))

    def deliver(self, records: list[dict]) -> list[str]:
        """The batch item failures."""
        return [each["itemIdentifier"] for each in handler({"Records": records}, None)["batchItemFailures"]]

    def learn(self, values: list[tuple[str, float]]) -> list[dict]:
        records = self.points(values)
        assert self.deliver(records) == []
        return records

    def states(self) -> dict[str, State]:
        """Of each signal, in the models that were written last."""
        states = {}
        for key, body in self.objects("models").items():
            if ("/pages/" in key or "/signals/" in key) and body != moved(body):
                states |= {one.signal: state for one, state in PageCodec().decode(body).items()}
        return states

    def objects(self, bucket: str) -> dict[str, bytes]:
        """In the order in which they were written."""
        found = self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        keys = [each["Key"] for each in sorted(found, key=lambda each: each["LastModified"])]
        return {key: self.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    def versions(self) -> set[tuple[str, str, str]]:
        """Each version of each object of both buckets: what is the same was not written."""
        return {
            (bucket, each["Key"], each["VersionId"])
            for bucket in ("models", "failed")
            for each in self.s3.list_object_versions(Bucket=bucket).get("Versions", [])
        }

    def quarantined(self) -> list[dict]:
        return [
            line
            for key, body in self.objects("models").items()
            if key.startswith("quarantine/") and not key.endswith(RECORD)
            for line in each_rejected(body)
        ]

    def command(self, *arguments: str, answer: str | None = None, code: int = 0) -> str:
        """Run it, with --yes unless an answer is given; gives what it prints."""
        where = ["--bucket", "models", "--stream", "plant", "--bus", "bus", "--failed-bucket", "failed"]
        yes = [] if answer is not None else ["--yes"]
        ran = CliRunner().invoke(app, [*arguments, *where, "--use-case", "drift", *yes], input=answer)
        assert ran.exit_code == code, (ran.output, ran.exception)
        return ran.output

    def look(self, *arguments: str, code: int = 0) -> str:
        """Run a command that changes nothing."""
        where = ["--bucket", "models", "--failed-bucket", "failed", "--use-case", "drift"]
        ran = CliRunner().invoke(app, [*arguments, *where])
        assert ran.exit_code == code, (ran.output, ran.exception)
        return ran.output


def a_second_passes() -> str:
    """S3 tells the time of a version in whole seconds: give one that lies between before and after."""
    time.sleep(1.05)
    between = datetime.now(UTC)
    time.sleep(1.05)
    return between.isoformat()


@contextmanager
def before_the_next_commit(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> Iterator[list[str]]:
    """Do something between the reading of a page and its writing, once; gives the keys written after it."""
    commit, left, written = PageStore.commit, [do], []

    async def meanwhile(self: PageStore, page: object) -> int:
        if left:
            thread = threading.Thread(target=left.pop())
            thread.start()
            thread.join()
        written.append(page.key)
        return await commit(self, page)

    with monkeypatch.context() as patch:
        patch.setattr(PageStore, "commit", meanwhile)
        yield written
    assert not left, "nothing was committed"


@contextmanager
def before_the_answer(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> Iterator[None]:
    """Do something while a command waits for an answer, once, such as what another operator does."""
    confirm, left = typer.confirm, [do]

    def meanwhile(*arguments: object, **named: object) -> bool:
        if left:
            thread = threading.Thread(target=left.pop())
            thread.start()
            thread.join()
        return confirm(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(typer, "confirm", meanwhile)
        yield
    assert not left, "nothing was asked"


@pytest.fixture(scope="module")
def endpoint():
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def plant(endpoint, monkeypatch) -> Plant:
    variables = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "MODEL_BUCKET": "models",
        "EVENT_BUS_NAME": "bus",
        "MODEL_PAGES": "2",
        "USE_CASE": "drift",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")).close()
    start.cache_clear()
    s3, kinesis = boto3.client("s3"), boto3.client("kinesis")
    for bucket in ("models", "failed"):
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    boto3.client("events").create_event_bus(Name="bus")
    kinesis.create_stream(StreamName="plant", ShardCount=2)
    described = kinesis.describe_stream(StreamName="plant")["StreamDescription"]
    made = Plant(
        variables,
        [shard["ShardId"] for shard in described["Shards"]],
        described["StreamARN"],
        s3=s3,
        kinesis=kinesis,
    )
    for shard_id in made.shard_ids:
        iterator = kinesis.get_shard_iterator(
            StreamName="plant", ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
        )
        made.iterators[shard_id] = iterator["ShardIterator"]
    return made


def assert_learned(plant: Plant, records: list[dict], signals: Collection[str] = ()) -> None:
    """The models of these signals, or of all there are, are those of a plain loop over these records."""
    reference, states = plain_loop(records), plant.states()
    for signal in signals or reference.models:
        assert states[signal].learned == reference.learned[signal]
        assert state_of(states[signal].model.detector) == state_of(reference.models[signal])
