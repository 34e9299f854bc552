"""Sparkplug B as JSON: the messages of edge nodes and devices, by their topics and metrics.

Values may be written as a converter of texts has them (`value`), or as the protobuf has them (`intValue`,
`float_value` …), whose whole numbers have no sign. What is no measurement is skipped and counted: commands,
deaths, the state of hosts, control metrics and types that are no number.

Source: the specification of Eclipse Sparkplug 3.0, chapters 4 (topics) and 6 (payloads).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from consumer.decode.gateways import Found, GatewayValue, first_of, objects, telegraf
from consumer.errors import Unlearnable

# Topics: namespace/group/MESSAGE/node[/device], or namespace/STATE/host.

_DATA = ("NBIRTH", "NDATA", "DBIRTH", "DDATA")
_COMMANDS = ("NCMD", "DCMD")
_DEATHS = ("NDEATH", "DDEATH")
_STATE = "STATE"
_NO_DATA = (*_COMMANDS, *_DEATHS)


class _Topic(NamedTuple):
    """Whose metrics these are, as it goes before their names, and which message it is, if known."""

    device: str
    message: str | None = None

    @property
    def of_message(self) -> str:
        """What stands for a message that holds no measurement: no signal has this name."""
        return f"{self.device}{self.message}"


def _topic_of(written: Any) -> _Topic:
    """A topic as text, or as an object of its parts; a text that is not Sparkplug's counts as a whole."""
    named: list[Any] = []
    message = None
    if isinstance(written, str):
        named = written.split("/")
        if named[2:3] and named[2] in (*_DATA, *_NO_DATA):
            message, named = named[2], [named[1], *named[3:]]
        elif _STATE in named[:2] and (named[0] == _STATE or named[0].startswith("sp")):
            message, named = _STATE, named[named.index(_STATE) + 1 :]
    elif isinstance(written, dict):
        message = first_of(written, "type", "messageType")
        named = [written.get(name) for name in ("groupId", "edgeNodeId", "deviceId")]
    if not all(isinstance(name, str | None) for name in [*named, message]):
        raise Unlearnable("groupId, edgeNodeId, deviceId and type of a Sparkplug topic are texts")
    return _Topic("".join(f"{name}/" for name in named if name), message)


def is_topic(written: Any) -> bool:
    """Whether it is one of Sparkplug: an object of its parts, or a text that names one of its messages."""
    return isinstance(written, dict) or _topic_of(written).message is not None


def is_without_data(topic: Any) -> bool:
    """Whether what is published on this topic is no measurement: commands, deaths, the states of hosts."""
    return _topic_of(topic).message in (*_NO_DATA, _STATE)


# Messages.


def metrics(found: Any, timestamp: Any, topic: Any) -> Found:
    """Read `metrics`: Telegraf's, which have `fields`, or Sparkplug's, whose device is in the topic."""
    of_topic = _topic_of(topic)
    if of_topic.message in _NO_DATA:
        yield from _skipped(of_topic, found if isinstance(found, list) else [])
        return
    for metric in objects(found, "metrics"):
        if not isinstance(metric, dict):
            yield Unlearnable("one of the 'metrics' is an object, as Sparkplug B or Telegraf writes it")
        elif metric.get("fields") is not None:
            try:
                at = first_of(metric, "timestamp", otherwise=timestamp)
                yield from telegraf(metric.get("name"), metric.get("tags"), metric["fields"], at)
            except Unlearnable as error:
                yield error
        else:
            yield _metric(metric, of_topic.device, timestamp)


def _skipped(topic: _Topic, found: list[Any]) -> Iterator[GatewayValue]:
    """Each metric counts, not under its own name: what is written to a device says nothing of its sensor."""
    for _ in found or [None]:
        yield GatewayValue(topic.of_message, None, None, None)


def without_metrics(topic: Any) -> Found:
    """A message of which nothing but the topic says what it is: a death without metrics, a host's state."""
    of_topic = _topic_of(topic)
    if of_topic.message not in (*_NO_DATA, _STATE):
        raise Unlearnable(
            "beside 'topic', the JSON object has none of the shapes that docs/send-data.md lists"
        )
    yield from _skipped(of_topic, [])


def injected(payload: Any, topic: Any, timestamp: Any) -> Found:
    """Read {"topic": …, "payload": …}, as Cirrus Link's injectors or a broker put it on a stream."""
    is_object = isinstance(payload, dict)
    if is_without_data(topic) and (not is_object or payload.get("metrics") is None):
        return without_metrics(topic)
    if not is_object:
        raise Unlearnable("the 'payload' beside a Sparkplug topic is an object of timestamp and metrics")
    return metrics(payload.get("metrics"), first_of(payload, "timestamp", otherwise=timestamp), topic)


# Metrics.

_NUMERIC = (  # the types by their numbers in the protobuf, from 0 on
    *("Unknown", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"),
    *("Float", "Double", "Boolean"),
)
_TYPES = (
    *_NUMERIC,
    *("String", "DateTime", "Text", "UUID", "DataSet", "Bytes", "File", "Template"),
    *("PropertySet", "PropertySetList"),
    *("Int8Array", "Int16Array", "Int32Array", "Int64Array"),
    *("UInt8Array", "UInt16Array", "UInt32Array", "UInt64Array"),
    *("FloatArray", "DoubleArray", "BooleanArray", "StringArray", "DateTimeArray"),
)
_BY_NAME = {name.casefold(): name for name in _TYPES}
_WIDTHS = (8, 16, 32, 64)
_BITS = {f"{sign}Int{bits}": (sign, bits) for sign in ("", "U") for bits in _WIDTHS}
_ONEOF = (
    *("value", "intValue", "longValue", "floatValue", "doubleValue", "booleanValue"),
    *("int_value", "long_value", "float_value", "double_value", "boolean_value"),
)
_FIELDS = {name: ("long",) if bits == 64 else ("int",) for name, (_, bits) in _BITS.items()} | {
    **{name: (name.casefold(),) for name in ("Float", "Double", "Boolean")},
    "UInt32": ("int", "long"),  # Java's encoder takes the longer one
}
"""By the type, with what the names of its fields begin."""
_TEXTS = ("stringValue", "string_value")
_NO_NUMBERS = (
    *_TEXTS,
    *("bytesValue", "datasetValue", "templateValue", "extensionValue"),
    *("bytes_value", "dataset_value", "template_value", "extension_value"),
)
_CONTROLS = ("Node Control/", "Device Control/")
"""Before the names by which hosts command an edge node or a device; beside them, `bdSeq` counts births."""


def _metric(metric: dict[str, Any], device: str, timestamp: Any) -> GatewayValue | Unlearnable:
    name = metric.get("name")
    if not isinstance(name, str) or not name:
        return Unlearnable(
            "a metric without 'name': only the edge node's host knows what its alias stands for; send names, "
            "or let the host write them"
        )
    type_name = _type_name(first_of(metric, "dataType", "datatype", "data_type", "type"))
    written = _value_in(metric, type_name)
    is_nothing = (
        (type_name is not None and type_name not in _NUMERIC)
        or bool(first_of(metric, "isNull", "is_null"))
        or name == "bdSeq"
        or name.startswith(_CONTROLS)
        or (written is None and first_of(metric, *_NO_NUMBERS) is not None)
    )
    if written is None and not is_nothing and not any(member in metric for member in _ONEOF):
        return Unlearnable("a metric of Sparkplug B without a value")
    if isinstance(written, Unlearnable) and not is_nothing:
        return written
    value = None if is_nothing else _as_declared(_whole(written), type_name)
    at = _whole(first_of(metric, "timestamp", otherwise=timestamp))
    return GatewayValue(f"{device}{name}", None, value, at, _quality_in(metric.get("properties")))


def _value_in(metric: dict[str, Any], type_name: str | None) -> Any:
    """What one of the fields holds; of several, as programs write them that write each, that of the type."""
    held = [(field, metric[field]) for field in _ONEOF if metric.get(field) is not None]
    if len(held) > 1 and held[0][0] != "value":
        kinds = _FIELDS.get(type_name or "", ())
        held = [(field, value) for field, value in held if field.startswith(kinds)]
        if not held or any(value != held[0][1] for _, value in held):
            return Unlearnable(
                "a metric of Sparkplug B has a value in several fields: write that of its type"
            )
    return held[0][1] if held else None


def _type_name(written: Any) -> str | None:
    if isinstance(written, str):
        if not written.isdecimal() or len(written) > 2:
            return _BY_NAME.get(written.casefold())
        written = int(written)
    return _TYPES[written] if type(written) is int and 0 <= written < len(_TYPES) else None


def _whole(written: Any) -> Any:
    """JavaScript writes 64 bits as an object of two halves."""
    if isinstance(written, dict) and type(high := written.get("high")) is int:
        low = written.get("low")
        if type(low) is int and -(1 << 31) <= high < 1 << 32 and -(1 << 31) <= low < 1 << 32:
            return (high << 32) + (low & 0xFFFF_FFFF)
    return written


def _as_declared(value: Any, type_name: str | None) -> Any:
    """A whole number of the declared type, whose bits were read with a sign it does not have, or without.

    The protobuf has no signed numbers: -1 is written as 255, 65535, 4294967295 or 18446744073709551615,
    depending on who writes it. Java has no unsigned ones, and writes these as -1.
    """
    sign, bits = _BITS.get(type_name or "", ("", 0))
    if not bits:
        return value
    number = value
    if isinstance(value, str) and value.lstrip("-").isdecimal() and len(value) <= 20:
        number = int(value)  # JSON of protobuf has 64 bits as text
    elif isinstance(value, float) and value.is_integer():
        number = int(value)
    if type(number) is not int:
        return value
    lowest, end = (0, 1 << bits) if sign else (-(1 << (bits - 1)), 1 << (bits - 1))
    if lowest <= number < end or (number < 0) != bool(sign):
        return value
    spans = (1 << width if sign else -(1 << width) for width in _WIDTHS if width >= bits)
    turned = (number + span for span in spans)
    return next((one for one in turned if lowest <= one < end and (one < 0) != (number < 0)), value)


def _quality_in(properties: Any) -> Any:
    """The property Quality, from an object of properties, or from a protobuf's keys and values."""
    if not isinstance(properties, dict):
        return None
    names, values = properties.get("keys"), properties.get("values")
    if isinstance(names, list) and isinstance(values, list):
        pairs = zip(names, values, strict=False)
        properties = {name: value for name, value in pairs if isinstance(name, str)}
    found = first_of(properties, "Quality", "quality")
    return first_of(found, *_ONEOF, *_TEXTS) if isinstance(found, dict) else found
