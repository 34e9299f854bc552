"""What Lambda says of a deployed function: its environment, and whether records are brought to it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from consumer.core.errors import ConfigurationError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping


class DeployedFunction:
    """One function, by its name or ARN."""

    def __init__(self, name: str, region: str | None = None) -> None:
        self._name = name
        self._lambda = boto3.client("lambda", region_name=region)

    def environment(self) -> "Mapping[str, str]":
        """Its environment variables.

        Raises: `Unavailable`.
        """
        try:
            found = self._lambda.get_function_configuration(FunctionName=self._name)
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"the function {self._name} cannot be asked for: {error}") from error
        variables: Mapping[str, str] = found.get("Environment", {}).get("Variables", {})
        return variables

    def check_is_idle(self) -> None:
        """Raise `ConfigurationError` unless every event source mapping of it and its aliases is disabled."""
        try:
            enabled = [
                f"{mapping['UUID']} ({mapping['State']})"
                for name in self._names()
                for page in self._lambda.get_paginator("list_event_source_mappings").paginate(
                    FunctionName=name
                )
                for mapping in page["EventSourceMappings"]
                if mapping["State"] != "Disabled"
            ]
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(f"the mappings of {self._name} cannot be listed: {error}") from error
        if enabled:
            raise ConfigurationError(
                f"event source mappings of {self._name} are not disabled: {', '.join(enabled)}. "
                "Disable each, with `aws lambda update-event-source-mapping --no-enabled`, and wait"
            )

    def _names(self) -> Iterator[str]:
        yield self._name
        for page in self._lambda.get_paginator("list_aliases").paginate(FunctionName=self._name):
            for alias in page["Aliases"]:
                yield alias["AliasArn"]
