"""The pipeline's resources in the embedded AWS, apart from the function and its event source mapping."""

import json
from collections.abc import Mapping
from typing import Any

from clients.local_pipeline import PipelineResources
from local.emulator.embedded_aws import EmbeddedAWS

EVENT_SOURCE = "river.consumer"
ALERT_PATTERN = {"source": [EVENT_SOURCE], "detail": {"muted": [False], "change": ["opened"]}}
_READ_WAIT_SECONDS = 1


def create_pipeline_resources(aws: EmbeddedAWS, name: str = "river", shards: int = 4) -> PipelineResources:
    """Create the resources and wait until the stream is active; each resource's name starts with `name`.

    The alert queue receives the alerts through the SNS topic, as a person would. The audit queue receives
    every event on the bus, from any publisher. The emulator needs no queue policies.
    """
    stream_name, bus, topic = f"{name}-telemetry", f"{name}-events", f"{name}-alerts"
    kinesis = aws.client("kinesis")
    kinesis.create_stream(StreamName=stream_name, ShardCount=shards)
    kinesis.get_waiter("stream_exists").wait(
        StreamName=stream_name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    stream = kinesis.describe_stream_summary(StreamName=stream_name)["StreamDescriptionSummary"]

    s3 = aws.client("s3")
    model_bucket, failed_batch_bucket = f"{name}-models", f"{name}-failed-batches"
    s3.create_bucket(Bucket=model_bucket)
    s3.create_bucket(Bucket=failed_batch_bucket)
    s3.put_bucket_versioning(Bucket=model_bucket, VersioningConfiguration={"Status": "Enabled"})

    topic_arn = aws.client("sns").create_topic(Name=topic)["TopicArn"]
    alert_queue_url, alert_queue_arn = _create_queue(aws, f"{name}-alerts")
    audit_queue_url, audit_queue_arn = _create_queue(aws, f"{name}-audit")
    aws.client("sns").subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=alert_queue_arn)

    aws.client("events").create_event_bus(Name=bus)
    _create_rule(aws, bus, f"{name}-alerts", ALERT_PATTERN, topic_arn)
    _create_rule(aws, bus, f"{name}-audit", {"source": [{"prefix": ""}]}, audit_queue_arn)
    return PipelineResources(
        stream_name=stream_name,
        stream_arn=stream["StreamARN"],
        model_bucket=model_bucket,
        failed_batch_bucket=failed_batch_bucket,
        event_bus_name=bus,
        alert_topic_arn=topic_arn,
        alert_queue_url=alert_queue_url,
        audit_queue_url=audit_queue_url,
    )


def _create_queue(aws: EmbeddedAWS, name: str) -> tuple[str, str]:
    """The new queue's URL and ARN."""
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    return url, attributes["QueueArn"]


def _create_rule(
    aws: EmbeddedAWS, bus: str, name: str, pattern: Mapping[str, object], target_arn: str
) -> None:
    events = aws.client("events")
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": name, "Arn": target_arn}])


def drain_alerts(
    aws: EmbeddedAWS, resources: PipelineResources, empty_polls: int = 2
) -> list[dict[str, Any]]:
    """Receive and delete all events in the alert queue, without their SNS envelopes.

    It ends after `empty_polls` polls of one second in a row that find nothing.
    """
    return [
        json.loads(envelope["Message"]) for envelope in _drain(aws, resources.alert_queue_url, empty_polls)
    ]


def drain_audit(aws: EmbeddedAWS, resources: PipelineResources, empty_polls: int = 2) -> list[dict[str, Any]]:
    """Receive and delete all events in the audit queue; it ends as `drain_alerts` does."""
    return _drain(aws, resources.audit_queue_url, empty_polls)


def _drain(aws: EmbeddedAWS, queue_url: str, empty_polls: int) -> list[dict[str, Any]]:
    sqs = aws.client("sqs")
    bodies: list[dict[str, Any]] = []
    empty = 0
    while empty < empty_polls:
        messages = sqs.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=_READ_WAIT_SECONDS
        ).get("Messages", [])
        empty = 0 if messages else empty + 1
        for message in messages:
            bodies.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    return bodies
