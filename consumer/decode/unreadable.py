"""What the bytes are that no payload can be read from: the reason names it, and what to do."""

import binascii
import re

from consumer.decode.values import shortened
from consumer.errors import Unlearnable

_SEND_JSON = "send JSON"
_TWICE = "JSON within a JSON text: encode it once, and send the object itself"
_REPR = "bytes as Python prints them: send the bytes themselves"
_STARTS: tuple[tuple[bytes, str | None], ...] = (
    (b"\xff\xfe\0\0", "UTF-32 text: send UTF-8"),
    (b"\xff\xfe", "UTF-16 text: send UTF-8"),
    (b"\xfe\xff", "UTF-16 text: send UTF-8"),
    (
        b"\x1f\xef\xbf\xbd",
        "gzip data that was taken for text on its way, which destroyed it: send it as bytes",
    ),
    (b"\x1f\xc2\x8b", "gzip data that was taken for text on its way, which altered it: send it as bytes"),
    (b"\x1f\x8b", "gzip data within what was unpacked already: compress once"),
    (b"\x28\xb5\x2f\xfd", "zstd data within what was unpacked already: compress once"),
    (b'"{', _TWICE),
    (b'"[{', _TWICE),
    (b'"\\"{', _TWICE),
    (b"b'", _REPR),
    (b'b"', _REPR),
    (b"PK\x03\x04", "a ZIP archive: compress with gzip or zstd"),
    (b"BZh", "bzip2 data: compress with gzip or zstd"),
    (b"\xfd7zXZ\0", "xz data: compress with gzip or zstd"),
    (b"\x04\x22\x4d\x18", "LZ4 data: compress with gzip or zstd"),
    (b"LZ4Block", "LZ4 data: compress with gzip or zstd"),
    (b"\x82SNAPPY", "Snappy data: compress with gzip or zstd"),
    (b"\xff\x06\0\0sNaPpY", "Snappy data: compress with gzip or zstd"),
    (b"\x78\x01", "zlib data: compress with gzip or zstd"),
    (b"\x78\x5e", "zlib data: compress with gzip or zstd"),
    (b"\x78\x9c", "zlib data: compress with gzip or zstd"),
    (b"\x78\xda", "zlib data: compress with gzip or zstd"),
    (b"\xf3\x89\x9a\xc2", None),  # as records of the KPL begin: without its digest it may be anything
    (b"Obj\x01", f"an Avro file: {_SEND_JSON}"),
    (b"\xc3\x01", f"Avro data: {_SEND_JSON}"),
    (b"PAR1", f"a Parquet file: {_SEND_JSON}"),
    (b"<", f"XML or HTML: {_SEND_JSON}"),
    (b"---", f"YAML: {_SEND_JSON}"),
)
_LINE_PROTOCOL = re.compile(rb"[^\s{}]+ [^\s={}]+=\S+(?: \d+)?")
_JSON = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:\{\s*"|\[\s*[{\[])')
_JSON_WITHIN = re.compile(rb'\[\s*\{\s*"|\{\s*"\w+"\s*:')
_BEFORE_IT_MAX = 200
_OF_URLS = bytes.maketrans(b"-_", b"+/")
_SEPARATORS = re.compile(rb"[,;\t]")
_LOOKED_AT = 4096
_DEPTH_MAX = 2


def kind_of(payload: bytes) -> str | None:
    """What it is, in words, and what to send instead; None: nothing that is known.

    >>> kind_of(b"<?xml version='1.0'?>")
    'XML or HTML: send JSON'
    """
    start = payload[:_LOOKED_AT]
    for first, kind in _STARTS:
        if start.startswith(first):
            return kind
    if wide := _wide(start):
        return f"{wide} text: send UTF-8"
    if 0 < (at := _begins_at(start)) <= _BEFORE_IT_MAX:
        return f"JSON behind something else, {shortened(start[:at])}: send the JSON alone"
    if not is_text(start):
        return (
            "binary data, such as protobuf, Avro, MessagePack or a compression other than gzip and zstd "
            f"write it: {_SEND_JSON}"
        )
    if encoded := _in_letters(start):
        return encoded
    first_line = start.split(b"\n", 1)[0].strip()
    if _LINE_PROTOCOL.fullmatch(first_line):
        return f'lines of InfluxDB: {_SEND_JSON} (in Telegraf, data_format = "json")'
    if _is_row(_SEPARATORS.split(first_line)):
        return f"CSV: {_SEND_JSON}"
    return (
        f"lines of text of which most are no payloads, as of a log: {_SEND_JSON}" if b"\n" in start else None
    )


def _begins_at(text: bytes) -> int:
    """Where an object or an array of objects begins; below 0: nowhere."""
    found = _JSON_WITHIN.search(text)
    return found.start() if found else -1


def _in_letters(text: bytes, depth: int = 0) -> str | None:
    """What base64 or hexadecimal digits hold, if that is JSON or compressed."""
    digits = b"".join(text.split()).strip(b'"').translate(_OF_URLS)
    for name, decode in (("base64 text", _from_base64), ("hexadecimal digits", _from_hex)):
        inner = decode(digits)
        if _JSON.match(inner):
            return f"JSON as {name}: send the JSON itself"
        for magic, packed in ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd")):
            if inner.startswith(magic):
                return f"{packed} data as {name}: send its bytes"
        if inner and depth < _DEPTH_MAX and (found := _in_letters(inner, depth + 1)):
            return f"{found} ({name} around it again)"
    return None


def _from_base64(digits: bytes) -> bytes:
    try:
        return binascii.a2b_base64(digits[: len(digits) // 4 * 4], strict_mode=True)
    except ValueError:
        return b""


def _from_hex(digits: bytes) -> bytes:
    try:
        return binascii.unhexlify(digits[: len(digits) // 2 * 2])
    except ValueError:
        return b""


def not_json(text: bytes, error: Exception) -> Unlearnable:
    """Why bytes that begin as JSON does are none."""
    reason: object = error
    if wide := _wide(text):
        reason = f"it is {wide} text: send UTF-8"
    elif isinstance(error, UnicodeDecodeError) and text[error.start + 1 : error.start + 2].isascii():
        byte, at = text[error.start], error.start  # alone among letters, as UTF-8 never has one
        reason = f"it is no UTF-8, but such as Latin-1 (0x{byte:02x} at byte {at}): send UTF-8"
    return Unlearnable(f"not readable as JSON: {reason}")


def _wide(payload: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: in plain text, most bytes but each second or fourth are NUL."""
    start = payload[:_LOOKED_AT]
    for name, width in (("UTF-16", 2), ("UTF-32", 4)):
        for low in (0, width - 1):
            plain, others = start[low::width], len(start) - len(start[low::width])
            zeros = start.count(0)
            if 0 not in plain and others >= width - 1 and zeros * 4 >= others * 3:
                return name
    return None


def _is_row(cells: list[bytes]) -> bool:
    """Whether these may be cells: 42,0 is a number as some write it."""
    return len(cells) > 2 or (len(cells) == 2 and not all(cell.strip().isdigit() for cell in cells))


def is_text(payload: bytes) -> bool:
    """Whether it begins as text does."""
    start = payload[:_LOOKED_AT]
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:  # a character may be cut by the end of what is looked at
            return False
        text = start[: error.start].decode()
    return not any(character < " " and character not in "\t\r\n\f" for character in text)
