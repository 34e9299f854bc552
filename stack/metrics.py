"""The metrics of the alarms and the dashboard: the functions' own and those of AWS services."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

PERIOD = Duration.minutes(5)


def own(
    namespace: str, use_case: str, name: str, statistic: str = "Sum", period: Duration = PERIOD
) -> cloudwatch.Metric:
    """A metric that the function of a use case emits, such as `Quarantined`."""
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map={"use_case": use_case},
        statistic=statistic,
        period=period,
    )


def of(service: str, name: str, statistic: str = "Sum", **dimensions: str) -> cloudwatch.Metric:
    """A metric of an AWS service: `of("Kinesis", "IncomingRecords", StreamName=stream)`."""
    return cloudwatch.Metric(
        namespace=f"AWS/{service}",
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=PERIOD,
    )
