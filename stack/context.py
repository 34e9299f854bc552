"""Reads `context.plants` of `cdk.json`; a mistake is answered with its path and what is allowed."""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Annotated

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from stack.config import PlantConfig
from stack.field_types import Name

_Path = tuple[str | int, ...]
_PLANTS = TypeAdapter(Annotated[dict[Name, PlantConfig], Field(min_length=1)])
# pydantic's words -> ours.
_WORDS = {"Input should be": "allowed:", "String should have": "allowed:", "Field required": "is required"}


class InvalidConfiguration(Exception):
    """Correct the fields that the text names, each by its path in `cdk.json`."""


def read_plants(
    plants: object, known_use_cases: Collection[str], file: str = "consumer/use_cases.py"
) -> dict[str, PlantConfig]:
    """Check `context.plants`: the name of a stack -> what it is made of.

    Raises: `InvalidConfiguration` with a line for each mistake.
    """
    try:
        read = _PLANTS.validate_python(plants)
    except ValidationError as error:
        raise _invalid(_in_words(mistake) for mistake in error.errors()) from None
    mistakes = [
        f"{_path('plants', *path)} {text}" for path, text in _wrong_names(read, known_use_cases, file)
    ]
    if mistakes:
        raise _invalid(mistakes)
    return read


def _wrong_names(
    plants: dict[str, PlantConfig], known_use_cases: Collection[str], file: str
) -> Iterator[tuple[_Path, str]]:
    """What is named and does not exist, or cannot be distinguished from another."""
    known = ", ".join(sorted(known_use_cases))
    yield from _alike((name, (name,)) for name in plants)
    yield from _shared_buckets(plants)
    for name, plant in plants.items():
        for use_case in plant.use_cases:
            if use_case not in known_use_cases:
                yield (name, "use_cases", use_case), f"is no line of {file}; allowed: {known}"
        yield from _alike((use_case, (name, "use_cases", use_case)) for use_case in plant.use_cases)
        yield from _alike(
            (alert.name, (name, "alerts", index, "name")) for index, alert in enumerate(plant.alerts)
        )
        yield from _alike((key, (name, "tags", key)) for key in plant.tags)
        own = ", ".join(sorted(plant.use_cases))
        for index, alert in enumerate(plant.alerts):
            for position, use_case in enumerate(alert.use_cases):
                if use_case not in plant.use_cases:
                    path = (name, "alerts", index, "use_cases", position)
                    yield path, f"is {use_case!r}; allowed: {own}"


def _shared_buckets(plants: dict[str, PlantConfig]) -> Iterator[tuple[_Path, str]]:
    """Plants whose models would mix: what a page is called begins with the use case, not with the plant."""
    seen: dict[str, str] = {}
    for name, plant in plants.items():
        if plant.models_bucket in seen:
            other = seen[plant.models_bucket]
            text = f"is {plant.models_bucket!r}, that of {other}; allowed: a bucket of its own"
            yield (name, "models_bucket"), text
        if plant.models_bucket:
            seen[plant.models_bucket] = name


def _alike(named: Iterable[tuple[str, _Path]]) -> Iterator[tuple[_Path, str]]:
    """Names that are one to AWS, or to CDK, which leaves out all but letters and digits."""
    seen: dict[str, str] = {}
    for name, path in named:
        letters = re.sub(r"[\W_]", "", name.lower())
        if letters in seen:
            yield path, f"is {name!r}, too like {seen[letters]!r}; allowed: a name of its own"
        seen[letters] = name


def _invalid(mistakes: Iterable[str]) -> InvalidConfiguration:
    return InvalidConfiguration("\n".join(["cdk.json cannot be used:", *(f"  {text}" for text in mistakes)]))


def _in_words(mistake: ErrorDetails) -> str:
    path = _path("plants", *(part for part in mistake["loc"] if part != "[key]"))
    if mistake["type"] == "extra_forbidden":
        return f"{path} is not a field; docs/deploy.md lists them"
    text = mistake["msg"]
    for pydantics, ours in _WORDS.items():
        text = text.replace(pydantics, ours)
    given = mistake["input"]
    if isinstance(given, dict | list | BaseModel):
        return f"{path} {text}"
    return f"{path} is {json.dumps(given, default=str)}; {text}"


def _path(*parts: str | int) -> str:
    """Where in `cdk.json`.

    >>> _path("plants", "North", "alerts", 0, "name")
    'context.plants.North.alerts[0].name'
    """
    return "context" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
