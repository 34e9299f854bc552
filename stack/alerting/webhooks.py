"""Alerts over HTTPS, as API destinations; credentials stay in Secrets Manager, only their ARNs are here."""

from collections.abc import Iterator, Mapping

from aws_cdk import SecretValue
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stack.alerting import alert_messages as messages
from stack.alerting.alert_config import AlertTargets

_SLACK = "https://slack.com/api/chat.postMessage"
_PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
# Chat services reject more for a channel; EventBridge queues the rest.
_CHAT_PER_SECOND = 1


def webhook_targets(
    scope: Construct, to: AlertTargets, undelivered: sqs.IQueue
) -> Iterator[events.IRuleTarget]:
    """A target for each Slack channel, Teams workflow, PagerDuty service and other endpoint."""

    def target(
        name: str,
        url: str,
        message: events.RuleTargetInput | None,
        authorization: events.Authorization,
        *,
        query: Mapping[str, events.HttpParameter] | None = None,
        body: Mapping[str, events.HttpParameter] | None = None,
        per_second: int | None = None,
    ) -> events.IRuleTarget:
        connection = events.Connection(
            scope,
            f"{name}Connection",
            authorization=authorization,
            query_string_parameters=query,
            body_parameters=body,
        )
        destination = events.ApiDestination(
            scope, name, connection=connection, endpoint=url, rate_limit_per_second=per_second
        )
        return targets.ApiDestination(destination, event=message, dead_letter_queue=undelivered)

    for number, slack in enumerate(to.slack, 1):
        bearer = _header("Authorization", slack.secret_arn)
        message = messages.slack(slack.channel)
        yield target(f"Slack{number}", _SLACK, message, bearer, per_second=_CHAT_PER_SECOND)
    for number, teams in enumerate(to.teams, 1):
        query = {"sig": _parameter(teams.secret_arn)}
        name, message = f"Teams{number}", messages.teams()
        yield target(name, teams.url, message, _no_header(), query=query, per_second=_CHAT_PER_SECOND)
    for number, pagerduty in enumerate(to.pagerduty, 1):
        body = {"routing_key": _parameter(pagerduty.secret_arn)}
        yield target(f"PagerDuty{number}", _PAGERDUTY, messages.pagerduty(), _no_header(), body=body)
    for number, webhook in enumerate(to.webhooks, 1):
        header = _header(webhook.header, webhook.secret_arn)
        yield target(f"Webhook{number}", webhook.url, None, header)


def _header(name: str, secret_arn: str) -> events.Authorization:
    """A header whose value CloudFormation resolves on deployment."""
    return events.Authorization.api_key(name, SecretValue.secrets_manager(secret_arn))


def _parameter(secret_arn: str) -> events.HttpParameter:
    return events.HttpParameter.from_secret(SecretValue.secrets_manager(secret_arn))


def _no_header() -> events.Authorization:
    """A connection needs an authorization header; this one is a placeholder, the secret is elsewhere."""
    return events.Authorization.api_key("X-Sender", SecretValue.unsafe_plain_text("kinesis-river"))
