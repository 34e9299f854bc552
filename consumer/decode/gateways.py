"""Shapes that gateways send by default, each read into observations with their qualities.

A shape's function yields what it finds in order: an observation, or what is wrong with a single one. It
raises `Unlearnable` before the first where there is nothing that could be one.

Sources: the manuals of KEPServerEX's IoT Gateway, Neuron, Telegraf's JSON serializer, AWS Shop Floor
Connectivity and Ignition. Sparkplug B and OPC UA are in `protocols`.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

from consumer.decode.values import shortened
from consumer.errors import Unlearnable

Quality = Literal["good", "uncertain", "bad"]


class GatewayValue(NamedTuple):
    """A value of `signal`, or of its part `name`, with quality and time as they were written."""

    signal: Any
    name: str | None
    value: Any
    timestamp: Any
    quality: Any = None


Found = Iterator[GatewayValue | Unlearnable]


# Qualities.

_WORDS: dict[str, Quality] = {
    "good": "good",
    "uncertain": "uncertain",
    "bad": "bad",
    "error": "bad",
    "stale": "bad",
    "true": "good",
    "false": "bad",
}
_UA_SUBCODES, _UA_UNCERTAIN, _UA_BAD = 0x1_0000, 0x4000_0000, 0x8000_0000


def quality_of(written: Any) -> Quality:
    """A quality from a boolean, a word such as Good or Bad_Stale, or a code of OPC or Ignition; null is good.

    >>> quality_of(True), quality_of("Uncertain_LastKnownValue"), quality_of(192.0), quality_of(500)
    ('good', 'uncertain', 'good', 'bad')
    """
    return _quality(written, _of_code)


def status_of(written: Any) -> Quality:
    """The same of a status of OPC UA, whose code has the quality in its two highest bits: 0 is good.

    >>> status_of(0), status_of({"Code": 0x40920000}), status_of("0x80340000"), status_of("BadNoData")
    ('good', 'uncertain', 'bad', 'bad')
    """
    return _quality(written, _of_status_code)


def _quality(written: Any, of_code: Callable[[int], Quality]) -> Quality:
    if written is None:
        return "good"
    if isinstance(written, bool):
        return "good" if written else "bad"
    code = written
    if isinstance(written, dict):  # as Ignition and OPC UA write it
        code = first_of(written, *_IN_OBJECTS)
        if isinstance(code, dict | list | None):
            raise _none_of(written)
        return _quality(code, of_code)
    if isinstance(written, str):
        for word, quality in _WORDS.items():
            if written.strip().casefold().startswith(word):
                return quality
        code = _number_in(written)
    if isinstance(code, float) and code.is_integer():
        code = int(code)
    if isinstance(code, int):
        return of_code(code)
    raise _none_of(written)


_IN_OBJECTS = ("code", "Code", "name", "Symbol", "value")
_CODE_DIGITS_MAX = 12
"""No code has more, not even one that is written with a decimal."""


def _number_in(text: str) -> int | float | None:
    if len(text) > _CODE_DIGITS_MAX or not text.isascii() or "_" in text:
        return None
    try:
        return int(text, 16) if text[:2].casefold() == "0x" else float(text)
    except ValueError:
        return None


def _none_of(written: Any) -> Unlearnable:
    return Unlearnable(
        f"a quality is a boolean, a word such as good, uncertain or bad, or a code, not {shortened(written)}"
    )


def _of_code(code: int) -> Quality:
    """OPC's codes have the quality in two bits; Ignition's own begin at 256, and are errors from 300 on.

    What is larger than either is a status of OPC UA.
    """
    if code >= _UA_SUBCODES:
        return _of_status_code(code)
    if 192 <= code < 256:
        return "good"
    return "uncertain" if 64 <= code < 128 or 256 <= code < 300 else "bad"


def _of_status_code(code: int) -> Quality:
    if 0 <= code < _UA_UNCERTAIN:
        return "good"
    return "uncertain" if _UA_UNCERTAIN <= code < _UA_BAD else "bad"


# What is common.


def objects(found: Any, field: str) -> list[Any]:
    """Give a list back that has elements."""
    if not isinstance(found, list) or not found:
        raise Unlearnable(f"{field!r} is a list of one object or more")
    return found


def members(found: Any, field: str) -> dict[str, Any]:
    """Give an object back that has members."""
    if not isinstance(found, dict) or not found:
        raise Unlearnable(f"{field!r} is an object of one member or more")
    return found


def first_of(found: dict[str, Any], *names: str, otherwise: Any = None) -> Any:
    """The first of these that is there and not null."""
    return next((found[name] for name in names if found.get(name) is not None), otherwise)


# KEPServerEX's IoT Gateway: {"timestamp": …, "values": [{"id": …, "v": …, "q": …, "t": …}]}


def kepserver(values: Any, timestamp: Any) -> Found:
    """Read the `values` of the standard template; a tag's own time goes before the message's."""
    for tag in objects(values, "values"):
        if not isinstance(tag, dict) or tag.get("id") is None:
            yield Unlearnable("one of the 'values' is an object of id, v, q and t, as KEPServerEX writes it")
        elif "v" not in tag:
            yield Unlearnable("a tag of KEPServerEX without 'v'")
        else:
            yield GatewayValue(
                tag["id"], None, tag["v"], first_of(tag, "t", otherwise=timestamp), tag.get("q")
            )


# EMQX's Neuron: {"node": …, "group": …, "values": {tag: …}, "errors": {tag: code}, "timestamp": …}


def neuron(node: Any, group: Any, values: Any, errors: Any, timestamp: Any) -> Found:
    """Read what was collected of a group of a node; a tag that could not be read has an error's code."""
    if not isinstance(node, str) or not isinstance(group, str | None):
        raise Unlearnable("the 'node' and the 'group' of Neuron's values are texts")
    signal = node if group is None else f"{node}/{group}"
    failed = members(errors, "errors") if errors else {}
    for tag, value in ({} if failed and values == {} else members(values, "values")).items():
        yield GatewayValue(signal, tag, value, timestamp)
    for tag in failed:
        yield GatewayValue(signal, tag, None, timestamp)


# Telegraf: {"name": …, "tags": {…}, "fields": {…}, "timestamp": …}, alone or in {"metrics": […]}


def telegraf(name: Any, tags: Any, fields: Any, timestamp: Any) -> Found:
    """Read a metric: its series, as InfluxDB's line protocol writes it, brings several named values."""
    if not isinstance(name, str) or not name:
        raise Unlearnable("a metric of Telegraf without 'name'")
    tags = {} if tags is None else tags
    if not isinstance(tags, dict) or not all(isinstance(value, str | None) for value in tags.values()):
        raise Unlearnable("the 'tags' of a metric of Telegraf are an object of texts")
    there = sorted((tag, value) for tag, value in tags.items() if value is not None)
    series = ",".join([_escaped(name), *(f"{_escaped(tag)}={_escaped(value)}" for tag, value in there)])
    for field, value in members(fields, "fields").items():
        yield GatewayValue(series, field, value, timestamp)


def _escaped(text: str) -> str:
    """So that no two series have one name."""
    return text.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")


# AWS Shop Floor Connectivity: {"sources": {source: {"values": {name: {"value": …, "timestamp": …}}}}}


def shop_floor(sources: Any, timestamp: Any) -> Found:
    """Read `sources`: a value's own time goes before its source's, and that before the message's."""
    for source, content in members(sources, "sources").items():
        values = content.get("values") if isinstance(content, dict) else None
        if not isinstance(values, dict):
            yield Unlearnable(f"the source {shortened(source)} has no object of 'values'")
            continue
        at = first_of(content, "timestamp", otherwise=timestamp)
        if not values:  # it was read, and gave nothing
            yield GatewayValue(source, None, None, at)
        for name, found in values.items():
            yield from _channel(source, name, found, at)


def _channel(source: str, name: str, found: Any, timestamp: Any) -> Iterator[GatewayValue]:
    """A channel's value, or what an interval's values were aggregated to, such as their avg, min and max."""
    value, at = _of_element(found, timestamp)
    if value == {}:
        yield GatewayValue(source, name, None, at)
    elif isinstance(value, dict) and value is not found:
        for aggregation, aggregated in value.items():
            yield GatewayValue(source, f"{name}.{aggregation}", *_of_element(aggregated, at))
    else:
        yield GatewayValue(source, name, value, at)


def _of_element(found: Any, timestamp: Any) -> tuple[Any, Any]:
    if isinstance(found, dict) and "value" in found:
        return found["value"], first_of(found, "timestamp", otherwise=timestamp)
    return found, timestamp


# Ignition: {"tagPath": "[default]Line 1/Speed", "value": …, "quality": …, "timestamp": …}


def ignition(tag_path: Any, value: Any, quality: Any, timestamp: Any) -> Found:
    """Read a tag's qualified value, whose members may be in the object `value` together."""
    if isinstance(value, dict) and "value" in value:
        timestamp = first_of(value, "timestamp", otherwise=timestamp)
        quality, value = first_of(value, "quality", otherwise=quality), value["value"]
    yield GatewayValue(tag_path, None, value, timestamp, quality)
