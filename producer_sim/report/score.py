"""Injected faults compared with the events received, in all and by kind of fault.

A fault that should alert is detected if one of its signals has an event in its window: from its first
observation until `within` observations later, or until its last if that is later. An event on a signal of
the run that lies in no such fault, nor within the same grace after the fault's end, is a false alarm;
without labels, as in a replay of a recording that has none, no event can be called so. Repeats of an event,
by id, count once; events on other signals are somebody else's.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from consumer.decode.times import seconds_of
from consumer.errors import Unlearnable
from producer_sim.run_folder import (
    Expected,
    Fault,
    FaultKind,
    ReceivedEvent,
    RunFolderIncomplete,
    RunSummary,
    Truth,
)

Floats = npt.NDArray[np.float64]

WITHIN_OBSERVATIONS = 400


@dataclass(frozen=True, slots=True)
class Detection:
    """What scoring needs of an event; `at_s` is when its observation was measured, epoch seconds."""

    id: str
    signal: str
    at_s: float
    received_s: float
    arrived_s: float | None
    value: float | None
    evidence: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FaultOutcome:
    """A fault that should alert, and the first event in its window; None if it was missed."""

    fault: Fault
    detection: Detection | None

    @property
    def delay_s(self) -> float | None:
        """From the fault's first observation to the one that raised the event."""
        return None if self.detection is None else self.detection.at_s - self.fault.first_s

    @property
    def delay_observations(self) -> int | None:
        """The same delay in observations of one signal."""
        return None if self.delay_s is None else round(self.delay_s / self.fault.period_s)


@dataclass(frozen=True, slots=True)
class Score:
    """`unwanted` are faults that should not alert: their observations are skipped, quarantined or learned."""

    outcomes: tuple[FaultOutcome, ...]
    unwanted: tuple[Fault, ...]
    detections: tuple[Detection, ...]
    false_alarms: tuple[Detection, ...]
    false_alarms_by_family: dict[str, int]
    within: int
    is_labelled: bool = True
    """Whether anybody has said what is abnormal; else there are no false alarms to count."""

    @property
    def detected(self) -> int:
        """How many faults that should alert were detected."""
        return sum(outcome.detection is not None for outcome in self.outcomes)

    @property
    def missed(self) -> int:
        """How many faults that should alert were not detected."""
        return len(self.outcomes) - self.detected


def score(truth: Truth, events: Iterable[ReceivedEvent], within: int = WITHIN_OBSERVATIONS) -> Score:
    """Compare the events with the truth; both may be empty.

    Raises:
        RunFolderIncomplete: An event is not from the pipeline.
    """
    families = {signal.name: signal.family for signal in truth.signals}
    detections = [one for one in _once(events) if one.signal in families]
    by_signal: dict[str, list[Detection]] = defaultdict(list)
    for detection in sorted(detections, key=lambda one: one.at_s):
        by_signal[detection.signal].append(detection)
    alerting = [fault for fault in truth.faults if fault.expected == "alert"]
    explained = {
        detection.id
        for fault in alerting
        for detection in _in_window(fault, by_signal, fault.first_s, fault.last_s + _grace_s(fault, within))
    }
    false_alarms = tuple(one for one in detections if one.id not in explained and truth.is_labelled)
    by_family: dict[str, int] = defaultdict(int)
    for alarm in false_alarms:
        by_family[families[alarm.signal]] += 1
    return Score(
        outcomes=tuple(_outcome(fault, by_signal, within) for fault in alerting),
        unwanted=tuple(fault for fault in truth.faults if fault.expected != "alert"),
        detections=tuple(detections),
        false_alarms=false_alarms,
        false_alarms_by_family=dict(by_family),
        within=within,
        is_labelled=truth.is_labelled,
    )


def _grace_s(fault: Fault, within: int) -> float:
    return within * fault.period_s


def _outcome(fault: Fault, by_signal: dict[str, list[Detection]], within: int) -> FaultOutcome:
    until_s = max(fault.last_s, fault.first_s + _grace_s(fault, within))
    found = _in_window(fault, by_signal, fault.first_s, until_s)
    return FaultOutcome(fault, min(found, key=lambda one: one.at_s, default=None))


def _in_window(
    fault: Fault, by_signal: dict[str, list[Detection]], from_s: float, until_s: float
) -> list[Detection]:
    # Timestamps of events are texts of whole microseconds: the first observation must not fall out by less.
    return [
        detection
        for signal in fault.signals
        for detection in _between(by_signal.get(signal, ()), from_s - 1e-5, until_s + 1e-5)
    ]


def _between(detections: Sequence[Detection], from_s: float, until_s: float) -> Sequence[Detection]:
    first = bisect_left(detections, from_s, key=lambda one: one.at_s)
    return detections[first : bisect_left(detections, until_s, key=lambda one: one.at_s)]


def _once(events: Iterable[ReceivedEvent]) -> list[Detection]:
    """The events as detections, repeats by id left out: the first receipt counts."""
    found: dict[str, Detection] = {}
    for event in events:
        detection = _detection(event)
        found.setdefault(detection.id, detection)
    return list(found.values())


def _detection(event: ReceivedEvent) -> Detection:
    detail = event.detail
    try:
        arrived_at = detail.get("arrived_at")
        return Detection(
            id=detail["id"],
            signal=detail["signal"],
            at_s=seconds_of(detail["timestamp"]),
            received_s=event.received_s,
            arrived_s=None if arrived_at is None else seconds_of(arrived_at),
            value=detail.get("value"),
            evidence=detail.get("evidence") or {},
        )
    except (KeyError, TypeError, ValueError, Unlearnable) as error:
        raise RunFolderIncomplete(
            f"an event has no readable {error}: {str(detail)[:200]}. Events of the pipeline have "
            "an id, a signal and a timestamp; remove the line"
        ) from None


@dataclass(frozen=True, slots=True)
class KindOfFault:
    """One kind of fault that should alert; delays are of those detected, None where none was."""

    kind: FaultKind
    injected: int
    detected: int
    missed: int
    delay_median_s: float | None
    delay_p90_s: float | None
    delay_median_observations: int | None
    delay_p90_observations: int | None


@dataclass(frozen=True, slots=True)
class KindOfDisturbance:
    """One kind that should not alert, and what should happen to its observations instead."""

    kind: FaultKind
    expected: Expected
    injected: int
    observations: int | None


@dataclass(frozen=True, slots=True)
class Kept:
    """Observations that should be skipped or quarantined, and how many were; None if not counted."""

    expected: Expected
    injected: int | None
    counted: int | None

    @property
    def agrees(self) -> bool | None:
        """Whether both are known and the same."""
        if self.injected is None or self.counted is None:
            return None
        return self.injected == self.counted


def kinds_of_faults(score: Score) -> list[KindOfFault]:
    """A line for each kind that should alert, as they first occur."""
    by_kind: dict[FaultKind, list[FaultOutcome]] = defaultdict(list)
    for outcome in score.outcomes:
        by_kind[outcome.fault.kind].append(outcome)
    return [_kind_of_fault(kind, outcomes) for kind, outcomes in by_kind.items()]


def kinds_of_disturbances(score: Score) -> list[KindOfDisturbance]:
    """A line for each kind that should not alert."""
    kinds = dict.fromkeys((fault.kind, fault.expected) for fault in score.unwanted)
    lines = []
    for kind, expected in kinds:
        faults = [fault for fault in score.unwanted if (fault.kind, fault.expected) == (kind, expected)]
        lines.append(KindOfDisturbance(kind, expected, len(faults), _observations(faults)))
    return lines


def kept(score: Score, run: RunSummary | None) -> list[Kept]:
    """How many observations should be skipped and quarantined, and how many the pipeline counted."""
    counted: dict[Expected, int | None] = {
        "skip": None if run is None else run.skipped,
        "quarantine": None if run is None else run.quarantined,
    }
    return [
        Kept(expected, _observations([one for one in score.unwanted if one.expected == expected]), count)
        for expected, count in counted.items()
    ]


def _observations(faults: Sequence[Fault]) -> int | None:
    counts = [fault.observations for fault in faults]
    return None if None in counts else sum(count for count in counts if count is not None)


def _kind_of_fault(kind: FaultKind, outcomes: Sequence[FaultOutcome]) -> KindOfFault:
    delays_s = [outcome.delay_s for outcome in outcomes if outcome.delay_s is not None]
    observations = [o.delay_observations for o in outcomes if o.delay_observations is not None]
    return KindOfFault(
        kind=kind,
        injected=len(outcomes),
        detected=len(delays_s),
        missed=len(outcomes) - len(delays_s),
        delay_median_s=quantile(delays_s, 0.5),
        delay_p90_s=quantile(delays_s, 0.9),
        delay_median_observations=_whole(quantile(observations, 0.5)),
        delay_p90_observations=_whole(quantile(observations, 0.9)),
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def quantile(values: Floats | Sequence[float], share: float) -> float | None:
    """The quantile of values in seconds, rounded to milliseconds; None if there are no values.

    >>> quantile(np.array([1.0, 2.0, 3.0]), 0.5)
    2.0
    """
    return round(float(np.quantile(values, share)), 3) if len(values) else None
