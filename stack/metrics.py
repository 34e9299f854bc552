"""The metrics that alarms and the dashboard show: the functions' own, and those of services around them."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

_PERIOD = Duration.minutes(5)


def own(
    namespace: str, use_case: str, name: str, statistic: str = "Sum", period: Duration = _PERIOD
) -> cloudwatch.Metric:
    """A metric that the function of a use case sends, such as `Quarantined`."""
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map={"use_case": use_case},
        statistic=statistic,
        period=period,
    )


def of_mapping(mapping_id: str, name: str) -> cloudwatch.Metric:
    """A metric of an event source mapping, such as `DroppedEventCount`."""
    return cloudwatch.Metric(
        namespace="AWS/Lambda",
        metric_name=name,
        dimensions_map={"EventSourceMappingUUID": mapping_id},
        statistic="Sum",
        period=_PERIOD,
    )


def of_function(function_name: str, name: str, statistic: str = "Sum") -> cloudwatch.Metric:
    """A metric of a function, all its versions together."""
    return cloudwatch.Metric(
        namespace="AWS/Lambda",
        metric_name=name,
        dimensions_map={"FunctionName": function_name},
        statistic=statistic,
        period=_PERIOD,
    )


def of_stream(
    stream_name: str, name: str, statistic: str = "Sum", period: Duration = _PERIOD
) -> cloudwatch.Metric:
    """A metric of a Kinesis stream."""
    return cloudwatch.Metric(
        namespace="AWS/Kinesis",
        metric_name=name,
        dimensions_map={"StreamName": stream_name},
        statistic=statistic,
        period=period,
    )


def of_queue(queue_name: str, name: str) -> cloudwatch.Metric:
    """A metric of an SQS queue."""
    return cloudwatch.Metric(
        namespace="AWS/SQS",
        metric_name=name,
        dimensions_map={"QueueName": queue_name},
        statistic="Maximum",
        period=_PERIOD,
    )


def of_iot_rule(rule_name: str, action: str) -> cloudwatch.Metric:
    """How often a rule of AWS IoT could not do what it is for."""
    return cloudwatch.Metric(
        namespace="AWS/IoT",
        metric_name="Failure",
        dimensions_map={"RuleName": rule_name, "ActionType": action},
        statistic="Sum",
        period=_PERIOD,
    )
