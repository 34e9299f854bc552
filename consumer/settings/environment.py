"""The settings in the function's environment, checked when it starts."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from consumer.decode.times import AHEAD_MAX_S, BELIEVED_FROM_S, TimeLimits
from consumer.errors import ConfigurationError
from consumer.settings.signals_yaml import SHIPPED

_Text = Annotated[str, Meta(min_length=1)]
_MIB = 1024 * 1024
AHEAD_S_ALLOWED_MAX = 400_000_000_000
"""Longer than the calendar, so that any time is believed."""
_TIMES = (
    f"BELIEVED_FROM (a day, default 2000-01-01), BELIEVED_AHEAD_S (0 to {AHEAD_S_ALLOWED_MAX}, default 86400)"
)


class TimeSettings(msgspec.Struct, frozen=True, rename="upper", kw_only=True):
    """Which timestamps the function believes."""

    believed_from: date = datetime.fromtimestamp(BELIEVED_FROM_S, UTC).date()
    """Nothing was measured before this day, in UTC."""
    believed_ahead_s: Annotated[int, Meta(ge=0, le=AHEAD_S_ALLOWED_MAX)] = int(AHEAD_MAX_S)
    """How far ahead of its record's arrival an observation may have been measured."""

    @property
    def time_limits(self) -> TimeLimits:
        """Both."""
        midnight = datetime.combine(self.believed_from, datetime.min.time(), UTC)
        return TimeLimits(midnight.timestamp(), float(self.believed_ahead_s))


class Settings(TimeSettings, frozen=True, rename="upper"):
    """The environment variables that the function reads; those of the AWS SDKs keep their meaning."""

    model_bucket: _Text
    event_bus_name: _Text
    use_case: _Text = "drift"
    model_pages: Annotated[int, Meta(ge=0, le=4096)] = 16
    placement: Literal["record", "asset"] = "record"
    """What a signal's page follows from: the signal that its records name, or its asset."""
    page_signals_max: Annotated[int, Meta(ge=1, le=1_000_000)] = 10_000
    signal_settings: _Text = SHIPPED
    plant: str = ""
    """A folder with use cases, settings and modules of a plant's own; "": those of `consumer`."""
    aws_region: str = ""
    aws_default_region: str = ""
    aws_endpoint_url: str = ""
    aws_endpoint_url_s3: str = ""
    powertools_metrics_namespace: _Text = "RiverConsumer"
    aws_lambda_function_memory_size: Annotated[int, Meta(ge=1, le=1_000_000)] = 512

    @property
    def region(self) -> str:
        """The region, as the SDKs find it; an endpoint of one's own needs a name all the same."""
        return self.aws_region or self.aws_default_region or "us-east-1"

    @property
    def s3_endpoint(self) -> str | None:
        """Where S3 is; None: where the region's is."""
        return (self.aws_endpoint_url_s3 or self.aws_endpoint_url).rstrip("/") or None

    @property
    def warm_bytes_max(self) -> int:
        """How much memory the pages may take that a warm function keeps: a quarter of all."""
        return self.aws_lambda_function_memory_size * _MIB // 4

    @property
    def page_memory_bytes_max(self) -> int:
        """How much memory one page may take, and all that are learned at the same time: half of all."""
        return self.aws_lambda_function_memory_size * _MIB // 2


_NAMES = [field.encode_name for field in msgspec.structs.fields(Settings)]


def _named(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name in _NAMES if (value := environment.get(name, ""))}


def read_time_limits(environment: Mapping[str, str]) -> TimeLimits:
    """What of a function's environment says which timestamps are believed. Raises: `ConfigurationError`."""
    try:
        return msgspec.convert(_named(environment), TimeSettings, strict=False).time_limits
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"the environment says no times to believe: {error}. {_TIMES}") from None


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read and check the environment.

    Raises: `ConfigurationError` naming the variable and what is allowed.
    """
    try:
        settings = msgspec.convert(_named(environment), Settings, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigurationError(
            f"the environment is not complete: {error}. Needed: MODEL_BUCKET and EVENT_BUS_NAME; "
            "allowed: USE_CASE (default drift), MODEL_PAGES (0 to 4096, default 16), "
            "PLACEMENT (record, the default, or asset), "
            "PAGE_SIGNALS_MAX (1 to 1000000, default 10000), SIGNAL_SETTINGS (a file; default signals.yaml), "
            f"PLANT (a plant's folder), {_TIMES}"
        ) from None
    if not (settings.aws_region or settings.aws_default_region or settings.s3_endpoint):
        raise ConfigurationError("set AWS_REGION to the region of the bucket and the event bus")
    return settings
