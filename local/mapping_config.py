"""What can be set on a Kinesis event source mapping, with Lambda's limits and defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

StartingPosition = Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"]

UNLIMITED = -1

_ALLOWED = {
    "batch_size": (1, 10_000),
    "batching_window_s": (0, 300),
    "parallelization_factor": (1, 10),
    "maximum_retry_attempts": (UNLIMITED, 10_000),
    "maximum_record_age_s": (60, 604_800),
}
_MAY_BE_UNLIMITED = {"maximum_record_age_s"}


class InvalidMappingConfig(ValueError):
    """Correct the field that the text names: Lambda would refuse it too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingConfig:
    """One mapping's settings; -1 means without limit.

    Units:  `_s` seconds; `starting_timestamp` epoch seconds; `maximum_retry_attempts` counts what comes
            after the first invocation
    Errors: InvalidMappingConfig, when a value is not one that Lambda accepts
    """

    batch_size: int = 100
    batching_window_s: int = 0
    parallelization_factor: int = 1
    report_batch_item_failures: bool = True
    bisect_on_error: bool = False
    maximum_retry_attempts: int = UNLIMITED
    maximum_record_age_s: int = UNLIMITED
    starting_position: StartingPosition = "TRIM_HORIZON"
    starting_timestamp: float | None = None

    def __post_init__(self) -> None:
        """Refuse what Lambda would refuse, and say what is allowed instead."""
        for field, (lowest, highest) in _ALLOWED.items():
            _check(field, getattr(self, field), lowest, highest)
        if self.starting_position not in get_args(StartingPosition):
            allowed = ", ".join(get_args(StartingPosition))
            raise InvalidMappingConfig(f"starting_position is {self.starting_position!r}; allowed: {allowed}")
        if (self.starting_position == "AT_TIMESTAMP") != (self.starting_timestamp is not None):
            raise InvalidMappingConfig(
                f"starting_timestamp is {self.starting_timestamp!r} with starting_position "
                f"{self.starting_position}; it is needed with AT_TIMESTAMP, and allowed only there"
            )


def _check(field: str, value: object, lowest: int, highest: int) -> None:
    allowed = f"an integer from {lowest} to {highest}"
    if field in _MAY_BE_UNLIMITED:
        allowed += f", or {UNLIMITED} for no limit"
        if value == UNLIMITED:
            return
    # A bool is an int to Python, but True as a batch size is a mistake.
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        raise InvalidMappingConfig(f"{field} is {value!r}; allowed: {allowed}")
