"""Payloads of all shapes, read into a batch."""

import binascii
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from msgspec import UNSET

from consumer.decode import documents, gateways
from consumer.decode.batch import Batch, UnlearnableRecord
from consumer.decode.documents import Payload, converted
from consumer.decode.gateways import GatewayValue
from consumer.decode.payload_texts import TextReader, read_each
from consumer.decode.protocols import opc_ua, sitewise, sparkplug
from consumer.decode.signal_names import check_name
from consumer.decode.times import seconds_column, seconds_of
from consumer.decode.unpacking import UNPACKED_BYTES_MAX, unpack
from consumer.decode.values import number, numbers
from consumer.errors import Unlearnable

# What a payload that cannot be unpacked counts as: to find that out may have cost gzip's best ratio.
_UNREADABLE_BYTES_MAX = UNPACKED_BYTES_MAX // 16
_UNREADABLE_RATIO = 1032
_NOTIFICATION = "PropertyValueUpdate"
"""The type of those of SiteWise's notifications that are read."""


def read(payload: bytes, partition_key: str | None, batch: Batch) -> None:
    """Read one unpacked payload into the batch's current record.

    `partition_key` names the signal of a bare number.

    Raises: `Unlearnable` where nothing of the payload can be learned; single observations that cannot are
        noted in the batch, and the others of the same payload are learned.
    """
    if payload.startswith(b"{"):
        found = documents.decode_object(payload)
        if found is not None:
            _read_object(found, batch)
            return
    TextReader(batch, partition_key, _read_object).read(payload)


def unpacked(payload: bytes, batch: Batch) -> bytes:
    """Unpack it, and count the bytes: the parts of a record, and the records of a batch, share a bound."""
    try:
        found = unpack(payload)
    except Unlearnable:
        batch.unpacked_bytes += min(_UNREADABLE_BYTES_MAX, len(payload) * _UNREADABLE_RATIO)
        raise
    batch.unpacked_bytes += len(found)
    return found


def _read_object(payload: Payload, batch: Batch) -> None:
    if payload.signal is None and payload.key is None:
        _check_one_shape(payload)
    if _read_shape(payload, _OWN_SHAPES, _own_holders, batch):
        return
    is_skipped = (payload.value is None or payload.body is None) and _names_a_signal(payload)
    if is_skipped:
        batch.skip(_signal(payload))
    try:
        is_read = _read_shape(payload, _ENVELOPES_AND_GATEWAYS, _other_holders, batch)
    except UnlearnableRecord:
        raise
    except Unlearnable as error:
        if not is_skipped:
            raise
        batch.reject(str(error))  # what the object holds beside a null does not vanish with it
        return
    if is_read or is_skipped:
        return
    if payload.topic is not None:
        _read_found(sparkplug.without_metrics(payload.topic), batch)
    elif opc_ua.is_without_data(payload.ua_message_type):
        _read_found(opc_ua.without_data(payload), batch)
    else:
        beside = ": it names a signal, and has no 'value' or 'values'" if _names_a_signal(payload) else ""
        raise Unlearnable(f"the JSON object has none of the shapes that docs/send-data.md lists{beside}")


def _read_shape(
    payload: Payload, shapes: "_Shapes", holders_of: Callable[[Payload], Any], batch: Batch
) -> bool:
    """Read the one whose holder of observations is there; False: there is none."""
    holders = _held(payload, shapes, holders_of)
    if holders == ["value", "body"]:
        raise Unlearnable("a point has 'body' or 'value', not both")
    if len(holders) > 1:
        raise _several(holders)
    if holders:
        for marker, read_shape in shapes[holders[0]]:
            if marker is None or getattr(payload, marker) is not None:
                read_shape(payload, batch)
                return True
    return False


def _held(payload: Payload, shapes: "_Shapes", holders_of: Callable[[Payload], Any]) -> list[str]:
    found = zip(shapes, holders_of(payload), strict=True)
    return [name for name, content in found if content is not None and content is not UNSET]


def _check_one_shape(payload: Payload) -> None:
    """Where nothing says that a shape is ours, what it holds beside one of a gateway would be lost."""
    others = _held(payload, _ENVELOPES_AND_GATEWAYS, _other_holders)
    if others:
        payload.body = UNSET  # Sparkplug's, too, have one, and programs that write each field write it empty
        own = _held(payload, _OWN_SHAPES, _own_holders)
        if own:
            raise _several(own + others)


def _several(holders: list[str]) -> Unlearnable:
    named = " and ".join(holders)
    return Unlearnable(f"one of the shapes is read, and the JSON object has several of them: {named}")


def _names_a_signal(payload: Payload) -> bool:
    return payload.signal is not None or payload.key is not None or payload.tag_path is not None


def _read_point(payload: Payload, batch: Batch) -> None:
    value = payload.body if payload.value is None or payload.value is UNSET else payload.value
    batch.observe(_signal(payload), None, number(value), _time_of_all(payload))


def _time_of_all(payload: Payload) -> float | None:
    if payload.timestamps and payload.timestamp is None:
        raise Unlearnable("'timestamps' are those of 'values' that are a list: write one 'timestamp'")
    return _seconds(payload.timestamp)


def _read_values(payload: Payload, batch: Batch) -> None:
    if payload.values in ([], {}):
        raise Unlearnable("'values' is empty: there is no observation")
    if isinstance(payload.values, list):
        _read_columns(payload, payload.values, batch)
    elif isinstance(payload.values, dict):
        _read_named_values(payload, payload.values, batch)
    else:
        raise Unlearnable("'values' is a list of numbers or an object of named numbers")


def _read_columns(payload: Payload, values: list[Any], batch: Batch) -> None:
    signal = _signal(payload)
    timestamps = payload.timestamps
    if timestamps is None:
        _seconds(payload.timestamp)
        timestamps = [payload.timestamp] * len(values)
    if not isinstance(timestamps, list) or len(timestamps) != len(values):
        raise Unlearnable(f"'timestamps' is a list of one timestamp for each of the {len(values)} values")
    check_name(signal)
    column, times = numbers(values), seconds_column(timestamps)
    if column is not None and times is not None:
        batch.observe_column(signal, column, times)
        return
    for value, timestamp in zip(values, timestamps, strict=True):
        _read_one(signal, None, value, payload.timestamp if timestamp is None else timestamp, batch)


def _read_named_values(payload: Payload, values: dict[str, Any], batch: Batch) -> None:
    signal = check_name(_signal(payload))
    _time_of_all(payload)
    for name, value in values.items():
        _read_one(signal, name, value, payload.timestamp, batch)


def _read_one(signal: str, name: str | None, value: Any, timestamp: Any, batch: Batch) -> None:
    try:
        if value is None:
            batch.skip(signal, name)
        else:
            batch.observe(signal, name, number(value), _seconds(timestamp))
    except UnlearnableRecord:
        raise
    except Unlearnable as error:
        batch.reject(str(error), signal if name is None else f"{signal}.{name}")


def _read_notification(payload: Payload, batch: Batch) -> None:
    if payload.type != _NOTIFICATION:
        if payload.topic is not None:  # whose envelope may say its own type
            _read_message(payload, batch)
            return
        raise Unlearnable(
            "a 'payload' is that of SiteWise's type PropertyValueUpdate or, beside a 'topic', any shape"
        )
    sitewise.read_notification(payload.payload, payload.timestamp, batch)


def _read_entry(payload: Payload, batch: Batch) -> None:
    sitewise.read_entry(
        payload.property_alias,
        payload.asset_id,
        payload.property_id,
        payload.property_values,
        payload.timestamp,
        batch,
    )


def _read_entries(payload: Payload, batch: Batch) -> None:
    if not isinstance(payload.entries, list) or not payload.entries:
        raise Unlearnable("'entries' is a list of one entry or more")
    read_each(
        payload.entries, batch, lambda entry: _read_entry(_timed(converted(entry), payload.timestamp), batch)
    )


def _timed(payload: Payload, around: Any) -> Payload:
    """Give it the time of what is around it, where it has none of its own."""
    if payload.timestamp is None:
        payload.timestamp = around
    return payload


# Gateways.


def _read_kepserver(payload: Payload, batch: Batch) -> None:
    values = payload.values
    if not isinstance(values, list) or (values and not any(isinstance(tag, dict) for tag in values)):
        _signal(payload)  # it says that the payload names none
    _read_found(gateways.kepserver(values, payload.timestamp), batch)


def _read_found(found: gateways.Found, batch: Batch) -> None:
    for each in found:
        if isinstance(each, Unlearnable):
            batch.reject(str(each))
            continue
        signal = each.signal if each.name is None else f"{each.signal}.{each.name}"
        try:
            _read_gateway_value(each, batch)
        except UnlearnableRecord:
            raise
        except Unlearnable as error:
            batch.reject(str(error), signal)


def _read_gateway_value(each: GatewayValue, batch: Batch) -> None:
    signal = check_name(each.signal)
    quality = gateways.quality_of(each.quality)
    if quality == "bad" or each.value is None:
        batch.skip(signal, each.name)
        return
    batch.observe(signal, each.name, number(each.value), _seconds(each.timestamp))
    batch.uncertain += quality == "uncertain"


# Envelopes around any other shape: MQTT messages beside their topics, and CloudEvents.


def _read_message(message: Payload, batch: Batch) -> None:
    topic, content = message.topic, message.payload

    def read_enveloped(payload: Payload, batch: Batch) -> None:
        is_envelope = payload.payload is not None and payload.type != _NOTIFICATION
        if payload.specversion is not None or is_envelope:  # which could go on for hundreds of levels
            raise Unlearnable("an envelope within 'payload' beside 'topic' is not read: send what it holds")
        payload.topic = topic
        _read_object(_timed(payload, message.timestamp), batch)

    if sparkplug.is_topic(topic) and (not isinstance(content, str) or sparkplug.is_without_data(topic)):
        _read_found(sparkplug.injected(content, topic, message.timestamp), batch)
        return
    names = topic if isinstance(topic, str) else None
    nameless = "no topic that would name its signal"
    what = "payload beside 'topic'"
    if sparkplug.is_topic(topic):
        what += " of Sparkplug, whose protobuf the broker or the rule must decode to JSON,"
    reader = TextReader(batch, names, read_enveloped, what, nameless, message.timestamp)
    if isinstance(content, str):
        reader.read(content.encode(errors="replace"))
    elif isinstance(content, dict | list):
        reader.read_decoded(content)
    else:
        _read_found(iter([GatewayValue(topic, None, content, message.timestamp)]), batch)


def _read_cloud_event(event: Payload, batch: Batch) -> None:
    if event.data is not None and event.data_base64 is not None:
        raise Unlearnable("a CloudEvent has 'data' or 'data_base64', not both")

    def read_enveloped(payload: Payload, batch: Batch) -> None:
        if payload.specversion is not None:
            raise Unlearnable("a CloudEvent in a CloudEvent is not read")
        _read_object(_timed(payload, event.time), batch)

    nameless = "no JSON object that would name its signal"
    reader = TextReader(batch, None, read_enveloped, "data of the CloudEvent", nameless)
    if event.data_base64 is not None:
        reader.read(_from_base64(event.data_base64, batch))
    elif isinstance(event.data, str):
        reader.read(event.data.encode(errors="replace"))
    elif event.data is None:
        raise Unlearnable("the CloudEvent has no data: there is no JSON object that would name a signal")
    else:
        reader.read_decoded(event.data)


def _from_base64(text: Any, batch: Batch) -> bytes:
    try:
        packed = binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except (AttributeError, ValueError):
        raise Unlearnable("'data_base64' is no base64 text") from None
    found = unpacked(packed, batch)
    if batch.unpacked_bytes - batch.unpacked_before > 2 * UNPACKED_BYTES_MAX:  # the record, and what is in it
        raise UnlearnableRecord(f"the CloudEvents unpack to more than {UNPACKED_BYTES_MAX} bytes")
    return found


def _of(find: Callable[[Payload], gateways.Found]) -> Callable[[Payload, Batch], None]:
    return lambda payload, batch: _read_found(find(payload), batch)


_Readers = tuple[tuple[str | None, Callable[[Payload, Batch], None]], ...]
"""The first whose field is there, or that needs none."""
_Shapes = dict[str, _Readers]

# By the field that holds the observations.
_OWN_SHAPES: _Shapes = {
    "value": (
        ("signal", _read_point),
        ("key", _read_point),
        ("tag_path", _of(lambda tag: gateways.ignition(tag.tag_path, tag.value, tag.quality, tag.timestamp))),
        (None, _read_point),
    ),
    "body": ((None, _read_point),),
    "values": (
        ("signal", _read_values),
        ("key", _read_values),
        (
            "node",
            _of(lambda it: gateways.neuron(it.node, it.group, it.values, it.errors, it.timestamp)),
        ),
        (None, _read_kepserver),
    ),
    "payload": (
        ("type", _read_notification),
        ("topic", _read_message),
        (None, _read_notification),
    ),
    "property_values": ((None, _read_entry),),
    "entries": ((None, _read_entries),),
}
_ENVELOPES_AND_GATEWAYS: _Shapes = {
    "metrics": ((None, _of(lambda sent: sparkplug.metrics(sent.metrics, sent.timestamp, sent.topic))),),
    "fields": ((None, _of(lambda one: gateways.telegraf(one.name, one.tags, one.fields, one.timestamp))),),
    "ua_messages": ((None, _of(opc_ua.network_message)),),
    "ua_payload": ((None, _of(opc_ua.data_set_message)),),
    "node_id": ((None, _of(opc_ua.sample)),),
    "sources": ((None, _of(lambda message: gateways.shop_floor(message.sources, message.timestamp))),),
    "specversion": ((None, _read_cloud_event),),
}


# The fields of gateways do not count where one of ours is.
_own_holders, _other_holders = attrgetter(*_OWN_SHAPES), attrgetter(*_ENVELOPES_AND_GATEWAYS)


def _signal(payload: Payload) -> str:
    signal = payload.key if payload.signal is None else payload.signal
    signal = payload.tag_path if signal is None else signal
    if signal is None:
        raise Unlearnable("the payload names no signal: it has neither 'signal' nor 'key'")
    if not isinstance(signal, str):  # a list could not even be looked up
        return check_name(signal)
    if payload.key is not None and payload.key != signal:
        raise Unlearnable("'signal' and 'key' name two different signals")
    return signal


def _seconds(timestamp: Any) -> float | None:
    return None if timestamp is None else seconds_of(timestamp)
