"""The event that Lambda makes of a batch, and its size without encoding it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from clients.lambda_event import lambda_record
from local.emulator.stream_source import StreamRecord

PAYLOAD_BYTES_MAX = 6 * 1024 * 1024


class EventFormat:
    """Turns records of one shard into Lambda's Kinesis event."""

    def __init__(self, stream_arn: str, shard_id: str) -> None:
        self._stream_arn, self._shard_id = stream_arn, shard_id
        blank = StreamRecord(sequence_number="", partition_key="", data=b"", arrived=0.0)
        blank_bytes = len(as_json(self._event_record(blank)).encode())
        self._record_overhead_bytes = blank_bytes - len('""') - len("0.0") + len(",")
        # The last record has no comma after it.
        self.envelope_bytes = len(as_json({"Records": []})) - len(",")

    def event(self, records: Sequence[StreamRecord]) -> dict[str, Any]:
        """A new event for each call: a function may modify it."""
        return {"Records": [self._event_record(record) for record in records]}

    def record_bytes(self, record: StreamRecord) -> int:
        """What a record adds to the payload, comma included, without encoding its bytes."""
        return (
            self._record_overhead_bytes
            + len(as_json(record.partition_key).encode())
            + 2 * len(record.sequence_number)
            + 4 * ((len(record.data) + 2) // 3)
            + len(repr(record.arrived))
        )

    def _event_record(self, record: StreamRecord) -> dict[str, Any]:
        return lambda_record(
            self._stream_arn,
            self._shard_id,
            record.sequence_number,
            record.partition_key,
            record.data,
            record.arrived,
        )


def as_json(value: object) -> str:
    """Write JSON as Lambda sends it: no spaces, characters as they are."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
