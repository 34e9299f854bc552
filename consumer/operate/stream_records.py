"""Records of a shard while the stream keeps them, as Lambda would deliver them."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from consumer.core.errors import ConfigurationError
from consumer.operate.where import Where, aws_answers

_AT_ONCE = 1000
_READS_MAX = 2000
_READ_EVERY_S = 0.25
"""A shard allows five reads a second, which the functions need too."""


def records_from(
    where: Where, stream_arn: str, shard_id: str, first: str | None, until: int
) -> Iterator[list[dict[str, Any]]]:
    """The shard's records from sequence number `first` on, or all it has, up to `until`: some at a time.

    Raises: `ConfigurationError` where no stream is named, `Unavailable` where it cannot be read.
    """
    if where.stream_name is None:
        raise ConfigurationError("no stream is named: give --stream, or the records in a file with --records")
    client, name = where.client("kinesis"), where.stream_name
    place: dict[str, str] = {"ShardIteratorType": "TRIM_HORIZON"}
    if first is not None:
        place = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": first}
    with aws_answers(f"the shard {shard_id} of {name}"):
        iterator = client.get_shard_iterator(StreamName=name, ShardId=shard_id, **place)["ShardIterator"]
        for _ in range(_READS_MAX):
            answer = client.get_records(ShardIterator=iterator, Limit=_AT_ONCE)
            found = answer["Records"]
            wanted = [each for each in found if int(each["SequenceNumber"]) <= until]
            yield [delivered(each, stream_arn, shard_id) for each in wanted]
            iterator = answer.get("NextShardIterator")
            is_at_end = not found and not answer.get("MillisBehindLatest")
            if len(wanted) < len(found) or iterator is None or is_at_end:
                return
            time.sleep(_READ_EVERY_S)


def delivered(record: dict[str, Any], stream_arn: str, shard_id: str) -> dict[str, Any]:
    """A record of the stream as an event source mapping hands it on."""
    return {
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard_id}:{record['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "eventSourceARN": stream_arn,
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": base64.b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
        },
    }


def records_of_file(path: Path) -> list[dict[str, Any]]:
    """The records of an invocation's event, or of a batch that was given up, which has one in `payload`.

    Raises: `ConfigurationError`.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if "payload" in content:
            content = json.loads(content["payload"])
        records: list[dict[str, Any]] = content["Records"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{path} has no records: it is to be an invocation's event, or a failed batch: {error!r}"
        ) from None
    return records
