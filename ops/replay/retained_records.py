"""The records that a stream still holds, as Lambda would deliver them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from consumer.decode.batch import Shard
from consumer.errors import Unavailable
from ops.replay.stream_reader import number_of, read_shard
from ops.target import aws_answers


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
        reader = read_shard(self.client, shard, since_s)
        highest = -1
        for part in reader.parts():
            if records := [record for record in part if number_of(record) <= last]:
                yield records
            highest = max([highest, *map(number_of, part)])
            if highest > last:  # two records may share the last number
                return
        if highest < last:
            raise Unavailable(f"{shard.shard_id} of {shard.stream} does not give the record {last}")
