"""The five hops in order: each returns what was seen, or raises `HopFailed` with what to check.

After a hop that failed, those behind it are not reached.
"""

import time
from collections.abc import Callable, Generator, Iterator

from botocore.exceptions import BotoCoreError, ClientError

from clients.deployment import ModelsOf, Pipeline
from clients.kinesis_writer.put_request import SEND_ONCE
from consumer.detectors.change_point import ChangePoint
from consumer.detectors.drift import DriftUseCase
from consumer.plant import plant
from producer_sim.observe.learned_counts import Counts, LearnedCounts
from producer_sim.observe.listening import listening
from producer_sim.smoke import advice
from producer_sim.smoke.trip import OBSERVATIONS, RECORDS, Hop, HopFailed, Patience, Trip, step_payloads

_LOOK_EVERY_S = 0.5
_FIND_STEPS = DriftUseCase, ChangePoint

_Step = tuple[str, Callable[[], str | None]]
"""A hop's name, and the function that does it: it returns what was seen, None for no such hop."""


def follow(
    pipeline: Pipeline, signal: str, patience: Patience, waiting: Callable[[str], None]
) -> Iterator[Hop]:
    """Send a step of `signal`, and yield each hop when its outcome is known; `waiting` gets its name before.

    With several use cases, each has hops of its own from learning on.

    Raises: `NotObservable`, `StatesUnreadable`, and what botocore raises if a permission is missing.
    """
    with listening(pipeline) as inbox:
        s3 = pipeline.client("s3")
        looks = [
            (models, LearnedCounts(s3, models, pipeline.stream_name, [signal])) for models in pipeline.models
        ]
        trip = Trip(pipeline, signal, patience, inbox)
        on_the_stream: list[_Step] = [
            ("put on the stream", lambda: put(trip)),
            ("on the stream", lambda: read_back(trip)),
        ]
        reached = yield from _in_turn(trip, on_the_stream, True, waiting)
        for models, look in looks:
            yield from _in_turn(trip, _of_use_case(trip, models, look), reached, waiting)


def _of_use_case(trip: Trip, models: ModelsOf, look: LearnedCounts) -> list[_Step]:
    of = f", {models.use_case}" if len(trip.pipeline.models) > 1 else ""
    steps: list[_Step] = [(f"learned{of}", lambda: learned(trip, models, look))]
    if isinstance(plant().use_cases.get(models.use_case), _FIND_STEPS):  # others may find nothing
        steps.append((f"event on the bus{of}", lambda: event(trip, models)))
        steps.append((f"alert delivered{of}", lambda: alert(trip, models)))
    return steps


def _in_turn(
    trip: Trip, steps: list[_Step], reached: bool, waiting: Callable[[str], None]
) -> Generator[Hop, None, bool]:
    """Yield the hops of these steps; return whether the next step is reached."""
    for name, step in steps:
        if not reached:
            yield Hop(name, "not reached")
            continue
        waiting(name)
        try:
            seen = step()
        except HopFailed as failed:
            yield Hop(name, "failed", trip.after_s, str(failed), failed.look_at)
            reached = False
        else:
            yield Hop(name, "not there" if seen is None else "passed", trip.after_s, seen or "")
    return reached


def put(trip: Trip) -> str:
    """Put the records one after the other, each acknowledged before the next."""
    kinesis = trip.pipeline.client("kinesis", SEND_ONCE)
    trip.started = time.monotonic()
    for payload in step_payloads(trip.signal, time.time()):
        try:
            stored = kinesis.put_record(
                StreamName=trip.pipeline.stream_name, PartitionKey=trip.signal, Data=payload
            )
        except (ClientError, BotoCoreError) as error:
            raise HopFailed(
                f"the stream did not acknowledge the record: {error}", advice.of_the_stream(trip.pipeline)
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
        seen = f"{len(missing)} of {RECORDS} records were acknowledged, but are not on {trip.shard_id}"
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
        seen = (
            f"{counts.learned} observations were learned, {OBSERVATIONS} were sent: some were learned twice"
        )
        raise HopFailed(seen, look_at)
    seen = f"{counts.learned} of {OBSERVATIONS} observations were learned within {trip.patience.learn_s:g} s"
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
    """Wait for that event's alert on any topic; None if the pipeline has no alerts."""
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
