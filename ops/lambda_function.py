"""What Lambda says of a deployed function: its environment, and whether records are brought to it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from consumer.errors import ConfigurationError, Unavailable
from ops.target import aws_answers

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


_ASK_EVERY_S = 2.0
_WAIT_MAX_S = 600.0
"""An invocation ends before Lambda says that its mapping is disabled, and may take minutes."""


@dataclass(frozen=True, slots=True)
class MappedFunction:
    """A function, its aliases and their mappings of a stream, through a boto3 client of Lambda."""

    client: Any
    name: str

    def states(self) -> dict[str, str]:
        """Of each mapping what it does, such as Enabled. Raises: `Unavailable`."""
        with aws_answers(f"the mappings of {self.name}"):
            return {
                mapping["UUID"]: mapping["State"]
                for name in self._names()
                for page in self.client.get_paginator("list_event_source_mappings").paginate(
                    FunctionName=name
                )
                for mapping in page["EventSourceMappings"]
            }

    def is_paused(self) -> bool:
        """Whether nothing is brought to it, and none of it runs any more. Raises: `Unavailable`."""
        return all(state == "Disabled" for state in self.states().values())

    def pause(self) -> None:
        """Have nothing brought to it, and wait until what it was given is done. Raises: `Unavailable`."""
        self._set(enabled=False)
        until = time.monotonic() + _WAIT_MAX_S
        while not self.is_paused():
            if time.monotonic() > until:
                raise Unavailable(f"a mapping of {self.name} is still not disabled: run it again")
            time.sleep(_ASK_EVERY_S)

    def go_on(self) -> None:
        """Have records brought to it again, from where it was paused. Raises: `Unavailable`."""
        self._set(enabled=True)

    def changed_s(self) -> float:
        """When what its aliases are of was deployed, in seconds since 1970: it, where it has none.

        Raises: `Unavailable`.
        """
        with aws_answers(f"the function {self.name}"):
            own, *aliases = self._names()
            changed = [
                self.client.get_function_configuration(FunctionName=name)["LastModified"]
                for name in aliases or [own]
            ]
        return min(datetime.fromisoformat(each).timestamp() for each in changed)

    def _set(self, *, enabled: bool) -> None:
        wanted = ("Enabled", "Enabling") if enabled else ("Disabled", "Disabling")
        for mapping, state in self.states().items():
            if state not in wanted:
                with aws_answers(f"the mapping {mapping}"):
                    self.client.update_event_source_mapping(UUID=mapping, Enabled=enabled)

    def _names(self) -> Iterator[str]:
        yield self.name
        for page in self.client.get_paginator("list_aliases").paginate(FunctionName=self.name):
            for alias in page["Aliases"]:
                yield alias["AliasArn"]
