"""The records that a stream still holds, as Lambda would deliver them."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from consumer.core.records import Shard
from consumer.operate.where import aws_answers

_RECORDS_PER_REQUEST_MAX = 2_000


@dataclass(frozen=True, slots=True)
class RetainedRecords:
    """A stream, through a boto3 client of Kinesis."""

    client: Any

    def retention_s(self, shard: Shard) -> float:
        """For how long the shard's stream keeps a record. Raises: `Unavailable`."""
        with aws_answers(f"the stream {shard.stream}"):
            summary = self.client.describe_stream_summary(StreamName=shard.stream)
        hours: int = summary["StreamDescriptionSummary"]["RetentionPeriodHours"]
        return hours * 3600.0

    def read(self, shard: Shard, first: int | None, last: int) -> Iterator[list[dict[str, Any]]]:
        """The shard's records from sequence number `first`, or from the oldest, to `last`: part after part.

        Raises: `Unavailable`.
        """
        where: dict[str, str] = {"ShardIteratorType": "TRIM_HORIZON"}
        if first is not None:
            where = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": str(first)}
        with aws_answers(f"the shard {shard.shard_id} of {shard.stream}"):
            iterator = self.client.get_shard_iterator(
                StreamName=shard.stream, ShardId=shard.shard_id, **where
            )["ShardIterator"]
        while iterator:
            with aws_answers(f"the records of {shard.shard_id} of {shard.stream}"):
                page = self.client.get_records(ShardIterator=iterator, Limit=_RECORDS_PER_REQUEST_MAX)
            records = [each for each in page["Records"] if int(each["SequenceNumber"]) <= last]
            if records:
                yield [_delivered(record, shard) for record in records]
            if len(records) < len(page["Records"]):
                return
            if not page["Records"] and not page.get("MillisBehindLatest"):
                return
            iterator = page.get("NextShardIterator")


def _delivered(record: dict[str, Any], shard: Shard) -> dict[str, Any]:
    return {
        "kinesis": {
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": base64.b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
        },
        "eventID": f"{shard.shard_id}:{record['SequenceNumber']}",
        "eventSourceARN": shard.stream_arn,
    }
