"""The events that the demo must find, and how the pipeline's results compare.

`drift` is checked against a plain River loop; the other use cases against one pass over each shard, in which
nothing is cut, lost or delivered twice.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from clients.kinesis_writer.put_request import Acknowledgement
from consumer.decode.signal_names import SignalKey, identity, seed_of
from consumer.detectors.base import UseCase
from consumer.detectors.drift import DriftUseCase
from consumer.events.quarantine import RECORD, each_rejected
from consumer.learning.state import State
from consumer.pages.codec import PageCodec
from consumer.settings.signal_settings import SettingsFile, SettingsOfSignals
from local.demo.records import Sent
from local.emulator.embedded_aws import EmbeddedAWS
from ops.replay.offline_learner import OfflineLearner
from ops.replay.stream_reader import Records, StreamReader

DETECTION_WITHIN = 400
RULE = (
    f"A drift counts as detected if its signal has an event within {DETECTION_WITHIN} observations after it. "
    "An event on a simulated signal before its drift, or on one without a drift, is a false alarm."
)


@dataclass(frozen=True, slots=True)
class DetectionScore:
    """How the events of the simulated signals compare with the injected drifts."""

    injected: int
    detected: int
    false_alarms: int
    median_delay: float | None
    """In observations, of the detected drifts."""


def plain_loop_ids(
    use_case_name: str,
    use_case: DriftUseCase,
    stream_arn: str,
    sent: Sequence[Sent],
    acknowledged: Sequence[Acknowledgement],
) -> set[str]:
    """The ids of the events that a plain loop over each signal's values finds."""
    detectors: dict[str, Any] = {}
    ids = set()
    for one, acknowledgement in zip(sent, acknowledged, strict=True):
        for position, observation in enumerate(one.observations):
            if observation is None:
                continue
            signal, value = observation
            detector = detectors.get(signal)
            if detector is None:
                detector = use_case.create(seed_of(use_case_name, signal)).detector
                detectors[signal] = detector
            detector.update(value)
            if detector.drift_detected:
                record = (
                    acknowledgement.shard_id,
                    str(int(acknowledgement.sequence_number)),
                    one.record.partition_key,
                )
                ids.add(identity(use_case_name, stream_arn, *record, signal, use_case.kind, position))
    return ids


def retained_records(aws: EmbeddedAWS, stream_arn: str) -> list[Records]:
    """Everything on the stream, part by part, as Lambda delivers it."""
    reader = StreamReader(aws.client("kinesis"))
    return [records for _, records in reader.read_merged(reader.whole(stream_arn))]


def events_of_one_pass(
    name: str, use_case: UseCase, parts: Iterable[Records], signals: SettingsFile | None = None
) -> dict[str, str]:
    """All events that the use case finds in the records: id -> change."""
    learner = OfflineLearner(name, SettingsOfSignals(name, use_case, signals))
    learned = [batch for records in parts for batch in learner.learn(records)]
    return {detail["id"]: detail["change"] for batch in learned for detail in batch.events}


def score_detections(
    changes: Mapping[str, int | None], events: Iterable[Mapping[str, Any]]
) -> DetectionScore:
    """Apply the rule to the events' details; `changes` has the first changed observation of each signal."""
    found: dict[str, set[int]] = {}
    for event in events:
        found.setdefault(event["signal"], set()).add(event["observations"] - 1)
    injected = false_alarms = 0
    delays = []
    for signal, start in changes.items():
        at = sorted(found.get(signal, ()))
        if start is None:
            false_alarms += len(at)
            continue
        injected += 1
        false_alarms += sum(index < start for index in at)
        after = [index - start for index in at if start <= index < start + DETECTION_WITHIN]
        delays += after[:1]
    return DetectionScore(injected, len(delays), false_alarms, median(delays) if delays else None)


def states_in(objects: Iterable[tuple[str, bytes]], use_case: str) -> dict[SignalKey, State]:
    """All states of a use case in a bucket's objects, given as (key, content)."""
    codec = PageCodec()
    states: dict[SignalKey, State] = {}
    for key, content in objects:
        if key.startswith(f"models/{use_case}/") and not key.endswith(".json"):
            states |= codec.decode(content)
    return states


def quarantined_ids(objects: Iterable[tuple[str, bytes]], use_case: str) -> set[str]:
    """The ids of all lines in a use case's quarantine; a line that was written twice counts once."""
    return {
        line["id"]
        for key, content in objects
        if key.startswith(f"quarantine/{use_case}/") and not key.endswith(RECORD)
        for line in each_rejected(content)
    }
