"""A run in ten seconds: one sentence and five figures, each with a level."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from producer_sim.report.formatting import seconds
from producer_sim.report.score import quantile
from producer_sim.report.summary import Outcome

Level = Literal["good", "fair", "bad", "plain"]

RATE_HELD = 0.98
RATE_FAIR = 0.90
DETECTED_GOOD = 0.90
DETECTED_FAIR = 0.60
FALSE_GOOD = 0.10
FALSE_FAIR = 0.50

LEGEND = (
    f"Green: at least {RATE_HELD:.0%} of the rate; nothing lost; at least {DETECTED_GOOD:.0%} of the faults "
    f"detected; at most {FALSE_GOOD:.0%} of the events false. "
    f"Amber: {RATE_FAIR:.0%}, {DETECTED_FAIR:.0%}, {FALSE_FAIR:.0%}. Grey is not rated."
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the verdict; `phrase` is its part of the sentence, empty if it has none."""

    label: str
    value: str
    note: str
    level: Level
    phrase: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The worst level of all figures, the sentence, and the figures."""

    level: Level
    sentence: str
    figures: tuple[Figure, ...]


def verdict(outcome: Outcome) -> Verdict:
    """Rate a run by what was observed; what was not observed is unknown, not good."""
    figures = (
        _rate(outcome),
        _lost(outcome),
        _detected(outcome),
        _false_alarms(outcome),
        _time_to_alert(outcome),
    )
    phrases = [figure.phrase for figure in figures if figure.phrase]
    if outcome.run.interrupted:
        phrases.insert(0, "was interrupted")
    return Verdict(_worst(figures, outcome.run.interrupted), _sentence(phrases), figures)


def _sentence(phrases: Sequence[str]) -> str:
    if not phrases:
        return "The records were sent; the pipeline was not observed."
    *first, last = phrases
    text = f"{', '.join(first)} and {last}" if first else last
    return f"{text[0].upper()}{text[1:]}."


def _worst(figures: Sequence[Figure], interrupted: bool) -> Level:
    levels = {figure.level for figure in figures} | ({"fair"} if interrupted else set())
    order: tuple[Level, ...] = ("bad", "fair", "good")
    return next((level for level in order if level in levels), "plain")


def _rate(outcome: Outcome) -> Figure:
    achieved, target = outcome.run.rate_achieved, outcome.run.rate_target
    value = f"{achieved:,.0f}/s" if achieved >= 10 else f"{achieved:,.1f}/s"
    if not target:
        return Figure("Rate", value, "observations a second; no target was set", "plain")
    share = achieved / target
    note = f"{share:.1%} of {target:,.0f} observations a second"
    if share >= RATE_HELD:
        return Figure("Rate held", value, note, "good", f"held {target:,.0f} observations a second")
    phrase = f"reached {share:.0%} of {target:,.0f} observations a second"
    return Figure("Rate missed", value, note, "fair" if share >= RATE_FAIR else "bad", phrase)


def _lost(outcome: Outcome) -> Figure:
    lost, sent = outcome.run.lost, outcome.run.observations_sent
    note = f"of {sent:,} observations sent"
    if lost is None:
        return Figure("Lost", "unknown", f"learned observations were not counted, {note}", "plain")
    if lost < 0:
        phrase = f"counted {-lost:,} observations more than were sent"
        return Figure("Lost", f"{-lost:,} too many", f"counted beyond the {sent:,} sent", "bad", phrase)
    if lost:
        return Figure("Lost", f"{lost:,}", note, "bad", f"lost {lost:,} observations")
    return Figure("Lost", "0", note, "good", "lost nothing")


def _detected(outcome: Outcome) -> Figure:
    score = outcome.score
    total = len(score.outcomes)
    if not total:
        return Figure(
            "Faults detected", "none", "nothing was injected or labelled that should alert", "plain"
        )
    if not outcome.is_observed:
        return Figure("Faults detected", "unknown", f"not observed; {total:,} were injected", "plain")
    share = score.detected / total
    level: Level = "good" if share >= DETECTED_GOOD else "fair" if share >= DETECTED_FAIR else "bad"
    missed = f"{score.missed:,} missed" if score.missed else "none missed"
    noun = "labelled changes" if outcome.run.command == "replay" else "faults"
    value = f"{score.detected:,} of {total:,}"
    phrase = f"detected {value} {noun}"
    return Figure(
        f"{noun.capitalize()} detected", value, f"{missed}, within {score.within} observations", level, phrase
    )


def _false_alarms(outcome: Outcome) -> Figure:
    score = outcome.score
    count, events = len(score.false_alarms), len(score.detections)
    if not outcome.truth.signals:
        return Figure("False alarms", "unknown", "the run has no list of its signals", "plain")
    if not outcome.is_observed:
        return Figure("False alarms", "unknown", "not observed", "plain")
    if not score.is_labelled:
        note = "without labels, nobody can say which are false"
        return Figure("Alerts", f"{events:,}", note, "plain", f"raised {events:,} alerts" if events else "")
    if not events:
        return Figure("False alarms", "0", "no event was received", "plain")
    share = count / events
    level: Level = "good" if share <= FALSE_GOOD else "fair" if share <= FALSE_FAIR else "bad"
    alarms = "alarm" if count == 1 else "alarms"
    phrase = f"raised {count:,} false {alarms}" if count else ""
    return Figure("False alarms", f"{count:,}", f"of {events:,} events", level, phrase)


def _time_to_alert(outcome: Outcome) -> Figure:
    waits = outcome.alerts.put_to_alert_s
    median, p99 = quantile(waits, 0.5), quantile(waits, 0.99)
    if median is None or p99 is None:
        return Figure("Put to alert", "unknown", "no alert was received", "plain")
    note = f"median of {len(waits):,} alerts; p99 {seconds(p99)}"
    return Figure("Put to alert", seconds(median), note, "plain")
