"""Reads `signals.yaml`; a mistake is reported with its line."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import yaml

from consumer.detectors.base import UseCase
from consumer.errors import ConfigurationError
from consumer.plant import Plant
from consumer.settings.signal_settings import SettingsFile
from consumer.settings.tuning import with_parameters

_Path = list[str | int]
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")


def read_signal_settings(text: str, path: str, use_cases: Mapping[str, UseCase]) -> SettingsFile:
    """Read and check the settings; `path` is for messages.

    Raises: `ConfigurationError` with the line of each mistake.
    """
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            raise ConfigurationError(f"{path} is empty; allowed: `version: 1`, then `signals:`")
        given = loader.construct_document(root)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise ConfigurationError(f"{path}, line {line}: {getattr(error, 'problem', error)}") from None
    finally:
        loader.dispose()
    mistakes = list(given_twice(root))
    if not mistakes:
        try:
            file = msgspec.convert(given, SettingsFile)
        except msgspec.ValidationError as error:
            mistakes = [_of_msgspec(root, str(error))]
        else:
            mistakes = [(line_of(root, place), text) for place, text in _unusable(file, use_cases)]
            if not mistakes:
                return file
    raise ConfigurationError("\n".join(f"{path}, line {line}: {text}" for line, text in mistakes))


def as_json(text: str) -> bytes:
    """The same settings, read and found right before, as they ship: JSON is read a hundred times as fast."""
    return msgspec.json.encode(yaml.load(text, _Loader))


def read_shipped(text: str, path: str, use_cases: Mapping[str, UseCase]) -> SettingsFile:
    """The settings in the function, where the synthesis has checked them; elsewhere as written.

    Raises: `ConfigurationError`, as `read_signal_settings`.
    """
    try:
        return msgspec.json.decode(text, type=SettingsFile)
    except msgspec.MsgspecError:
        return read_signal_settings(text, path, use_cases)


def _unusable(file: SettingsFile, use_cases: Mapping[str, UseCase]) -> Iterator[tuple[_Path, str]]:
    """Parameters that no use case has, or that no model can be made with."""
    for number, entry in enumerate(file.signals):
        for name, parameters in entry.use_cases.items():
            place: _Path = ["signals", number, "use_cases", name]
            if name not in use_cases:
                known = ", ".join(sorted(use_cases))
                yield place, f"{name} is no line of consumer/use_cases.py; allowed: {known}"
                continue
            try:
                with_parameters(use_cases[name], parameters).create(seed=0)
            except ConfigurationError as error:
                wrong = [parameter for parameter in parameters if str(error).startswith(f"{parameter} ")]
                yield [*place, *wrong[:1]], str(error)
            except Exception as error:  # a model's constructor may raise anything
                yield place, f"no model of {name} can be made so: {error}"


def given_twice(node: yaml.Node) -> Iterator[tuple[int, str]]:
    """The line and the message of each field that a mapping has twice."""
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            name = str(key.value)
            if name in seen:
                yield line, f"{name} is there twice; the first is in line {seen[name]}"
            seen.setdefault(name, line)
            yield from given_twice(value)
    elif isinstance(node, yaml.SequenceNode):
        for part in node.value:
            yield from given_twice(part)


def _of_msgspec(root: yaml.Node, error: str) -> tuple[int, str]:
    """The line and the message of msgspec's error, such as 'Expected `float`, got `str` - at `$.a[0].b`'."""
    text, _, at = error.partition(" - at `$")
    place: _Path = [name or int(number) for name, number in _STEP.findall(at)]
    unknown = re.search(r"unknown field `(.+)`", text)
    if unknown:
        return line_of(root, [*place, unknown[1]]), f"{unknown[1]} is not a field; docs/models.md lists them"
    where = ".".join(str(step) for step in place if isinstance(step, str))
    return line_of(root, place), f"{where}: {text}" if where else text


def line_of(node: yaml.Node, place: Sequence[str | int]) -> int:
    """The line where a place starts, or the nearest part of its path that exists."""
    line = node.start_mark.line + 1
    for step in place:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        elif isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(step)]
            if not found:
                break
            key, node = found[-1]  # after what `<<` merges
            line = key.start_mark.line + 1
    return line


SHIPPED = "signals.yaml"


def read_signals_file(name: str, plant: Plant) -> SettingsFile:
    """Read and check the settings: a path of its own, or a file of the plant.

    Raises: `ConfigurationError` with the line of each mistake.
    """
    return read_signal_settings(_text(plant.settings_file(name)), name, plant.use_cases)


def read_shipped_signals(name: str, plant: Plant) -> SettingsFile:
    """Read the file of that name as the function has it. Raises: as `read_signals_file`."""
    return read_shipped(_text(plant.settings_file(name)), name, plant.use_cases)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the settings per signal, {path}, cannot be read: {error}") from None
