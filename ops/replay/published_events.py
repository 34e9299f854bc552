"""The published events of a signal, from the stack's log of all events."""

import json
from collections import deque
from typing import Any

from consumer.errors import ConfigurationError
from ops.target import Target, aws_answers

_LOOK_BACK_S = 7 * 86_400.0
_PAGES_MAX = 100


def last_events(target: Target, signal: str, now_s: float, most: int) -> list[dict[str, Any]]:
    """The details of a signal's last events in the past week, oldest first.

    Raises: `ConfigurationError` if there is no such log, `Unavailable` if it cannot be read.
    """
    return _matching(target, {"signal": signal, "use_case": target.use_case}, now_s, most)


def event_of_id(target: Target, event_id: str, now_s: float) -> dict[str, Any]:
    """The detail of an event of the past week. Raises: as `last_events`, also if there is no such event."""
    found = _matching(target, {"id": event_id}, now_s, 1)
    if not found:
        raise ConfigurationError(
            f"{target.event_log} has no event {event_id} in the past week: give it in a file, with --event"
        )
    return found[0]


def _matching(target: Target, fields: dict[str, str], now_s: float, most: int) -> list[dict[str, Any]]:
    if target.event_log is None:
        raise ConfigurationError(f"{target.name} has no log of its events: only a stack keeps a log of them")
    client = target.client("logs")
    wanted = " && ".join(f"$.detail.{name} = {json.dumps(value)}" for name, value in fields.items())
    found: deque[dict[str, Any]] = deque(maxlen=most)
    with aws_answers(f"the log group {target.event_log}"):
        pages = client.get_paginator("filter_log_events").paginate(
            logGroupName=target.event_log,
            startTime=int((now_s - _LOOK_BACK_S) * 1000),
            filterPattern=f"{{ {wanted} }}",
        )
        for number, page in enumerate(pages):
            for line in page["events"]:
                detail = _detail(line["message"])
                if all(detail.get(name) == value for name, value in fields.items()):
                    found.append(detail)
            if number == _PAGES_MAX:
                break
    return list(found)


def _detail(message: str) -> dict[str, Any]:
    """The detail in a line of the log, which anyone who may publish events could have written."""
    try:
        detail = json.loads(message)["detail"]
    except (ValueError, KeyError, TypeError):
        return {}
    return detail if isinstance(detail, dict) else {}
