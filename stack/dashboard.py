"""The dashboard: what is wrong, is data arriving, is it learned, how late, and what is drifting?"""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stack import metrics
from stack.alerting.alerts import Alerts
from stack.consumers import Consumer
from stack.ingest import Ingest

_WIDTH, _HEIGHT = 12, 6
_TROUBLES = ("Quarantined", "PagesFailed", "PagesUnreadable", "PagesOneByOne", "PageConflicts")
_SENSOR_FAULT = '`detail-type` in ["Sensor Fault", "Signals Silent"]'


def dashboard(
    scope: Construct,
    namespace: str,
    ingest: Ingest,
    consumers: Mapping[str, Consumer],
    alerts: Alerts,
    alarms: Sequence[cloudwatch.IAlarm],
) -> cloudwatch.Dashboard:
    """The alarms; then two columns of graphs, one row for each question."""
    stream = ingest.stream.stream_name

    def of_stream(name: str) -> list[cloudwatch.IMetric]:
        return [metrics.of("Kinesis", name, StreamName=stream)]

    def of_all(*names: str, statistic: str = "Sum") -> list[cloudwatch.IMetric]:
        """Each use case's own metrics; a line is the use case's where there is one of each."""
        return [
            metrics.own(namespace, use_case, name, statistic, label=_line(use_case, name, names))
            for name in names
            for use_case in consumers
        ]

    def of_functions(*names: str, statistic: str = "Sum") -> list[cloudwatch.IMetric]:
        return [
            metrics.of(
                "Lambda",
                name,
                statistic,
                label=_line(use_case, name, names),
                FunctionName=consumer.function.function_name,
            )
            for name in names
            for use_case, consumer in consumers.items()
        ]

    def events(title: str, condition: str) -> cloudwatch.LogQueryWidget:
        return cloudwatch.LogQueryWidget(
            title=title,
            log_group_names=[alerts.event_log.log_group_name],
            query_lines=[
                "fields detail.signal as signal, detail.use_case as use_case, detail.evidence.fault as fault",
                f"filter {condition}",
                "stats count(*) as events, latest(detail.value) as last_value by signal, use_case, fault",
                "sort events desc",
                "limit 20",
            ],
            width=_WIDTH,
            height=_HEIGHT,
        )

    board = cloudwatch.Dashboard(scope, "Dashboard", default_interval=Duration.hours(3))
    board.add_widgets(
        cloudwatch.AlarmStatusWidget(
            title="What needs a person? Alarms", alarms=list(alarms), width=2 * _WIDTH, height=_HEIGHT
        )
    )
    if not ingest.stream_is_elsewhere:
        board.add_widgets(
            _graph("Is data arriving? Records on the stream", of_stream("IncomingRecords")),
            _graph(
                "Does the stream take it? Refused records", of_stream("WriteProvisionedThroughputExceeded")
            ),
        )
    board.add_widgets(
        _graph("Which use case stopped? Records that came to each", of_all("Records")),
        _graph("Do functions fail? Errors and throttles", of_functions("Errors", "Throttles")),
    )
    board.add_widgets(
        _graph("Is it learned? Observations", of_all("ObservationsLearned")),
        _graph("What is not?", of_all(*_TROUBLES)),
    )
    board.add_widgets(
        _graph(
            "How late? Longest wait from arrival to learned, ms",
            of_all("ArrivalToLearned", statistic="Maximum"),
        ),
        _graph(
            "How far behind is the reading? Iterator age, ms",
            of_functions("IteratorAge", statistic="Maximum"),
        ),
    )
    board.add_widgets(
        _graph("Which clocks are wrong? Observations whose time is not believed", of_all("TimesNotBelieved")),
        _graph("Do alerts arrive? Those that a target did not accept", [metrics.undelivered(alerts)]),
    )
    board.add_widgets(
        _graph("What is drifting? Events", of_all("EventsPublished")),
    )
    board.add_widgets(
        events("What is drifting? Signals with the most events", f"not ({_SENSOR_FAULT})"),
        events("Which sensors are faulty? Signals with the most faults", _SENSOR_FAULT),
    )
    return board


def _line(use_case: str, name: str, names: Sequence[str]) -> str:
    """What a line is called: by the use case alone where its graph has one line of each."""
    return use_case if len(names) == 1 else f"{name} {use_case}"


def _graph(title: str, left: list[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=left, width=_WIDTH, height=_HEIGHT)
