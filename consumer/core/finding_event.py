"""The event of a finding at one entry of a signal's run."""

from typing import NamedTuple

from consumer.core.batch import Batch
from consumer.core.events import Event, event_of
from consumer.core.signal_settings import SignalSettings
from consumer.core.use_case import Finding

SENSOR_FAULT = "Sensor Fault"


class Place(NamedTuple):
    """Of an observation: the `position`-th of record number `record` of its batch."""

    record: int
    position: int
    value: float
    timestamp: float | None


def event_of_finding(
    name: str,
    settings: SignalSettings,
    batch: Batch,
    signal: str,
    place: Place,
    observations: int,
    finding: Finding,
) -> Event:
    """The event; `observations` is how many the model had learned by then."""
    use_case, fault = settings.use_case, finding.fault
    return event_of(
        use_case=name,
        kind=f"sensor {fault}" if fault else use_case.kind,
        detail_type=SENSOR_FAULT if fault else use_case.detail_type,
        change=finding.change,
        shard=batch.shard,
        record=batch.records[place.record],
        signal=signal,
        position=place.position,
        value=float(place.value),
        timestamp=place.timestamp,
        severity=settings.severity,
        is_muted=settings.is_muted,
        shown=settings.shown,
        observations=observations,
        evidence=finding.evidence,
    )
