"""What a model or a sensor check finds at a value."""

from dataclasses import dataclass
from typing import Any, Literal

Change = Literal["opened", "still_open", "cleared"]
"""Of an alert's state. What is over at once, such as a drift, is opened."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a model found at observation `index` of those it was given, and what it saw there."""

    index: int
    evidence: dict[str, Any]
    change: Change = "opened"
    fault: str | None = None
    """Of the sensor, if a sensor check found it and not the model."""
