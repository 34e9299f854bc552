"""Alarms for when the pipeline itself needs a person, and its dashboard.

`docs/operations.md` explains for each alarm what it means and what to do.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from constructs import Construct

from stack import metrics
from stack.alerts import Alerts, private_topic
from stack.config import AlarmsConfig, PlantConfig
from stack.consumers import Consumer
from stack.dashboard import dashboard
from stack.ingest import Ingest

_CONFLICTS_MAX = 20  # in five minutes; a redelivery to a function that is still busy causes a few
_LASTING = 3  # periods of five minutes: what a redelivery or two repairs need not wake anybody


@dataclass(frozen=True, slots=True)
class Watch:
    """An alarm if a metric is above a bound, or below it if `low`, in that many periods in a row."""

    name: str
    means: str
    metric: cloudwatch.Metric
    bound: float = 0
    periods: int = 1
    low: bool = False


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
        # The topic's policy replaces SNS's default one, which would allow the account's alarms.
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        for watch in _of_ingest(plant.alarms, ingest):
            self._alarm(watch.name, watch)
        for use_case, consumer in consumers.items():
            for watch in _of_consumer(plant.alarms, namespace, use_case, consumer):
                self._alarm(f"{watch.name}-{use_case}", watch)
        undelivered = metrics.of(
            "SQS", "ApproximateNumberOfMessagesVisible", "Maximum", QueueName=alerts.undelivered.queue_name
        )
        self._alarm(
            "AlertsUndelivered",
            Watch("AlertsUndelivered", "A target did not accept an alert.", undelivered),
        )
        self.dashboard = dashboard(self, namespace, ingest, consumers, alerts)

    def _alarm(self, name: str, watch: Watch) -> None:
        operators = cloudwatch.ComparisonOperator
        missing = cloudwatch.TreatMissingData
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_description=f"{Stack.of(self).stack_name} {name}: {watch.means} See docs/operations.md.",
            metric=watch.metric,
            threshold=watch.bound,
            comparison_operator=(
                operators.LESS_THAN_THRESHOLD if watch.low else operators.GREATER_THAN_THRESHOLD
            ),
            evaluation_periods=watch.periods,
            # Without data nothing is too high, and everything is too low.
            treat_missing_data=missing.BREACHING if watch.low else missing.NOT_BREACHING,
        )
        action = actions.SnsAction(self.topic)
        alarm.add_alarm_action(action)
        alarm.add_ok_action(action)


def _of_ingest(config: AlarmsConfig, ingest: Ingest) -> Iterator[Watch]:
    stream = ingest.stream.stream_name
    quiet = -(-config.no_data_minutes // 5)
    incoming = metrics.of("Kinesis", "IncomingRecords", StreamName=stream)
    yield Watch("NoData", f"No records arrived for {quiet * 5} minutes.", incoming, 1, quiet, low=True)
    refused = metrics.of("Kinesis", "WriteProvisionedThroughputExceeded", StreamName=stream)
    yield Watch("StreamFull", "The stream rejects records: more arrive than its shards accept.", refused)
    for rule in ingest.rules:
        failed = metrics.of("IoT", "Failure", RuleName=rule.ref, ActionType="Kinesis")
        yield Watch(f"IotRule{rule.node.id}", "AWS IoT could not put messages on the stream.", failed)


def _of_consumer(config: AlarmsConfig, namespace: str, use_case: str, consumer: Consumer) -> Iterator[Watch]:
    def of_function(name: str, statistic: str = "Sum") -> cloudwatch.Metric:
        return metrics.of("Lambda", name, statistic, FunctionName=consumer.function.function_name)

    def of_mapping(name: str) -> cloudwatch.Metric:
        return metrics.of("Lambda", name, EventSourceMappingUUID=consumer.mapping.event_source_mapping_id)

    def own(name: str, period: Duration = metrics.PERIOD) -> cloudwatch.Metric:
        return metrics.own(namespace, use_case, name, period=period)

    yield Watch(
        "IteratorAge",
        f"Records wait more than {config.iterator_age_minutes} minutes to be learned.",
        of_function("IteratorAge", "Maximum"),
        config.iterator_age_minutes * 60_000,
    )
    yield Watch("Errors", "Invocations keep failing.", of_function("Errors"), periods=_LASTING)
    yield Watch(
        "Throttles", "Lambda keeps throttling invocations.", of_function("Throttles"), periods=_LASTING
    )
    yield Watch(
        "BatchesGivenUp",
        "A batch ran out of retries or became too old; it is stored whole in the bucket of failed batches.",
        of_mapping("OnFailureDestinationDeliveredEventCount"),
    )
    yield Watch(
        "BatchesLost", "A batch was given up and could not be stored.", of_mapping("DroppedEventCount")
    )
    yield Watch(
        "DeliveryFailures",
        "Lambda could not write to the bucket of failed batches.",
        of_function("DestinationDeliveryFailures"),
    )
    yield Watch("Quarantined", "Observations that can never be learned were quarantined.", own("Quarantined"))
    yield Watch(
        "PagesFull",
        "New signals are rejected because their pages are full.",
        own("SignalsRefused"),
    )
    yield Watch(
        "PagesFailed",
        "Pages of models keep failing to be read, published or written; their records are retried.",
        own("PagesFailed"),
        periods=_LASTING,
    )
    yield Watch(
        "PagesUnreadable",
        "A page of models cannot be read; its records are quarantined until the page is rolled back.",
        own("PagesUnreadable"),
    )
    yield Watch(
        "PagesOneByOne",
        "Pages could not learn their signals together; these learned one by one, which takes longer.",
        own("PagesOneByOne"),
    )
    yield Watch(
        "Conflicts",
        "Several writers keep changing the same pages.",
        own("PageConflicts"),
        _CONFLICTS_MAX,
        _LASTING,
    )
    yield Watch(
        "NewModels",
        f"More than {config.new_models_per_hour} new signals appeared within an hour.",
        own("ModelsCreated", Duration.hours(1)),
        config.new_models_per_hour,
    )
