"""One HTML file that shows a run: it opens without network, and sends nothing.

What users named (signals, evidence, configuration) is text: the template escapes it and what is not printable
in it, the charts' JSON has no `<`, and the page's policy lets only the two scripts run whose digests it has.
"""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import rich.filesize
from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]  # plotly ships no types

from clients.terminal import printable_lines
from producer_sim.report import charts, formatting
from producer_sim.report.mistakes import MISTAKES_MAX, mistakes
from producer_sim.report.score import (
    WITHIN_OBSERVATIONS,
    kept,
    kinds_of_disturbances,
    kinds_of_faults,
    quantile,
)
from producer_sim.report.signal_charts import signal_charts
from producer_sim.report.summary import Outcome, read_outcome
from producer_sim.report.verdict import LEGEND, verdict
from producer_sim.run_folder import RunFolder

_FOLDER = Path(__file__).parent


def write_report(folder: RunFolder, out: Path | None = None, within: int = WITHIN_OBSERVATIONS) -> Path:
    """Write the report of a run, `report.html` in its folder by default, and return its path.

    Raises:
        RunFolderIncomplete: A file of the run is missing, or cannot be read.
        OSError: The report cannot be written.
    """
    path = folder.path / "report.html" if out is None else out
    page = render_report(read_outcome(folder, within))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def render_report(outcome: Outcome) -> str:
    """The whole page; parts without observations say so."""
    signals = signal_charts(outcome)
    drawn = {
        "throughput": charts.throughput_and_lag(outcome.samples, outcome.lag, outcome.run.started_s),
        "latency": charts.latency(outcome.alerts),
    } | {f"signal-{number}": signal.chart for number, signal in enumerate(signals)}
    plotly_js, draw_js = get_plotlyjs(), (_FOLDER / "report.js").read_text()
    found = mistakes(outcome)
    return _template().render(
        run=outcome.run,
        verdict=verdict(outcome),
        legend=LEGEND,
        charts={name: chart for name, chart in drawn.items() if chart is not None},
        signals=signals,
        signals_total=len(outcome.series),
        kinds=kinds_of_faults(outcome.score),
        disturbances=kinds_of_disturbances(outcome.score),
        kept=[line for line in kept(outcome.score, outcome.run) if line.injected or line.counted],
        waits=_waits(outcome),
        lag={share: outcome.lag.quantile_s(share) for share in (0.5, 0.99)},
        mistakes=found[:MISTAKES_MAX],
        is_labelled=outcome.score.is_labelled,
        mistakes_left=len(found) - MISTAKES_MAX,
        configuration=_flat(outcome.run.configuration),
        largest_shard=max((shard.records for shard in outcome.run.shards), default=0),
        plotly_js=plotly_js,
        draw_js=draw_js,
        script_digests=[_digest(plotly_js), _digest(draw_js)],
    )


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        finalize=lambda shown: printable_lines(shown) if type(shown) is str else shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": formatting.count,
        "seconds": formatting.seconds,
        "moment": formatting.moment,
        "size": rich.filesize.decimal,
    }
    return environment.get_template("report.html.j2")


def _waits(outcome: Outcome) -> list[tuple[str, list[float | None]]]:
    """Waits for an alert at p50, p95 and p99; a replayed observation's time is not when it was due."""
    rows = [("record on the stream to alert", outcome.alerts.put_to_alert_s)]
    if outcome.run.configuration.get("timestamps") not in ("recorded", "ahead"):
        rows.append(("observation due to alert", outcome.alerts.due_to_alert_s))
    return [
        (name, [quantile(values, share) for share in (0.5, 0.95, 0.99)])
        for name, values in rows
        if len(values)
    ]


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _flat(configuration: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """Nested settings as lines: `{"a": {"b": 1}}` is `a.b`."""
    lines: dict[str, str] = {}
    for name, value in configuration.items():
        if isinstance(value, Mapping) and value:
            lines |= _flat(value, f"{above}{name}.")
        elif isinstance(value, list | tuple):
            lines[f"{above}{name}"] = ", ".join(map(str, value)) or "none"
        else:
            lines[f"{above}{name}"] = "none" if value is None else str(value)
    return lines
