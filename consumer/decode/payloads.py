"""Payloads of all shapes, read into a batch."""

import binascii
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

from msgspec import UNSET

from consumer.decode import documents, gateways, opc_ua, sitewise, sparkplug
from consumer.decode.batch import Batch, UnlearnableRecord
from consumer.decode.documents import BYTE_ORDER_MARK, Payload, converted
from consumer.decode.gateways import GatewayValue
from consumer.decode.signal_names import check_name
from consumer.decode.times import seconds_column, seconds_of
from consumer.decode.unreadable import kind_of
from consumer.decode.values import number, numbers
from consumer.errors import Unlearnable


def read(payload: bytes, partition_key: str | None, batch: Batch) -> None:
    """Read one unpacked payload into the batch's current record.

    `partition_key` names the signal of a bare number.

    Raises: `Unlearnable` where nothing of the payload can be learned; single observations that cannot are
        noted in the batch, and the others of the same payload are learned.
    """
    if not payload.startswith((b"{", b"[")):
        payload = payload.removeprefix(BYTE_ORDER_MARK).strip()
    if payload.startswith(b"{"):
        found = documents.decode(payload)
        if isinstance(found, Payload):
            _read_object(found, batch)
        else:
            _read_each(found, batch, lambda line: _read_line(line, partition_key, batch))
    elif payload.startswith(b"["):
        members = documents.decode_array(payload)
        _read_each(members, batch, lambda member: _read_member(member, batch))
    else:
        _read_bare_numbers(payload, partition_key, batch)


def _read_each(members: Iterable[Any], batch: Batch, read_one: Callable[[Any], None]) -> None:
    """Read several payloads of one record, each refused alone."""
    for member in members:
        try:
            read_one(member)
        except UnlearnableRecord:
            raise
        except Unlearnable as error:
            batch.reject(str(error))


def _read_line(line: bytes, partition_key: str | None, batch: Batch) -> None:
    if line.startswith(b"{"):
        _read_object(documents.decode_object(line), batch)
    else:
        _observe_bare_number(_bare_number(line, "line"), partition_key, batch)


def _read_member(member: Any, batch: Batch) -> None:
    if not isinstance(member, dict):  # [1, 2] may be of two signals, as a vector is
        raise Unlearnable("one of the elements of an array is no JSON object that would name its signal")
    _read_object(converted(member), batch)


def _read_object(payload: Payload, batch: Batch) -> None:
    for shapes, holders_of in _SHAPES:
        found = zip(shapes, holders_of(payload), strict=True)
        holders = [name for name, content in found if content is not None and content is not UNSET]
        if len(holders) > 1:
            if holders == ["value", "body"]:
                raise Unlearnable("a point has 'body' or 'value', not both")
            named = " and ".join(holders)
            raise Unlearnable(f"one of the shapes is read, and the JSON object has several of them: {named}")
        if holders:
            for marker, read_shape in shapes[holders[0]]:
                if marker is None or getattr(payload, marker) is not None:
                    read_shape(payload, batch)
                    return
        if (payload.value is None or payload.body is None) and _names_a_signal(payload):
            batch.skip(_signal(payload))
            return
    if payload.topic is not None:
        _read_found(sparkplug.without_metrics(payload.topic), batch)
    elif opc_ua.is_without_data(payload.ua_message_type):
        _read_found(opc_ua.without_data(payload), batch)
    else:
        raise Unlearnable("the JSON object has none of the shapes that are read")


def _names_a_signal(payload: Payload) -> bool:
    return payload.signal is not None or payload.key is not None or payload.tag_path is not None


def _read_point(payload: Payload, batch: Batch) -> None:
    value = payload.body if payload.value is None or payload.value is UNSET else payload.value
    batch.observe(_signal(payload), None, number(value), _seconds(payload.timestamp))


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
        _read_one(signal, None, value, timestamp, batch)


def _read_named_values(payload: Payload, values: dict[str, Any], batch: Batch) -> None:
    signal = check_name(_signal(payload))
    _seconds(payload.timestamp)
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
    if payload.type != "PropertyValueUpdate":
        raise Unlearnable("of SiteWise's notifications, only those of type PropertyValueUpdate are read")
    sitewise.read_notification(payload.payload, batch)


def _read_entry(payload: Payload, batch: Batch) -> None:
    sitewise.read_entry(
        payload.property_alias, payload.asset_id, payload.property_id, payload.property_values, batch
    )


def _read_entries(payload: Payload, batch: Batch) -> None:
    if not isinstance(payload.entries, list) or not payload.entries:
        raise Unlearnable("'entries' is a list of one entry or more")
    _read_each(payload.entries, batch, lambda entry: _read_entry(converted(entry), batch))


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
    if sparkplug.is_topic(message.topic):
        _read_found(sparkplug.injected(message.payload, message.topic), batch)
        return
    content = message.payload
    if isinstance(content, str):
        content = documents.loaded(content.encode(errors="replace"))
    if not isinstance(content, dict):
        _read_found(iter([GatewayValue(message.topic, None, content, message.timestamp)]), batch)
        return
    payload = converted(content)
    if payload.specversion is not None or (payload.topic is not None and payload.payload is not None):
        raise Unlearnable("an envelope within 'payload' beside 'topic' is not read: send what it holds")
    payload.topic = message.topic
    if payload.timestamp is None:
        payload.timestamp = message.timestamp
    _read_object(payload, batch)


def _read_cloud_event(event: Payload, batch: Batch) -> None:
    if event.data is not None and event.data_base64 is not None:
        raise Unlearnable("a CloudEvent has 'data' or 'data_base64', not both")
    data = event.data if event.data_base64 is None else _from_base64(event.data_base64)
    if isinstance(data, str):
        data = data.encode(errors="replace")
    if isinstance(data, bytes):
        data = documents.loaded(data.removeprefix(BYTE_ORDER_MARK))
    if isinstance(data, list):
        _read_each(documents.not_empty(data), batch, lambda member: _read_enveloped(member, event, batch))
    else:
        _read_enveloped(data, event, batch)


def _from_base64(text: Any) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except (TypeError, ValueError):
        raise Unlearnable("'data_base64' is no base64 text") from None


def _read_enveloped(members: Any, event: Payload, batch: Batch) -> None:
    if not isinstance(members, dict):
        raise Unlearnable("the data of a CloudEvent is no JSON object: it has no observation that is named")
    payload = converted(members)
    if payload.specversion is not None:
        raise Unlearnable("a CloudEvent in a CloudEvent is not read")
    if payload.timestamp is None:
        payload.timestamp = event.time
    _read_object(payload, batch)


def _of(find: Callable[[Payload], gateways.Found]) -> Callable[[Payload, Batch], None]:
    return lambda payload, batch: _read_found(find(payload), batch)


_Readers = tuple[tuple[str | None, Callable[[Payload, Batch], None]], ...]
"""The first whose field is there, or that needs none."""

# By the field that holds the observations.
_OWN_SHAPES: dict[str, _Readers] = {
    "value": (
        ("signal", _read_point),
        ("key", _read_point),
        ("tag_path", _of(lambda tag: gateways.ignition(tag.tag_path, tag.value, tag.quality, tag.timestamp))),
        (None, _read_point),
    ),
    "body": ((None, _read_point),),
    "values": (("signal", _read_values), ("key", _read_values), (None, _read_kepserver)),
    "payload": (
        ("type", _read_notification),
        ("topic", _read_message),
        (None, _read_notification),
    ),
    "property_values": ((None, _read_entry),),
    "entries": ((None, _read_entries),),
}
_ENVELOPES_AND_GATEWAYS: dict[str, _Readers] = {
    "metrics": ((None, _of(lambda sent: sparkplug.metrics(sent.metrics, sent.timestamp, sent.topic))),),
    "fields": ((None, _of(lambda one: gateways.telegraf(one.name, one.tags, one.fields, one.timestamp))),),
    "ua_messages": ((None, _of(opc_ua.network_message)),),
    "ua_payload": ((None, _of(opc_ua.data_set_message)),),
    "node_id": ((None, _of(opc_ua.sample)),),
    "sources": ((None, _of(lambda message: gateways.shop_floor(message.sources, message.timestamp))),),
    "specversion": ((None, _read_cloud_event),),
}


_SHAPES = tuple((shapes, attrgetter(*shapes)) for shapes in (_OWN_SHAPES, _ENVELOPES_AND_GATEWAYS))
"""The fields of gateways do not count where one of ours is."""


def _read_bare_numbers(payload: bytes, partition_key: str | None, batch: Batch) -> None:
    if not payload:
        raise Unlearnable("the payload is empty")
    first, line_feed, _ = payload.partition(b"\n")
    try:
        value = _bare_number(first, "payload")
    except Unlearnable:
        kind = kind_of(payload)
        if kind is None:
            raise
        raise Unlearnable(f"the payload is {kind}") from None
    if line_feed:
        _read_each(documents.stripped(payload), batch, lambda line: _read_line(line, partition_key, batch))
    else:
        _observe_bare_number(value, partition_key, batch)


def _bare_number(text: bytes, what: str) -> float:
    try:
        return number(text.decode("ascii"))
    except (UnicodeDecodeError, Unlearnable):
        raise Unlearnable(f"the {what} is neither a JSON object nor a finite number") from None


def _observe_bare_number(value: float, partition_key: str | None, batch: Batch) -> None:
    if partition_key is None:
        raise Unlearnable("a bare number, and no partition key that would name its signal")
    batch.observe(partition_key, None, value, None)


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
