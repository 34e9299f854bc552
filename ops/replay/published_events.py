"""The events that were told of a signal, from the stack's log of all events."""

import json
from collections import deque
from typing import Any

from consumer.errors import ConfigurationError
from ops.target import Target, aws_answers

_LOOK_BACK_S = 7 * 86_400.0
_PAGES_MAX = 100


def last_events(where: Target, signal: str, now_s: float, most: int) -> list[dict[str, Any]]:
    """Of the past week, the last events of a signal: their details, oldest first.

    Raises: `ConfigurationError` where there is no such log, `Unavailable` where it cannot be read.
    """
    return _matching(where, {"signal": signal, "use_case": where.use_case}, now_s, most)


def event_of_id(where: Target, event_id: str, now_s: float) -> dict[str, Any]:
    """The detail of an event of the past week. Raises: as `last_events`, and where there is no such event."""
    found = _matching(where, {"id": event_id}, now_s, 1)
    if not found:
        raise ConfigurationError(
            f"{where.event_log} has no event {event_id} of the past week: give it in a file, with --event"
        )
    return found[0]


def _matching(where: Target, fields: dict[str, str], now_s: float, most: int) -> list[dict[str, Any]]:
    if where.event_log is None:
        raise ConfigurationError(f"events cannot be read in {where.name}: only a stack keeps a log of them")
    client = where.client("logs")
    wanted = " && ".join(f"$.detail.{name} = {json.dumps(value)}" for name, value in fields.items())
    found: deque[dict[str, Any]] = deque(maxlen=most)
    with aws_answers(f"the log group {where.event_log}"):
        pages = client.get_paginator("filter_log_events").paginate(
            logGroupName=where.event_log,
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
    """Of a log line, which anybody who may publish can have written."""
    try:
        detail = json.loads(message)["detail"]
    except (ValueError, KeyError, TypeError):
        return {}
    return detail if isinstance(detail, dict) else {}
