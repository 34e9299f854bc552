"""A byte order mark, and what is left around compressed data, do no harm; else a reason says what it is."""

import base64
import bz2
import json
import zlib

import pytest

from consumer.decode.unreadable import kind_of
from tests.consumer.decode.payload_builders import ARRIVED_S, gzipped, observations, read, zstandard

POINT = json.dumps({"signal": "oven.heat", "value": 180.5}).encode()
LEARNED = [("oven.heat", 180.5, ARRIVED_S)]
MARK = b"\xef\xbb\xbf"
PADDINGS = [b"\n", b"\r\n", b" ", b"\0", bytes(512), b"\0\0\n", b" \t\r\n"]


@pytest.mark.parametrize("pack", [bytes, gzipped, zstandard])
@pytest.mark.parametrize("written", [MARK + POINT, MARK + b"\n" + POINT + b"\n", MARK + b"[" + POINT + b"]"])
def test_a_byte_order_mark_is_skipped(pack, written):
    batch = read(pack(written))
    assert (observations(batch), batch.rejections) == (LEARNED, [])


def test_a_bare_number_may_have_one_too():
    assert [value for _, value, _ in observations(read(MARK + b"42.5"))] == [42.5]


@pytest.mark.parametrize("pack", [gzipped, zstandard])
@pytest.mark.parametrize("padding", PADDINGS)
def test_what_is_left_around_compressed_data_is_dropped(pack, padding):
    half = len(POINT) // 2
    for payload in (
        pack(POINT) + padding,
        padding + pack(POINT),
        padding + MARK + pack(POINT),
        pack(POINT[:half]) + padding + pack(POINT[half:]) + padding,
    ):
        batch = read(payload)
        assert (observations(batch), batch.rejections) == (LEARNED, [])


@pytest.mark.parametrize("pack", [gzipped, zstandard])
def test_what_is_cut_short_still_says_so(pack):
    for length in (len(pack(POINT)) - 1, 12):
        reason = read(pack(POINT)[:length] + b"\n").rejections[0].reason
        assert "cut short" in reason or "not readable as" in reason


CSV = b"time,signal,value\n2024-03-01,oven.heat,180.5\n"
KINDS = {
    "UTF-16 with its mark": (POINT.decode().encode("utf-16"), "UTF-16"),
    "UTF-16, the high byte first": (b"\xfe\xff" + POINT.decode().encode("utf-16-be"), "UTF-16"),
    "UTF-16 without a mark": (POINT.decode().encode("utf-16-le"), "UTF-16"),
    "UTF-16 without a mark, the high byte first": (POINT.decode().encode("utf-16-be"), "UTF-16"),
    "gzip read as text": (
        gzipped(POINT).decode(errors="replace").encode(),
        "gzip data that was taken for text",
    ),
    "gzip read as Latin-1": (gzipped(POINT).decode("latin-1").encode(), "gzip data that was taken for text"),
    "gzip as base64": (base64.b64encode(gzipped(POINT)), "gzip data as base64"),
    "zstd as base64": (base64.b64encode(zstandard(POINT)), "zstd data as base64"),
    "UTF-32": (POINT.decode().encode("utf-32-be"), "UTF-32"),
    "UTF-32 with its mark": (POINT.decode().encode("utf-32"), "UTF-32"),
    "UTF-16 of few Latin letters": (
        '{"signal":"Ofen Nr. 1: Öl → °C","value":1}'.encode("utf-16-le"),
        "UTF-16",
    ),
    "base64 of base64": (base64.b64encode(base64.b64encode(POINT)), "JSON as base64 text"),
    "base64 of base64 of gzip": (base64.b64encode(base64.b64encode(gzipped(POINT))), "gzip data as base64"),
    "base64 in lines": (base64.encodebytes(POINT * 3), "JSON as base64"),
    "base64 of an array": (base64.b64encode(b" [\n " + POINT + b"]"), "JSON as base64"),
    "hexadecimal digits": (POINT.hex().encode(), "JSON as hexadecimal"),
    "JSON in a JSON text": (json.dumps(POINT.decode()).encode(), "within a JSON text"),
    "an array in a JSON text": (json.dumps(f"[{POINT.decode()}]").encode(), "within a JSON text"),
    "bytes of Python": (str(POINT).encode(), "as Python prints them"),
    "Latin-1": ('{"signal":"Öl","value":1}'.encode("latin-1"), "such as Latin-1 (0xd6 at byte 11)"),
    "LZ4": (b"\x04\x22\x4d\x18\x64\x40\xa7", "LZ4"),
    "LZ4 of Java": (b"LZ4Block\x25\0\0\0", "LZ4"),
    "Snappy": (b"\xff\x06\0\0sNaPpY\x01", "Snappy"),
    "Snappy of Java": (b"\x82SNAPPY\0\0\0", "Snappy"),
    "deflate without a header": (zlib.compress(POINT * 9)[2:-4], "a compression other than gzip"),
    "base64 as URLs have it": (
        base64.urlsafe_b64encode(b'{"signal":"\xc3\xbf>?\xc3\xbf","value":1}'),
        "JSON as base64",
    ),
    "base64 in a JSON text": (
        json.dumps(base64.b64encode(gzipped(POINT)).decode()).encode(),
        "gzip data as base64",
    ),
    "a log line": (
        b"2023-11-14T22:13:20Z INFO app: " + POINT,
        "behind something else, b'2023-11-14T22:13:20Z INFO",
    ),
    "a server-sent event": (b"data: " + POINT + b"\n\n", "behind something else, b'data: '"),
    "a comment": (b"/* oven */ [" + POINT + b"]", "behind something else, b'/* oven */ '"),
    "a length before it": (len(POINT).to_bytes(4, "big") + POINT, "behind something else, b"),
    "a schema's number before it": (b"\0\0\0\0\x07" + POINT, "behind something else"),
    "JSON as base64": (base64.b64encode(POINT), "JSON as base64"),
    "gzip in zstd": (zstandard(gzipped(POINT)), "gzip data within"),
    "zlib": (zlib.compress(POINT), "zlib"),
    "bzip2": (bz2.compress(POINT), "bzip2"),
    "ZIP": (b"PK\x03\x04\x14\0\0\0\x08\0", "ZIP"),
    "an Avro file": (b"Obj\x01\x04\x14avro.codec\x08null", "Avro"),
    "an Avro message": (b"\xc3\x01" + bytes(range(8)) + b"\x12oven.heat", "Avro"),
    "protobuf": (b"\x0a\x09oven.heat\x11\0\0\0\0\0\x90\x66\x40", "protobuf"),
    "protobuf of Sparkplug": (b"\x08\xe8\xa7\xb0\xf3\xbc\x31\x12\x0b\x0a\x04heat", "protobuf"),
    "MessagePack": (b"\x82\xa6signal\xa9oven.heat\xa5value\xcb\x40\x66\x90\0\0\0\0\0", "binary"),
    "Parquet": (b"PAR1\x15\x04\x15", "Parquet"),
    "XML": (b"<?xml version='1.0'?><point signal='oven.heat'>180.5</point>", "XML"),
    "HTML": (b"<html><body>502 Bad Gateway</body></html>", "HTML"),
    "CSV": (CSV, "CSV"),
    "CSV with semicolons": (b"oven.heat;180,5\noven.heat;181,0\n", "CSV"),
    "tabs": (b"oven.heat\t180.5", "CSV"),
    "line protocol": (b"oven,site=a heat=180.5 1709251200000000000", "InfluxDB"),
    "line protocol without tags": (b"oven heat=180.5,load=7i", "InfluxDB"),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_reason_says_what_the_bytes_are(name):
    payload, word = KINDS[name]
    [rejection] = read(payload).rejections
    assert word in rejection.reason
    assert "send" in rejection.reason or "compress" in rejection.reason
    assert "neither a JSON object" not in rejection.reason


@pytest.mark.parametrize(
    "payload",
    [
        b"exit code 12",
        b"deadbeef",
        b"eyes",
        *(b"hello", b"true", b"42,0", b"1e101", b'"42"', "Überdruck".encode(), b"-"),
    ],
)
def test_nothing_is_said_of_what_is_not_known(payload):
    assert kind_of(payload) is None
    assert "neither a JSON object nor a finite number" in read(payload).rejections[0].reason


def test_a_text_of_more_than_is_looked_at_may_be_cut_within_a_character():
    assert kind_of(b"a" + "€".encode() * 2000) is None


@pytest.mark.parametrize("other", [POINT, gzipped(POINT), zstandard(POINT)])
@pytest.mark.parametrize("pack", [gzipped, zstandard])
def test_what_is_something_else_behind_compressed_data_is_said(pack, other):
    if pack(POINT) == other:
        return
    [rejection] = read(pack(POINT) + b"\n" + other).rejections
    assert rejection.is_whole
    assert f"behind {len(pack(POINT)) + 1} bytes of" in rejection.reason
