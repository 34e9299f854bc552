"""Missed faults and false alarms, one a line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from producer_sim.report.formatting import moment, seconds
from producer_sim.report.score import Detection
from producer_sim.report.summary import Outcome
from producer_sim.run_folder import Fault

MISTAKES_MAX = 200
_EVIDENCE_CHARACTERS = 240


@dataclass(frozen=True, slots=True)
class Mistake:
    """A line of the table; all texts are plain and may hold anything that a name may hold."""

    what: Literal["missed", "false alarm"]
    signal: str
    kind: str
    when: str
    size: str
    evidence: str


def mistakes(outcome: Outcome) -> list[Mistake]:
    """All of them, missed faults first, each in order of time; none if the pipeline was not observed."""
    if not outcome.is_observed:
        return []
    score = outcome.score
    missed = sorted(
        (one.fault for one in score.outcomes if one.detection is None), key=lambda fault: fault.first_s
    )
    alarms = sorted(score.false_alarms, key=lambda alarm: alarm.at_s)
    families = {signal.name: signal.family for signal in outcome.truth.signals}
    return [_missed(fault, score.within) for fault in missed] + [
        _false_alarm(alarm, families[alarm.signal]) for alarm in alarms
    ]


def _missed(fault: Fault, within: int) -> Mistake:
    first, *others = fault.signals
    return Mistake(
        what="missed",
        signal=f"{first} and {len(others)} more" if others else first,
        kind=fault.kind,
        when=f"{moment(fault.first_s)}, for {seconds(fault.last_s - fault.first_s + fault.period_s)}",
        size="-" if fault.size is None else f"{fault.size:g} \N{GREEK SMALL LETTER SIGMA}",
        evidence=f"no event in {within} observations",
    )


def _false_alarm(alarm: Detection, family: str) -> Mistake:
    return Mistake(
        what="false alarm",
        signal=alarm.signal,
        kind=family,
        when=moment(alarm.at_s),
        size="-" if alarm.value is None else f"value {alarm.value:.6g}",
        evidence=_evidence(alarm.evidence),
    )


def _evidence(evidence: Mapping[str, Any]) -> str:
    texts = [
        f"{name.replace('_', ' ')} {format(value, '.5g') if isinstance(value, float) else value}"
        for name, value in evidence.items()
    ]
    text = ", ".join(texts) or "-"
    return text if len(text) <= _EVIDENCE_CHARACTERS else f"{text[:_EVIDENCE_CHARACTERS]}…"
