"""Temporary queues: one for the bus's events, filled by a rule, and one for each alert's topic.

Their names, and the rule's, start with `river-observe-`; they are removed at the end of the `with` block,
also after an error or Ctrl-C. If the process is killed they stay, and can be removed by hand:

    aws sqs list-queues --queue-name-prefix river-observe-
    aws events list-rules --event-bus-name BUS --name-prefix river-observe-

Permissions needed:

    events:PutRule, PutTargets, RemoveTargets, DeleteRule, PutEvents    the bus and its rules
    sns:Subscribe                                                       the alerts' topics
    sns:Unsubscribe                                                     *, for it takes no resource
    sqs:CreateQueue, ReceiveMessage, DeleteMessage, DeleteQueue         queues named river-observe-*
"""

import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from clients.deployment import Pipeline
from consumer.events.event import SOURCE

PROBE_SOURCE = "river.observe"
"""Source of events that only probe whether the bus reaches the queue: no alert matches them."""

_PREFIX = "river-observe-"
_KEPT_S = 3600
_WAIT_S = 1


@dataclass(frozen=True, slots=True)
class Message:
    """A message, and when it reached the queue, in epoch seconds of AWS's clock."""

    sent_s: float
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Queue:
    """A temporary queue."""

    sqs: Any
    url: str
    arn: str

    def receive(self) -> list[Message]:
        """Receive up to ten messages; wait a second for the first one."""
        received = self.sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=_WAIT_S,
            MessageSystemAttributeNames=["SentTimestamp"],
        ).get("Messages", [])
        if received:
            entries = [
                {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                for number, message in enumerate(received)
            ]
            self.sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)
        return [
            Message(int(message["Attributes"]["SentTimestamp"]) / 1000, json.loads(message["Body"]))
            for message in received
        ]


@contextmanager
def temporary_queues(pipeline: Pipeline) -> Iterator[tuple[Queue, dict[str, Queue]]]:
    """Have queues during the `with` block: of the bus's events, and of each alert's messages by its name.

    Raises: what botocore raises, such as for a missing permission.
    """
    run = f"{_PREFIX}{uuid.uuid4().hex[:8]}"
    sqs = pipeline.client("sqs")
    with ExitStack() as at_end:
        events = _events_queue(pipeline, sqs, run, at_end)
        alerts = {
            name: _alert_queue(pipeline, sqs, f"{run}-{name}"[:80], topic_arn, at_end)
            for name, topic_arn in pipeline.alert_topic_arns.items()
        }
        yield events, alerts


def _events_queue(pipeline: Pipeline, sqs: Any, run: str, at_end: ExitStack) -> Queue:
    bus = pipeline.event_bus_name
    assert bus is not None
    events = pipeline.client("events")
    pattern = json.dumps({"source": [SOURCE, PROBE_SOURCE]})
    description = "Removed when `python -m producer_sim` ends"
    rule_arn = events.put_rule(Name=run, EventBusName=bus, EventPattern=pattern, Description=description)[
        "RuleArn"
    ]
    at_end.callback(events.delete_rule, Name=run, EventBusName=bus)
    queue = _queue(sqs, f"{run}-events", rule_arn, "events.amazonaws.com", at_end)
    events.put_targets(Rule=run, EventBusName=bus, Targets=[{"Id": "queue", "Arn": queue.arn}])
    at_end.callback(events.remove_targets, Rule=run, EventBusName=bus, Ids=["queue"])
    return queue


def _alert_queue(pipeline: Pipeline, sqs: Any, name: str, topic_arn: str, at_end: ExitStack) -> Queue:
    queue = _queue(sqs, name, topic_arn, "sns.amazonaws.com", at_end)
    sns = pipeline.client("sns")
    subscribed = sns.subscribe(
        TopicArn=topic_arn, Protocol="sqs", Endpoint=queue.arn, ReturnSubscriptionArn=True
    )
    at_end.callback(sns.unsubscribe, SubscriptionArn=subscribed["SubscriptionArn"])
    return queue


def _queue(sqs: Any, name: str, source_arn: str, service: str, at_end: ExitStack) -> Queue:
    """A queue to which `service` may send for `source_arn`, from its creation on."""
    _, partition, _, region, account, _ = source_arn.split(":", 5)
    arn = f"arn:{partition}:sqs:{region}:{account}:{name}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": source_arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    url = sqs.create_queue(
        QueueName=name, Attributes={"MessageRetentionPeriod": str(_KEPT_S), "Policy": policy}
    )["QueueUrl"]
    at_end.callback(sqs.delete_queue, QueueUrl=url)
    return Queue(sqs, url, arn)
