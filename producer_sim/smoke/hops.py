"""The five hops: each says what was seen, or raises `HopFailed` with what to look at."""

import time
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from clients.deployment import ModelsOf
from producer_sim.observe.learned_counts import Counts, LearnedCounts
from producer_sim.smoke import advice
from producer_sim.smoke.trip import OBSERVATIONS, RECORDS, HopFailed, Trip, step_payloads

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import PutRecordOutputTypeDef

_LOOK_EVERY_S = 0.5
_SEND_ONCE = Config(retries={"total_max_attempts": 1})  # a record that came twice would be learned twice


def put(trip: Trip) -> str:
    """Put the records, each when the one before it is acknowledged."""
    kinesis = trip.pipeline.client("kinesis", _SEND_ONCE)
    trip.started = time.monotonic()
    for payload in step_payloads(trip.signal, time.time()):
        try:
            stored: PutRecordOutputTypeDef = kinesis.put_record(
                StreamName=trip.pipeline.stream_name, PartitionKey=trip.signal, Data=payload
            )
        except (ClientError, BotoCoreError) as error:
            raise HopFailed(
                f"the stream did not acknowledge: {error}", advice.of_the_stream(trip.pipeline)
            ) from error
        trip.shard_id = stored["ShardId"]
        trip.sequence_numbers.append(stored["SequenceNumber"])
    return f"{OBSERVATIONS} observations in {RECORDS} records, acknowledged by {trip.shard_id}"


def read_back(trip: Trip) -> str:
    """Read the records from their shard, from the first one on."""
    kinesis = trip.pipeline.client("kinesis")
    missing = set(trip.sequence_numbers)
    deadline = time.monotonic() + trip.patience.read_s
    try:
        iterator: str | None = kinesis.get_shard_iterator(
            StreamName=trip.pipeline.stream_name,
            ShardId=trip.shard_id,
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            StartingSequenceNumber=trip.sequence_numbers[0],
        )["ShardIterator"]
        while missing and iterator and time.monotonic() < deadline:
            trip.pipeline.check()
            page = kinesis.get_records(ShardIterator=iterator)
            missing.difference_update(record["SequenceNumber"] for record in page["Records"])
            iterator = page.get("NextShardIterator")
            if missing:
                time.sleep(_LOOK_EVERY_S)
    except (ClientError, BotoCoreError) as error:
        seen = f"the shard cannot be read: {error}"
        raise HopFailed(seen, advice.of_the_stream(trip.pipeline)) from error
    if missing:
        seen = f"{len(missing)} of {RECORDS} records are not on {trip.shard_id}, though acknowledged"
        raise HopFailed(seen, advice.of_the_stream(trip.pipeline))
    return f"read back from sequence number {trip.sequence_numbers[0]} on"


def learned(trip: Trip, models: ModelsOf, look: LearnedCounts) -> str:
    """Wait until the signal's state counts exactly what was sent."""
    counts = Counts()
    deadline = time.monotonic() + trip.patience.learn_s
    while time.monotonic() < deadline:
        counts = look.look()
        if counts.learned >= OBSERVATIONS:
            break
        trip.listen(_LOOK_EVERY_S)
    if counts.learned == OBSERVATIONS:
        return f"the state in s3://{models.bucket}/models/{models.use_case}/ counts {OBSERVATIONS}"
    look_at = advice.of_learning(trip.pipeline, models, counts.learned, look.reasons)
    if counts.learned > OBSERVATIONS:
        seen = f"{counts.learned} observations were learned, {OBSERVATIONS} were sent: some twice"
        raise HopFailed(seen, look_at)
    seen = f"{counts.learned} of {OBSERVATIONS} observations are learned after {trip.patience.learn_s:g} s"
    raise HopFailed(seen, look_at)


def event(trip: Trip, models: ModelsOf) -> str:
    """Wait for the event of the step."""
    deadline = time.monotonic() + trip.patience.tell_s
    while models.use_case not in trip.events and time.monotonic() < deadline:
        trip.take(_LOOK_EVERY_S)
    found = trip.events.get(models.use_case)
    if found is None:
        seen = f"no event of {trip.signal} on the bus {trip.pipeline.event_bus_name} within "
        raise HopFailed(f"{seen}{trip.patience.tell_s:g} s", advice.of_the_event(trip.pipeline, models))
    detail = found.detail
    return (
        f"{found.detail_type}, value {detail['value']:g}, after {detail['observations']} observations, "
        f"id {detail['id']}"
    )


def alert(trip: Trip, models: ModelsOf) -> str | None:
    """Wait for that event's alert on any alert's topic; None where the pipeline has no alerts."""
    if not trip.pipeline.alert_topic_arns:
        return None
    event_id = trip.events[models.use_case].detail["id"]
    deadline = time.monotonic() + trip.patience.tell_s
    while event_id not in trip.alerted and time.monotonic() < deadline:
        trip.take(_LOOK_EVERY_S)
    if event_id not in trip.alerted:
        seen = f"no alert of the event {event_id} within {trip.patience.tell_s:g} s"
        raise HopFailed(seen, advice.of_the_alert(trip.pipeline, trip.signal, models.use_case))
    return f"through the topic of the alert {', '.join(trip.alerted[event_id])}"
