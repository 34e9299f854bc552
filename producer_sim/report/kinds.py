"""The score by kind of fault, as tables show it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from producer_sim.report.score import FaultOutcome, Score
from producer_sim.run_folder import Expected, Fault, FaultKind, RunSummary


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
    """One kind that should not alert: what should become of its observations instead."""

    kind: FaultKind
    expected: Expected
    injected: int
    observations: int | None


@dataclass(frozen=True, slots=True)
class Kept:
    """Observations that should be skipped, or quarantined, and how many were; None: nobody counted."""

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
    """A line for each kind that should alert."""
    return [_kind_of_fault(kind, score.of_kind(kind)) for kind in score.kinds]


def kinds_of_disturbances(score: Score) -> list[KindOfDisturbance]:
    """A line for each kind that should not alert."""
    kinds = dict.fromkeys((fault.kind, fault.expected) for fault in score.unwanted)
    lines = []
    for kind, expected in kinds:
        faults = [fault for fault in score.unwanted if (fault.kind, fault.expected) == (kind, expected)]
        lines.append(KindOfDisturbance(kind, expected, len(faults), _observations(faults)))
    return lines


def kept(score: Score, run: RunSummary | None) -> list[Kept]:
    """What should be skipped and quarantined in all, beside what the pipeline counted."""
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
    seconds = [outcome.delay_s for outcome in outcomes if outcome.delay_s is not None]
    observations = [o.delay_observations for o in outcomes if o.delay_observations is not None]
    return KindOfFault(
        kind=kind,
        injected=len(outcomes),
        detected=len(seconds),
        missed=len(outcomes) - len(seconds),
        delay_median_s=_quantile(seconds, 0.5),
        delay_p90_s=_quantile(seconds, 0.9),
        delay_median_observations=_whole(_quantile(observations, 0.5)),
        delay_p90_observations=_whole(_quantile(observations, 0.9)),
    )


def _quantile(values: Sequence[float], share: float) -> float | None:
    return round(float(np.quantile(values, share)), 3) if values else None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
