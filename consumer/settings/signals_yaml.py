"""Reads `signals.yaml`; a mistake is reported with its line."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from consumer.detectors.base import UseCase
from consumer.detectors.local_time import UTC_NAME, local_time
from consumer.errors import ConfigurationError
from consumer.plant import USE_CASES_FILE, Plant
from consumer.settings.calendars import Span, spans_in
from consumer.settings.patterns import can_match
from consumer.settings.signal_settings import SettingsFile, dead_band_of
from consumer.settings.tuning import with_parameters

_Path = list[str | int]
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_LEVELS_MAX = 100
_REPEATED_MAX = 1_000_000
"""Values that aliases stand for, those in their values included: a few lines can stand for billions."""


_OTHER_NUMBERS = re.compile(r"[-+]?(?:0[0-7_]+|[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)")
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """A loader whose every mistake has a place in the file.

    YAML 1.1 reads 010 as 8 and 1:30 as 90, which nobody means: they stay texts. So do the names
    of fields, of which it reads `off` as false.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012  # as the base class has it
        first: [("tag:yaml.org,2002:str", _OTHER_NUMBERS), *resolvers]
        if first in "-+0123456789"
        else resolvers
        for first, resolvers in _Base.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        """A mapping's value."""
        # Of a tag such as `!!set` on what is no mapping, there is nothing to look at.
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if key.tag == "tag:yaml.org,2002:bool":
                key.tag = "tag:yaml.org,2002:str"
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """The value of a node."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, AttributeError, LookupError, ArithmeticError) as error:  # such as the 32nd of May
            tag = node.tag.rpartition(":")[2]
            raise yaml.MarkedYAMLError(problem=f"no {tag}: {error}", problem_mark=node.start_mark) from None


def read_signal_settings(
    text: str,
    path: str,
    use_cases: Mapping[str, UseCase],
    use_cases_file: str = USE_CASES_FILE,
    folder: Path | None = None,
) -> SettingsFile:
    """Read and check the settings; both paths are for messages. Calendars are files in the folder.

    Raises: `ConfigurationError` with the line of each mistake.
    """
    root, given = read_yaml(text, path)
    if root is None:
        raise ConfigurationError(f"{path} is empty; allowed: `version: 1`, then `signals:`")
    try:
        file = msgspec.convert(given, SettingsFile)
    except msgspec.ValidationError as error:
        mistakes = [_of_msgspec(root, str(error))]
    else:
        mistakes = [
            (line_of(root, place), text) for place, text in _unusable(file, use_cases, use_cases_file)
        ]
        calendars = []
        for number, entry in enumerate(file.calendars):
            try:
                if entry.spans is not None:
                    raise ConfigurationError("spans is not a field; docs/models.md lists them")
                spans = _spans(folder, entry.file, file.time_zone)
                calendars.append(msgspec.structs.replace(entry, spans=spans))
            except ConfigurationError as error:
                mistakes.append((line_of(root, ["calendars", number, "file"]), str(error)))
        if not mistakes:
            return msgspec.structs.replace(file, calendars=calendars)
    raise _mistaken(path, mistakes)


def as_json(text: str, folder: Path | None = None) -> bytes:
    """The same settings, read and found right before, as they ship: JSON is read a hundred times as fast.

    The events of calendars, which are files in the folder, are in it.

    Raises: `ConfigurationError` for what is no YAML, `ValueError`, `TypeError` or `OverflowError` for what
        JSON cannot say.
    """
    settings = read_yaml(text, "the file")[1]
    calendars = settings.get("calendars") if isinstance(settings, dict) and folder is not None else None
    for each in calendars if isinstance(calendars, list) else ():
        if isinstance(each, dict) and isinstance(each.get("file"), str):
            each["spans"] = _spans(folder, each["file"], settings.get("time_zone"))
    return msgspec.json.encode(settings)


def _spans(folder: Path | None, name: str, time_zone: str | None) -> list[Span]:
    """The times of the events of a calendar. Raises: `ConfigurationError`."""
    path = (folder or Path()) / name
    if Path(name).name != name or path.suffix != ".ics":
        raise ConfigurationError(f"{name!r}: allowed: the name of an .ics file beside the settings")
    try:
        return spans_in(_text(path, "a calendar"), time_zone)
    except ConfigurationError as error:
        raise ConfigurationError(f"{name}: {error}") from None


def read_yaml(text: str, path: str) -> tuple[yaml.Node | None, Any]:
    """The document's nodes and its value; None for an empty one.

    Raises: `ConfigurationError` with the line of each mistake, for what is no YAML, for a field that is there
        twice, and for aliases in themselves or of too much.
    """
    loader = None
    try:
        _check_size(yaml.parse(text, _Loader))
        loader = _Loader(text)
        root = loader.get_single_node()
        twice = list(_given_twice(root))  # what `<<` merges, which comes with the values, may be given again
        value = None if root is None or twice else loader.construct_document(root)
    except yaml.YAMLError as error:
        raise _mistaken(path, [_of_yaml(text, error)]) from None
    finally:
        if loader is not None:
            loader.dispose()
    if twice:
        raise _mistaken(path, twice)
    return root, value


def _check_size(events: Iterable[yaml.Event]) -> None:
    """Count what aliases stand for, without following them. Raises: `yaml.MarkedYAMLError`."""
    sizes: dict[str | None, int] = {}
    within: list[tuple[str | None, int]] = [(None, 0)]
    """The anchor and the size of each collection that is not closed yet."""
    repeated = 0
    for event in events:
        size, wrong = 0, ""
        if isinstance(event, yaml.CollectionStartEvent):
            within.append((event.anchor, 1))
            if len(within) > _LEVELS_MAX:
                wrong = f"it is nested more than {_LEVELS_MAX} levels deep"
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = within.pop()
            sizes[anchor] = size
        elif isinstance(event, yaml.ScalarEvent):
            sizes[event.anchor] = size = 1
        elif isinstance(event, yaml.AliasEvent):
            size = sizes.get(event.anchor, 1)
            repeated += size
            if event.anchor in (anchor for anchor, _ in within):
                wrong = f"it holds itself: the alias *{event.anchor} is inside its own anchor"
            elif repeated > _REPEATED_MAX:
                wrong = f"its aliases stand for more than {_REPEATED_MAX:,} values: write out what is meant"
        if wrong:
            raise yaml.MarkedYAMLError(problem=wrong, problem_mark=event.start_mark)  # type: ignore[arg-type]
        anchor, so_far = within[-1]
        within[-1] = (anchor, so_far + size)


def _of_yaml(text: str, error: yaml.YAMLError) -> tuple[int, str]:
    """The line and the message of an error."""
    if isinstance(error, yaml.reader.ReaderError):  # which knows a position only
        line = text.encode()[: error.position].count(b"\n") + 1
        return line, f"this is not YAML: {error.reason}: {error.character!r}"
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", error)
    is_none = isinstance(error, yaml.scanner.ScannerError | yaml.parser.ParserError)
    return mark.line + 1 if mark else 1, f"this is not YAML: {problem}" if is_none else str(problem)


def _mistaken(path: str, mistakes: Iterable[tuple[int, str]]) -> ConfigurationError:
    return ConfigurationError("\n".join(f"{path}, line {line}: {text}" for line, text in mistakes))


def read_shipped(
    text: str,
    path: str,
    use_cases: Mapping[str, UseCase],
    use_cases_file: str = USE_CASES_FILE,
    folder: Path | None = None,
) -> SettingsFile:
    """The settings in the function, where the synthesis has checked them; elsewhere as written.

    Raises: `ConfigurationError`, as `read_signal_settings`.
    """
    try:
        file = msgspec.json.decode(text, type=SettingsFile)
    except (msgspec.MsgspecError, RecursionError):
        return read_signal_settings(text, path, use_cases, use_cases_file, folder)
    if any(each.spans is None for each in file.calendars):
        return read_signal_settings(text, path, use_cases, use_cases_file, folder)
    return file


def _unusable(
    file: SettingsFile, use_cases: Mapping[str, UseCase], use_cases_file: str
) -> Iterator[tuple[_Path, str]]:
    """Parameters that no use case has, or that no model can be made with, and zones that nowhere is."""
    zones: list[tuple[_Path, str | None]] = [(["time_zone"], file.time_zone)]
    zones += [(["signals", at, "time_zone"], entry.time_zone) for at, entry in enumerate(file.signals)]
    for of_zone, zone in zones:
        try:
            local_time(zone or UTC_NAME)
        except ConfigurationError as error:
            yield of_zone, str(error)
    matched: list[tuple[_Path, Sequence[str]]] = [
        (["signals", at], entry.patterns) for at, entry in enumerate(file.signals)
    ]
    matched += [(["calendars", at], entry.patterns) for at, entry in enumerate(file.calendars)]
    for of_entry, patterns in matched:
        for pattern in patterns:
            if not can_match(pattern):
                yield [*of_entry, "match"], f"{pattern!r} matches no name; a bracket is written [[]"
    for number, entry in enumerate(file.signals):
        try:
            dead_band_of(entry.least, entry.direction)
        except ConfigurationError as error:
            yield ["signals", number, "least"], str(error)
        for name, parameters in entry.use_cases.items():
            place: _Path = ["signals", number, "use_cases", name]
            if name not in use_cases:
                known = ", ".join(sorted(use_cases))
                yield place, f"{name} is no line of {use_cases_file}; allowed: {known}"
                continue
            try:
                with_parameters(use_cases[name], parameters).create(seed=0)
            except ConfigurationError as error:
                wrong = [parameter for parameter in parameters if str(error).startswith(f"{parameter} ")]
                yield [*place, *wrong[:1]], str(error)
            except Exception as error:  # a model's constructor may raise anything
                yield place, f"no model of {name} can be made so: {error}"


def _given_twice(node: yaml.Node | None, known: set[int] | None = None) -> Iterator[tuple[int, str]]:
    """The line and the message of each field that a mapping has twice; an alias is no mapping of its own."""
    known = set() if known is None else known
    if id(node) in known:
        return
    known.add(id(node))
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            name = str(key.value)
            if name in seen:
                yield line, f"{name} is there twice; the first is in line {seen[name]}"
            seen.setdefault(name, line)
            yield from _given_twice(value, known)
    elif isinstance(node, yaml.SequenceNode):
        for part in node.value:
            yield from _given_twice(part, known)


def _of_msgspec(root: yaml.Node, error: str) -> tuple[int, str]:
    """The line and the message of msgspec's error, such as 'Expected `float`, got `str` - at `$.a[0].b`'."""
    text, _, at = error.partition(" - at `$")
    if "matching regex" in text:
        text = "allowed: one line, without control characters"
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
    file = plant.settings_file(name)
    return read_signal_settings(_text(file), name, plant.use_cases, plant.use_cases_file, file.parent)


def read_shipped_signals(name: str, plant: Plant) -> SettingsFile:
    """Read the file of that name as the function has it. Raises: as `read_signals_file`."""
    file = plant.settings_file(name)
    return read_shipped(_text(file), name, plant.use_cases, plant.use_cases_file, file.parent)


def _text(path: Path, what: str = "the settings per signal") -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # some office programs begin a file with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{what}, {path}, cannot be read: {error}") from None
