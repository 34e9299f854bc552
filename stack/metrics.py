"""The metrics of the alarms and the dashboard: the functions' own and those of AWS services."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from stack.alerting.alerts import Alerts

PERIOD = Duration.minutes(5)


def own(
    namespace: str,
    use_case: str,
    name: str,
    statistic: str = "Sum",
    period: Duration = PERIOD,
    label: str | None = None,
) -> cloudwatch.Metric:
    """A metric that the function of a use case emits, such as `Quarantined`."""
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map={"use_case": use_case},
        statistic=statistic,
        period=period,
        label=label,
    )


def of(
    service: str,
    name: str,
    statistic: str = "Sum",
    period: Duration = PERIOD,
    label: str | None = None,
    **dimensions: str,
) -> cloudwatch.Metric:
    """A metric of an AWS service: `of("Kinesis", "IncomingRecords", StreamName=stream)`."""
    return cloudwatch.Metric(
        namespace=f"AWS/{service}",
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=period,
        label=label,
    )


def math(expression: str, period: Duration, **metrics: cloudwatch.IMetric) -> cloudwatch.MathExpression:
    """A figure made of metrics, each by its name in the expression."""
    return cloudwatch.MathExpression(expression=expression, using_metrics=metrics, period=period)


def arrived(stream: str, period: Duration = PERIOD) -> cloudwatch.Metric:
    """How many records the stream accepted."""
    return of("Kinesis", "IncomingRecords", period=period, StreamName=stream)


def undelivered(alerts: Alerts) -> cloudwatch.Metric:
    """How many alerts wait because a target did not accept them."""
    queue = alerts.undelivered.queue_name
    return of("SQS", "ApproximateNumberOfMessagesVisible", "Maximum", QueueName=queue)
