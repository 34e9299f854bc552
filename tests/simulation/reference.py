"""What is true of a signal and a record by plain means, to hold the consumer against."""

import base64
import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from consumer.decode.records import Shard
from consumer.decode.signal_names import identity, seed_of
from consumer.detectors.alert_policy import Finding
from consumer.detectors.drift import DriftState, DriftUseCase
from consumer.detectors.sensor_checks import Health
from consumer.events.quarantine import each_rejected
from consumer.learning.state import State
from tests.simulation.plant import Observation, Place, Plant

if TYPE_CHECKING:
    from tests.simulation.functions import Invocation

Found = tuple[Place, Observation]
"""An observation in its record."""

Known = tuple[Place, int]
"""An observation: its record's place, and its position in the record."""


@dataclass
class History:
    """What one signal's model has committed, in order."""

    record_signal: str
    learned: list[Found] = field(default_factory=list)
    done: list["Done"] = field(default_factory=list)
    """The learned and the skipped together."""
    skipped: list[Found] = field(default_factory=list)
    paused: list[Found] = field(default_factory=list)
    """What a calendar kept from being learned."""
    latest_s: float | None = None


class Done(NamedTuple):
    """Something that was learned or skipped, its time, and when it arrived."""

    place: Place
    one: Observation
    is_learned: bool
    at_s: float
    arrived_s: float


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
    for found in each_rejected(lines):
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


class Reference(NamedTuple):
    """A model that a plain loop feeds with what was committed, and the ids of what is to be told of it."""

    model: Any
    told: set[str]
    health: Health | None = None
    """Of its sensor, where that is looked at; but for its silence."""


def reference_of(use_case: Any, signal: str, history: History) -> Reference:
    """What is to come of a signal, by a loop that learns one value at a time."""
    if not isinstance(use_case, DriftUseCase):
        return watched_reference_of(use_case, signal, history)
    detector, count, total = use_case.create(seed_of("drift", signal)).detector, 0, 0.0
    drifts = set()
    for place, one in history.learned:
        detector.update(one.value)
        count, total = count + 1, total + one.value
        if detector.drift_detected:
            drifts.add(event_id(place, one, "drift"))
            count, total = 0, 0.0
    return Reference(DriftState(detector, count, total), drifts)


def watched_reference_of(use_case: Any, signal: str, history: History) -> Reference:
    """The same for a model of alerts that open and clear, whose sensor is looked at."""
    model, health, learned = use_case.create(seed_of("drift", signal)), Health(), 0
    rules = use_case.sensor_checks
    told = set()
    for place, one, is_learned, at_s, arrived_s in history.done:
        findings: list[Finding] = []
        if not is_learned and one.value is not None:
            continue  # late, and skipped: it says nothing of the sensor
        if is_learned:
            found = use_case.learn(model, [one.value], [at_s])
            findings = rules.apply(health, found, [one.value], [at_s], arrived_s)
        learned += is_learned
        quality = rules.observed(health, one.value is None, learned, arrived_s)
        findings += [quality] if quality else []
        told |= {event_id(place, one, kind_of(use_case, finding)) for finding in findings}
    return Reference(model, told, health)


def kind_of(use_case: Any, finding: Finding) -> str:
    """What an event's id calls it."""
    kind = f"sensor {finding.fault}" if finding.fault else use_case.kind
    return kind if finding.change == "opened" else f"{kind} {finding.change}"


def kinds_of(use_case: Any) -> list[str]:
    """All that the reference knows of."""
    if isinstance(use_case, DriftUseCase):
        return ["drift"]
    kinds = [use_case.kind, "sensor flat", "sensor range", "sensor quality"]
    return [f"{kind}{change}" for kind in kinds for change in ("", " still_open", " cleared")]


def event_id(place: Place, one: Observation, kind: str) -> str:
    """Of the observation, and of what is told of it."""
    stream, shard, number, key = place
    return identity("drift", stream, shard, str(number), key, one.signal, kind, one.position)


def knowledge(model: Any) -> Any:
    """All that a model knows, comparable: to the last bit, so that 0.0 is not -0.0."""
    if not isinstance(model, DriftState):
        return msgspec.msgpack.encode(model)
    return msgspec.msgpack.encode([model.count, model.total]), knowledge_of_detector(model.detector)


def health_known(health: Health | None) -> Any:
    """The same of a sensor, but for its silence, which no value tells.

    How often its quality was good again counts only while that alert is open.
    """
    if health is None:
        return None
    known = msgspec.to_builtins(health.alerts)
    known.pop("stale", None)
    if "quality" in known and not health.is_open("quality"):
        known["quality"] = msgspec.to_builtins(msgspec.structs.replace(health.alerts["quality"], quiet=0))
    plain = msgspec.structs.replace(
        health, longest_gap_s=0.0, is_stale_alone=True, is_untold=False, alerts={}
    )
    return msgspec.msgpack.encode([plain, sorted(known.items())])


def knowledge_of_detector(detector: Any) -> Any:
    """All that a detector of River's knows, comparable."""
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
    checkpoint = state.checkpoints.get(Shard(stream, shard))
    if checkpoint is None or number > checkpoint.sequence_number:
        return False
    return number < checkpoint.sequence_number or key in checkpoint.partition_keys


def arrival_of(by: "Invocation", place: Place) -> float:
    return by.arrivals[place]


def time_of(one: Observation, by: "Invocation", place: Place, plant: Plant) -> float:
    """Its own time, if that can be; else the arrival's."""
    arrived_s = arrival_of(by, place)
    if one.timestamp is None or not plant.is_believed(one.timestamp, arrived_s):
        return arrived_s
    return one.timestamp


def is_out_of_order(one: Observation, arrived_s: float, plant: Plant) -> bool:
    """Whether its time says nothing of which is late: neither it, nor any other."""
    return one.timestamp is not None and not plant.is_believed(one.timestamp, arrived_s)
