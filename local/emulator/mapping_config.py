"""The settings of a Kinesis event source mapping, with Lambda's limits and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

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

_BY_PROPERTY = {
    "BatchSize": "batch_size",
    "MaximumBatchingWindowInSeconds": "batching_window_s",
    "ParallelizationFactor": "parallelization_factor",
    "BisectBatchOnFunctionError": "bisect_on_error",
    "MaximumRetryAttempts": "maximum_retry_attempts",
    "MaximumRecordAgeInSeconds": "maximum_record_age_s",
    "StartingPosition": "starting_position",
    "StartingPositionTimestamp": "starting_timestamp",
}
# They do not change how records are delivered.
_IGNORED = {"DestinationConfig", "EventSourceArn", "FunctionName", "MetricsConfig", "Tags"}
_RESPONSE_TYPES: tuple[list[str], ...] = ([], ["ReportBatchItemFailures"])


class InvalidMappingConfig(ValueError):
    """Correct the field that the text names: Lambda would reject it too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingConfig:
    """One mapping's settings; -1 means without limit.

    Units:  `_s` seconds; `starting_timestamp` epoch seconds; `maximum_retry_attempts` counts what comes
            after the first invocation
    Errors: InvalidMappingConfig, for a value that Lambda does not accept
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

    @classmethod
    def from_cloudformation(cls, properties: Mapping[str, Any]) -> Self:
        """Read the properties of an `AWS::Lambda::EventSourceMapping` of a Kinesis stream.

        Errors: InvalidMappingConfig, also for a property that is not emulated: never ignored silently
        """
        responses = properties.get("FunctionResponseTypes", [])
        if responses not in _RESPONSE_TYPES:
            allowed = " or ".join(map(str, _RESPONSE_TYPES))
            raise InvalidMappingConfig(f"FunctionResponseTypes is {responses!r}; allowed: {allowed}")
        if "StartingPosition" not in properties:
            raise InvalidMappingConfig("StartingPosition is missing; a mapping of a stream needs it")
        known = {*_BY_PROPERTY, *_IGNORED, "FunctionResponseTypes"}
        if unknown := sorted(properties.keys() - known):
            raise InvalidMappingConfig(
                f"{', '.join(unknown)} is not emulated here; allowed: {', '.join(sorted(known))}"
            )
        fields = {field: properties[name] for name, field in _BY_PROPERTY.items() if name in properties}
        return cls(report_batch_item_failures=bool(responses), **fields)

    def __post_init__(self) -> None:
        """Reject what Lambda would reject, and say what is allowed instead."""
        if not isinstance(self.bisect_on_error, bool):
            raise InvalidMappingConfig(f"bisect_on_error is {self.bisect_on_error!r}; allowed: True or False")
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
