"""A Kinesis on this machine that is right about resharding: kinesalite, from npm, as a child process."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

HOST, REGION = "127.0.0.1", "us-east-1"

# It listens on this machine only, says on which port, and ends with the process that holds its input open.
_SERVER = """
const server = require('kinesalite')({createStreamMs: 50, updateStreamMs: 200, shardLimit: 100})
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
process.stdin.on('end', () => process.exit(0)).resume()
"""


class KinesaliteMissing(Exception):
    """It is not there, or does not start; the text says what to do."""


@contextmanager
def kinesalite(modules: Path, node: str) -> Iterator[str]:
    """Its address, for the time of a `with` block; `modules` is the folder that npm installed it into."""
    if not (modules / "kinesalite").is_dir():
        raise KinesaliteMissing(f"There is no kinesalite in {modules}: run `make soak`, which installs it")
    with subprocess.Popen(
        [node, "-e", _SERVER],
        env=os.environ | {"NODE_PATH": str(modules)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for us; it ends as soon as we let go of its input
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = process.stdout.readline()
            if not port:
                raise KinesaliteMissing("kinesalite ended before it listened: what Node.js says stands above")
            yield f"http://{HOST}:{int(port)}"
        finally:
            process.stdin.close()
            process.wait(10)


def client(endpoint_url: str) -> Any:
    """A boto3 client of it."""
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    return session.client("kinesis", endpoint_url=endpoint_url, config=Config(proxies={}))


def create_stream(kinesis: Any, name: str, shards: int) -> str:
    """Make a stream, wait for it, and give its ARN."""
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    return _when_active(kinesis, name)


def reshard(kinesis: Any, name: str, split: bool) -> None:
    """Split the first open shard in the middle, or merge the first two neighbours; wait until it is done."""
    ranges = [
        (int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"]), shard)
        for shard in kinesis.list_shards(StreamName=name)["Shards"]
        if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
    ]
    ranges.sort(key=lambda each: each[:2])
    start, end, first = ranges[0]
    if split:
        kinesis.split_shard(
            StreamName=name, ShardToSplit=first["ShardId"], NewStartingHashKey=str((start + end) // 2)
        )
    else:
        kinesis.merge_shards(
            StreamName=name, ShardToMerge=first["ShardId"], AdjacentShardToMerge=ranges[1][2]["ShardId"]
        )
    _when_active(kinesis, name)


def records_of(kinesis: Any, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each shard id and record of the stream: parents before their children, in a shard in order."""
    for shard in sorted(kinesis.list_shards(StreamName=name)["Shards"], key=lambda shard: shard["ShardId"]):
        iterator = kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            page = kinesis.get_records(ShardIterator=iterator, Limit=10_000)
            yield from ((shard["ShardId"], record) for record in page["Records"])
            iterator = page.get("NextShardIterator") if page["Records"] else None


def _when_active(kinesis: Any, name: str) -> str:
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    described = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    return str(described["StreamARN"])
