"""The JSON of payloads, decoded: a document, several after one another, or lines of them."""

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
_GOES_ON = b",:[{"
"""What a document goes on behind."""
_GOES_ON_MAX = 256 * 1024
"""How far a document among others may go on: an error in it costs a look at all before."""
_BLANK = " \t\r\v\f\0\x1e\xef\xbb\xbf"
_BETWEEN_TWO = re.compile(rb"[^,:\[{\s][ \t\r]*\n[\s\x1e\xef\xbb\xbf]*[\[{]")
"""Where a line ends and the next begins, and one document would have a comma, a colon or a bracket before."""
_HINTS = {
    ",": ": write several documents in brackets, or as lines without commas",
    "\\": ": end a line with a line feed itself, not with the characters that stand for one",
}
_LINES_TRIED = 10_000
"""A record holds no more observations."""
_STRAY = "a number among lines of which most are no payloads: nothing says that it is the partition key's"


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


def lines(text: bytes) -> Iterator[bytes | Unlearnable] | None:
    """The documents where each line begins one; None where no line can be read, or there is but one document.

    A document that cannot be read may have had several lines. That is excluded where a line is one by itself,
    or where between two lines stands nothing that would join them.
    """
    first, line_feed, _ = text.partition(b"\n")
    if not line_feed:
        return None
    if text.startswith((b"{", b"[")):
        if not _begins_one(first):
            end, is_whole = _end_of(text.decode("latin-1"))
            if end == len(text) if is_whole else not _BETWEEN_TWO.search(text):
                return None
    elif not is_text(text):  # protobuf has line feeds too
        return None
    tried = islice(_line_by_line(text), _LINES_TRIED)
    is_read = any(isinstance(line, bytes) and _begins_one(line) for line in tried)
    return _line_by_line(text) if is_read else None


def _line_by_line(text: bytes, numbers_count: bool | None = None) -> Iterator[bytes | Unlearnable]:
    """Lines that are not blank, one by one: a list of millions would take the function's memory.

    A line that cannot end a document goes on below, if that is one. If not, what lies between is read line by
    line, but for what has a meaning only within it, as a number has. `numbers_count`: whether a line that is
    a number is a payload; None: that is so where most lines are payloads.
    """
    written = ""
    start, broken_until = 0, 0
    is_within = False
    while start < len(text):
        line_feed = text.find(b"\n", start)
        end = len(text) if line_feed < 0 else line_feed
        line = text[start:end]
        if line[:1] == b"{" and line[-1:] == b"}":  # as most are
            is_within = is_within and start < broken_until
            yield line
            start = end + 1
            continue
        line = trimmed(line)
        if not line:
            start = end + 1
            continue
        begins = line.startswith((b"{", b"["))
        if begins and line[-1:] in _GOES_ON and start >= broken_until:
            written = written or text.decode("latin-1")
            begin = text.index(line, start)
            length, is_whole = _end_of(written[begin : begin + _GOES_ON_MAX])
            if is_whole:
                yield text[begin : begin + length]
                start = begin + length
                continue
            broken_until, is_within = begin + length, True
        elif begins and start >= broken_until:
            is_within = False
        if begins:
            yield line
        elif is_within:
            yield Unlearnable("it is within a document that begins above and cannot be read")
        else:
            if numbers_count is None:
                numbers_count = _are_mostly_payloads(text)
            yield line if numbers_count or not _is_number(line) else Unlearnable(_STRAY)
        start = end + 1


def _are_mostly_payloads(text: bytes) -> bool:
    """Whether more than half of the lines are as payloads are: one that is a number in a log is not.

    It would be taken for a value of the partition key.
    """
    payloads = others = 0
    for line in islice(_line_by_line(text, numbers_count=True), _LINES_TRIED):
        if isinstance(line, bytes):
            is_one = line.startswith((b"{", b"[")) or line == b"null" or _is_number(line)
            payloads += is_one
            others += not is_one
    return payloads > others


def _end_of(written: str) -> tuple[int, bool]:
    """Where the document ends that it begins with; or up to where it can be read.

    The text is decoded as Latin-1, so that places are those of bytes: all that gives JSON its form is ASCII.
    """
    try:
        _, end = _raw_decode(written)
    except json.JSONDecodeError as error:
        return error.pos, False
    except (ValueError, RecursionError):
        return len(written), False
    line_feed = written.find("\n", end)
    rest = written[end : len(written) if line_feed < 0 else line_feed].strip(_BLANK)
    return end, rest[:1] in ("", "{", "[")


def _begins_one(text: bytes) -> bool:
    try:
        if not text.startswith((b"{", b"[")):
            bare_number(text)
        elif decode_object(text) is None:
            next(sequence(text))
    except Unlearnable:
        return False
    return True


def _is_number(text: bytes) -> bool:
    """Whether it is written as a number, be it NaN, of which nothing is learned."""
    try:
        float(text)
    except ValueError:
        return False
    return b"_" not in text


def bare_number(text: bytes) -> float:
    """A number that is a document by itself. Raises: `Unlearnable`."""
    try:
        return number(text.decode("ascii"))
    except UnicodeDecodeError:
        raise Unlearnable("it is no number") from None
