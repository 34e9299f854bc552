"""An alert in `cdk.json`: which events go to which targets."""

import json
from typing import Annotated, Any, Self

from pydantic import Field
from pydantic import model_validator as check

from consumer.detectors.alert_policy import Change
from consumer.detectors.base import Severity
from consumer.events.event import SOURCE
from stack.field_types import (
    BusArn,
    Email,
    Name,
    QueueArn,
    SecretArn,
    Strict,
    Text,
    TopicArn,
    Url,
    each_once,
    matching,
    wrong,
)

RULE_TARGETS_MAX = 5
PATTERN_CHARACTERS_MAX = 2048


class SlackTarget(Strict):
    """A Slack channel."""

    channel: Annotated[str, matching(r"[#CG][\w-]+", "a channel such as #alerts, or its id")]
    """The channel's name or id."""
    secret_arn: SecretArn
    """Holds `Bearer ` and a bot token with `chat:write`."""


class TeamsTarget(Strict):
    """A Microsoft Teams workflow that posts what it receives."""

    url: Annotated[Url, matching(r"(?i)(?!.*[?&]sig=).*", "its URL without sig, which is the secret")]
    """The workflow's URL, without `sig`."""
    secret_arn: SecretArn
    """Holds the value of `sig`."""


class PagerDutyTarget(Strict):
    """A PagerDuty service, through the Events API v2."""

    secret_arn: SecretArn
    """Holds the integration key."""


class WebhookTarget(Strict):
    """Any HTTPS endpoint; it receives the whole event."""

    url: Url
    """The endpoint."""
    secret_arn: SecretArn
    """Holds the header's value."""
    header: Annotated[str, matching(r"[A-Za-z][\w-]*", "an HTTP header's name")] = "Authorization"
    """The header that carries the secret."""


class AlertTargets(Strict):
    """The targets of an alert: its own SNS topic and up to four others."""

    emails: Annotated[list[Email], each_once] = []
    """Subscribed to the alert's topic; each has to confirm an e-mail from AWS."""
    topic_arns: list[TopicArn] = []
    """Existing SNS topics whose policy allows EventBridge to publish; they receive the text of the e-mail."""
    queue_arns: list[QueueArn] = []
    """Existing SQS queues whose policy allows EventBridge to send; they receive the whole event."""
    bus_arns: list[BusArn] = []
    """Event buses of this or other accounts; they receive the whole event."""
    slack: list[SlackTarget] = []
    """Slack channels."""
    teams: list[TeamsTarget] = []
    """Microsoft Teams workflows."""
    pagerduty: list[PagerDutyTarget] = []
    """PagerDuty services."""
    webhooks: list[WebhookTarget] = []
    """Other HTTPS endpoints."""

    @check(mode="after")
    def _are_few(self) -> Self:
        others = sum(len(getattr(self, name)) for name in type(self).model_fields if name != "emails")
        if others >= RULE_TARGETS_MAX:
            raise wrong(
                f"has {others} targets besides e-mail; allowed: {RULE_TARGETS_MAX - 1}. "
                "Add a second alert, with another name, for more"
            )
        return self


class AlertConfig(Strict):
    """A rule of the event bus: which events go to which targets."""

    name: Name
    """The alert's name in the stack's outputs and the console."""
    use_cases: list[str] = []
    """Only events of these use cases; default: all."""
    signal_prefixes: list[Text] = []
    """Only signals whose names start with one of these; default: all."""
    severities: list[Severity] = []
    """Only events of these severities; default: all."""
    changes: list[Change] = ["opened"]
    """Only these changes of an alert: `opened`, `still_open` (once a day), `cleared`."""
    assets: list[Text] = []
    """Only these assets, as named in `signals.yaml`; default: all."""
    lines: list[Text] = []
    """Only these lines, as named in `signals.yaml`; default: all."""
    lag_s_max: Annotated[int, Field(ge=1, le=1_000_000_000)] = 3600
    """Leave out what arrived later than this after it was measured, so that a backlog pages nobody."""
    also_late: bool = False
    """Leave nothing out, however late it arrived."""
    to: AlertTargets = AlertTargets()
    """Its targets."""

    @property
    def pattern(self) -> dict[str, Any]:
        """The event pattern of its rule."""
        only: dict[str, list[Any]] = {
            "use_case": self.use_cases,
            "signal": [{"prefix": prefix} for prefix in self.signal_prefixes],
            "lag_s": [] if self.also_late else [{"numeric": ["<=", self.lag_s_max]}],
            "severity": self.severities,
            "asset": self.assets,
            "line": self.lines,
        }
        detail = {"muted": [False], "change": self.changes}
        detail |= {field: allowed for field, allowed in only.items() if allowed}
        return {"source": [SOURCE], "detail": detail}

    @check(mode="after")
    def _fits_a_rule(self) -> Self:
        if len(json.dumps(self.pattern)) > PATTERN_CHARACTERS_MAX:
            raise wrong(
                f"makes an event pattern of more than EventBridge's {PATTERN_CHARACTERS_MAX} characters; "
                "allowed: fewer or shorter signal_prefixes"
            )
        return self
