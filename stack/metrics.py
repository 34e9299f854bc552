"""The metrics of the alarms and the dashboard: the functions' own and those of AWS services."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

PERIOD = Duration.minutes(5)


def own(
    namespace: str, use_case: str, name: str, statistic: str = "Sum", period: Duration = PERIOD
) -> cloudwatch.Metric:
    """A metric that the function of a use case emits, such as `Quarantined`."""
    return _metric(namespace, name, statistic, period, {"use_case": use_case})


def of(service: str, name: str, statistic: str = "Sum", **dimensions: str) -> cloudwatch.Metric:
    """A metric of an AWS service: `of("Kinesis", "IncomingRecords", StreamName=stream)`."""
    return _metric(f"AWS/{service}", name, statistic, PERIOD, dimensions)


def _metric(
    namespace: str, name: str, statistic: str, period: Duration, dimensions: dict[str, str]
) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=period,
    )
