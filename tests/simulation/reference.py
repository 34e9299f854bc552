"""What is true of a signal and a record by plain means, to hold the consumer against."""

import base64
import json
import random
from dataclasses import dataclass, field
from typing import Any

from consumer.core.drift import DriftUseCase
from consumer.core.events import identity
from consumer.core.records import Shard
from consumer.core.signals import seed_of
from consumer.core.state import State
from tests.simulation.functions import Invocation
from tests.simulation.plant import Observation, Place, Plant

Found = tuple[Place, Observation]
"""An observation in its record."""

Known = tuple[Place, int]
"""An observation: its record's place, and its position in the record."""


@dataclass
class History:
    """What one signal's model has committed, in order."""

    carrier: str
    learned: list[Found] = field(default_factory=list)
    skipped: list[Found] = field(default_factory=list)
    latest_s: float | None = None


@dataclass
class Kept:
    """What was not learned, and where it is: lines of quarantine, and records stored at the destination."""

    quarantined: set[Known]
    stored: set[Place]
    signals: set[str]
    """Signals of which something was given up after its event was published, perhaps."""


def kept_in(objects: dict[str, tuple[str, bytes]], destination: dict[str, bytes], plant: Plant) -> Kept:
    """Read both; of a line, the original bytes have to be there too."""
    lines = [body for key, (_, body) in objects.items() if key.startswith("quarantine/")]
    quarantined = set[Known]().union(*map(quarantined_in, lines))
    stored = {
        place for body in destination.values() for place in places_of(json.loads(json.loads(body)["payload"]))
    }
    signals = {one.signal for place in stored for one in plant.records[place]}
    return Kept(quarantined, stored, signals)


def quarantined_in(lines: bytes) -> set[Known]:
    """The observations of these lines, each of which has the original bytes; a record's own is its first."""
    known = set()
    for line in lines.splitlines():
        found = json.loads(line)
        base64.b64decode(found["data"], validate=True)
        place = found["stream"], found["shard_id"], int(found["sequence_number"]), found["partition_key"]
        known.add((place, found["position"]))
    return known


def places_of(event: dict[str, Any]) -> list[Place]:
    """The places of an event's records, in order."""
    return [
        (
            record["eventSourceARN"],
            record["eventID"].rpartition(":")[0],
            int(record["kinesis"]["sequenceNumber"]),
            record["kinesis"]["partitionKey"],
        )
        for record in event["Records"]
    ]


def reference_of(use_case: DriftUseCase, signal: str, history: History) -> tuple[Any, set[str]]:
    """A detector that a plain loop feeds with what was committed, and the ids of its drifts."""
    detector = use_case.create(seed_of("drift", signal)).detector
    drifts = set()
    for place, one in history.learned:
        detector.update(one.value)
        if detector.drift_detected:
            stream, shard, number, key = place
            drifts.add(identity("drift", stream, shard, str(number), key, signal, "drift", one.position))
    return detector, drifts


def knowledge(detector: Any) -> Any:
    """All that a detector knows, comparable."""
    return {
        name: value.getstate()
        if isinstance(value, random.Random)
        else value.__getstate__()
        if name == "_helper"
        else value
        for name, value in vars(detector).items()
        if not callable(value)
    }


def is_below(state: State, place: Place) -> bool:
    stream, shard, number, key = place
    watermark = state.watermarks.get(Shard(stream, shard))
    if watermark is None or number > watermark.sequence_number:
        return False
    return number < watermark.sequence_number or key in watermark.partition_keys


def time_of(one: Observation, by: Invocation, place: Place) -> float:
    if one.timestamp is not None:
        return one.timestamp
    records = by.event["Records"]
    [record] = [record for record, found in zip(records, places_of(by.event), strict=True) if found == place]
    return record["kinesis"]["approximateArrivalTimestamp"]
