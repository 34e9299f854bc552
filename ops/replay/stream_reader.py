"""A shard's records while the stream keeps them, as Lambda would deliver them."""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from consumer.decode.batch import Shard
from consumer.errors import ConfigurationError
from ops.target import aws_answers

_AT_ONCE = 2_000
_ARRIVAL_ERROR_S = 60.0
_READ_EVERY_S = 0.25
"""A shard allows five reads a second, which the functions need too."""

Records = list[dict[str, Any]]


@dataclass(slots=True)
class ShardReader:
    """Reads a shard from some time on, a part at a time, until it has nothing more.

    It goes by arrival times, and some that arrived a little before may come too: they are approximate.
    `iterator` is None once nothing more comes.
    """

    client: Any
    shard: Shard
    iterator: str | None
    read_at: float = 0.0

    def part(self) -> Records:
        """What comes next, none perhaps. Raises: `Unavailable`."""
        time.sleep(max(0.0, self.read_at + _READ_EVERY_S - time.monotonic()))
        self.read_at = time.monotonic()
        with aws_answers(f"the records of {self.shard.shard_id} of {self.shard.stream}"):
            answer = self.client.get_records(ShardIterator=self.iterator, Limit=_AT_ONCE)
        self.iterator = answer.get("NextShardIterator") if answer.get("MillisBehindLatest") else None
        return [delivered(record, self.shard) for record in answer["Records"]]

    def parts(self) -> Iterator[Records]:
        """All that comes. Raises: `Unavailable`."""
        while self.iterator is not None:
            yield self.part()


def read_shard(client: Any, shard: Shard, since_s: float | None) -> ShardReader:
    """A reader from that arrival on, or of all that the shard has. Raises: `Unavailable`."""
    where: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
    if since_s is not None:
        since = datetime.fromtimestamp(since_s - _ARRIVAL_ERROR_S, UTC)
        where = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": since}
    with aws_answers(f"the shard {shard.shard_id} of {shard.stream}"):
        answer = client.get_shard_iterator(StreamName=shard.stream, ShardId=shard.shard_id, **where)
    return ShardReader(client, shard, answer["ShardIterator"])


def number_of(record: dict[str, Any]) -> int:
    """The sequence number of a record as it is delivered."""
    return int(record["kinesis"]["sequenceNumber"])


def delivered(record: dict[str, Any], shard: Shard) -> dict[str, Any]:
    """A record of the stream as an event source mapping hands it on."""
    return {
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard.shard_id}:{record['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "eventSourceARN": shard.stream_arn,
        "kinesis": {
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": base64.b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
        },
    }


def records_of_file(path: Path) -> Records:
    """The records of an invocation's event, or of a batch that was given up, which has one in `payload`.

    Raises: `ConfigurationError`.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if "payload" in content:
            content = json.loads(content["payload"])
        records: Records = content["Records"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{path} has no records: it is to be an invocation's event, or a failed batch: {error!r}"
        ) from None
    return records
