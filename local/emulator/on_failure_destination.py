"""Where a batch is stored whole when its retries or age run out, in the form that Lambda writes to S3."""

from __future__ import annotations

import logging
import random
import uuid
from datetime import UTC, datetime
from typing import Literal, Protocol

from local.emulator.clock import Clock, Pace
from local.emulator.kinesis_event import EventFormat, as_json
from local.emulator.stream_source import Batch

Condition = Literal["RetryAttemptsExhausted", "RecordAgeExceeded"]

_log = logging.getLogger(__name__)


class OnFailureDestination(Protocol):
    """A bucket, or a stand-in for one."""

    async def put(self, key: str, body: bytes) -> None:
        """Store `body` whole under `key`, or raise."""
        ...


class InvocationRecords:
    """Writes the invocation records of one shard.

    Source: Lambda's developer guide, "Retain discarded batch records for a Kinesis Data Streams event source"
    """

    def __init__(
        self, *, mapping_id: str, function_arn: str, stream_arn: str, shard_id: str, rng: random.Random
    ) -> None:
        """The fields that every invocation record repeats."""
        self._mapping_id = mapping_id
        self._function_arn = function_arn
        self._stream_arn = stream_arn
        self._shard_id = shard_id
        self._format = EventFormat(stream_arn, shard_id)
        self._rng = rng

    def key(self, now: float) -> str:
        """The key of a new object: aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<uuid>."""
        moment = datetime.fromtimestamp(now, UTC)
        folder = f"aws/lambda/{self._mapping_id}/{self._shard_id}/{moment:%Y/%m/%d}"
        return f"{folder}/{moment:%Y-%m-%dT%H.%M.%S}-{random_uuid(self._rng)}"

    def body(
        self, batch: Batch, condition: Condition, invocations: int, function_raised: bool, now: float
    ) -> bytes:
        """The invocation record: what happened to which records, and the whole event as JSON text."""
        first, last = batch[0], batch[-1]
        response: dict[str, object] = {"statusCode": 200, "executedVersion": "$LATEST"}
        if function_raised:
            response["functionError"] = "Unhandled"
        record = {
            "requestContext": {
                "requestId": random_uuid(self._rng),
                "functionArn": self._function_arn,
                "condition": condition,
                "approximateInvokeCount": invocations,
            },
            "responseContext": response,
            "version": "1.0",
            "timestamp": _iso_ms(now),
            "KinesisBatchInfo": {
                "shardId": self._shard_id,
                "startSequenceNumber": first.sequence_number,
                "endSequenceNumber": last.sequence_number,
                "approximateArrivalOfFirstRecord": _iso_ms(first.arrived),
                "approximateArrivalOfLastRecord": _iso_ms(last.arrived),
                "batchSize": len(batch),
                "streamArn": self._stream_arn,
            },
            "payload": as_json(self._format.event(batch)),
        }
        return as_json(record).encode()


async def store(
    destination: OnFailureDestination, key: str, body: bytes, *, clock: Clock, pace: Pace, rng: random.Random
) -> bool:
    """Store an invocation record, trying a few times; True if it is stored."""
    for attempt in range(1, pace.destination_attempts + 1):
        try:
            await destination.put(key, body)
            return True
        # Whatever the destination raises, the shard must go on.
        except Exception as error:
            if attempt == pace.destination_attempts:
                _log.exception("could not store %s in %d attempts: its batch is lost", key, attempt)
            else:
                _log.warning("could not store %s, attempt %d: %r", key, attempt, error)
                await clock.sleep(pace.backoff_s(attempt, rng))
    return False


def random_uuid(rng: random.Random) -> str:
    """A UUID from `rng`, so that a seed reproduces it."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _iso_ms(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
