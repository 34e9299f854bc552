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
from stack.alerting.alerts import Alerts, private_topic
from stack.company.alarm_actions import add_actions
from stack.company.customer_key import customer_key
from stack.config import AlarmsConfig, PlantConfig, UseCaseConfig
from stack.consumers import Consumer
from stack.dashboard import dashboard
from stack.ingest import Ingest

_CONFLICTS_MAX = 20  # in five minutes; a redelivery to a function that is still busy causes a few
_LASTING = 3  # periods of five minutes: what a redelivery or two repairs need not wake anybody
_VISITS_MISSED = 3  # schedules may be late by one
_HOUR = Duration.hours(1)
_STEP_MINUTES = 5


@dataclass(frozen=True, slots=True)
class Watch:
    """An alarm if a metric is above a bound, in that many periods in a row.

    `must_be`: it is on something that has to be there, so no figures at all are an alarm too. Such metrics
    are filled with zeros: where some are missing, CloudWatch looks at older ones before it alarms.
    """

    name: str
    means: str
    metric: cloudwatch.IMetric
    bound: float = 0
    periods: int = 1
    must_be: bool = False


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
        key = customer_key(self, plant.kms_key_arn)
        self.topic = private_topic(self, "Alarms", plant.alarms.emails, key)
        # The topic's policy replaces SNS's default one, which would allow the account's alarms.
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        self._action_arns = plant.alarms.action_arns
        self._alarms: list[cloudwatch.IAlarm] = []
        for watch in _of_ingest(plant.alarms, ingest):
            self._alarm(watch.name, watch)
        for use_case, consumer in consumers.items():
            config = plant.use_cases[use_case]
            for watch in _of_consumer(plant.alarms, config, namespace, use_case, consumer, ingest):
                self._alarm(f"{watch.name}-{use_case}", watch)
        undelivered = metrics.undelivered(alerts)
        self._alarm(
            "AlertsUndelivered",
            Watch("AlertsUndelivered", "A target did not accept an alert.", undelivered),
        )
        self.dashboard = dashboard(self, namespace, ingest, consumers, alerts, self._alarms)

    def _alarm(self, name: str, watch: Watch) -> None:
        missing = cloudwatch.TreatMissingData
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_description=f"{Stack.of(self).stack_name} {name}: {watch.means} See docs/operations.md.",
            metric=watch.metric,
            threshold=watch.bound,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=watch.periods,
            treat_missing_data=missing.BREACHING if watch.must_be else missing.NOT_BREACHING,
        )
        action = actions.SnsAction(self.topic)
        alarm.add_alarm_action(action)
        alarm.add_ok_action(action)
        add_actions(alarm, self._action_arns)
        self._alarms.append(alarm)


def _of_ingest(config: AlarmsConfig, ingest: Ingest) -> Iterator[Watch]:
    if ingest.stream_is_elsewhere:  # so are its metrics, and there are no rules
        return
    stream = ingest.stream.stream_name
    quiet = -(-config.no_data_minutes // _STEP_MINUTES)
    yield Watch(
        "NoData",
        f"No records arrived for {quiet * _STEP_MINUTES} minutes.",
        metrics.math("IF(FILL(arrived, 0) < 1, 1, 0)", metrics.PERIOD, arrived=metrics.arrived(stream)),
        periods=quiet,
        must_be=True,
    )
    refused = metrics.of("Kinesis", "WriteProvisionedThroughputExceeded", period=_HOUR, StreamName=stream)
    yield Watch(
        "StreamFull",
        f"The stream rejected more than {config.rejected_records_per_hour} records within an hour.",
        refused,
        config.rejected_records_per_hour,
    )
    for rule in ingest.rules:
        name = f"IotRule{rule.node.id}"

        def of_rule(
            metric: str, period: Duration = metrics.PERIOD, of: str = rule.ref, **further: str
        ) -> cloudwatch.Metric:
            return metrics.of("IoT", metric, period=period, RuleName=of, **further)

        yield Watch(
            name,
            "AWS IoT could not put messages on the stream.",
            of_rule("Failure", ActionType="Kinesis"),
        )
        yield Watch(
            f"{name}Lost",
            "AWS IoT could neither put messages on the stream nor keep them in the bucket.",
            of_rule("ErrorActionFailure", ActionType="S3"),
        )
        yield Watch(
            f"{name}Throttled",
            "AWS IoT dropped messages: more arrive than the account's rules may take.",
            of_rule("RuleMessageThrottled"),
        )
        yield Watch(
            f"{name}Unparsed",
            f"More than {config.quarantined_per_hour} messages within an hour were no JSON to AWS IoT.",
            of_rule("ParseError", _HOUR),
            config.quarantined_per_hour,
        )


def _not_learned(stream: str, minutes: int, taken: cloudwatch.Metric) -> Watch:
    """Records arrive on the stream and come to no function of the use case."""
    period = Duration.minutes(minutes)
    return Watch(
        "NotLearned",
        f"Records arrive, and for {2 * minutes} minutes none has come to this use case.",
        # In both periods, for what arrives at the end of one is learned in the next.
        metrics.math(
            "IF(FILL(arrived, 0) >= 1 AND FILL(taken, 0) < 1, 1, 0)",
            period,
            arrived=metrics.arrived(stream, period),
            taken=taken,
        ),
        periods=2,
        must_be=True,
    )


def _of_consumer(
    config: AlarmsConfig,
    use_case_config: UseCaseConfig,
    namespace: str,
    use_case: str,
    consumer: Consumer,
    ingest: Ingest,
) -> Iterator[Watch]:
    def of_function(name: str, statistic: str = "Sum") -> cloudwatch.Metric:
        return metrics.of("Lambda", name, statistic, FunctionName=consumer.function.function_name)

    def of_mapping(name: str) -> cloudwatch.Metric:
        return metrics.of("Lambda", name, EventSourceMappingUUID=consumer.mapping.event_source_mapping_id)

    def own(name: str, period: Duration = metrics.PERIOD) -> cloudwatch.Metric:
        return metrics.own(namespace, use_case, name, period=period)

    at_most_s = use_case_config.batch_window_s + use_case_config.timeout_s
    minutes = max(config.no_data_minutes, -(-at_most_s // 60))
    minutes = -(-minutes // _STEP_MINUTES) * _STEP_MINUTES
    if ingest.stream_is_elsewhere:
        yield Watch(
            "NotLearned",
            f"No record has come to this use case for {minutes} minutes.",
            metrics.math("IF(FILL(taken, 0) < 1, 1, 0)", metrics.PERIOD, taken=own("Records")),
            periods=minutes // _STEP_MINUTES,
            must_be=True,
        )
    else:
        yield _not_learned(ingest.stream.stream_name, minutes, own("Records", Duration.minutes(minutes)))
    if consumer.visits is not None:
        missed = Duration.minutes(_VISITS_MISSED * use_case_config.visit_minutes)
        visits = metrics.of("Events", "Invocations", period=missed, RuleName=consumer.visits.rule_name)
        yield Watch(
            "SensorsUnwatched",
            f"For {missed.to_minutes():g} minutes no page was checked for signals that fell silent.",
            metrics.math("IF(FILL(visits, 0) < 1, 1, 0)", missed, visits=visits),
            must_be=True,
        )
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
    yield Watch(
        "Quarantined",
        f"More than {config.quarantined_per_hour} observations that can never be learned were quarantined "
        "within an hour.",
        own("Quarantined", _HOUR),
        config.quarantined_per_hour,
    )
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
        own("ModelsCreated", _HOUR),
        config.new_models_per_hour,
    )
