"""An event in words, and as chat and paging services take it.

A rule puts values into a template without escaping them. So what a producer chose, such as a signal's name,
is never put inside a JSON string of a template, but stands for one: the consumer has made the headline.
"""

from typing import Any

from aws_cdk import aws_events as events

_detail = events.EventField.from_path
_HEADLINE = "$.detail.headline"


def _circumstances() -> str:
    return (
        f"Measured {_detail('$.detail.timestamp')}, arrived {_detail('$.detail.arrived_at')}, "
        f"use case {_detail('$.detail.use_case')}, after {_detail('$.detail.observations')} observations."
    )


def text() -> events.RuleTargetInput:
    """For e-mail: severity, what, where and the value in its first line; a rule cannot set a subject."""
    return events.RuleTargetInput.from_multiline_text(
        "\n".join(
            [
                _detail(_HEADLINE),
                _circumstances(),
                f"What the model saw: {_detail('$.detail.evidence')}",
                f"Event {_detail('$.detail.id')}: a mail that comes twice has the same.",
            ]
        )
    )


def slack(channel: str) -> events.RuleTargetInput:
    """For Slack's `chat.postMessage`: plain text, in which a signal's name can mention nobody."""
    texts = [_detail(_HEADLINE), _circumstances()]
    blocks = [{"type": "section", "text": {"type": "plain_text", "text": text}} for text in texts]
    notification = {"text": _detail(_HEADLINE), "mrkdwn": False}
    return events.RuleTargetInput.from_object({"channel": channel, "blocks": blocks, **notification})


def teams() -> events.RuleTargetInput:
    """For a workflow of Teams that posts adaptive cards."""
    blocks = [
        {"type": "TextBlock", "text": _detail(_HEADLINE), "weight": "Bolder", "wrap": True},
        {"type": "TextBlock", "text": _circumstances(), "wrap": True},
    ]
    card: dict[str, Any] = {"type": "AdaptiveCard", "version": "1.4", "body": blocks}
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return events.RuleTargetInput.from_object({"type": "message", "attachments": [attachment]})


def pagerduty() -> events.RuleTargetInput:
    """For PagerDuty's Events API v2: an event that comes twice opens one incident."""
    return events.RuleTargetInput.from_object(
        {
            "event_action": "trigger",
            "dedup_key": _detail("$.detail.id"),
            "payload": {
                "summary": _detail(_HEADLINE),
                "severity": _detail("$.detail.severity"),
                "source": _detail("$.detail.signal"),
                "timestamp": _detail("$.detail.timestamp"),
                "custom_details": _detail("$.detail.evidence"),
            },
        }
    )
