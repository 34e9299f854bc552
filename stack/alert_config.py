"""An alert in `cdk.json`: which events, and where to."""

import json
from typing import Annotated, Any, Self

from pydantic import Field
from pydantic import model_validator as check

from consumer.detectors.base import Severity
from consumer.detectors.finding import Change
from consumer.events.event import SOURCE
from stack.config_texts import (
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
_MANY = {"severity": "severities", "asset": "assets", "line": "lines"}


class SlackTarget(Strict):
    """A channel of Slack."""

    channel: Annotated[str, matching(r"[#CG][\w-]+", "a channel such as #alerts, or its id")]
    """Where to, by name or id."""
    secret_arn: SecretArn
    """Holds `Bearer ` and a bot's token that may `chat:write`."""


class TeamsTarget(Strict):
    """A workflow of Microsoft Teams that posts what it gets."""

    url: Annotated[Url, matching(r"(?i)(?!.*[?&]sig=).*", "its URL without sig, which is the secret")]
    """The workflow's, without `sig`."""
    secret_arn: SecretArn
    """Holds the value of `sig`."""


class PagerDutyTarget(Strict):
    """A service of PagerDuty, by its Events API v2."""

    secret_arn: SecretArn
    """Holds the integration key."""


class WebhookTarget(Strict):
    """Any HTTPS endpoint; it gets the whole event."""

    url: Url
    """Where to."""
    secret_arn: SecretArn
    """Holds the header's value."""
    header: Annotated[str, matching(r"[A-Za-z][\w-]*", "an HTTP header's name")] = "Authorization"
    """Which header carries the secret."""


class AlertTargets(Strict):
    """Where an alert goes to: its own SNS topic, and up to four others."""

    emails: Annotated[list[Email], each_once] = []
    """Subscribed to the alert's topic; each has to confirm the mail that AWS sends."""
    topic_arns: list[TopicArn] = []
    """SNS topics that exist, and whose policy lets EventBridge publish; they get the text of the e-mail."""
    queue_arns: list[QueueArn] = []
    """SQS queues that exist, and whose policy lets EventBridge send; they get the whole event."""
    bus_arns: list[BusArn] = []
    """Event buses of other accounts or of this one; they get the whole event."""
    slack: list[SlackTarget] = []
    """Channels of Slack."""
    teams: list[TeamsTarget] = []
    """Workflows of Microsoft Teams."""
    pagerduty: list[PagerDutyTarget] = []
    """Services of PagerDuty."""
    webhooks: list[WebhookTarget] = []
    """Other HTTPS endpoints."""

    @check(mode="after")
    def _are_few(self) -> Self:
        others = sum(len(getattr(self, name)) for name in type(self).model_fields if name != "emails")
        if others >= RULE_TARGETS_MAX:
            raise wrong(
                f"has {others} targets besides e-mail; allowed: {RULE_TARGETS_MAX - 1}. "
                "A second alert of another name takes more"
            )
        return self


class AlertConfig(Strict):
    """A rule of the event bus: which events, and where to."""

    name: Name
    """Of the alert, as the outputs and the console show it."""
    use_cases: list[str] = []
    """Of which use cases; none named: all."""
    signal_prefixes: list[Text] = []
    """How the signals' names start; none named: all."""
    severities: list[Severity] = []
    """How much its events matter; none named: all."""
    changes: list[Change] = ["opened"]
    """Of an alert's state: `opened`, `still_open` after each day, `cleared`."""
    assets: list[Text] = []
    """Of which assets, as `signals.yaml` calls them; none named: all."""
    lines: list[Text] = []
    """Of which lines, likewise; none named: all."""
    lag_s_max: Annotated[int, Field(ge=1, le=1_000_000_000)] = 3600
    """Leaves out what arrived later than this after it was measured, so that a backlog does not page."""
    also_late: bool = False
    """Leaves nothing out, however late it arrived."""
    to: AlertTargets = AlertTargets()
    """Where to."""

    @property
    def pattern(self) -> dict[str, Any]:
        """The event pattern of its rule."""
        detail: dict[str, Any] = {"muted": [False], "change": self.changes}
        if self.use_cases:
            detail["use_case"] = self.use_cases
        if self.signal_prefixes:
            detail["signal"] = [{"prefix": prefix} for prefix in self.signal_prefixes]
        if not self.also_late:
            detail["lag_s"] = [{"numeric": ["<=", self.lag_s_max]}]
        for field in ("severity", "asset", "line"):
            if named := getattr(self, _MANY[field]):
                detail[field] = named
        return {"source": [SOURCE], "detail": detail}

    @check(mode="after")
    def _fits_a_rule(self) -> Self:
        if len(json.dumps(self.pattern)) > PATTERN_CHARACTERS_MAX:
            raise wrong(
                f"makes a pattern of more than {PATTERN_CHARACTERS_MAX} characters, EventBridge's limit; "
                "allowed: fewer or shorter signal_prefixes"
            )
        return self
