"""What the commands about batches that were given up print."""

import json
import time

from consumer.decode.timestamps import iso8601
from ops.failed_batches.batches import FailedBatch
from ops.formatting import pluralize


def now() -> str:
    """The time, as text."""
    return iso8601(time.time()) or ""


def shown(batch: FailedBatch) -> str:
    """Lines of text."""
    info, request = batch.stored.info, batch.stored.request_context
    redriven = "" if batch.mark is None else f"\n  redriven at {batch.mark.redriven_at}"
    return (
        f"{batch.key}\n"
        f"  {request.condition} at {batch.stored.timestamp}: {pluralize(info.batch_size, 'record')} "
        f"of {info.shard_id}, {info.start_sequence_number} to {info.end_sequence_number}, arrived "
        f"{info.approximate_arrival_of_first_record} to {info.approximate_arrival_of_last_record}{redriven}"
    )


def as_json(batch: FailedBatch) -> str:
    """One line."""
    info, request = batch.stored.info, batch.stored.request_context
    return json.dumps(
        {
            "key": batch.key,
            "condition": request.condition,
            "function": request.function_arn,
            "given_up_at": batch.stored.timestamp,
            "stream": info.stream_arn,
            "shard_id": info.shard_id,
            "records": info.batch_size,
            "first_sequence_number": info.start_sequence_number,
            "last_sequence_number": info.end_sequence_number,
            "first_arrived": info.approximate_arrival_of_first_record,
            "last_arrived": info.approximate_arrival_of_last_record,
            "redriven_at": None if batch.mark is None else batch.mark.redriven_at,
        }
    )
