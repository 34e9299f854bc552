"""An event in words, and as chat and paging services take it."""

from typing import Any

from aws_cdk import aws_events as events

_detail = events.EventField.from_path


def headline() -> str:
    """Severity, what, where and the value, for whoever is on shift."""
    return (
        f"{_detail('$.detail.severity')}: {events.EventField.detail_type} on {_detail('$.detail.signal')}, "
        f"value {_detail('$.detail.value')}"
    )


def _circumstances() -> str:
    return (
        f"Measured {_detail('$.detail.timestamp')}, arrived {_detail('$.detail.arrived_at')}, "
        f"use case {_detail('$.detail.use_case')}, after {_detail('$.detail.observations')} observations."
    )


def text() -> events.RuleTargetInput:
    """For e-mail: the headline is the first line. A mail's subject cannot be set by a rule."""
    return events.RuleTargetInput.from_multiline_text(
        "\n".join(
            [
                headline(),
                _circumstances(),
                f"What the model saw: {_detail('$.detail.evidence')}",
                f"Event {_detail('$.detail.id')}: a mail that comes twice has the same.",
            ]
        )
    )


def slack(channel: str) -> events.RuleTargetInput:
    """For Slack's `chat.postMessage`."""
    return events.RuleTargetInput.from_object(
        {"channel": channel, "text": f"*{headline()}*\n{_circumstances()}"}
    )


def teams() -> events.RuleTargetInput:
    """For a workflow of Teams that posts adaptive cards."""
    blocks = [
        {"type": "TextBlock", "text": headline(), "weight": "Bolder", "wrap": True},
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
                "summary": headline(),
                "severity": _detail("$.detail.severity"),
                "source": _detail("$.detail.signal"),
                "timestamp": _detail("$.detail.timestamp"),
                "custom_details": _detail("$.detail.evidence"),
            },
        }
    )
