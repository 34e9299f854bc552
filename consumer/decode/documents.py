"""The JSON of payloads, decoded: a document, several after one another, or lines of them."""

import io
import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import msgspec
from msgspec import UNSET

from consumer.decode.unreadable import is_text, not_json
from consumer.decode.values import number, shortened
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
    node: Any = None
    group: Any = None
    errors: Any = None
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
_raw_decode = json.JSONDecoder().raw_decode
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)

# Blanks, byte order marks, the separators that RFC 7464 puts before a document, and NUL behind it.
_BEFORE = re.compile(rb"\A(?:[\s\x1e]++|(?:\xef\xbb\xbf)++)*+")
_MAY_BEGIN = b" \t\r\n\v\f\x1e\xef"
"""What is left before a document begins with one of these."""
_BEHIND = b" \t\r\n\v\f\x1e\0"
_GAP = re.compile("[ \t\r\n\v\f\0\x1e\ufeff]*")
_BETWEEN_TWO = re.compile(rb"[^,:\[{\s][ \t\r]*\n[\s\x1e\xef\xbb\xbf]*[\[{]")
"""Where a line ends and the next begins, and one document would have a comma, a colon or a bracket before."""
_HINTS = {",": ": write several documents in brackets, or as lines without commas"}
_LINES_TRIED = 10_000


def trimmed(text: bytes) -> bytes:
    """Without what producers leave around a document."""
    if text[:1] in _MAY_BEGIN:
        text = _BEFORE.sub(b"", text, count=1)
    return text.rstrip(_BEHIND)


def decode_object(document: bytes) -> Payload | None:
    """The fields of an object; None: it must be looked at as `sequence` does."""
    try:
        return _decoder.decode(document)
    except _UNREADABLE:
        return None


def decode_array(document: bytes) -> list[Any] | None:
    """The same of an array, with its elements."""
    try:
        return _array_decoder.decode(document)
    except _UNREADABLE:
        return None


def converted(members: Any) -> Payload:
    """The fields of an object that was decoded already, as one of several."""
    try:
        return msgspec.convert(members, Payload)
    except _UNREADABLE as error:
        raise Unlearnable(f"not readable as JSON: {error}") from None


def sequence(text: bytes) -> Iterator[Any]:
    """Documents one after another, over any lines; the last is an `Unlearnable` if it cannot be read.

    Many a producer writes NaN, which is not JSON: it costs its observation, not the rest of the record.

    Raises: `Unlearnable` if the first cannot be read.
    """
    try:
        written = text.decode()
    except UnicodeDecodeError as error:
        raise not_json(text, error) from None
    start = 0
    while start < len(written):
        try:
            found, end = _raw_decode(written, start)
            following = _GAP.match(written, end)
            behind = end if following is None else following.end()
            # What else stands on its line may be what is left of it: it is damaged.
            follows = written[behind : behind + 20]
            if follows and follows[0] not in "{[" and "\n" not in written[end:behind]:
                raise ValueError(f"{shortened(follows)} follows it{_HINTS.get(follows[0], '')}")
        except _UNREADABLE as error:
            reason = not_json(text, error)
            if not start:
                raise reason from None
            yield reason
            return
        yield found
        start = behind


def lines(text: bytes) -> Iterator[bytes] | None:
    """The lines where each is to be read by itself; None where no line can be, or a document has several.

    A document that cannot be read may have had several lines. That is excluded where a line is one by itself,
    or where between two lines stands nothing that would join them.
    """
    first, line_feed, _ = text.partition(b"\n")
    if not line_feed:
        return None
    if text.startswith((b"{", b"[")):
        if not _begins_one(first) and (_begins_one(text) or not _BETWEEN_TWO.search(text)):
            return None
    elif not is_text(text):  # protobuf has line feeds too
        return None
    return _stripped(text) if any(map(_begins_one, islice(_stripped(text), _LINES_TRIED))) else None


def _stripped(text: bytes) -> Iterator[bytes]:
    """The lines that are not blank, one by one: a list of millions would take the function's memory."""
    return filter(None, map(trimmed, io.BytesIO(text)))


def _begins_one(text: bytes) -> bool:
    try:
        if not text.startswith((b"{", b"[")):
            bare_number(text)
        elif decode_object(text) is None:
            next(sequence(text))
    except Unlearnable:
        return False
    return True


def bare_number(text: bytes) -> float:
    """A number that is a document by itself. Raises: `Unlearnable`."""
    try:
        return number(text.decode("ascii"))
    except UnicodeDecodeError:
        raise Unlearnable("it is no number") from None
