"""The records that a stream still holds, as Lambda would deliver them."""

import base64
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from consumer.core.errors import Unavailable
from consumer.core.records import Shard
from consumer.operate.where import aws_answers

_RECORDS_PER_REQUEST_MAX = 2_000
_ARRIVAL_ERROR_S = 60.0
_READ_EVERY_S = 0.25
"""A shard allows five reads a second, which the functions need too."""


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

    def read(self, shard: Shard, since_s: float | None, last: int) -> Iterator[list[dict[str, Any]]]:
        """The shard's records that arrived since then, or all, up to sequence number `last`: part after part.

        Some that arrived a little before may come too: arrival times are approximate.

        Raises: `Unavailable`, also where the stream ends before `last`.
        """
        where: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if since_s is not None:
            since = datetime.fromtimestamp(since_s - _ARRIVAL_ERROR_S, UTC)
            where = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": since}
        with aws_answers(f"the shard {shard.shard_id} of {shard.stream}"):
            iterator = self.client.get_shard_iterator(
                StreamName=shard.stream, ShardId=shard.shard_id, **where
            )["ShardIterator"]
        highest, is_at_end, wait_s = -1, False, 0.0
        while iterator and not is_at_end and highest <= last:  # two records may share the last number
            time.sleep(wait_s)
            wait_s = _READ_EVERY_S
            with aws_answers(f"the records of {shard.shard_id} of {shard.stream}"):
                page = self.client.get_records(ShardIterator=iterator, Limit=_RECORDS_PER_REQUEST_MAX)
            is_at_end = not page.get("MillisBehindLatest")
            records = [each for each in page["Records"] if int(each["SequenceNumber"]) <= last]
            if records:
                yield [_delivered(record, shard) for record in records]
            highest = max([highest, *(int(each["SequenceNumber"]) for each in page["Records"])])
            iterator = page.get("NextShardIterator")
        if highest < last:
            raise Unavailable(f"{shard.shard_id} of {shard.stream} does not give the record {last}")


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
