"""The event bus, its archive and log, and a rule with its targets for each alert."""

from collections.abc import Iterator

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from consumer.events.event import SOURCE
from stack.alerting import alert_messages as messages
from stack.alerting.alert_config import AlertConfig
from stack.alerting.webhooks import webhook_targets
from stack.company.customer_key import customer_key
from stack.company.log_groups import log_group
from stack.company.logs_config import LogsConfig
from stack.config import PlantConfig
from stack.security_review import acknowledge, acknowledge_controls, acknowledge_warning

_DAYS_KEPT = 14


class Alerts(Construct):
    """The bus on which the functions publish, and the targets of its events."""

    def __init__(self, scope: Construct, name: str, plant: PlantConfig) -> None:
        super().__init__(scope, name)
        self._key = customer_key(self, plant.kms_key_arn)
        self.bus = events.EventBus(
            self, "Bus", description="The events of the models of Kinesis River", kms_key=self._key
        )
        archive = self.bus.archive(
            "Archive",
            event_pattern=events.EventPattern(source=[SOURCE]),
            retention=Duration.days(plant.archive_days),
        )
        if self._key is not None:
            # CDK's own parameter for it has no effect there.
            resource = archive.node.default_child
            assert isinstance(resource, events.CfnArchive)
            resource.kms_key_identifier = self._key.key_arn
        self.undelivered = _undelivered(self, self.bus, self._key)
        # A reference whose policy CDK does not change: a statement for each rule would be too much.
        self._undelivered = sqs.Queue.from_queue_arn(self, "DeadLetters", self.undelivered.queue_arn)
        self.event_log = _EventLog(
            self, "EventLog", self.bus, self._undelivered, plant.logs, self._key
        ).log_group
        self.topics = {alert.name: self._add(alert) for alert in plant.alerts}

    def _add(self, alert: AlertConfig) -> sns.Topic:
        scope = Construct(self, f"Alert-{alert.name}")
        topic = private_topic(scope, "Topic", alert.to.emails, self._key)
        rule = events.Rule(
            scope,
            "Rule",
            event_bus=self.bus,
            event_pattern=events.EventPattern(source=alert.pattern["source"], detail=alert.pattern["detail"]),
        )
        if alert.to.bus_arns:
            reason = "The other bus's own policy says who may put events on it: docs/alerts.md."
            acknowledge_warning(rule, "aws-events:ruleUnresolvedEnvironment", reason)
        for target in self._targets(scope, alert, topic):
            rule.add_target(target)
        acknowledge_controls(
            scope,
            {
                "IAMNoInlinePolicy": (
                    "The roles by which a rule sends to other buses and to endpoints are its own: their "
                    "policies allow these targets and go with them."
                )
            },
        )
        return topic

    def _targets(
        self, scope: Construct, alert: AlertConfig, topic: sns.Topic
    ) -> Iterator[events.IRuleTarget]:
        queue = self._undelivered
        yield targets.SnsTopic(topic, message=messages.text(), dead_letter_queue=queue)
        for number, arn in enumerate(alert.to.topic_arns, 1):
            other = sns.Topic.from_topic_arn(scope, f"Topic{number}", arn)
            yield targets.SnsTopic(other, message=messages.text(), dead_letter_queue=queue)
        for number, arn in enumerate(alert.to.queue_arns, 1):
            other_queue = sqs.Queue.from_queue_arn(scope, f"Queue{number}", arn)
            yield targets.SqsQueue(other_queue, dead_letter_queue=queue)
        for number, arn in enumerate(alert.to.bus_arns, 1):
            other_bus = events.EventBus.from_event_bus_arn(scope, f"Bus{number}", arn)
            yield targets.EventBus(other_bus, dead_letter_queue=queue)
        yield from webhook_targets(scope, alert.to, queue)


def private_topic(scope: Construct, name: str, emails: list[str], key: kms.IKey | None = None) -> sns.Topic:
    """A topic that requires TLS and sends e-mail to these addresses.

    Its policy replaces SNS's default one, so every publisher needs a statement; EventBridge's has no
    condition, because EventBridge supports none in a topic's policy. Without a key of the company's the topic
    is not encrypted at rest: neither rules nor alarms can use the AWS managed key, and its messages leave as
    plain e-mail anyway.
    """
    topic = sns.Topic(scope, name, enforce_ssl=True, master_key=key)
    for email in emails:
        topic.add_subscription(subscriptions.EmailSubscription(email))
    return topic


def _undelivered(scope: Construct, bus: events.EventBus, key: kms.IKey | None) -> sqs.Queue:
    """The queue of alerts that a target did not accept for a day; every rule of the bus may send to it.

    So may the bus itself where it has a key, which may become unusable: it keeps those events there.
    """
    queue = sqs.Queue(
        scope,
        "Undelivered",
        encryption=sqs.QueueEncryption.KMS if key else sqs.QueueEncryption.SQS_MANAGED,
        encryption_master_key=key,
        enforce_ssl=True,
        retention_period=Duration.days(_DAYS_KEPT),
    )
    rules = Stack.of(scope).format_arn(
        service="events", resource="rule", resource_name=f"{bus.event_bus_name}/*"
    )
    senders: str | list[str] = rules
    if key is not None:
        resource = bus.node.default_child
        assert isinstance(resource, events.CfnEventBus)
        resource.dead_letter_config = events.CfnEventBus.DeadLetterConfigProperty(arn=queue.queue_arn)
        senders = [rules, bus.event_bus_arn]
    queue.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
            conditions={"ArnLike": {"aws:SourceArn": senders}},
        )
    )
    acknowledge(
        queue,
        {"AwsSolutions-SQS3": "It is the dead-letter queue itself; an alarm reports its messages."},
    )
    return queue


class _EventLog(Construct):
    """Every event as a log line, for the dashboard and for queries, including those without an alert."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        bus: events.IEventBus,
        undelivered: sqs.IQueue,
        config: LogsConfig,
        key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, name)
        stack = Stack.of(self)
        # EventBridge requires this prefix.
        log_group_name = f"/aws/events/{stack.stack_name}"
        self.log_group = log_group(self, config, key, log_group_name)
        self.log_group.grant_write(iam.ServicePrincipal("events.amazonaws.com"))
        # CDK's own target would deploy a function to create that policy.
        target = events.CfnRule.TargetProperty(
            id="Log",
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=undelivered.queue_arn),
            arn=stack.format_arn(
                service="logs",
                resource="log-group",
                resource_name=log_group_name,
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            ),
        )
        rule = events.CfnRule(
            self,
            "Rule",
            event_bus_name=bus.event_bus_name,
            event_pattern={"source": [SOURCE]},
            targets=[target],
        )
        rule.node.add_dependency(self.log_group)
