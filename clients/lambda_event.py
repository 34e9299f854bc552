"""A Kinesis record as Lambda delivers it to the function."""

import base64
from typing import Any


def lambda_record(
    stream_arn: str,
    shard_id: str,
    sequence_number: str,
    partition_key: str,
    data: bytes,
    arrived_s: float | None,
) -> dict[str, Any]:
    """One element of `Records` in the event that an event source mapping sends.

    The region and the account are those of the stream's ARN.
    """
    _, _, _, region, account, *_ = [*stream_arn.split(":"), *[""] * 5]
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": partition_key,
            "sequenceNumber": sequence_number,
            "data": base64.b64encode(data).decode("ascii"),
            "approximateArrivalTimestamp": arrived_s,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard_id}:{sequence_number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": f"arn:aws:iam::{account}:role/local-event-source-mapping",
        "awsRegion": region,
        "eventSourceARN": stream_arn,
    }
