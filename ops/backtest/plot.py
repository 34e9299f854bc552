"""A backtest as one HTML file that opens without a network: values, scores, events and labels."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import plotly.graph_objects as go  # type: ignore[import-untyped]  # plotly ships no types
from plotly.subplots import make_subplots  # type: ignore[import-untyped]

from clients.terminal import printable
from ops.backtest.backtest import Part

Window = tuple[float, float]
"""First and last second of what somebody labelled."""

_POINTS_MAX = 20_000  # per line: more makes browsers slow


def write_plot(
    out: Path, title: str, signals: Sequence[str], parts: Sequence[Part], windows: Sequence[Window]
) -> None:
    """Draw all parts of a backtest into `out`; long lines are downsampled, events are not."""
    rows = [row for part in parts for row in part.rows]
    scored = [one for part in parts for one in part.scored]
    step = max(1, -(-len(rows) // _POINTS_MAX))
    times = [_time(at_s) for at_s, _ in rows[::step]]
    figure = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.75, 0.25], vertical_spacing=0.04)
    for number, signal in enumerate(signals):
        line = [values[number] for _, values in rows[::step]]
        figure.add_trace(go.Scattergl(x=times, y=line, name=_text(signal), mode="lines"), row=1, col=1)
    events = [detail for part in parts for detail in part.events]
    shown: dict[str, Any] = {
        "x": [detail["timestamp"] for detail in events],
        "y": [detail["value"] for detail in events],
        "text": [_text(detail["headline"]) for detail in events],
    }
    marker = {"color": "crimson", "size": 9, "symbol": "triangle-up"}
    figure.add_trace(go.Scattergl(**shown, name="events", mode="markers", marker=marker), row=1, col=1)
    # Of neighbours the highest score: a peak must not vanish.
    peaks = [max(score for _, score in scored[at : at + step]) for at in range(0, len(scored), step)]
    figure.add_trace(go.Scattergl(x=times, y=peaks, name="score", line={"color": "gray"}), row=2, col=1)
    for first_s, last_s in windows:
        figure.add_vrect(x0=_time(first_s), x1=_time(last_s), fillcolor="orange", opacity=0.2, line_width=0)
    figure.update_yaxes(title_text="score", range=[0, 1.02], row=2, col=1)
    figure.update_layout(title=_text(title), template="plotly_white", hovermode="x")
    figure.write_html(out, include_plotlyjs=True)


def _text(text: str) -> str:
    """What somebody named, as text: Plotly takes it for HTML."""
    return escape(printable(text))


def _time(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
