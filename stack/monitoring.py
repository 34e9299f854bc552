"""When the pipeline itself needs a person, and what it is doing.

`docs/operations.md` says for each alarm what it means and what to do.
"""

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from constructs import Construct

from stack import metrics
from stack.alerts import Alerts, private_topic
from stack.config import PlantConfig
from stack.consumers import Consumer
from stack.dashboard import dashboard
from stack.ingest import Ingest

_CONFLICTS_MAX = 20  # in five minutes; a few come with every redelivery to a function that is still at it
_ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
_BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD


class Monitoring(Construct):
    """Alarms with a topic of their own, and a dashboard."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        plant: PlantConfig,
        namespace: str,
        ingest: Ingest,
        consumers: dict[str, Consumer],
        alerts: Alerts,
    ) -> None:
        super().__init__(scope, name)
        self.topic = private_topic(self, "Alarms", plant.alarms.emails)
        self._watch_ingest(plant, ingest)
        for use_case, consumer in consumers.items():
            self._watch_consumer(plant, namespace, use_case, consumer)
        undelivered = metrics.of_queue(alerts.undelivered.queue_name, "ApproximateNumberOfMessagesVisible")
        self._alarm("AlertsUndelivered", "An alert's target did not take it.", undelivered, 0)
        self.dashboard = dashboard(self, namespace, ingest, consumers, alerts)

    def _watch_ingest(self, plant: PlantConfig, ingest: Ingest) -> None:
        stream = ingest.stream.stream_name
        period = Duration.minutes(5)
        quiet_periods = -(-plant.alarms.no_data_minutes // 5)
        self._alarm(
            "NoData",
            f"Nothing arrived for {quiet_periods * 5} minutes.",
            metrics.of_stream(stream, "IncomingRecords", period=period),
            1,
            _BELOW,
            periods=quiet_periods,
            missing=cloudwatch.TreatMissingData.BREACHING,
        )
        throttled = metrics.of_stream(stream, "WriteProvisionedThroughputExceeded")
        self._alarm(
            "StreamFull", "The stream refuses records: more arrive than its shards take.", throttled, 0
        )
        for rule in ingest.rules:
            failed = metrics.of_iot_rule(rule.ref, "Kinesis")
            self._alarm(f"IotRule{rule.node.id}", "AWS IoT could not put messages on the stream.", failed, 0)

    def _watch_consumer(self, plant: PlantConfig, namespace: str, use_case: str, consumer: Consumer) -> None:
        function = consumer.function.function_name
        mapping = consumer.mapping.event_source_mapping_id
        age_ms = plant.alarms.iterator_age_minutes * 60_000
        hourly = metrics.own(namespace, use_case, "ModelsCreated", period=Duration.hours(1))
        watched: dict[str, tuple[str, cloudwatch.Metric, float]] = {
            "IteratorAge": (
                f"Records wait for more than {plant.alarms.iterator_age_minutes} minutes to be learned.",
                metrics.of_function(function, "IteratorAge", "Maximum"),
                age_ms,
            ),
            "Errors": ("Invocations fail.", metrics.of_function(function, "Errors"), 0),
            "Throttles": ("Lambda refuses invocations.", metrics.of_function(function, "Throttles"), 0),
            "BatchesGivenUp": (
                "A batch's retries or age ran out; it is stored whole in the bucket of failed batches.",
                metrics.of_mapping(mapping, "OnFailureDestinationDeliveredEventCount"),
                0,
            ),
            "BatchesLost": (
                "A batch was given up and could not be stored.",
                metrics.of_mapping(mapping, "DroppedEventCount"),
                0,
            ),
            "DeliveryFailures": (
                "Lambda could not write to the bucket of failed batches.",
                metrics.of_function(function, "DestinationDeliveryFailures"),
                0,
            ),
            "Quarantined": (
                "Observations that can never be learned were kept aside.",
                metrics.own(namespace, use_case, "Quarantined"),
                0,
            ),
            "PagesFailed": (
                "Pages of models could not be read, told of or written; their records come again.",
                metrics.own(namespace, use_case, "PagesFailed"),
                0,
            ),
            "PagesUnreadable": (
                "A page of models cannot be read; its records go to quarantine until it is rolled back.",
                metrics.own(namespace, use_case, "PagesUnreadable"),
                0,
            ),
            "Conflicts": (
                "Several writers change the same pages.",
                metrics.own(namespace, use_case, "PageConflicts"),
                _CONFLICTS_MAX,
            ),
            "NewModels": (
                f"More than {plant.alarms.new_models_per_hour} signals were new within an hour.",
                hourly,
                plant.alarms.new_models_per_hour,
            ),
        }
        for name, (means, metric, above) in watched.items():
            self._alarm(f"{name}-{use_case}", means, metric, above)

    def _alarm(
        self,
        name: str,
        means: str,
        metric: cloudwatch.IMetric,
        threshold: float,
        comparison: cloudwatch.ComparisonOperator = _ABOVE,
        *,
        periods: int = 1,
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_description=f"{Stack.of(self).stack_name} {name}: {means} See docs/operations.md.",
            metric=metric,
            threshold=threshold,
            comparison_operator=comparison,
            evaluation_periods=periods,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        alarm.add_ok_action(actions.SnsAction(self.topic))
