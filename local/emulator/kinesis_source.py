"""A Kinesis stream as the mapping's source and an S3 bucket as its destination, through boto3 clients."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from local.emulator.stream_source import (
    IteratorExpired,
    Position,
    ShardDescription,
    ShardGone,
    StreamRecord,
    StreamUnavailable,
)

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import (
        GetRecordsOutputTypeDef,
        GetShardIteratorInputTypeDef,
        ListShardsInputTypeDef,
        RecordTypeDef,
        ShardTypeDef,
    )
    from mypy_boto3_s3 import S3Client

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

_THROTTLED = frozenset(
    {
        "KMSThrottlingException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
    }
)


class KinesisSource:
    """Reads a stream, each call in a thread: boto3's clients may be shared between threads."""

    def __init__(self, client: KinesisClient, stream_arn: str) -> None:
        """Events contain the ARN; calls use the stream's name, which every emulator accepts."""
        self.stream_arn = stream_arn
        self._client = client
        self._stream_name = stream_arn.partition(":stream/")[2]

    async def list_shards(self) -> Sequence[ShardDescription]:
        """Every shard within the retention period."""
        shards: list[ShardDescription] = []
        request: ListShardsInputTypeDef = {"StreamName": self._stream_name}
        while True:
            page = await _in_thread(self._client.list_shards, **request)
            shards.extend(_shard(shard) for shard in page["Shards"])
            if not (token := page.get("NextToken")):
                return shards
            # Kinesis rejects a stream name together with a token.
            request = {"NextToken": token}

    async def get_iterator(self, shard_id: str, position: Position) -> str:
        """An iterator at that position."""
        request: GetShardIteratorInputTypeDef = {
            "StreamName": self._stream_name,
            "ShardId": shard_id,
            "ShardIteratorType": position.kind,
        }
        if position.sequence_number is not None:
            request["StartingSequenceNumber"] = position.sequence_number
        if position.timestamp is not None:
            request["Timestamp"] = datetime.fromtimestamp(position.timestamp, UTC)
        answer = await _of_a_shard(_in_thread(self._client.get_shard_iterator, **request))
        return answer["ShardIterator"]

    async def get_records(self, iterator: str, limit: int) -> tuple[Sequence[StreamRecord], str | None]:
        """One page of records, at most 10,000 and 10 MB, and the next iterator."""
        page: GetRecordsOutputTypeDef = await _of_a_shard(
            _in_thread(self._client.get_records, ShardIterator=iterator, Limit=limit)
        )
        return [_record(record) for record in page["Records"]], page.get("NextShardIterator") or None


class S3Destination:
    """Stores invocation records in a bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        """The client's own retries come before the mapping's."""
        self._client = client
        self._bucket = bucket

    async def put(self, key: str, body: bytes) -> None:
        """Store `body`, or raise what boto3 raises."""
        await asyncio.to_thread(
            self._client.put_object,
            Bucket=self._bucket,
            Key=key,
            Body=body,
            ContentType="application/json",
        )


async def _in_thread(call: Callable[Given, Answer], *args: Given.args, **kwargs: Given.kwargs) -> Answer:
    """Call; transient errors become StreamUnavailable, other errors end the mapping."""
    try:
        return await asyncio.to_thread(call, *args, **kwargs)
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if error.response["Error"]["Code"] in _THROTTLED or status >= 500:
            raise StreamUnavailable(str(error)) from error
        raise
    except (ConnectionError, HTTPClientError) as error:
        raise StreamUnavailable(str(error)) from error


async def _of_a_shard(answer: Awaitable[Answer]) -> Answer:
    try:
        return await answer
    except ClientError as error:
        match error.response["Error"]["Code"]:
            case "ExpiredIteratorException":
                raise IteratorExpired(str(error)) from error
            case "ResourceNotFoundException":
                # If the whole stream is gone, listing its shards fails, which is an error there.
                raise ShardGone(str(error)) from error
        raise


def _shard(shard: ShardTypeDef) -> ShardDescription:
    parents = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
    return ShardDescription(
        shard_id=shard["ShardId"],
        parents=tuple(parent for parent in parents if parent),
        closed="EndingSequenceNumber" in shard["SequenceNumberRange"],
    )


def _record(record: RecordTypeDef) -> StreamRecord:
    return StreamRecord(
        sequence_number=record["SequenceNumber"],
        partition_key=record["PartitionKey"],
        data=record["Data"],
        arrived=record["ApproximateArrivalTimestamp"].timestamp(),
    )
