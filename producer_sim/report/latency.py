"""Latency from due to learned, and from put to alert.

Observations carry the time at which they were due, so a sender that falls behind makes its lag longer, not
its load smaller. Lag is read off two cumulative curves: the k-th observation was due when the one curve
passed k, and settled (learned, skipped or quarantined) when the other did.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from producer_sim.report.score import Detection, Floats, quantile
from producer_sim.run_folder import ReceivedAlert, Sample

_READ_AT = 4000  # observations at which the curves are read, evenly spread


@dataclass(frozen=True, slots=True)
class Lag:
    """Lag of evenly spaced observations: when each was due, epoch seconds, and how long until it settled."""

    due_s: Floats
    lag_s: Floats

    def quantile_s(self, share: float) -> float | None:
        """The lag that this share of the observations does not exceed; None if none settled."""
        return quantile(self.lag_s, share)


@dataclass(frozen=True, slots=True)
class AlertLatency:
    """Seconds from put, and from due, to the first receipt of each alert."""

    put_to_alert_s: Floats
    due_to_alert_s: Floats


def lag(samples: Sequence[Sample], started_s: float | None = None) -> Lag:
    """Read the lag of all observations that were both due and settled; empty if no sample shows any."""
    if not samples:
        return Lag(np.empty(0), np.empty(0))
    at_s = np.array([sample.at_s for sample in samples])
    due = np.maximum.accumulate([float(sample.due) for sample in samples])
    settled = np.maximum.accumulate(
        [float(sample.learned + sample.skipped + sample.quarantined) for sample in samples]
    )
    start_s = min(at_s[0], at_s[0] if started_s is None else started_s)
    at_s, due, settled = np.r_[start_s, at_s], np.r_[0.0, due], np.r_[0.0, settled]
    both = min(due[-1], settled[-1])
    # A run that is over between two samples has a lag below their distance, which is not zero.
    is_over_at_once = np.array_equal(due, settled) and not np.any((due > 0) & (due < both))
    if both < 1 or is_over_at_once:
        return Lag(np.empty(0), np.empty(0))
    # Halves: between two observations, where a flat stretch of a curve leaves no doubt about its end.
    read_at = np.floor(np.linspace(0.0, both - 1, min(_READ_AT, int(both)))) + 0.5
    due_s = np.interp(read_at, due, at_s)
    return Lag(due_s, np.maximum(np.interp(read_at, settled, at_s) - due_s, 0.0))


def alert_latency(alerts: Iterable[ReceivedAlert], detections: Iterable[Detection]) -> AlertLatency:
    """Join alerts to their events by id; an alert whose event nobody received is left out."""
    first: dict[str, float] = {}
    for alert in alerts:
        first[alert.id] = min(alert.received_s, first.get(alert.id, alert.received_s))
    alerted = [one for one in detections if one.id in first]
    return AlertLatency(
        put_to_alert_s=np.array(
            [first[one.id] - one.arrived_s for one in alerted if one.arrived_s is not None]
        ),
        due_to_alert_s=np.array([first[one.id] - one.at_s for one in alerted]),
    )
