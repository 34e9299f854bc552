"""Alerts over HTTPS, as API destinations; credentials stay in Secrets Manager, only their ARNs are here."""

from collections.abc import Iterator

from aws_cdk import SecretValue
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stack import alert_messages as messages
from stack.alert_config import AlertTargets

_SLACK = "https://slack.com/api/chat.postMessage"
_PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
# Chat services reject more for a channel; EventBridge queues the rest.
_CHAT_PER_SECOND = 1


def webhook_targets(
    scope: Construct, to: AlertTargets, undelivered: sqs.IQueue
) -> Iterator[events.IRuleTarget]:
    """A target for each Slack channel, Teams workflow, PagerDuty service and other endpoint."""
    for number, slack in enumerate(to.slack, 1):
        bearer = events.Authorization.api_key("Authorization", _secret(slack.secret_arn))
        connection = events.Connection(scope, f"Slack{number}Connection", authorization=bearer)
        destination = _destination(scope, f"Slack{number}", connection, _SLACK, _CHAT_PER_SECOND)
        yield _target(destination, undelivered, messages.slack(slack.channel))
    for number, teams in enumerate(to.teams, 1):
        connection = events.Connection(
            scope,
            f"Teams{number}Connection",
            authorization=_no_header(),
            query_string_parameters={"sig": _parameter(teams.secret_arn)},
        )
        destination = _destination(scope, f"Teams{number}", connection, teams.url, _CHAT_PER_SECOND)
        yield _target(destination, undelivered, messages.teams())
    for number, pagerduty in enumerate(to.pagerduty, 1):
        connection = events.Connection(
            scope,
            f"PagerDuty{number}Connection",
            authorization=_no_header(),
            body_parameters={"routing_key": _parameter(pagerduty.secret_arn)},
        )
        destination = _destination(scope, f"PagerDuty{number}", connection, _PAGERDUTY)
        yield _target(destination, undelivered, messages.pagerduty())
    for number, webhook in enumerate(to.webhooks, 1):
        header = events.Authorization.api_key(webhook.header, _secret(webhook.secret_arn))
        connection = events.Connection(scope, f"Webhook{number}Connection", authorization=header)
        destination = _destination(scope, f"Webhook{number}", connection, webhook.url)
        yield _target(destination, undelivered, None)


def _destination(
    scope: Construct,
    name: str,
    connection: events.IConnection,
    endpoint: str,
    per_second: int | None = None,
) -> events.ApiDestination:
    return events.ApiDestination(
        scope,
        name,
        connection=connection,
        endpoint=endpoint,
        http_method=events.HttpMethod.POST,
        rate_limit_per_second=per_second,
    )


def _target(
    destination: events.ApiDestination, undelivered: sqs.IQueue, message: events.RuleTargetInput | None
) -> events.IRuleTarget:
    return targets.ApiDestination(destination, event=message, dead_letter_queue=undelivered)


def _secret(arn: str) -> SecretValue:
    """A reference that CloudFormation resolves on deployment."""
    return SecretValue.secrets_manager(arn)


def _parameter(secret_arn: str) -> events.HttpParameter:
    return events.HttpParameter.from_secret(_secret(secret_arn))


def _no_header() -> events.Authorization:
    """A connection needs an authorization header; this one is a placeholder, the secret is elsewhere."""
    return events.Authorization.api_key("X-Sender", SecretValue.unsafe_plain_text("kinesis-river"))
