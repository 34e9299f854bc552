"""Shapes that gateways send by default, each read into observations with their qualities.

A shape's function yields what it finds in order: an observation, or what is wrong with a single one. It
raises `Unlearnable` before the first where there is nothing that could be one.

Sources: the manuals of KEPServerEX's IoT Gateway, Telegraf's JSON serializer, AWS Shop Floor Connectivity,
Cirrus Link's cloud injectors and Ignition; the specification of Eclipse Sparkplug 3.0.
"""

from collections.abc import Iterator
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
}
_UA_UNCERTAIN, _UA_BAD = 0x4000_0000, 0x8000_0000


def quality_of(written: Any) -> Quality:
    """A quality from a boolean, a word such as Good or Bad_Stale, or a code of OPC or Ignition; null is good.

    >>> quality_of(True), quality_of("Uncertain_LastKnownValue"), quality_of(192), quality_of(500)
    ('good', 'uncertain', 'good', 'bad')
    """
    if written is None:
        return "good"
    if isinstance(written, bool):
        return "good" if written else "bad"
    if isinstance(written, int):
        return _of_code(written)
    if isinstance(written, dict):  # as Ignition writes it
        code = _first(written, "code", "name", "value")
        if code is not None and not isinstance(code, dict):
            return quality_of(code)
    if isinstance(written, str):
        if written.isdecimal() and len(written) <= len(str(_UA_BAD)):
            return _of_code(int(written))
        for word, quality in _WORDS.items():
            if written.casefold().startswith(word):
                return quality
    raise Unlearnable(f"a quality is good, uncertain or bad, not {shortened(written)}")


def _of_code(code: int) -> Quality:
    """OPC's codes have the quality in two bits; Ignition's own begin at 256, and are errors from 300 on."""
    if 192 <= code < 256:
        return "good"
    if 64 <= code < 128 or 256 <= code < 300 or _UA_UNCERTAIN <= code < _UA_BAD:
        return "uncertain"
    return "bad"


# What is common.


def _objects(found: Any, field: str) -> list[Any]:
    if not isinstance(found, list) or not found:
        raise Unlearnable(f"{field!r} is a list of one object or more")
    return found


def _members(found: Any, field: str) -> dict[str, Any]:
    if not isinstance(found, dict) or not found:
        raise Unlearnable(f"{field!r} is an object of one member or more")
    return found


def _first(found: dict[str, Any], *names: str, otherwise: Any = None) -> Any:
    """The first of these that is there and not null."""
    return next((found[name] for name in names if found.get(name) is not None), otherwise)


# KEPServerEX's IoT Gateway: {"timestamp": …, "values": [{"id": …, "v": …, "q": …, "t": …}]}


def kepserver(values: Any, timestamp: Any) -> Found:
    """Read the `values` of the standard template; a tag's own time goes before the message's."""
    for tag in _objects(values, "values"):
        if not isinstance(tag, dict) or tag.get("id") is None:
            yield Unlearnable("one of the 'values' is an object of id, v, q and t, as KEPServerEX writes it")
        elif "v" not in tag:
            yield Unlearnable("a tag of KEPServerEX without 'v'")
        else:
            yield GatewayValue(tag["id"], None, tag["v"], _first(tag, "t", otherwise=timestamp), tag.get("q"))


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
    for field, value in _members(fields, "fields").items():
        yield GatewayValue(series, field, value, timestamp)


def _escaped(text: str) -> str:
    """So that no two series have one name."""
    return text.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")


# Sparkplug B as JSON: {"timestamp": …, "metrics": [{"name": …, "timestamp": …, "dataType": …, "value": …}]}

_NUMERIC = (  # the types by their numbers in the protobuf, from 0 on
    *("Unknown", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"),
    *("Float", "Double", "Boolean"),
)
_TYPES = (
    *_NUMERIC,
    *("String", "DateTime", "Text", "UUID", "DataSet", "Bytes", "File", "Template"),
    *("PropertySet", "PropertySetList"),
)
_ONEOF = (
    *("value", "intValue", "longValue", "floatValue", "doubleValue", "booleanValue"),
    *("int_value", "long_value", "float_value", "double_value", "boolean_value"),
)
_SIGNED_BITS = {"Int8": 32, "Int16": 32, "Int32": 32, "Int64": 64}
_MESSAGES = ("NBIRTH", "NDATA", "NDEATH", "NCMD", "DBIRTH", "DDATA", "DDEATH", "DCMD")
"""The third part of a topic, before the edge node."""
_CONTROLS = ("bdSeq", "Node Control/", "Device Control/", "Node Info/", "Device Info/")


def metrics(found: Any, timestamp: Any, topic: Any) -> Found:
    """Read `metrics`: Telegraf's, which have `fields`, or Sparkplug's, whose device is in the topic."""
    device = _device(topic)
    for metric in _objects(found, "metrics"):
        if not isinstance(metric, dict):
            yield Unlearnable("one of the 'metrics' is an object, as Sparkplug B or Telegraf writes it")
        elif metric.get("fields") is not None:
            try:
                at = _first(metric, "timestamp", otherwise=timestamp)
                yield from telegraf(metric.get("name"), metric.get("tags"), metric["fields"], at)
            except Unlearnable as error:
                yield error
        else:
            yield _sparkplug(metric, device, timestamp)


def injected(payload: Any, topic: Any, timestamp: Any) -> Found:
    """Read {"topic": …, "payload": …} as Cirrus Link's injectors for Ignition put it on a stream."""
    if not isinstance(payload, dict):
        raise Unlearnable("the 'payload' beside a Sparkplug topic is an object of timestamp and metrics")
    return metrics(payload.get("metrics"), _first(payload, "timestamp", otherwise=timestamp), topic)


def _device(topic: Any) -> str:
    """What goes before the metrics' names: group/node/device/, or nothing where the topic is not known."""
    named: list[Any] = []
    if isinstance(topic, str):
        parts = topic.split("/")
        named = [*parts[1:2], *parts[3:]] if parts[2:3] and parts[2] in _MESSAGES else parts
    elif isinstance(topic, dict):
        named = [topic.get(name) for name in ("groupId", "edgeNodeId", "deviceId")]
    if not all(isinstance(name, str | None) for name in named):
        raise Unlearnable("groupId, edgeNodeId and deviceId of a Sparkplug topic are texts")
    return "".join(f"{name}/" for name in named if name)


def _sparkplug(metric: dict[str, Any], device: str, timestamp: Any) -> GatewayValue | Unlearnable:
    name = metric.get("name")
    if not isinstance(name, str) or not name:
        return Unlearnable("a metric without 'name': an alias names it for the edge node's host alone")
    type_name = _type_name(_first(metric, "dataType", "datatype", "data_type", "type"))
    written = _first(metric, *_ONEOF)
    is_nothing = (
        (type_name is not None and type_name not in _NUMERIC)
        or bool(_first(metric, "isNull", "is_null"))
        or name.startswith(_CONTROLS)
    )
    if written is None and not is_nothing and not any(member in metric for member in _ONEOF):
        return Unlearnable("a metric of Sparkplug B without a value")
    value = None if is_nothing else _signed(written, metric, type_name)
    at = _first(metric, "timestamp", otherwise=timestamp)
    return GatewayValue(f"{device}{name}", None, value, at, _sparkplug_quality(metric.get("properties")))


def _type_name(written: Any) -> str | None:
    if isinstance(written, int) and 0 <= written < len(_TYPES):
        return _TYPES[written]
    if isinstance(written, str):
        return next((name for name in _TYPES if name.casefold() == written.casefold()), None)
    return None


def _signed(value: Any, metric: dict[str, Any], type_name: str | None) -> Any:
    """The protobuf has no signed numbers: a negative one is what its bits mean without a sign."""
    bits = _SIGNED_BITS.get(type_name or "")
    if bits is None or metric.get("value") is not None:
        return value
    if isinstance(value, str) and value.isdecimal() and len(value) <= 20:
        value = int(value)  # JSON of protobuf has 64 bits as text
    if type(value) is int and 1 << (bits - 1) <= value < 1 << bits:
        return value - (1 << bits)
    return value


def _sparkplug_quality(properties: Any) -> Any:
    """The property Quality, from an object of properties, or from a protobuf's keys and values."""
    if not isinstance(properties, dict):
        return None
    names, values = properties.get("keys"), properties.get("values")
    if isinstance(names, list) and isinstance(values, list):
        pairs = zip(names, values, strict=False)
        properties = {name: value for name, value in pairs if isinstance(name, str)}
    found = _first(properties, "Quality", "quality")
    return _first(found, *_ONEOF, "stringValue", "string_value") if isinstance(found, dict) else found


# AWS Shop Floor Connectivity: {"sources": {source: {"values": {name: {"value": …, "timestamp": …}}}}}


def shop_floor(sources: Any, timestamp: Any) -> Found:
    """Read `sources`: a value's own time goes before its source's, and that before the message's."""
    for source, content in _members(sources, "sources").items():
        values = content.get("values") if isinstance(content, dict) else None
        if not isinstance(values, dict):
            yield Unlearnable(f"the source {shortened(source)} has no object of 'values'")
            continue
        at = _first(content, "timestamp", otherwise=timestamp)
        for name, found in values.items():
            yield from _channel(source, name, found, at)


def _channel(source: str, name: str, found: Any, timestamp: Any) -> Iterator[GatewayValue]:
    """A channel's value, or what an interval's values were aggregated to, such as their avg, min and max."""
    value, at = _of_element(found, timestamp)
    if isinstance(value, dict) and value is not found:
        for aggregation, aggregated in value.items():
            yield GatewayValue(source, f"{name}.{aggregation}", *_of_element(aggregated, at))
    else:
        yield GatewayValue(source, name, value, at)


def _of_element(found: Any, timestamp: Any) -> tuple[Any, Any]:
    if isinstance(found, dict) and "value" in found:
        return found["value"], _first(found, "timestamp", otherwise=timestamp)
    return found, timestamp


# Ignition: {"tagPath": "[default]Line 1/Speed", "value": …, "quality": …, "timestamp": …}


def ignition(tag_path: Any, value: Any, quality: Any, timestamp: Any) -> Found:
    """Read a tag's qualified value, whose members may be in the object `value` together."""
    if isinstance(value, dict) and "value" in value:
        timestamp = _first(value, "timestamp", otherwise=timestamp)
        quality, value = _first(value, "quality", otherwise=quality), value["value"]
    yield GatewayValue(tag_path, None, value, timestamp, quality)
