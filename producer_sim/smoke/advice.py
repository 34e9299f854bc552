"""What to check after a hop of the smoke test failed, and the likely cause."""

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from clients.deployment import ModelsOf, Pipeline


def of_the_stream(pipeline: Pipeline) -> list[str]:
    """The stream did not accept a record, or did not return it."""
    return [
        f"aws kinesis describe-stream-summary --stream-name {pipeline.stream_name}",
        "In the console: Kinesis, Data streams, " + pipeline.stream_name,
        "Your credentials need kinesis:PutRecord, kinesis:GetShardIterator and kinesis:GetRecords on it",
    ]


def of_learning(pipeline: Pipeline, models: ModelsOf, learned: int, reasons: list[str]) -> list[str]:
    """The models do not count what was sent."""
    advice = [f"Quarantined: {reason}" for reason in reasons[:3]]
    if learned:
        advice.append("A part was learned, so it may only be slow: wait longer with --learn-within")
    elif models.learns is False:
        advice.append(
            "Likely: the consumer is stopped. This pipeline was started with `python -m local serve "
            "--no-consumer`, so records stay on the stream"
        )
        return advice
    elif models.mapping_id is not None:
        advice.append(_mapping_state(pipeline, models.mapping_id))
    if pipeline.kind == "local":
        return [*advice, f"The function's log: {models.log}"]
    return [
        *advice,
        f"aws logs tail {models.log} --since 10m        # 'batch done', or an error",
        f"aws lambda get-event-source-mapping --uuid {models.mapping_id}",
        f"In the console: Lambda, {models.function_name}, Configuration, Triggers; and its log group "
        f"{models.log}",
        "Right after a deployment the mapping needs a few minutes: run this again",
    ]


def of_the_event(pipeline: Pipeline, models: ModelsOf) -> list[str]:
    """Everything was learned, but there was no event on the bus."""
    bus = pipeline.event_bus_name
    if pipeline.kind == "local":
        return [f"The function's log: {models.log}", "Does the model in consumer/use_cases.py detect steps?"]
    return [
        f"aws logs tail {models.log} --since 10m        # a line `batch done` counts the events",
        f"aws logs tail /aws/events/{pipeline.name} --since 10m        # every event on the bus {bus}",
        "Does the deployed model detect steps? See consumer/use_cases.py",
    ]


def of_the_alert(pipeline: Pipeline, signal: str, use_case: str) -> list[str]:
    """There was an event on the bus, but no alert."""
    advice = [
        text
        for name, arn in pipeline.alert_topic_arns.items()
        for text in _rules(pipeline, name, arn, signal, use_case)
    ]
    if pipeline.kind == "local":
        return advice
    return [
        *advice,
        f"In the console: EventBridge, Rules, bus {pipeline.event_bus_name}; and the queue in the output "
        "UndeliveredAlertsQueueUrl: alerts that a topic did not accept",
        f"If an alert passes only some signals, set --signal-prefix; this signal was {signal}",
    ]


def _mapping_state(pipeline: Pipeline, mapping_id: str) -> str:
    try:
        mapping = pipeline.client("lambda").get_event_source_mapping(UUID=mapping_id)
    except (ClientError, BotoCoreError) as error:
        return f"The event source mapping's state cannot be read: {error}"
    state, result = mapping.get("State"), mapping.get("LastProcessingResult", "none")
    if state == "Enabled":
        return f"The event source mapping is enabled; its last result: {result}"
    return (
        f"Likely: the event source mapping is disabled ({state}). Enable it: "
        f"aws lambda update-event-source-mapping --uuid {mapping_id} --enabled"
    )


def _rules(pipeline: Pipeline, alert: str, topic_arn: str, signal: str, use_case: str) -> list[str]:
    """What the rules of one alert match, as far as they can be read."""
    events, bus = pipeline.client("events"), pipeline.event_bus_name or ""
    try:
        names = events.list_rule_names_by_target(TargetArn=topic_arn, EventBusName=bus)["RuleNames"]
        rules = [events.describe_rule(Name=name, EventBusName=bus) for name in names]
    except (ClientError, BotoCoreError) as error:
        return [f"The rules of the alert {alert} cannot be read: {error}"]
    if not rules:
        return [f"Likely: no rule of the bus {bus} targets the topic of the alert {alert}: deploy again"]
    return [
        text
        for rule in rules
        for text in _of_rule(alert, rule.get("State"), rule.get("EventPattern", "{}"), signal, use_case)
    ]


def _of_rule(alert: str, state: str | None, pattern: str, signal: str, use_case: str) -> list[str]:
    """Why a rule does not match this event.

    >>> _of_rule("a", "ENABLED", '{"detail": {"signal": [{"prefix": "pump"}]}}', "smoke.1", "drift")
    ["Likely: the alert a passes only signals that start with pump: set --signal-prefix 'pump'"]
    """
    if state != "ENABLED":
        return [f"Likely: the rule of the alert {alert} is disabled: enable it in EventBridge"]
    detail: dict[str, Any] = json.loads(pattern).get("detail", {})
    prefixes = [wanted["prefix"] for wanted in detail.get("signal", []) if "prefix" in wanted]
    if prefixes and not signal.startswith(tuple(prefixes)):
        return [
            f"Likely: the alert {alert} passes only signals that start with {', '.join(prefixes)}: "
            f"set --signal-prefix '{prefixes[0]}'"
        ]
    if use_case not in detail.get("use_case", [use_case]):
        return [f"The alert {alert} passes only the use cases {', '.join(detail['use_case'])}"]
    return [f"The rule of the alert {alert} matches this event: does the topic's policy allow the rule?"]
