"""Payloads of those who would break in, or of a producer gone mad; each with what has to become of it."""

import base64
import gzip
import json
import struct
from dataclasses import dataclass
from typing import Any, Literal

from tests.consumer.decode.payload_builders import zstd
from tests.fuzz.kpl_bytes import KPL, field, sealed, sub_record

MIB = 1024 * 1024

Outcome = Literal["learned", "skipped", "quarantined", "both"]


@dataclass(frozen=True)
class Hostile:
    """A payload, and whether it is learned, skipped or kept in quarantine; both: some is and some not."""

    payload: bytes
    becomes: Outcome = "quarantined"


def point(**fields: object) -> bytes:
    """A payload of one value."""
    return json.dumps({"signal": "s", "value": 1.0} | fields).encode()


def event(**fields: object) -> bytes:
    """A CloudEvent."""
    whole = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "time": "2023-11-14T22:13:20Z"}
    return json.dumps(whole | fields).encode()


def named(signal: str, becomes: Outcome = "quarantined") -> Hostile:
    """A point of a signal of that name, written as UTF-8."""
    return Hostile(json.dumps({"signal": signal, "value": 1.0}, ensure_ascii=False).encode(), becomes)


def well_formed() -> dict[str, bytes]:
    """One of each shape: what a fuzzer starts from."""
    tqv = {"timestamp": {"timeInSeconds": 1_700_000_000}, "quality": "GOOD", "value": {"doubleValue": 1.0}}
    return {
        "point": point(timestamp="2023-11-14T22:13:20Z"),
        "key and body": b'{"key": "s", "body": 1.5, "timestamp": 1700000000000}',
        "columns": b'{"signal": "s", "values": [1.0, 2, null], "timestamps": [1.7e9, 1.7e9, 1.7e9]}',
        "named values": b'{"signal": "s", "values": {"a": 1, "b": true}, "timestamp": 1700000000}',
        "notification": json.dumps(
            {"type": "PropertyValueUpdate", "payload": {"assetId": "a", "propertyId": "p", "values": [tqv]}}
        ).encode(),
        "entries": json.dumps({"entries": [{"propertyAlias": "/a/b", "propertyValues": [tqv]}]}).encode(),
        "bare number": b"12.5",
        "array": b"[" + point() + b", " + point(value=2) + b"]",
        "lines": point() + b"\n" + point(value=2),
        "lines of arrays": b"[" + point() + b"]\r\n\xef\xbb\xbf[" + point(value=2) + b"]\n",
        "one after another": point() + point(value=2),
        "over several lines": json.dumps(json.loads(point()), indent=1).encode() * 2,
        "a date as Java prints it": point(timestamp="Tue Nov 14 22:13:20 UTC 2023"),
        "a date of the first day": point(timestamp="0001-01-01T00:00:00-14:00"),
        "a date of the last day": point(timestamp="31.12.9999 23:59:59 +14:00"),
        **{name: json.dumps(payload).encode() for name, payload in _of_gateways().items()},
        "kpl": field(1, b"key") + sub_record(point()) + sub_record(b"1.5"),
        "kpl of a bare number": field(1, b"k") + sub_record(b"1"),
    }


def _of_gateways() -> dict[str, Any]:
    metric = {"name": "m", "tags": {"host": "h"}, "fields": {"a": 1, "b": 2.5}, "timestamp": 1_700_000_000}
    sparkplug = {
        "name": "a",
        "timestamp": 1_700_000_000_000,
        "dataType": "Int32",
        "properties": {"Quality": {"type": "Int32", "value": 192}},
        "value": 5,
    }
    protobuf = {"name": "a", "datatype": 3, "intValue": 4_294_967_291, "isNull": False}
    topic = {"namespace": "spBv1.0", "groupId": "g", "edgeNodeId": "n", "deviceId": "d", "type": "DDATA"}
    source = {"values": {"a": {"value": 1.5, "timestamp": "2023-11-14"}, "b": {"value": {"avg": 2}}}}
    return {
        "kepserver": {"timestamp": 1_700_000_000_000, "values": [{"id": "a.b.c", "v": 1, "q": True, "t": 0}]},
        "telegraf": metric,
        "telegraf's batch": {"metrics": [metric, metric]},
        "sparkplug": {"timestamp": 1_700_000_000_000, "metrics": [sparkplug, protobuf], "seq": 1},
        "ignition's injector": {"topic": topic, "payload": {"metrics": [sparkplug]}},
        "shop floor": {"schedule": "s", "sources": {"plc": source}, "serial": "1", "timestamp": "2023-11-14"},
        "mqtt message": {"topic": "a/b", "payload": json.dumps(metric), "timestamp": 1_700_000_000_000},
        "mqtt message of a number": {"topic": "a/b", "payload": "1.5"},
        "opc ua": {
            "MessageType": "ua-data",
            "PublisherId": "p",
            "Messages": [{"DataSetWriterId": 1, "Payload": {"a": 1, "b": {"Value": 2, "StatusCode": 0}}}],
        },
        "opc publisher": {"NodeId": "ns=2;s=a", "Value": {"Value": 1, "SourceTimestamp": "2023-11-14"}},
        "ignition": {"tagPath": "[default]a/b", "value": {"value": 1, "quality": "Good"}, "timestamp": 1},
        "cloud event": {"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "data": metric},
        "cloud event in base64": {
            "specversion": "1.0",
            "time": "2023-11-14T22:13:20Z",
            "data_base64": base64.b64encode(point()).decode(),
        },
        "cloud event around lines": {
            "specversion": "1.0",
            "time": "2023-11-14T22:13:20Z",
            "data": (point() + b"\n" + point(value=2)).decode(),
        },
        "cloud events": [{"specversion": "1.0", "data": metric}, {"specversion": "1.0", "data": [metric]}],
    }


def corpus() -> dict[str, Hostile]:
    """All of them, by name."""
    return _json() | _texts() | _numbers() | _names() | _packed() | _aggregated() | _batches() | _gateways()


def _json() -> dict[str, Hostile]:
    columns = {"signal": "s", "values": [1.0, 2.0, 3.0], "timestamps": [1.7e9, 1.7e9]}
    return {
        "nothing": Hostile(b""),
        "an empty object": Hostile(b"{}"),
        "an empty list of values": Hostile(b'{"signal": "s", "values": []}'),
        "no named values": Hostile(b'{"signal": "s", "values": {}}'),
        "no entries": Hostile(b'{"entries": []}'),
        "no values of a property": Hostile(b'{"propertyAlias": "a", "propertyValues": []}'),
        "half an object": Hostile(b'{"signal": "s", "value": 1'),
        "deep lists": Hostile(b'{"signal": "s", "value": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        "deep objects": Hostile(b'{"signal": "s", "value": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001),
        "deep lists without an end": Hostile(b"[" * MIB),
        "deep lists in an unknown field": Hostile(
            b'{"signal": "s", "value": 1.0, "x": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"
        ),
        "a name twice": Hostile(b'{"signal": "s", "value": 1.0, "value": 2.0}', "learned"),
        "two signals": Hostile(b'{"signal": "s", "key": "t", "value": 1.0}'),
        "columns of unequal length": Hostile(json.dumps(columns).encode()),
        "a million values": Hostile(b'{"signal": "s", "values": [' + b"1," * 999_999 + b"1]}"),
        "a million named values": Hostile(
            b'{"signal": "s", "values": {' + b",".join(b'"%d":1' % n for n in range(100_000)) + b"}}"
        ),
        "a record of 1 MiB": Hostile(point(x="y" * (MIB - 40)), "learned"),
        "a record of 1 MiB of noise": Hostile(bytes(range(256)) * 4096),
        "empty lists by the million": Hostile(b'{"signal": "s", "values": [' + b"[]," * 300_000 + b"[]]}"),
    }


def _texts() -> dict[str, Hostile]:
    return {
        "invalid UTF-8 as name": Hostile(b'{"signal": "\xff\xfe", "value": 1.0}'),
        "an overlong encoding of a slash": Hostile(b'{"signal": "\xc0\xaf", "value": 1.0}'),
        "invalid UTF-8 beside it": Hostile(b'{"signal": "s", "value": 1.0, "x": "\xff"}', "learned"),
        "half a surrogate pair": Hostile(b'{"signal": "\\ud800", "value": 1.0}'),
        "a surrogate in UTF-8": Hostile(b'{"signal": "\xed\xa0\x80", "value": 1.0}'),
        "UTF-16": Hostile(point().decode().encode("utf-16")),
        "a byte order mark": Hostile(b"\xef\xbb\xbf" + point(), "learned"),
        "nothing but a byte order mark": Hostile(b"\xef\xbb\xbf"),
        "a NUL after it": Hostile(point() + b"\x00", "learned"),
        "a NUL before it": Hostile(b"\x00" + point()),
        "two objects": Hostile(point() + point(), "learned"),
        "two objects, and half of one": Hostile(point() * 2 + point()[:-3], "both"),
        "an object and a comma": Hostile(point() + b","),
        "an object and rubbish": Hostile(point() + b"rubbish"),
        "a log line": Hostile(b'{"signal": "s", "value": "\\n{\\"level\\":\\"CRITICAL\\"}"}'),
        "colours of a terminal": Hostile(b'{"signal": "s", "value": "\\u001b[31mred"}'),
    }


_ENDS_OF_THE_CALENDAR: tuple[tuple[str, Outcome], ...] = (
    ("0001-01-01T00:00:00-14:00", "learned"),
    ("0001-01-01 00:00 +14:00", "quarantined"),
    ("01.01.0001 00:00 -05:00", "learned"),
    ("Mon Jan 01 00:00:00 GMT 0001", "learned"),
    ("9999-12-31 24:00", "quarantined"),
    ("9999-12-31T24:00:00+14:00", "quarantined"),
    ("31.12.9999 23:59:59 +14:00", "learned"),
    ("31.12.9999 23:59:59 -14:00", "quarantined"),
    ("Fri Dec 31 23:59:60 UTC 9999", "quarantined"),
    ("99991231235959-0100", "quarantined"),
)


def _numbers() -> dict[str, Hostile]:
    huge = {"value": "9" * 400, "timestamp": "1" * 400}
    return {
        "a number of 400 digits": Hostile(b'{"signal": "s", "value": ' + b"9" * 400 + b"}"),
        "a number of 100,000 digits": Hostile(b'{"signal": "s", "value": ' + b"9" * 100_000 + b"}"),
        "a text of 400 digits": Hostile(json.dumps({"signal": "s"} | huge).encode()),
        "1e400": Hostile(b'{"signal": "s", "value": 1e400}'),
        "1e155, whose square overflows": Hostile(b'{"signal": "s", "value": 1e155}'),
        "NaN": Hostile(b'{"signal": "s", "value": NaN}'),
        "minus infinity": Hostile(b'{"signal": "s", "value": -Infinity}'),
        "a denormal number": Hostile(b'{"signal": "s", "value": 5e-324}', "learned"),
        "minus zero": Hostile(b'{"signal": "s", "value": -0.0}', "learned"),
        "hexadecimal": Hostile(b'{"signal": "s", "value": "0x10"}'),
        "digits of another script": Hostile('{"signal": "s", "value": "١٢٣"}'.encode()),
        "an underscore": Hostile(b'{"signal": "s", "value": "1_000"}'),
        "one bad value of three": Hostile(b'{"signal": "s", "values": [1.0, NaN, 3.0]}', "both"),
        "null": Hostile(b'{"signal": "s", "value": null}', "skipped"),
        "the year 1": Hostile(point(timestamp="0001-01-01T00:00:00Z"), "learned"),
        "before the year 1": Hostile(point(timestamp="0001-01-01T00:00:00+14:00")),
        "the year 9999": Hostile(point(timestamp="9999-12-31T23:59:59Z"), "learned"),
        "after the year 9999": Hostile(point(timestamp="9999-12-31T23:59:59-14:00")),
        "a time of 1e308 seconds": Hostile(point(timestamp=1e308)),
        **{
            f"{written}, at an end of the calendar": Hostile(point(timestamp=written), becomes)
            for written, becomes in _ENDS_OF_THE_CALENDAR
        },
        "a time before 1970": Hostile(point(timestamp=-1.0), "learned"),
        "a 30th of February": Hostile(point(timestamp="2023-02-30T00:00:00Z")),
        "a time that is a list": Hostile(point(timestamp=[1])),
        "a time that is no number": Hostile(b'{"signal": "s", "value": 1, "timestamp": NaN}'),
    }


def _names() -> dict[str, Hostile]:
    return {
        "a dot": named(".", "learned"),
        "two dots": named("..", "learned"),
        "the way up": named("../../../layout.json", "learned"),
        "a slash": named("/", "learned"),
        "a name as keys are escaped": named("%2E%2E%2F", "learned"),
        "a space": named(" ", "learned"),
        "no name": named(""),
        "NUL": named("a\x00b"),
        "a newline": named('a\n{"level": "CRITICAL"}'),
        "a line separator": named("a\u2028b", "learned"),
        "an escape": named("a\x1b[31mb"),
        "C1 controls": named("a\x85b"),
        "5,000 characters": named("n" * 5_000),
        "512 bytes": named("é" * 256, "learned"),
        "514 bytes": named("é" * 257),
        "a Cyrillic letter that looks Latin": named("\u0440ump", "learned"),
        "letters from right to left": named("a\u202eb", "learned"),
        "a name in two normal forms": named("e\u0301", "learned"),
        "a zero-width space": named("a\u200bb", "learned"),
        "a name that is a list": Hostile(b'{"signal": ["s"], "value": 1.0}'),
        "a name that is null": Hostile(b'{"signal": null, "value": 1.0}'),
        "__proto__": Hostile(b'{"__proto__": {"signal": "s"}, "value": 1.0}'),
    }


def _packed() -> dict[str, Hostile]:
    bombs = bytes(64 * MIB)
    good, inner = gzip.compress(point()), gzip.compress(gzip.compress(point()))
    return {
        "a bomb in gzip": Hostile(gzip.compress(bombs)),
        "a bomb in zstd": Hostile(zstd.compress(bombs)),
        "a bomb of JSON": Hostile(gzip.compress(b'{"signal": "s", "values": [' + b"1," * 30 * MIB + b"1]}")),
        "a bomb in a bomb": Hostile(gzip.compress(gzip.compress(bombs))),
        "gzip in gzip": Hostile(inner),
        "gzip cut short": Hostile(good[:-4]),
        "gzip with a wrong sum": Hostile(good[:-8] + b"\x00" * 8),
        "gzip and rubbish": Hostile(good + b"rubbish"),
        "gzip of nothing": Hostile(gzip.compress(b"")),
        "gzip of ten thousand parts": Hostile(gzip.compress(b" ") * 10_000),
        "zstd with a window of gigabytes": Hostile(b"\x28\xb5\x2f\xfd\x00\xf8" + b"\x01\x00\x00" * 8),
        "zstd cut short": Hostile(zstd.compress(point())[:-3]),
        "a magic alone": Hostile(b"\x1f\x8b"),
        "zstd's magic alone": Hostile(b"\x28\xb5\x2f\xfd"),
    }


def _aggregated() -> dict[str, Hostile]:
    whole = field(1, b"key") + sub_record(point())
    return {
        "a wrong digest": Hostile(KPL + whole + bytes(16)),
        "KPL's magic alone": Hostile(KPL),
        "KPL of nothing": Hostile(sealed(b"")),
        "no sub-record": Hostile(sealed(field(1, b"key"))),
        "a length beyond the end": Hostile(sealed(b"\x1a\xff\xff\xff\xff\x0f")),
        "a length that is negative": Hostile(sealed(b"\x1a" + b"\xff" * 9 + b"\x01")),
        "a varint without an end": Hostile(sealed(b"\x08" + b"\xff" * 10_000)),
        "an index beyond the table": Hostile(sealed(field(1, b"key") + sub_record(b"1.5", 7))),
        "an index of 2^64 - 1": Hostile(sealed(field(1, b"k") + sub_record(b"1.5", 2**64 - 1))),
        "no table": Hostile(sealed(sub_record(b"1.5"))),
        "a partition key that is no UTF-8": Hostile(sealed(field(1, b"\xff") + sub_record(b"1.5"))),
        "an index beyond the table, of a point that names its signal": Hostile(
            sealed(sub_record(point(), 9)), "learned"
        ),
        "a sub-record without data": Hostile(sealed(field(1, b"k") + field(3, b"\x08\x00"))),
        "KPL in KPL": Hostile(sealed(field(1, b"k") + sub_record(sealed(whole)))),
        "KPL in gzip": Hostile(gzip.compress(sealed(whole))),
        "one bad of two": Hostile(sealed(whole + sub_record(b"{")), "both"),
        "100,000 sub-records": Hostile(sealed(field(1, b"k") + sub_record(b"1") * 100_000)),
        "groups without an end": Hostile(sealed(b"\x0b" * 100_000)),
        "fields of all kinds": Hostile(sealed(b"".join(struct.pack("<BI", n, n) for n in range(256)))),
        "a bomb in each sub-record": Hostile(
            sealed(field(1, b"k") + sub_record(gzip.compress(bytes(9 * MIB))) * 40), "quarantined"
        ),
    }


def _batches() -> dict[str, Hostile]:
    return {
        "an empty array": Hostile(b"[]"),
        "an array of nothing": Hostile(b"[null, [], {}]"),
        "arrays in an array": Hostile(b"[" * 500 + point() + b"]" * 500),
        "one bad of two in an array": Hostile(b"[" + point() + b', {"value": 1}]', "both"),
        "one bad of two lines": Hostile(point() + b"\n{\n", "both"),
        "a bad first line": Hostile(b"{bad}\n" + point(), "both"),
        "a first line that is cut": Hostile(b'{"signal":"s","value":\n' + (point() + b"\n") * 2, "both"),
        "lines that are arrays": Hostile((b"[" + point() + b"]\n") * 3, "learned"),
        "marks before each line": Hostile((b"\xef\xbb\xbf" + point() + b"\r\n") * 3, "learned"),
        "a line of Latin-1": Hostile(point() + b'\n{"signal": "K\xfchler", "value": 1}', "both"),
        "a sequence as of RFC 7464": Hostile((b"\x1e" + point() + b"\n") * 3, "learned"),
        "lines that end with commas": Hostile((point() + b",\n") * 3),
        "an array over lines, cut short": Hostile(b"[\n" + (point() + b",\n") * 3 + point()),
        "an object over lines with a bad one": Hostile(b'{"signal": "s",\n"values": [\n1,\nbad,\n3\n]}'),
        "marks by the hundred thousand": Hostile(b"\xef\xbb\xbf" * 300_000 + point(), "learned"),
        "nothing but marks and blanks": Hostile(b"\xef\xbb\xbf \n\x1e" * 100_000),
        "an array that does not end": Hostile(b"[" + point() + b","),
        "arrays that do not end by the hundred thousand": Hostile(b"[1,\n" * 200_000),
        "arrays that do not end after a good line": Hostile(point() + b"\n" + b"[[[1,\n" * 100_000),
        "a million objects without lines": Hostile(b"{}" * 500_000),
        "a million objects over lines": Hostile(b"{\n}" * 300_000),
        "documents that go on and never end": Hostile(
            gzip.compress(point() + b"\n" + (b"[" + b"1," * 400 + b"\n") * 9_000, 1), "both"
        ),
        "documents that go on and are broken": Hostile(
            gzip.compress(point() + b"\n" + (b'{"a": [\n' + b"1," * 400 + b"\nx\n") * 9_000, 1)
        ),
        "a million empty arrays": Hostile(b"[" + b"[]," * 300_000 + b"[]]"),
        "a million lines": Hostile(b"{}\n" * 300_000),
        "a million lines that are none": Hostile(b"{\n" * 500_000),
        "a million points": Hostile(b"[" + b",".join([b'{"signal":"s","value":1}'] * 40_000) + b"]"),
        "members of gzip with padding between": Hostile(
            (gzip.compress(point()) + bytes(16) + b"\n") * 3, "learned"
        ),
        "gzip with a megabyte of padding": Hostile(gzip.compress(point()) + bytes(MIB - 200), "learned"),
        "gzip with padding and rubbish": Hostile(gzip.compress(point()) + bytes(100) + b"rubbish"),
        "a megabyte of padding": Hostile(bytes(MIB)),
        "a megabyte of commas": Hostile(b"," * MIB),
        "a megabyte of equals signs": Hostile(b"a " + b"=" * MIB),
        "a megabyte of blanks and line feeds": Hostile(b"{" + b" \n" * (MIB // 2)),
        "a megabyte of base64 of base64": Hostile(base64.b64encode(base64.b64encode(bytes(MIB // 2)))),
    }


def _gateways() -> dict[str, Hostile]:
    def nested(depth: int, around: str, inner: str) -> bytes:
        start, _, end = around.partition("…")
        return (start * depth + inner + end * depth).encode()

    deep = "[" * 900 + "]" * 900
    bomb = gzip.compress(bytes(7 * MIB))
    return {
        "tags that are none": Hostile(b'{"values": [{}, {"id": null}, {"id": [], "v": 1}, {"id": "a"}, 7]}'),
        "a tag's name that is an object": Hostile(b'{"values": [{"id": {"a": 1}, "v": 1}]}'),
        "metrics that are none": Hostile(b'{"metrics": [7, {}, {"name": 7, "value": 1}, {"fields": 7}]}'),
        "no metrics": Hostile(b'{"metrics": []}'),
        "metrics by alias": Hostile(b'{"metrics": [{"alias": 7, "value": 1}]}'),
        "a tag of deep lists": Hostile(
            f'{{"name": "m", "tags": {{"a": {deep}}}, "fields": {{"a": 1}}}}'.encode()
        ),
        "a quality of deep objects": Hostile(
            b'{"tagPath": "a", "value": 1, "quality": ' + nested(900, '{"code":…}', "1") + b"}"
        ),
        "values in values": Hostile(
            b'{"sources": {"a": {"values": {"b": ' + nested(900, '{"value":…}', "1") + b"}}}}"
        ),
        "events in events": Hostile(nested(400, '{"specversion":"1.0","data":…}', '{"value":1}')),
        "an event around nothing": Hostile(b'{"specversion": "1.0", "type": "t"}'),
        "an event of base64 that is none": Hostile(b'{"specversion": "1.0", "data_base64": "-"}'),
        "an event of two data": Hostile(b'{"specversion": "1.0", "data": {}, "data_base64": "e30="}'),
        "an event around a bomb": Hostile(
            json.dumps(
                {"specversion": "1.0", "data_base64": base64.b64encode(gzip.compress(bytes(MIB))).decode()}
            ).encode()
        ),
        "a topic of many levels": Hostile(
            json.dumps({"topic": "/".join("a" * 5_000), "metrics": [{"name": "a", "value": 1}]}).encode()
        ),
        "a number beyond the types": Hostile(
            b'{"metrics": [{"name": "a", "datatype": 99, "intValue": 1}]}', "learned"
        ),
        "an event around lines": Hostile(event(data=(point() + b"\n{bad}").decode()), "both"),
        "an event around packed lines": Hostile(
            event(data_base64=base64.b64encode(gzip.compress(point() + b"\n" + point())).decode()), "learned"
        ),
        "an event around bare numbers": Hostile(event(data="1\n2\n3")),
        "bombs in events": Hostile(
            b"[" + b",".join([event(data_base64=base64.b64encode(bomb).decode())] * 80) + b"]"
        ),
        "events in packed lines around bombs": Hostile(
            gzip.compress((event(data_base64=base64.b64encode(bomb).decode()) + b"\n") * 400)
        ),
        "an event around a value without a time": Hostile(
            event(
                time="9999-12-31T23:59:59-14:00",
                data={"propertyAlias": "a", "propertyValues": [{"value": {"doubleValue": 1}}]},
            )
        ),
        "an event beside a null": Hostile(
            event(signal="s", value=None, data=[json.loads(point()), {}]), "both"
        ),
        "messages in messages": Hostile(nested(400, '{"topic":"a","payload":…}', '{"value":1}')),
        "payloads in a message": Hostile(
            b'{"topic":"a","payload":' + nested(800, '{"payload":…}', '{"value":1}') + b"}"
        ),
        "notifications in a message": Hostile(
            b'{"topic":"a","payload":' + nested(800, '{"type":"t","payload":…}', '{"value":1}') + b"}"
        ),
        "two shapes of gateways": Hostile(b'{"metrics": [{"name": "a", "value": 1}], "sources": {}}'),
    }
