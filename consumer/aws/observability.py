"""Structured logs, metrics and traces. No log line holds a payload, no metric a signal's name."""

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

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


def emit(report: InvocationReport, namespace: str, use_case: str, now_s: float) -> None:
    """Log the invocation's report, and send its metrics with the use case as their only dimension."""
    # A service's name, even one from the environment, would be a second dimension.
    metrics = EphemeralMetrics(namespace=namespace, service="", default_dimensions={"use_case": use_case})
    for name, count in _COUNTS.items():
        metrics.add_metric(name, MetricUnit.Count, report.counts[count])
    if report.page_bytes:
        metrics.add_metric("PageBytes", MetricUnit.Bytes, max(report.page_bytes))
    if report.oldest_arrived_s is not None:
        lag_ms = max(0.0, now_s - report.oldest_arrived_s) * 1000.0
        metrics.add_metric("ArrivalToLearned", MetricUnit.Milliseconds, lag_ms)
    metrics.flush_metrics()
    logger.info("batch done", extra={"use_case": use_case, **report.counts, "failed": report.failed})
    if report.problems:
        logger.warning(
            "not everything could be done",
            extra={
                "problems": report.problems[:_PROBLEMS_LOGGED_MAX],
                "problems_count": len(report.problems),
            },
        )
