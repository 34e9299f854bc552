"""Signals drawn with their faults and detections; misses and false alarms come first."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clients.downsample import Point, downsample
from producer_sim.report.charts import FALSE, FAULT, GRID, HIT, MUTED, Chart, layout_of
from producer_sim.report.formatting import seconds
from producer_sim.report.score import Detection, FaultOutcome
from producer_sim.report.summary import Outcome
from producer_sim.run_folder import Fault, SignalSeries

Standing = Literal["missed", "false alarm", "detected", "detected elsewhere", "alerts", "quiet"]

_DRAWN_MAX = 24
_STRETCHES = 350
_GAP = 10.0  # of the median step between two points: a longer step is a gap
_ORDER: tuple[Standing, ...] = (
    "missed",
    "false alarm",
    "detected",
    "detected elsewhere",
    "alerts",
    "quiet",
)


@dataclass(frozen=True, slots=True)
class SignalChart:
    """A signal's chart and the text above it."""

    name: str
    unit: str
    standing: Standing
    words: str
    chart: Chart


def signal_charts(outcome: Outcome) -> list[SignalChart]:
    """Draw some signals that have values: those with a miss, then with false alarms, then the others."""
    score = outcome.score
    faults: dict[str, list[FaultOutcome]] = defaultdict(list)
    for fault_outcome in score.outcomes:
        for signal in fault_outcome.fault.signals:
            faults[signal].append(fault_outcome)
    unwanted: dict[str, list[Fault]] = defaultdict(list)
    for fault in score.unwanted:
        for signal in fault.signals:
            unwanted[signal].append(fault)
    detections: dict[str, list[Detection]] = defaultdict(list)
    for detection in score.detections:
        detections[detection.signal].append(detection)
    false = {alarm.id for alarm in score.false_alarms}
    units = {signal.name: signal.unit for signal in outcome.truth.signals}
    standings = {
        one.signal: _standing(faults[one.signal], detections[one.signal], false) for one in outcome.series
    }
    ranked = sorted(outcome.series, key=lambda one: _ORDER.index(standings[one.signal]))
    return [
        SignalChart(
            name=series.signal,
            unit=units.get(series.signal, ""),
            standing=standings[series.signal],
            words=_words(faults[series.signal], detections[series.signal], false),
            chart=_chart(series, faults[series.signal], unwanted[series.signal], detections, false),
        )
        for series in ranked[:_DRAWN_MAX]
    ]


def _standing(faults: Sequence[FaultOutcome], detections: Sequence[Detection], false: set[str]) -> Standing:
    if any(outcome.detection is None for outcome in faults):
        return "missed"
    if any(detection.id in false for detection in detections):
        return "false alarm"
    if not faults:
        return "alerts" if detections else "quiet"  # without labels nobody knows what they are
    return "detected" if detections else "detected elsewhere"


def _words(faults: Sequence[FaultOutcome], detections: Sequence[Detection], false: set[str]) -> str:
    alarms = sum(detection.id in false for detection in detections)
    words = [f"{alarms} false alarm{'s' if alarms > 1 else ''}"] if alarms else []
    if len(faults) == 1:
        words.append(_words_of(faults[0]))
    elif faults:
        found = sum(outcome.detection is not None for outcome in faults)
        kinds = ", ".join(dict.fromkeys(outcome.fault.kind for outcome in faults))
        words.append(f"{kinds}: {found} of {len(faults)} detected")
    if not words and detections:
        words.append(f"{len(detections)} alert{'s' if len(detections) > 1 else ''}")
    return "; ".join(words) or "no fault, no alarm"


def _words_of(outcome: FaultOutcome) -> str:
    fault, delay = outcome.fault, outcome.delay_s
    size = "" if fault.size is None else f" of {fault.size:g} \N{GREEK SMALL LETTER SIGMA}"
    if delay is None:
        return f"{fault.kind}{size}: missed"
    return f"{fault.kind}{size}: after {seconds(delay)} ({outcome.delay_observations} obs.)"


def _chart(
    series: SignalSeries,
    faults: Sequence[FaultOutcome],
    unwanted: Sequence[Fault],
    detections: dict[str, list[Detection]],
    false: set[str],
) -> Chart:
    points = drawn_points(series)
    line = {
        "x": [round(at_s * 1000) for at_s, _ in points],
        "y": [value for _, value in points],
        "mode": "lines",
        "line": {"color": "#4d6b94", "width": 1},
        "hovertemplate": "%{y:.4g}<br>%{x|%d %b %H:%M:%S}<extra></extra>",
    }
    found = detections[series.signal]
    hits = [one for one in found if one.id not in false]
    alarms = [one for one in found if one.id in false]
    marks = [_marks(hits, HIT, "triangle-down", series), _marks(alarms, FALSE, "x", series)]
    spans = [_span(outcome.fault, FAULT, 0.34) for outcome in faults]
    spans += [_span(fault, MUTED, 0.16) for fault in unwanted]
    lines = [_at(one.at_s, FALSE if one.id in false else HIT) for one in found]
    axis = {"gridcolor": GRID, "zeroline": False, "automargin": True, "tickfont": {"size": 10}}
    layout = layout_of(170, 11) | {
        "margin": {"l": 44, "r": 10, "t": 6, "b": 26},
        "xaxis": axis | {"type": "date", "nticks": 4, "showgrid": False},
        "yaxis": axis | {"nticks": 4},
        "shapes": spans + lines,
        "showlegend": False,
    }
    return {"data": [line, *(mark for mark in marks if mark["x"])], "layout": layout}


def drawn_points(series: SignalSeries) -> list[Point]:
    """At most some 700 points; a time without observations is a gap too.

    >>> drawn_points(SignalSeries("a", [0.0, 1.0, 2.0, 60.0], [5.0, 6.0, 7.0, 8.0]))
    [(0.0, 5.0), (1.0, 6.0), (2.0, 7.0), (2.001, None), (60.0, 8.0)]
    """
    points = list(zip(series.timestamps_s, series.values, strict=True))
    together = -(-len(points) // _STRETCHES)
    points = downsample(points, together) if together > 2 else points
    if len(points) < 3:
        return points
    steps = np.diff([at_s for at_s, _ in points])
    gap_s = _GAP * float(np.median(steps))
    broken: list[Point] = []
    for point, step_s in zip(points, [*steps.tolist(), 0.0], strict=True):
        broken.append(point)
        if step_s > gap_s:
            broken.append((point[0] + 0.001, None))
    return broken


def _marks(found: Sequence[Detection], color: str, symbol: str, series: SignalSeries) -> dict[str, Any]:
    top = max((value for value in series.values if value is not None), default=0.0)
    return {
        "x": [round(one.at_s * 1000) for one in found],
        "y": [top] * len(found),
        "mode": "markers",
        "marker": {"color": color, "symbol": symbol, "size": 9, "line": {"color": "white", "width": 1}},
        "hovertemplate": "event<br>%{x|%d %b %H:%M:%S}<extra></extra>",
        "cliponaxis": False,
    }


def _span(fault: Fault, color: str, opacity: float) -> dict[str, Any]:
    place = {"xref": "x", "yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
    ends = {"x0": round(fault.first_s * 1000), "x1": round(fault.last_s * 1000)}
    line = {"color": color, "width": 2 if fault.last_s - fault.first_s <= fault.period_s else 0}
    return place | ends | {"type": "rect", "fillcolor": color, "opacity": opacity, "line": line}


def _at(at_s: float, color: str) -> dict[str, Any]:
    ends = {"x0": round(at_s * 1000), "x1": round(at_s * 1000), "y0": 0, "y1": 1}
    return ends | {"type": "line", "xref": "x", "yref": "paper", "line": {"color": color, "width": 1.2}}
