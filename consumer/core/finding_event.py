"""The event of a finding at one entry of a signal's run."""

from consumer.core.batch import Batch
from consumer.core.events import Event, event_of
from consumer.core.runs import Run
from consumer.core.signal_settings import SignalSettings
from consumer.core.use_case import Finding


def event_of_finding(
    name: str,
    settings: SignalSettings,
    batch: Batch,
    signal: str,
    run: Run,
    entry: int,
    observations: int,
    finding: Finding,
) -> Event:
    """The event; `observations` is how many the model had learned by then."""
    use_case = settings.use_case
    return event_of(
        use_case=name,
        kind=use_case.kind,
        detail_type=use_case.detail_type,
        shard=batch.shard,
        record=batch.records[run.records[entry]],
        signal=signal,
        position=run.positions[entry],
        value=float(run.values[entry]),
        timestamp=run.timestamps[entry],
        severity=settings.severity,
        is_muted=settings.is_muted,
        shown=settings.shown,
        observations=observations,
        evidence=finding.evidence,
    )
