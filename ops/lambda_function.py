"""A deployed function, its aliases and their event source mappings, through a boto3 client of Lambda."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from consumer.errors import ConfigurationError, Unavailable
from ops.target import aws_answers

_POLL_EVERY_S = 2.0
_WAIT_MAX_S = 600.0
"""An invocation ends before Lambda says that its mapping is disabled, and may take minutes."""


@dataclass(frozen=True, slots=True)
class LambdaFunction:
    """One function, by its name or ARN. Every method raises `Unavailable` if Lambda does not answer."""

    client: Any
    name: str

    def environment(self) -> Mapping[str, str]:
        """Its environment variables."""
        variables: Mapping[str, str] = (
            self._configuration(self.name).get("Environment", {}).get("Variables", {})
        )
        return variables

    def deployed_s(self) -> float:
        """When the code that its aliases point to was deployed, or its own without any; Unix seconds."""
        with aws_answers(f"the function {self.name}"):
            own, *aliases = self._names()
        modified = [self._configuration(name)["LastModified"] for name in aliases or [own]]
        return min(datetime.fromisoformat(each).timestamp() for each in modified)

    def mapping_states(self) -> dict[str, str]:
        """The state of each mapping by its UUID, such as Enabled."""
        with aws_answers(f"the event source mappings of {self.name}"):
            return {
                mapping["UUID"]: mapping["State"]
                for name in self._names()
                for page in self.client.get_paginator("list_event_source_mappings").paginate(
                    FunctionName=name
                )
                for mapping in page["EventSourceMappings"]
            }

    def is_paused(self) -> bool:
        """Whether all its mappings are disabled, and so no invocation is left running."""
        return all(state == "Disabled" for state in self.mapping_states().values())

    def check_is_paused(self) -> None:
        """Raise `ConfigurationError` unless all its mappings are disabled."""
        states = self.mapping_states().items()
        if enabled := [f"{mapping} ({state})" for mapping, state in states if state != "Disabled"]:
            raise ConfigurationError(
                f"event source mappings of {self.name} are not disabled: {', '.join(enabled)}. "
                "Disable each, with `aws lambda update-event-source-mapping --no-enabled`, and wait"
            )

    def pause(self) -> None:
        """Disable its mappings, and wait until the running invocations have ended."""
        self._set(enabled=False)
        until = time.monotonic() + _WAIT_MAX_S
        while not self.is_paused():
            if time.monotonic() > until:
                raise Unavailable(f"a mapping of {self.name} is still not disabled: run it again")
            time.sleep(_POLL_EVERY_S)

    def resume(self) -> None:
        """Enable its mappings: records go on from where they were paused."""
        self._set(enabled=True)

    def _set(self, *, enabled: bool) -> None:
        wanted = ("Enabled", "Enabling") if enabled else ("Disabled", "Disabling")
        for mapping, state in self.mapping_states().items():
            if state not in wanted:
                with aws_answers(f"the mapping {mapping}"):
                    self.client.update_event_source_mapping(UUID=mapping, Enabled=enabled)

    def _configuration(self, name: str) -> Any:
        with aws_answers(f"the function {name}"):
            return self.client.get_function_configuration(FunctionName=name)

    def _names(self) -> Iterator[str]:
        yield self.name
        for page in self.client.get_paginator("list_aliases").paginate(FunctionName=self.name):
            for alias in page["Aliases"]:
                yield alias["AliasArn"]
