"""The dashboard: is data arriving, is it learned, how late, and what is drifting?"""

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stack import metrics
from stack.alerts import Alerts
from stack.consumers import Consumer
from stack.ingest import Ingest

_WIDTH, _HEIGHT = 12, 6
_TROUBLES = ("Quarantined", "PagesFailed", "PagesUnreadable", "PagesOneByOne", "PageConflicts")


def dashboard(
    scope: Construct,
    namespace: str,
    ingest: Ingest,
    consumers: Mapping[str, Consumer],
    alerts: Alerts,
) -> cloudwatch.Dashboard:
    """Two columns of graphs, one row for each question."""
    stream = ingest.stream.stream_name

    def of_stream(name: str) -> list[cloudwatch.IMetric]:
        return [metrics.of("Kinesis", name, StreamName=stream)]

    def of_all(name: str, statistic: str = "Sum") -> list[cloudwatch.IMetric]:
        return [metrics.own(namespace, use_case, name, statistic) for use_case in consumers]

    board = cloudwatch.Dashboard(scope, "Dashboard", default_interval=Duration.hours(3))
    board.add_widgets(
        _graph("Is data arriving? Records on the stream", of_stream("IncomingRecords")),
        _graph("Does the stream take it? Refused records", of_stream("WriteProvisionedThroughputExceeded")),
    )
    board.add_widgets(
        _graph("Is it learned? Observations", of_all("ObservationsLearned")),
        _graph("What is not?", [metric for name in _TROUBLES for metric in of_all(name)]),
    )
    board.add_widgets(
        _graph("How late? Longest wait from arrival to learned, ms", of_all("ArrivalToLearned", "Maximum")),
        _graph(
            "How far behind is the reading? Iterator age, ms",
            [
                metrics.of("Lambda", "IteratorAge", "Maximum", FunctionName=consumer.function.function_name)
                for consumer in consumers.values()
            ],
        ),
    )
    board.add_widgets(
        _graph("Which clocks are wrong? Observations whose time is not believed", of_all("TimesNotBelieved")),
    )
    board.add_widgets(
        _graph("What is drifting? Events", of_all("EventsPublished")),
        cloudwatch.LogQueryWidget(
            title="What is drifting? Signals with the most events",
            log_group_names=[alerts.event_log.log_group_name],
            query_lines=[
                "fields detail.signal as signal, detail.use_case as use_case",
                "stats count(*) as events, latest(detail.value) as last_value by signal, use_case",
                "sort events desc",
                "limit 20",
            ],
            width=_WIDTH,
            height=_HEIGHT,
        ),
    )
    return board


def _graph(title: str, left: list[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=left, width=_WIDTH, height=_HEIGHT)
