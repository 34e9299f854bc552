"""The event that Lambda makes of a batch, and its size without making it."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from local.emulator.stream_source import StreamRecord

PAYLOAD_BYTES_MAX = 6 * 1024 * 1024


class EventFormat:
    """Turns records of one shard into Lambda's Kinesis event."""

    def __init__(self, stream_arn: str, shard_id: str) -> None:
        """Take the region and the account from the ARN: arn:aws:kinesis:<region>:<account>:stream/<name>."""
        _, _, _, region, account, _ = stream_arn.split(":", 5)
        self._shard_id = shard_id
        self._same_in_all = {
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": f"arn:aws:iam::{account}:role/local-event-source-mapping",
            "awsRegion": region,
            "eventSourceARN": stream_arn,
        }
        blank = StreamRecord(sequence_number="", partition_key="", data=b"", arrived=0.0)
        blank_bytes = len(as_json(self._event_record(blank)).encode())
        self._record_overhead_bytes = blank_bytes - len('""') - len("0.0") + len(",")
        # The last record has no comma after it.
        self.envelope_bytes = len(as_json({"Records": []})) - len(",")

    def event(self, records: Sequence[StreamRecord]) -> dict[str, Any]:
        """Make the event of a batch, anew each time: a function may write into it."""
        return {"Records": [self._event_record(record) for record in records]}

    def record_bytes(self, record: StreamRecord) -> int:
        """Count what a record adds to the payload, its comma included, without encoding its bytes."""
        return (
            self._record_overhead_bytes
            + len(as_json(record.partition_key).encode())
            + 2 * len(record.sequence_number)
            + 4 * ((len(record.data) + 2) // 3)
            + len(repr(record.arrived))
        )

    def _event_record(self, record: StreamRecord) -> dict[str, Any]:
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record.partition_key,
                "sequenceNumber": record.sequence_number,
                "data": base64.b64encode(record.data).decode("ascii"),
                "approximateArrivalTimestamp": record.arrived,
            },
            "eventID": f"{self._shard_id}:{record.sequence_number}",
            **self._same_in_all,
        }


def as_json(value: object) -> str:
    """Write JSON as Lambda sends it: no spaces, characters as they are."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
