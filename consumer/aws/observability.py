"""Structured logs, metrics and traces. No log line holds a payload, no metric a signal's name."""

import json
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from aws_lambda_powertools import Logger, Tracer

from consumer.learning.outcome import InvocationReport

_PROBLEMS_LOGGED_MAX = 20

logger = Logger(service="river-consumer")
# Lambda sets the X-Ray daemon's address if it traces; without it there is nowhere to send to. With the tracer
# comes X-Ray's SDK, which outside Lambda makes clients that take a fifth of all memory.
tracer = (
    Tracer(service="river-consumer", auto_patch=False) if "AWS_XRAY_DAEMON_ADDRESS" in os.environ else None
)

# Metric -> the report's count. All are sent every time: an alarm must see zeros too.
_COUNTS = {
    "Records": "records",
    "ObservationsLearned": "observations_learned",
    "Redelivered": "redelivered",
    "BadQuality": "skipped",
    "PausedByCalendar": "paused",
    "OutsideModes": "outside_modes",
    "ModeUnknown": "mode_unknown",
    "ModesForgotten": "modes_forgotten",
    "Uncertain": "uncertain",
    "TimesNotBelieved": "times_not_believed",
    "Quarantined": "quarantined",
    "EventsPublished": "events_published",
    "PagesCommitted": "pages_committed",
    "PageConflicts": "page_conflicts",
    "PagesFailed": "pages_failed",
    "PagesUnreadable": "pages_unreadable",
    "PagesOneByOne": "pages_one_by_one",
    "ModelsCreated": "models_created",
    "SignalsRefused": "signals_refused",
    "SignalsOnSeveralShards": "signals_on_several_shards",
}


def traced(part: str) -> AbstractContextManager[Any]:
    """Trace what is done within, as a part of the invocation, if Lambda traces it."""
    return nullcontext() if tracer is None else tracer.provider.in_subsegment(part)


def _metrics_line(
    metrics: Mapping[str, tuple[str, float]], namespace: str, use_case: str, now_s: float
) -> str:
    """The metrics, each with its unit, as CloudWatch reads them out of a log: its embedded metric format.

    Powertools writes the same line, but looks each metric over in seven steps, which would be a twentieth of
    what an invocation of few records costs.
    """
    directive = {
        "Namespace": namespace,
        "Dimensions": [["use_case"]],
        "Metrics": [{"Name": name, "Unit": unit} for name, (unit, _) in metrics.items()],
    }
    values = {name: [float(value)] for name, (_, value) in metrics.items()}
    described = {"Timestamp": int(now_s * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": described, "use_case": use_case, **values}, separators=(",", ":"))


def emit(report: InvocationReport, namespace: str, use_case: str, now_s: float) -> None:
    """Log the invocation's report, and send its metrics with the use case as their only dimension."""
    counts = ((name, report.counts[count]) for name, count in _COUNTS.items())
    metrics: dict[str, tuple[str, float]] = {name: ("Count", count) for name, count in counts}
    if report.page_bytes:
        metrics["PageBytes"] = "Bytes", max(report.page_bytes)
    if report.oldest_arrived_s is not None:
        metrics["ArrivalToLearned"] = "Milliseconds", max(0.0, now_s - report.oldest_arrived_s) * 1000.0
    # Not by way of the logger: CloudWatch reads a metric only where it is the whole line.
    print(_metrics_line(metrics, namespace, use_case, now_s))
    logger.info("batch done", extra={"use_case": use_case, **report.counts, "failed": report.failed})
    if report.problems:
        logger.warning(
            "not everything could be done",
            extra={
                "problems": report.problems[:_PROBLEMS_LOGGED_MAX],
                "problems_count": len(report.problems),
            },
        )
