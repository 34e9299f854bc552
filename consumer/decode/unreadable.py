"""What the bytes are that no payload can be read from: the reason names it, and what to do."""

import re

_SEND_JSON = "send JSON"
_STARTS: tuple[tuple[bytes, str | None], ...] = (
    (b"\xff\xfe", "UTF-16 text: send UTF-8"),
    (b"\xfe\xff", "UTF-16 text: send UTF-8"),
    (
        b"\x1f\xef\xbf\xbd",
        "gzip data that was taken for text on its way, which destroyed it: send it as bytes",
    ),
    (b"\x1f\xc2\x8b", "gzip data that was taken for text on its way, which altered it: send it as bytes"),
    (b"\x1f\x8b", "gzip data within what was unpacked already: compress once"),
    (b"\x28\xb5\x2f\xfd", "zstd data within what was unpacked already: compress once"),
    (b"H4sI", "gzip data as base64 text: send its bytes"),
    (b"KLUv", "zstd data as base64 text: send its bytes"),
    (b"eyJ", "JSON as base64 text: send the JSON itself"),
    (b"W3si", "JSON as base64 text: send the JSON itself"),
    (b"PK\x03\x04", "a ZIP archive: compress with gzip or zstd"),
    (b"BZh", "bzip2 data: compress with gzip or zstd"),
    (b"\xfd7zXZ\0", "xz data: compress with gzip or zstd"),
    (b"\x04\x22\x4d\x18", "LZ4 data: compress with gzip or zstd"),
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
_SEPARATORS = re.compile(rb"[,;\t]")
_LOOKED_AT = 4096
_WIDE_BYTES_MIN = 4


def kind_of(payload: bytes) -> str | None:
    """What it is, in words, and what to send instead; None: nothing that is known.

    >>> kind_of(b"<?xml version='1.0'?>")
    'XML or HTML: send JSON'
    """
    start = payload[:_LOOKED_AT]
    for first, kind in _STARTS:
        if start.startswith(first):
            return kind
    if is_utf16(start):
        return "UTF-16 text: send UTF-8"
    if not _is_text(start):
        return f"binary data, such as protobuf, Avro or MessagePack write it: {_SEND_JSON}"
    first_line = start.split(b"\n", 1)[0].strip()
    if _LINE_PROTOCOL.fullmatch(first_line):
        return f'lines of InfluxDB: {_SEND_JSON} (in Telegraf, data_format = "json")'
    if _is_row(_SEPARATORS.split(first_line)):
        return f"CSV: {_SEND_JSON}"
    return None


def is_utf16(payload: bytes) -> bool:
    """Whether it is UTF-16 without a mark: each second byte of plain text is NUL."""
    start = payload[:_LOOKED_AT]
    halves = start[0::2], start[1::2]
    return len(start) >= _WIDE_BYTES_MIN and any(
        b"\0" not in text and not zeros.strip(b"\0") for text, zeros in (halves, halves[::-1])
    )


def _is_row(cells: list[bytes]) -> bool:
    """Whether these may be cells: 42,0 is a number as some write it."""
    return len(cells) > 2 or (len(cells) == 2 and not all(cell.strip().isdigit() for cell in cells))


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:  # a character may be cut by the end of what is looked at
            return False
        text = start[: error.start].decode()
    return not any(character < " " and character not in "\t\r\n\f" for character in text)
