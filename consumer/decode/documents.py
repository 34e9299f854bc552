"""The JSON of payloads, decoded: objects with the fields of all shapes, arrays, and objects line by line."""

import io
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec
from msgspec import UNSET

from consumer.decode.unreadable import is_utf16
from consumer.errors import Unlearnable


class Payload(msgspec.Struct, gc=False, rename="camel"):
    """Every field by which a shape is known, or that it needs; one that is null is absent."""

    key: Any = None
    body: Any = UNSET  # of a value, null says that there is none
    signal: Any = None
    value: Any = UNSET
    values: Any = None
    timestamp: Any = None
    timestamps: Any = None
    type: Any = None
    payload: Any = None
    property_alias: Any = None
    asset_id: Any = None
    property_id: Any = None
    property_values: Any = None
    entries: Any = None
    # Of gateways.
    metrics: Any = None
    name: Any = None
    tags: Any = None
    fields: Any = None
    topic: Any = None
    sources: Any = None
    tag_path: Any = None
    quality: Any = None
    # Of OPC UA.
    ua_message_type: Any = msgspec.field(default=None, name="MessageType")
    ua_messages: Any = msgspec.field(default=None, name="Messages")
    ua_payload: Any = msgspec.field(default=None, name="Payload")
    ua_value: Any = msgspec.field(default=None, name="Value")
    ua_timestamp: Any = msgspec.field(default=None, name="Timestamp")
    ua_status: Any = msgspec.field(default=None, name="Status")
    publisher_id: Any = msgspec.field(default=None, name="PublisherId")
    data_set_writer_name: Any = msgspec.field(default=None, name="DataSetWriterName")
    data_set_writer_id: Any = msgspec.field(default=None, name="DataSetWriterId")
    node_id: Any = msgspec.field(default=None, name="NodeId")
    application_uri: Any = msgspec.field(default=None, name="ApplicationUri")
    endpoint_url: Any = msgspec.field(default=None, name="EndpointUrl")
    source_timestamp: Any = msgspec.field(default=None, name="SourceTimestamp")
    status_code: Any = msgspec.field(default=None, name="StatusCode")
    # Of CloudEvents.
    specversion: Any = None
    data: Any = None
    data_base64: Any = msgspec.field(default=None, name="data_base64")
    time: Any = None


_decoder = msgspec.json.Decoder(Payload)
_array_decoder = msgspec.json.Decoder(list[Any])
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def decode(document: bytes) -> Payload | Iterable[bytes]:
    """An object, or the lines of several. Raises: `Unlearnable`."""
    try:
        return _decoder.decode(document)
    except _UNREADABLE:
        return lines(document) or converted(loaded(document))


def decode_object(document: bytes) -> Payload:
    """The same of a document that has no lines."""
    try:
        return _decoder.decode(document)
    except _UNREADABLE:
        return converted(loaded(document))


def decode_array(document: bytes) -> list[Any]:
    """The elements. Raises: `Unlearnable` also where there is none."""
    try:
        found = _array_decoder.decode(document)
    except _UNREADABLE:
        found = loaded(document)
    return not_empty(found)


def not_empty(found: list[Any]) -> list[Any]:
    """Give an array back that has elements."""
    if not found:
        raise Unlearnable("the array is empty: there is no observation")
    return found


def loaded(document: bytes) -> Any:
    """Many a producer writes NaN, which is not JSON: it costs its observation, not the rest of the record."""
    try:
        return json.loads(document.decode())
    except _UNREADABLE as error:
        reason = "it is UTF-16 text: send UTF-8" if is_utf16(document) else error
        raise Unlearnable(f"not readable as JSON: {reason}") from None


def converted(members: Any) -> Payload:
    """The fields of an object that was decoded already, as one of several."""
    try:
        return msgspec.convert(members, Payload)
    except _UNREADABLE as error:
        raise Unlearnable(f"not readable as JSON: {error}") from None


def lines(document: bytes) -> Iterable[bytes] | None:
    """The lines of NDJSON; None where the document is none, such as one object over several lines."""
    first, *others = islice(stripped(document), 2)
    if not others:
        return None
    if not all(line.startswith(b"{") for line in stripped(document)):
        try:
            decode_object(first)
        except Unlearnable:
            return None
    return stripped(document)


def stripped(document: bytes) -> Iterator[bytes]:
    """The lines that are not blank, one by one: a list of millions would take the function's memory."""
    return filter(None, map(bytes.strip, io.BytesIO(document)))
