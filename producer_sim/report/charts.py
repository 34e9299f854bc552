"""The charts of a run as plotly.js takes them: dictionaries of `data` and `layout`.

No text from users gets into a chart, because plotly interprets some HTML. Names are in the page beside it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from producer_sim.report.formatting import seconds
from producer_sim.report.latency import AlertLatency, Lag
from producer_sim.report.score import Floats, quantile
from producer_sim.run_folder import Sample

Chart = dict[str, Any]

INK, MUTED, GRID = "#1d2733", "#66727f", "#e6eaee"
DUE, ACKNOWLEDGED, LEARNED, LAG = "#c9d1d9", "#2f6fde", "#0f8a6d", "#8a4fc7"
HIT, FALSE, FAULT = "#0f8a6d", "#d1342f", "#f2b84b"

_POINTS_MAX = 600
_SECONDS_MAX = 240
_BINS = 36


def throughput_and_lag(samples: Sequence[Sample], lag: Lag, started_s: float) -> Chart | None:
    """Observations a second that were due, acknowledged and learned, and below it their lag."""
    samples = [sample for sample in samples if sample.at_s > started_s]
    if len(samples) < 2:
        return None
    step = max(1, -(-len(samples) // _SECONDS_MAX))
    thinned = [*samples[:-1:step], samples[-1]]
    at_s = np.array([started_s, *(sample.at_s for sample in thinned)])
    settled = [sample.learned + sample.skipped + sample.quarantined for sample in thinned]
    due = _trace(at_s, [sample.due for sample in thinned], "due", DUE, 6)
    acknowledged = _trace(
        at_s, [sample.acknowledged for sample in thinned], "acknowledged", ACKNOWLEDGED, 1.6
    )
    learned = _trace(at_s, settled, "learned, skipped or quarantined", LEARNED, 1.6)
    chosen = slice(None, None, max(1, len(lag.due_s) // _POINTS_MAX))
    late = {
        "x": _rounded(lag.due_s[chosen] - started_s, 2),
        "y": _rounded(lag.lag_s[chosen], 3),
        "yaxis": "y2",
        "name": "lag",
        "mode": "lines",
        "line": {"color": LAG, "width": 1.6},
        "fill": "tozeroy",
        "fillcolor": "rgba(138,79,199,.12)",
        "hovertemplate": "%{y:.2f} s from due to learned<extra></extra>",
        "showlegend": False,
    }
    layout = layout_of(460) | {
        "xaxis": _axis("seconds since the start") | {"anchor": "y2", "hoverformat": ".1f"},
        "yaxis": _axis("observations a second") | {"domain": [0.45, 1], "rangemode": "tozero"},
        "yaxis2": _axis("lag, seconds") | {"domain": [0, 0.33], "rangemode": "tozero"},
        "legend": {"orientation": "h", "x": 0, "y": 1.1, "yanchor": "bottom"},
        "hovermode": "x unified",
    }
    for share in (0.5, 0.99):
        value = lag.quantile_s(share)
        if value is not None:
            _mark_level(layout, value, f"p{share * 100:.0f} {seconds(value)}")
    return {"data": [due, learned, acknowledged, late], "layout": layout}


def latency(alerts: AlertLatency) -> Chart | None:
    """How the waits from put to alert are distributed: counts, and the share received by then."""
    waits = np.sort(alerts.put_to_alert_s)
    if not len(waits):
        return None
    bins = min(_BINS, max(8, len(waits) // 2))
    counts, edges = np.histogram(waits, bins=bins, range=(0.0, max(float(waits[-1]), 0.1) * 1.02))
    bars = {
        "type": "bar",
        "x": _rounded((edges[:-1] + edges[1:]) / 2, 4),
        "y": counts.tolist(),
        "width": float(edges[1] - edges[0]) * 0.92,
        "marker": {"color": "#b9cff6"},
        "name": "alerts",
        "hovertemplate": "%{y} alerts near %{x:.2f} s<extra></extra>",
    }
    ranks = np.unique(np.linspace(0, len(waits) - 1, min(len(waits), _POINTS_MAX)).astype(int))
    curve = {
        "x": _rounded(waits[ranks], 3),
        "y": _rounded((ranks + 1) / len(waits) * 100, 2),
        "yaxis": "y2",
        "mode": "lines",
        "line": {"color": ACKNOWLEDGED, "width": 2, "shape": "hv"},
        "name": "share of alerts received",
        "hovertemplate": "%{y:.1f}% within %{x:.2f} s<extra></extra>",
    }
    layout = layout_of(330) | {
        "xaxis": _axis("seconds from put to alert") | {"range": [0, float(edges[-1])]},
        "yaxis": _axis("alerts"),
        "yaxis2": _axis("alerts received")
        | {"overlaying": "y", "side": "right", "range": [0, 104], "tickvals": [0, 50, 100]}
        | {"ticktext": ["0%", "50%", "100%"], "showgrid": False},
        "legend": {"orientation": "h", "x": 0, "y": 1.28, "yanchor": "bottom"},
        "bargap": 0,
    }
    for height, share in zip((1.04, 1.14, 1.24), (0.5, 0.95, 0.99), strict=True):
        value = quantile(waits, share)
        if value is not None:
            _mark_wait(layout, value, f"p{share * 100:.0f} {seconds(value)}", height)
    layout["margin"] |= {"t": 92, "r": 64}
    return {"data": [bars, curve], "layout": layout}


def _trace(at_s: Floats, counts: Sequence[int], name: str, color: str, width: float) -> Chart:
    """A cumulative curve as its rise in each second."""
    rises = np.diff(np.array([0, *counts], dtype=np.float64))
    lasted = np.maximum(np.diff(at_s), 1e-3)
    return {
        "x": _rounded(at_s[1:] - at_s[0], 2),
        "y": _rounded(rises / lasted, 1),
        "name": name,
        "mode": "lines",
        "line": {"color": color, "width": width},
        "hovertemplate": "%{y:,.0f}/s",
    }


def _mark_level(layout: Chart, value: float, text: str) -> None:
    line = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y2", "y0": value, "y1": value}
    layout["shapes"].append(line | {"line": {"color": LAG, "width": 1, "dash": "dot"}})
    place = {"xref": "paper", "x": 1, "yref": "y2", "y": value, "xanchor": "left", "showarrow": False}
    layout["annotations"].append(place | {"text": text, "font": {"color": LAG, "size": 11}})


def _mark_wait(layout: Chart, value: float, text: str, height: float) -> None:
    line = {"type": "line", "xref": "x", "x0": value, "x1": value, "yref": "paper", "y0": 0, "y1": height}
    layout["shapes"].append(line | {"line": {"color": INK, "width": 1, "dash": "dot"}})
    anchor = "left" if value < 0.15 * layout["xaxis"]["range"][1] else "right"
    place = {"xref": "x", "x": value, "yref": "paper", "y": height, "xanchor": anchor, "showarrow": False}
    layout["annotations"].append(place | {"text": f" {text} ", "font": {"color": INK, "size": 12}})


def layout_of(height: int, font_size: int = 12) -> Chart:
    """What all charts share."""
    return {
        "height": height,
        "margin": {"l": 64, "r": 84, "t": 40, "b": 48},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": font_size, "color": INK},
        "shapes": [],
        "annotations": [],
    }


def _axis(title: str) -> Chart:
    words = {"text": title, "font": {"color": MUTED, "size": 12}}
    return {"title": words, "gridcolor": GRID, "zeroline": False, "automargin": True, "fixedrange": False}


def _rounded(values: Floats, digits: int) -> list[float]:
    return [round(value, digits) for value in values.tolist()]
