"""One PutRecords request, and what became of each of its records."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from botocore import exceptions
from botocore.config import Config
from botocore.parsers import ResponseParserError

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import PutRecordsOutputTypeDef, PutRecordsRequestEntryTypeDef

SEND_ONCE = Config(retries={"total_max_attempts": 1}, max_pool_connections=32, parameter_validation=False)
"""For the Kinesis client: botocore's own retries would repeat records whose answer was lost.

It need not look at each field of each record either, which costs more than sending it: `check` has done so.
"""

RECORDS_PER_REQUEST_MAX = 500
REQUEST_BYTES_MAX = 5 * 1024 * 1024
_RECORD_BYTES_MAX = 1024 * 1024
_KEY_LENGTH_MAX = 256
_THROTTLED = {
    "KMSThrottlingException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
}


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """What is sent: a key of 1 to 256 characters, and with its payload at most 1 MiB."""

    partition_key: str
    payload: bytes

    @property
    def size_bytes(self) -> int:
        """What counts towards the limits of Kinesis."""
        return len(self.payload) + len(self.partition_key.encode())


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Where a record was stored; sequence numbers compare as integers, for their texts differ in length."""

    shard_id: str
    sequence_number: str


@dataclass(frozen=True, slots=True)
class Unacknowledged:
    """Why a record has no acknowledgement, and whether it may be on the stream all the same."""

    reason: str
    may_be_stored: bool


Outcome = Acknowledgement | Unacknowledged


class RecordStream(Protocol):
    """What is needed of a Kinesis client; it is called from several threads at once."""

    def put_records(
        self, *, Records: "Sequence[PutRecordsRequestEntryTypeDef]", StreamName: str
    ) -> "PutRecordsOutputTypeDef":
        """Store up to 500 records, 5 MiB, and answer for each of them, in their order."""
        ...


def put(stream: RecordStream, stream_name: str, records: Sequence[StreamRecord]) -> list[Outcome]:
    """Send one request; give what became of each record, in their order.

    Raises:
        botocore.exceptions.ClientError: The request as a whole is wrong, as when there is no such stream.
    """
    entries: list[PutRecordsRequestEntryTypeDef] = [
        {"PartitionKey": record.partition_key, "Data": record.payload} for record in records
    ]
    try:
        answer = stream.put_records(Records=entries, StreamName=stream_name)
    except (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError) as error:
        return [Unacknowledged(f"no connection: {error}", may_be_stored=False)] * len(records)
    except (exceptions.HTTPClientError, ResponseParserError) as error:
        return [Unacknowledged(f"no answer: {error}", may_be_stored=True)] * len(records)
    except exceptions.ClientError as error:
        if error.response["Error"]["Code"] in _THROTTLED:
            return [Unacknowledged(str(error), may_be_stored=False)] * len(records)
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            return [Unacknowledged(str(error), may_be_stored=True)] * len(records)
        raise
    return [
        Unacknowledged(result["ErrorCode"], may_be_stored=False)
        if result.get("ErrorCode")
        else Acknowledgement(result["ShardId"], result["SequenceNumber"])
        for result in answer["Records"]
    ]


def check(position: int, record: StreamRecord) -> int:
    """Give what a record counts towards the limits; raise ValueError if it breaks one of Kinesis."""
    size_bytes = record.size_bytes
    if not 1 <= len(record.partition_key) <= _KEY_LENGTH_MAX:
        raise ValueError(f"record {position}: a partition key has 1 to {_KEY_LENGTH_MAX} characters")
    if size_bytes > _RECORD_BYTES_MAX:
        raise ValueError(f"record {position}: {size_bytes} bytes, {_RECORD_BYTES_MAX} are allowed")
    return size_bytes
