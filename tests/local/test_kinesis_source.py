import asyncio
import json
from datetime import UTC, datetime

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from botocore.stub import Stubber
from moto import mock_aws

from local.emulator.clock import Pace
from local.emulator.event_source_mapping import EventSourceMapping, MappingConfig, RealClock, in_thread
from local.emulator.kinesis_source import KinesisSource, S3Destination
from local.emulator.stream_source import (
    IteratorExpired,
    Position,
    ShardDescription,
    ShardGone,
    StreamRecord,
    StreamUnavailable,
)

ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/plant"


def a_client(service):
    return boto3.client(
        service, region_name="eu-west-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


@pytest.fixture
def kinesis():
    client = a_client("kinesis")
    with Stubber(client) as stub:
        yield KinesisSource(client, ARN), stub
        stub.assert_no_pending_responses()


def a_shard(name, *, closed=False, **parents):
    numbers = {"StartingSequenceNumber": "1"} | ({"EndingSequenceNumber": "2"} if closed else {})
    hashes = {"StartingHashKey": "0", "EndingHashKey": "1"}
    return {"ShardId": name, "HashKeyRange": hashes, "SequenceNumberRange": numbers, **parents}


def test_shards_are_listed_page_after_page_with_both_parents(kinesis):
    source, stub = kinesis
    first = {"Shards": [a_shard("a", closed=True), a_shard("b", closed=True)], "NextToken": "more"}
    merged = a_shard("c", ParentShardId="a", AdjacentParentShardId="b")
    stub.add_response("list_shards", first, {"StreamName": "plant"})
    stub.add_response("list_shards", {"Shards": [merged]}, {"NextToken": "more"})
    assert asyncio.run(source.list_shards()) == [
        ShardDescription("a", closed=True),
        ShardDescription("b", closed=True),
        ShardDescription("c", parents=("a", "b")),
    ]


@pytest.mark.parametrize(
    ("position", "asked"),
    [
        (Position("TRIM_HORIZON"), {"ShardIteratorType": "TRIM_HORIZON"}),
        (Position("LATEST"), {"ShardIteratorType": "LATEST"}),
        (
            Position.after(StreamRecord("12", "pump", b"", 0.0)),
            {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": "12"},
        ),
        (
            Position.at_timestamp(1_700_000_000.0),
            {
                "ShardIteratorType": "AT_TIMESTAMP",
                "Timestamp": datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
            },
        ),
    ],
)
def test_an_iterator_is_asked_for_by_kinesis_names(kinesis, position, asked):
    source, stub = kinesis
    stub.add_response(
        "get_shard_iterator", {"ShardIterator": "it"}, {"StreamName": "plant", "ShardId": "a", **asked}
    )
    assert asyncio.run(source.get_iterator("a", position)) == "it"


def test_records_come_as_the_stream_gave_them_and_the_end_of_a_shard_is_none(kinesis):
    source, stub = kinesis
    arrived = datetime(2023, 11, 14, 22, 13, 20, 250_000, tzinfo=UTC)
    record = {
        "SequenceNumber": "007",
        "PartitionKey": "pump",
        "Data": b"\x00\xff",
        "ApproximateArrivalTimestamp": arrived,
    }
    asked = {"ShardIterator": "it", "Limit": 500}
    stub.add_response("get_records", {"Records": [record], "NextShardIterator": "next"}, asked)
    stub.add_response("get_records", {"Records": []}, asked)
    expected = [StreamRecord("007", "pump", b"\x00\xff", 1_700_000_000.25)]
    assert asyncio.run(source.get_records("it", 500)) == (expected, "next")
    assert asyncio.run(source.get_records("it", 500)) == ([], None)


@pytest.mark.parametrize(
    ("code", "status", "raised"),
    [
        ("ExpiredIteratorException", 400, IteratorExpired),
        ("ResourceNotFoundException", 400, ShardGone),
        ("ProvisionedThroughputExceededException", 400, StreamUnavailable),
        ("LimitExceededException", 400, StreamUnavailable),
        ("KMSThrottlingException", 400, StreamUnavailable),
        ("InternalFailure", 500, StreamUnavailable),
        ("AccessDeniedException", 400, ClientError),
    ],
)
def test_an_error_of_kinesis_says_what_to_do_next(kinesis, code, status, raised):
    source, stub = kinesis
    stub.add_client_error("get_records", code, "because", status)
    with pytest.raises(raised, match="because"):
        asyncio.run(source.get_records("it", 500))


def test_a_stream_that_does_not_exist_is_an_error_when_its_shards_are_listed(kinesis):
    source, stub = kinesis
    stub.add_client_error("list_shards", "ResourceNotFoundException", "no such stream", 400)
    with pytest.raises(ClientError, match="no such stream"):
        asyncio.run(source.list_shards())


@pytest.mark.parametrize(
    "error",
    [EndpointConnectionError(endpoint_url="http://x"), ReadTimeoutError(endpoint_url="http://x")],
    ids=["refused", "timed out"],
)
def test_a_stream_out_of_reach_may_be_there_later(monkeypatch, error):
    client = a_client("kinesis")

    def list_shards(**_):
        raise error

    monkeypatch.setattr(client, "list_shards", list_shards)
    with pytest.raises(StreamUnavailable):
        asyncio.run(KinesisSource(client, ARN).list_shards())


@mock_aws
def test_the_mapping_reads_a_stream_and_stores_what_fails_in_a_bucket():
    kinesis, s3 = a_client("kinesis"), a_client("s3")
    s3.create_bucket(Bucket="failed", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    kinesis.create_stream(StreamName="plant", ShardCount=2)
    for i in range(40):
        kinesis.put_record(StreamName="plant", PartitionKey=f"signal-{i}", Data=str(i).encode())
    seen = []

    def function(event):
        keys = [record["kinesis"]["partitionKey"] for record in event["Records"]]
        if "signal-7" in keys:
            raise ValueError("bad record")
        seen.extend(keys)

    async def main():
        config = MappingConfig(batch_size=10, bisect_on_error=True, maximum_retry_attempts=0)
        mapping = EventSourceMapping(
            KinesisSource(kinesis, ARN),
            in_thread(function),
            config,
            RealClock(),
            S3Destination(s3, "failed"),
            pace=Pace(poll_interval_s=0.01, backoff_first_s=0.001),
        )
        running = asyncio.create_task(mapping.run())
        await mapping.progress.wait_until_done(40)
        mapping.stop()
        await running
        return mapping

    mapping = asyncio.run(main())
    assert sorted(seen) == sorted(f"signal-{i}" for i in range(40) if i != 7)
    (stored,) = s3.list_objects_v2(Bucket="failed")["Contents"]
    body = json.loads(s3.get_object(Bucket="failed", Key=stored["Key"])["Body"].read())
    assert stored["Key"].startswith(f"aws/lambda/{mapping.mapping_id}/shardId-00000000000")
    assert json.loads(body["payload"])["Records"][0]["kinesis"]["partitionKey"] == "signal-7"
