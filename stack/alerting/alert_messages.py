"""An alert as text for e-mail, and as chat and paging services expect it.

A rule inserts values into a template without escaping them. Text that a producer chose, such as a signal's
name, therefore never goes inside a JSON string of a template: the headline replaces a whole string.
"""

from typing import Any

from aws_cdk import aws_events as events

_detail = events.EventField.from_path
_HEADLINE = "$.detail.headline"


def _circumstances() -> str:
    return (
        f"Measured at {_detail('$.detail.timestamp')}, arrived at {_detail('$.detail.arrived_at')}. "
        f"Use case {_detail('$.detail.use_case')}, {_detail('$.detail.observations')} observations learned."
    )


def text() -> events.RuleTargetInput:
    """For e-mail; the first line has severity, kind, signal and value, since a rule cannot set a subject."""
    return events.RuleTargetInput.from_multiline_text(
        "\n".join(
            [
                _detail(_HEADLINE),
                _circumstances(),
                f"Evidence: {_detail('$.detail.evidence')}",
                f"Event {_detail('$.detail.id')}. If this e-mail arrives twice, both have the same id.",
            ]
        )
    )


def slack(channel: str) -> events.RuleTargetInput:
    """For Slack's `chat.postMessage`; plain text, so that a signal's name cannot mention anybody."""
    texts = [_detail(_HEADLINE), _circumstances()]
    blocks = [
        {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}} for text in texts
    ]
    notification = {"text": _detail(_HEADLINE), "mrkdwn": False}
    return events.RuleTargetInput.from_object({"channel": channel, "blocks": blocks, **notification})


def teams() -> events.RuleTargetInput:
    """For a Teams workflow that posts adaptive cards; of runs of text, since blocks of it are Markdown."""
    headline = {"type": "TextRun", "text": _detail(_HEADLINE), "weight": "Bolder"}
    circumstances = {"type": "TextRun", "text": _circumstances()}
    blocks = [{"type": "RichTextBlock", "inlines": [run]} for run in (headline, circumstances)]
    card: dict[str, Any] = {"type": "AdaptiveCard", "version": "1.4", "body": blocks}
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return events.RuleTargetInput.from_object({"type": "message", "attachments": [attachment]})


def pagerduty() -> events.RuleTargetInput:
    """For PagerDuty's Events API v2; a repeated event opens one incident."""
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
