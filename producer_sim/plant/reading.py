"""Reads a plant's file; each mistake is reported with file, line, field, and what is allowed."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from consumer.errors import ConfigurationError
from consumer.settings.signals_yaml import line_of, read_yaml
from producer_sim.plant.description import Cycle, Family, FaultDescription, Noise, PlantDescription

_Path = tuple[str | int, ...]

_EMPTY = yaml.MappingNode("tag:yaml.org,2002:map", [], yaml.Mark("", 0, 0, 0, None, 0))

SHIPPED = Path(__file__).parent
_FIELDS: dict[tuple[str, ...], type[BaseModel]] = {
    (): PlantDescription,
    ("families", "*"): Family,
    ("families", "*", "noise"): Noise,
    ("families", "*", "cycles", "*"): Cycle,
    ("faults", "*"): FaultDescription,
}


class PlantFileWrong(Exception):
    """Fix the file at the lines that the text names."""


def read_plant(file: str | Path) -> PlantDescription:
    """Read a plant from a file, or by the name of one that ships here: `factory` or `steady`.

    Raises:
        PlantFileWrong: All mistakes, one a line.
    """
    path = Path(file)
    if str(file) in shipped_plants():
        path = SHIPPED / f"{file}.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        names = " and ".join(shipped_plants())
        raise PlantFileWrong(f"{file} cannot be read: {error}. The plants that ship are {names}") from None
    return parse_plant(text, str(path))


def shipped_plants() -> list[str]:
    """The names of the plants that ship."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def parse_plant(text: str, name: str) -> PlantDescription:
    """Read the text of a plant's file, called `name` in errors."""
    try:
        root, content = read_yaml(text, name)
    except ConfigurationError as error:
        raise PlantFileWrong(str(error)) from None
    try:
        description = PlantDescription.model_validate({} if root is None else content)
    except ValidationError as error:
        mistakes = [_mistake(one["loc"], one["type"], one["msg"], one["input"]) for one in error.errors()]
        raise PlantFileWrong(_message(name, root or _EMPTY, mistakes)) from None
    if mistakes := list(_unknown_families(description)):
        raise PlantFileWrong(_message(name, root or _EMPTY, mistakes))
    return description


def _mistake(path: _Path, kind: str, text: str, value: Any) -> tuple[_Path, str]:
    if kind == "extra_forbidden":
        return path, f"there is no such field; allowed are {', '.join(_fields_at(path[:-1]))}"
    if kind == "missing":
        return path, "this field is needed"
    text = text.removeprefix("Value error, ").replace("Input should be", "must be")
    # Our own texts show the value, pydantic's do not.
    return path, text if kind == "value_error" else f"{text}; not {value!r}"


def _fields_at(path: _Path) -> list[str]:
    for pattern, model in _FIELDS.items():
        if len(pattern) == len(path) and all(
            one in ("*", part) for one, part in zip(pattern, path, strict=True)
        ):
            return list(model.model_fields)
    return []


def _unknown_families(description: PlantDescription) -> Iterable[tuple[_Path, str]]:
    for number, fault in enumerate(description.faults):
        for family in fault.families:
            if family not in description.families:
                known = ", ".join(description.families)
                yield ("faults", number, "families"), f"there is no family {family!r}; there are {known}"


def _message(name: str, root: yaml.Node, mistakes: Iterable[tuple[_Path, str]]) -> str:
    return "\n".join(
        f"{name}, line {line_of(root, path)}, {'.'.join(map(str, path)) or 'the file'}: {text}"
        for path, text in mistakes
    )
