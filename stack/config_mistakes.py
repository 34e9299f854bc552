"""Mistakes in `cdk.json`, in words."""

import json
from collections.abc import Iterable

from pydantic import BaseModel
from pydantic_core import ErrorDetails


class InvalidConfiguration(Exception):
    """Correct the fields that the text names, each by its path in `cdk.json`."""


def invalid(mistakes: Iterable[str]) -> InvalidConfiguration:
    """All mistakes as one error, a line for each."""
    return InvalidConfiguration("\n".join(["cdk.json cannot be used:", *(f"  {text}" for text in mistakes)]))


def in_words(mistake: ErrorDetails) -> str:
    """One of pydantic's errors: where, what was given, what is allowed."""
    path = path_of("plants", *(part for part in mistake["loc"] if part != "[key]"))
    if mistake["type"] == "extra_forbidden":
        return f"{path} is not a field; docs/deploy.md lists them"
    text = mistake["msg"].replace("Input should be", "allowed:")
    given = mistake["input"]
    if isinstance(given, dict | list | BaseModel):
        return f"{path} {text}"
    return f"{path} is {json.dumps(given, default=str)}; {text}"


def path_of(*parts: str | int) -> str:
    """Where in `cdk.json`.

    >>> path_of("plants", "North", "alerts", 0, "name")
    'context.plants.North.alerts[0].name'
    """
    return "context" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
