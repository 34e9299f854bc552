"""One plant as one stack; connects the constructs."""

from aws_cdk import CfnOutput, Environment, Stack, Tags
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stack.alerting.alerts import Alerts
from stack.buckets import failed_batch_bucket, model_bucket, tag_bucket_emptier
from stack.company.model_writers import let_only_write
from stack.company.roles import keep_rules
from stack.config import PlantConfig
from stack.consumers import Consumer
from stack.ingest import Ingest
from stack.monitoring import Monitoring


class PipelineStack(Stack):
    """A stream, a function for each use case, their models, the bus with its alerts, and alarms."""

    def __init__(self, scope: Construct, name: str, plant: PlantConfig) -> None:
        super().__init__(
            scope,
            name,
            description=f"Kinesis River: online models for the telemetry of {name}",
            env=Environment(account=plant.account, region=plant.region),
            termination_protection=plant.termination_protection,
        )
        tags = {"application": "kinesis-river", "plant": name, **plant.tags}
        for key, value in tags.items():
            Tags.of(self).add(key, value)
        # Namespaces keep the metrics of several plants in one account apart.
        namespace = f"KinesisRiver/{name}"
        ingest = Ingest(self, "Ingest", plant)
        models = model_bucket(self, plant)
        failed_batches = failed_batch_bucket(self, plant)
        alerts = Alerts(self, "Alerts", plant)
        consumers = {
            use_case: Consumer(
                self,
                f"Consumer-{use_case}",
                plant=plant,
                use_case=use_case,
                namespace=namespace,
                stream=ingest.stream,
                models=models,
                bus=alerts.bus,
                failed_batches=failed_batches,
            )
            for use_case in plant.use_cases
        }
        tag_bucket_emptier(self, tags)
        if plant.operators and isinstance(models, s3.Bucket):
            let_only_write(models, [consumer.role for consumer in consumers.values()], plant.operators)
        monitoring = Monitoring(self, "Monitoring", plant, namespace, ingest, consumers, alerts)
        stream = ingest.stream.stream_name
        put_on = (
            f"--stream-arn {plant.stream.arn}" if plant.stream_is_elsewhere else f"--stream-name {stream}"
        )
        outputs = {
            "StreamName": stream,
            "StreamArn": ingest.stream.stream_arn,
            "ModelBucketName": models.bucket_name,
            "FailedBatchBucketName": failed_batches.bucket_name,
            "EventBusName": alerts.bus.event_bus_name,
            "EventBusArn": alerts.bus.event_bus_arn,
            "EventLogGroupName": alerts.event_log.log_group_name,
            "UndeliveredAlertsQueueUrl": alerts.undelivered.queue_url,
            "AlarmTopicArn": monitoring.topic.topic_arn,
            "UseCases": ",".join(consumers),
            "DashboardName": monitoring.dashboard.dashboard_name,
            "SendOneValue": (
                f"aws kinesis put-record {put_on} --partition-key demo.pressure "
                "--cli-binary-format raw-in-base64-out "
                """--data '{"signal": "demo.pressure", "value": 42.0}'"""
            ),
            "SeeEvents": f"aws logs tail {alerts.event_log.log_group_name} --follow",
        }
        if ingest.rejected:
            outputs["RejectedMessageBucketName"] = ingest.rejected.bucket_name
        for alert, topic in alerts.topics.items():
            outputs[f"AlertTopicArn{_pascal(alert)}"] = topic.topic_arn
        for use_case, consumer in consumers.items():
            outputs[f"FunctionName{_pascal(use_case)}"] = consumer.function.function_name
            outputs[f"LogGroupName{_pascal(use_case)}"] = consumer.log_group.log_group_name
            outputs[f"EventSourceMappingId{_pascal(use_case)}"] = consumer.mapping.event_source_mapping_id
            outputs[f"SeeLog{_pascal(use_case)}"] = (
                f"aws logs tail {consumer.log_group.log_group_name} --follow"
            )
            if plant.stream_is_elsewhere:  # its owner has to allow them to read
                outputs[f"FunctionRoleArn{_pascal(use_case)}"] = consumer.role.role_arn
        for output, value in outputs.items():
            CfnOutput(self, output, value=str(value))
        keep_rules(self, plant.roles)


def _pascal(name: str) -> str:
    """A name in the form of an output's name.

    >>> _pascal("on-call_drifts")
    'OnCallDrifts'
    """
    return "".join(part.capitalize() for part in name.replace("_", "-").split("-"))
