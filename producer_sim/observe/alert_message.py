"""What an alert's topic carries: on AWS the text of the e-mail, on the local pipeline the event itself."""

import json
import re
from dataclasses import dataclass
from typing import Any

_ID = re.compile(r"\bEvent ([0-9a-f]{32})\b")


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """An alert as it was delivered; `detail` is the event's where the message is the whole event."""

    received_s: float
    alert: str
    id: str
    headline: str
    detail: dict[str, Any] | None


def read_alert(received_s: float, alert: str, message: str) -> AlertMessage | None:
    r"""Read a message of the topic of `alert`; None for what is no alert of an event.

    >>> text = '"warning: Drift Detected on a, value 3"\n"Event 32728622bcb927ee503830e2d4420c27: a mail"'
    >>> read_alert(0.0, "drifts", text).headline
    'warning: Drift Detected on a, value 3'
    >>> read_alert(0.0, "drifts", '{"detail": {"id": "32728622bcb927ee503830e2d4420c27"}}').id
    '32728622bcb927ee503830e2d4420c27'
    """
    try:
        event = json.loads(message)
        detail = event["detail"]
        return AlertMessage(received_s, alert, detail["id"], detail.get("headline", ""), detail)
    except (ValueError, KeyError, TypeError):
        pass
    # The last one: a signal's name comes before it, and may be anything.
    ids = _ID.findall(message)
    if not ids:
        return None
    return AlertMessage(received_s, alert, ids[-1], message.partition("\n")[0].strip('"'), None)
