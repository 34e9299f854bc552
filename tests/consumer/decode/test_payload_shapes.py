"""Every payload shape is read, and whatever is one thing away from one is refused with a reason and kept."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.decode.batch import OBSERVATIONS_PER_RECORD_MAX
from consumer.decode.lambda_event import decode
from consumer.errors import MalformedEvent
from consumer.events.event import event_of
from tests.consumer.decode.payload_builders import (
    ARRIVED_S,
    EVENTS,
    FIRST_SEQUENCE_NUMBER,
    aggregated,
    assert_columns_agree,
    event,
    gzipped,
    kept,
    observations,
    original,
    read,
    real_event,
    record,
    skipped,
    zstandard,
)

PRESSURE = "compressor1.pressure"
FLOW = "/plant/1/flow"
IDS = "a1b2c3d4-5678-90ab-cdef-11111EXAMPLE:a1b2c3d4-5678-90ab-cdef-33333EXAMPLE"
T = 1_700_000_000.0

# File: its observations; how many are skipped, refused, and learned though UNCERTAIN.
REAL_EVENTS = {
    "point_key_body.json": ([(PRESSURE, 42.0, ARRIVED_S)], 0, 0, 0),
    "point_key_body_timestamp.json": ([(PRESSURE, 42.5, T + 0.5), (PRESSURE, 43.0, T + 1.5)], 0, 0, 0),
    "point_signal_value.json": ([(PRESSURE, 42.0, ARRIVED_S), (PRESSURE, -7.0, ARRIVED_S)], 0, 0, 0),
    "point_booleans.json": ([("valve1.open", 1.0, ARRIVED_S), ("valve1.open", 0.0, ARRIVED_S)], 0, 0, 0),
    "point_null.json": ([], 2, 0, 0),
    "point_timestamp_iso_utc.json": ([(PRESSURE, 42.0, T)], 0, 0, 0),
    "point_timestamp_iso_offset.json": ([(PRESSURE, 42.0, T + 0.25)], 0, 0, 0),
    "point_timestamp_iso_without_zone.json": ([(PRESSURE, 42.0, T)], 0, 0, 0),
    "point_timestamp_seconds.json": ([(PRESSURE, 42.0, T), (PRESSURE, 43.0, T + 0.75)], 0, 0, 0),
    "point_timestamp_milliseconds.json": ([(PRESSURE, 42.0, T + 0.25)], 0, 0, 0),
    "point_unicode.json": ([("Verdichter 1/Öldruck €", 3.5, ARRIVED_S)], 0, 0, 0),
    "columns.json": ([(PRESSURE, 42.0, T), (PRESSURE, 43.0, T + 1), (PRESSURE, 41.5, T + 2)], 0, 0, 0),
    "columns_milliseconds.json": ([(PRESSURE, 42.0, T), (PRESSURE, 43.0, T + 0.5)], 0, 0, 0),
    "columns_iso.json": ([(PRESSURE, 42.0, T), (PRESSURE, 43.0, T + 1)], 0, 0, 0),
    "columns_without_timestamps.json": (
        [(PRESSURE, 42.0, ARRIVED_S), (PRESSURE, 43.0, ARRIVED_S)],
        0,
        0,
        0,
    ),
    "columns_with_one_nan.json": ([(PRESSURE, 42.0, T), (PRESSURE, 43.0, T + 3)], 1, 1, 0),
    "several_values.json": ([(PRESSURE, 42.0, T), ("compressor1.temperature", 71.5, T)], 0, 0, 0),
    "several_values_without_timestamp.json": ([(PRESSURE, 42.0, ARRIVED_S)], 1, 0, 0),
    "bare_number.json": (
        [(PRESSURE, 42.0, ARRIVED_S), ("compressor2.pressure", -1500.0, ARRIVED_S)],
        0,
        0,
        0,
    ),
    "sitewise_notification.json": ([(IDS, 42.5, T + 0.25), (IDS, 7.0, T + 1), (IDS, 1.0, T + 2)], 0, 0, 0),
    "sitewise_entry_by_alias.json": ([(FLOW, 12.25, T + 0.5)], 0, 0, 0),
    "sitewise_entry_by_ids.json": ([(IDS, 12.0, T), (IDS, 13.5, T + 1)], 0, 0, 0),
    "sitewise_entries.json": ([(FLOW, 12.25, T), (FLOW, 12.5, T + 1), (IDS, 0.0, T)], 0, 0, 0),
    "sitewise_qualities.json": ([(FLOW, 1.0, T), (FLOW, 3.0, T + 2), (FLOW, 4.0, T + 7)], 5, 0, 1),
    "gzip_columns.json": (
        [(PRESSURE, 42.0, T), (PRESSURE, 43.0, T + 1), (PRESSURE, 44.5, ARRIVED_S)],
        0,
        0,
        0,
    ),
    "zstd_columns.json": (
        [(PRESSURE, 42.0, T), (PRESSURE, 43.0, T + 1), (PRESSURE, 44.5, ARRIVED_S)],
        0,
        0,
        0,
    ),
    "kpl_aggregated.json": (
        [
            (PRESSURE, 42.0, ARRIVED_S),
            ("compressor2.pressure", 42.0, T),
            ("compressor2.temperature", 71.5, T),
            ("compressor3.flow", 6.5, ARRIVED_S),
            (PRESSURE, 43.0, ARRIVED_S),
        ],
        0,
        0,
        0,
    ),
    "greengrass_random_partition_keys.json": ([(FLOW, 12.0, T), (FLOW, 12.5, T + 1)], 0, 0, 0),
    "points_as_array.json": ([(PRESSURE, 42.0, T), (PRESSURE, 43.0, T + 1)], 0, 0, 0),
    "points_as_lines.json": ([(PRESSURE, 42.0, T), (PRESSURE, 43.0, T + 1)], 0, 0, 0),
    "kepserver_iot_gateway.json": (
        [
            ("Line1.Press.Pressure", 42.5, T),
            ("Line1.Press.Running", 1.0, T + 0.25),
            ("Line1.Press.Pressure", 43.0, T + 1),
        ],
        1,
        0,
        0,
    ),
    "telegraf_metric.json": (
        [
            ("modbus,host=edge1,plant=north.pressure", 42.5, T),
            ("modbus,host=edge1,plant=north.starts", 17.0, T),
        ],
        0,
        0,
        0,
    ),
    "telegraf_metrics.json": (
        [("opcua,host=edge1,plant=north.flow", 6.5, T), ("opcua,host=edge2,plant=north.flow", 7.5, T + 1)],
        0,
        1,
        0,
    ),
    "sparkplug_b.json": (
        [
            ("Inlet/Pressure", 42.5, T),
            ("Running", 1.0, T),
            ("North/Edge1/Pump1/Inlet/Pressure", 43.5, T + 1),
            ("North/Edge1/Pump1/Offset", -5.0, T + 1),
        ],
        2,
        0,
        0,
    ),
    "ignition_injector.json": (
        [
            ("North/Edge1/Pump1/Inlet/Pressure", 42.5, T),
            ("North/Edge1/Pump1/Inlet/Pressure", 43.5, T + 1),
            ("North/Edge1/Pump1/Flow", 6.5, T + 1),
        ],
        2,
        0,
        1,
    ),
    "ignition_tags.json": (
        [
            ("[default]Line 1/Press/Pressure", 42.5, T),
            ("[default]Line 1/Press/Pressure", 43.5, T + 1),
            ("[default]Line 1/Press/Flow", 6.5, T),
        ],
        1,
        0,
        1,
    ),
    "opc_ua_pubsub.json": (
        [
            ("edge1/press.Pressure", 42.5, T + 0.25),
            ("edge1/press.Running", 1.0, T + 0.25),
            ("edge1/press.Cycles", 17.0, T + 0.25),
            ("edge1/press.Temperature", 71.5, T),
        ],
        2,
        0,
        1,
    ),
    "shop_floor_connectivity.json": (
        [
            ("Press.Pressure", 42.5, T + 0.25),
            ("Press.Running", 1.0, T),
            ("Pump.Flow", 6.5, T + 1.123456),
            ("Press.Pressure.avg", 42.0, T + 60),
            ("Press.Pressure.max", 44.0, T),
        ],
        0,
        0,
        0,
    ),
    "cloud_events.json": (
        [
            (PRESSURE, 42.5, T),
            ("modbus,host=edge1,plant=north.pressure", 43.5, T + 1),
            (FLOW, 6.5, T + 2),
            ("compressor1.flow", 1.5, T),
            (PRESSURE, 44.5, T + 3),
        ],
        0,
        0,
        0,
    ),
}


def compact(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def point(**fields: object) -> bytes:
    return compact({"signal": PRESSURE, "value": 42.0} | fields)


def without(field: str, content: dict) -> bytes:
    return compact({name: value for name, value in content.items() if name != field})


def columns(values: str, timestamps: str = "[1700000000,1700000001,1700000002]") -> bytes:
    return f'{{"signal":"{PRESSURE}","timestamps":{timestamps},"values":{values}}}'.encode()


def tqv(value: object = 42.0, **fields: object) -> dict:
    good = {"value": {"doubleValue": value}, "timestamp": {"timeInSeconds": 1_700_000_000}, "quality": "GOOD"}
    return good | fields


def entry(*tqvs: object, **fields: object) -> dict:
    return {"propertyAlias": FLOW, "propertyValues": list(tqvs)} | fields


def notification(**fields: object) -> dict:
    payload = {"assetId": "asset", "propertyId": "flow", "values": [tqv()]}
    return {"type": "PropertyValueUpdate", "payload": payload | fields}


# One thing wrong, and nothing of the payload can be learned: the payload, and a word of the reason.
REFUSED_WHOLE = {
    "no bytes": (b"", "empty"),
    "only whitespace": (b" \n\t ", "empty"),
    "an array of a number": (b"[42.0]", "no JSON object"),
    "an array of true": (b"[true]", "no JSON object"),
    "a JSON text": (b'"42.0"', "neither a JSON object nor"),
    "true": (b"true", "neither a JSON object nor"),
    "null": (b"null", "neither a JSON object nor"),
    "a bare NaN": (b"NaN", "neither a JSON object nor"),
    "a bare infinity": (b"-Infinity", "neither a JSON object nor"),
    "a bare number beyond floats": (b"1e999", "neither a JSON object nor"),
    "a bare number beyond the bound": (b"1e101", "neither a JSON object nor"),
    "a bare number with a comma": (b"42,0", "neither a JSON object nor"),
    "a bare number in groups": (b"1_000", "neither a JSON object nor"),
    "digits of another script": ("٤٢".encode(), "neither a JSON object nor"),
    "CSV": (b"pressure,42.0", "the payload is CSV"),
    "bytes that are no text": (b"\x00\xff\xfe\x80", "binary data"),
    "JSON cut short": (point()[:-1], "not readable as JSON"),
    "JSON and more": (point() + b"x", "not readable as JSON"),
    "JSON and a comma": (point() + b",", "not readable as JSON: ',' follows it: write several"),
    "invalid UTF-8": (b'{"signal":"\xff\xfe","value":1}', "not readable as JSON"),
    "UTF-16": (point().decode().encode("utf-16-le"), "not readable as JSON: it is UTF-16"),
    "deep JSON": (b'{"signal":"a","value":' + b"[" * 9999 + b"]" * 9999 + b"}", "not readable as JSON"),
    "deep JSON in a field that nobody reads": (
        b'{"signal":"a","value":1,"x":' + b"[" * 9999 + b"]" * 9999 + b"}",
        "not readable as JSON",
    ),
    "an empty object": (b"{}", "none of the shapes"),
    "an object of another shape": (b'{"temperature":42.0}', "none of the shapes"),
    # point
    "a point without value": (without("value", {"signal": "a", "value": 1}), "none of the shapes"),
    "a key without body": (b'{"key":"a"}', "none of the shapes"),
    "a point without signal": (b'{"value":42.0}', "names no signal"),
    "a body without key": (b'{"body":"42"}', "names no signal"),
    "a signal that is null": (point(signal=None), "names no signal"),
    "a signal that is a number": (point(signal=7), "name is text"),
    "a signal that is a boolean": (point(signal=True), "name is text"),
    "a signal that is a list": (point(signal=["a"]), "name is text"),
    "a signal that is an object": (point(signal={"name": "a"}), "name is text"),
    "a key that is a list": (b'{"key":["a"],"body":"42"}', "name is text"),
    "two different names": (point(key="another"), "two different signals"),
    "a second name of another type": (point(key=[PRESSURE]), "two different signals"),
    "an empty name": (point(signal=""), "0 bytes"),
    "a name of 513 bytes": (point(signal="s" * 513), "513 bytes"),
    "a name of 171 characters and 513 bytes": (point(signal="€" * 171), "513 bytes"),
    "a NUL in the name": (point(signal="a\0b"), "control character"),
    "a line feed in the name": (point(signal="a\n"), "control character"),
    "a C1 control character in the name": (point(signal="a\x85b"), "control character"),
    "half a surrogate pair in the name": (b'{"signal":"\\ud800","value":1}', "surrogate"),
    "the other half": (b'{"signal":"a\\udc00b","value":1}', "surrogate"),
    "body and value": (point(body="42"), "not both"),
    "value and values": (point(values=[42.0]), "several of them"),
    "value and propertyValues": (point(propertyValues=[tqv()]), "several of them"),
    "entries and metrics": (
        b'{"entries":[{"propertyAlias":"/a","propertyValues":[{"value":{"doubleValue":1}}]}],'
        b'"metrics":[{"name":"b","value":2}]}',
        "several of them: entries and metrics",
    ),
    "a tag of KEPServerEX and sources": (
        b'{"values":[{"id":"a","v":1}],"sources":{"b":{"values":{"c":{"value":2}}}}}',
        "several of them: values and sources",
    ),
    "a tag of Ignition and fields": (
        b'{"tagPath":"a","value":1,"name":"b","fields":{"c":2}}',
        "several of them: value and fields",
    ),
    "a point with a list of times": (
        b'{"signal":"a","value":1,"timestamps":[1700000000]}',
        "write one 'timestamp'",
    ),
    "several values with a list of times": (
        b'{"signal":"a","values":{"b":1},"timestamps":[1700000000]}',
        "write one 'timestamp'",
    ),
    "a NaN": (b'{"signal":"a","value":NaN}', "not finite"),
    "an infinity": (b'{"signal":"a","value":-Infinity}', "not finite"),
    "a number beyond floats": (b'{"signal":"a","value":1e999}', "not finite"),
    "a number beyond the bound": (b'{"signal":"a","value":1e101}', "beyond"),
    "a negative number beyond the bound": (b'{"signal":"a","value":-1e101}', "beyond"),
    "an integer of 401 digits": (b'{"signal":"a","value":1' + b"0" * 400 + b"}", "beyond"),
    "an integer of 5,000 digits": (b'{"signal":"a","value":' + b"9" * 5000 + b"}", "not readable as JSON"),
    "a NaN as text": (point(value="NaN"), "not finite"),
    "an infinity as text": (b'{"key":"a","body":"Infinity"}', "not finite"),
    "a word": (point(value="forty-two"), "not a number"),
    "an empty text": (point(value=""), "not a number"),
    "a text in groups": (point(value="1_000"), "not a number"),
    "a text of wide digits": (point(value="\uff14\uff12"), "not a number"),
    "half a surrogate pair as value": (b'{"signal":"a","value":"\\ud800"}', "not a number"),
    "a value that is an object": (point(value={"celsius": 42.0}), "an object"),
    "a value that is a list": (point(value=[42.0]), "an array"),
    "a timestamp that is a word": (point(timestamp="yesterday"), "neither ISO 8601 nor"),
    "a timestamp that is empty": (point(timestamp=""), "neither ISO 8601 nor"),
    "a timestamp that is a boolean": (point(timestamp=True), "not bool"),
    "a timestamp that is a list": (point(timestamp=[1.7e9]), "not list"),
    "a timestamp that is an object": (point(timestamp={}), "not dict"),
    "a timestamp in the year 10000": (point(timestamp="10000-01-01T00:00:00Z"), "timestamp"),
    "nanoseconds of the year 10000": (point(timestamp=253_402_300_800_000_000_000), "years 1 to 9999"),
    "seconds before the year 1": (point(timestamp=-62_135_596_801), "years 1 to 9999"),
    "a 13th month": (point(timestamp="2023-13-01T00:00:00Z"), "no date of any calendar"),
    "a timestamp that is NaN": (b'{"signal":"a","value":1,"timestamp":NaN}', "years 1 to 9999"),
    "a timestamp beyond floats": (b'{"signal":"a","value":1,"timestamp":1e999}', "years 1 to 9999"),
    "a timestamp of 401 digits": (point(timestamp=10**400), "years 1 to 9999"),
    "a timestamp that is NaN as text": (point(timestamp="nan"), "years 1 to 9999"),
    # columns
    "columns of unequal length": (columns("[1,2]"), "one timestamp for each of the 2"),
    "columns with one timestamp": (columns("[1,2]", "1700000000"), "one timestamp for each"),
    "columns with timestamps as object": (columns("[1]", '{"0":1}'), "one timestamp for each"),
    "columns with a bad common timestamp": (b'{"signal":"a","values":[1],"timestamp":"x"}', "timestamp"),
    "values that are a number": (columns("42"), "'values' is a list"),
    "values that are a text": (columns('"42"'), "'values' is a list"),
    "values that are null": (columns("null"), "none of the shapes"),
    "columns without signal": (b'{"values":[1.0]}', "names no signal"),
    "columns of a nameless signal": (b'{"signal":"","values":[1.0]}', "0 bytes"),
    "columns of a signal that is a list": (b'{"signal":[],"values":[1.0]}', "name is text"),
    "a million values": (columns(f"[{','.join(['1.5'] * 1_000_000)}]", "[]"), "one timestamp for each"),
    "a million values without timestamps": (
        b'{"signal":"a","values":[' + b",".join([b"1.5"] * 1_000_000) + b"]}",
        "more than 10000",
    ),
    "10,001 values": (compact({"signal": "a", "values": [1.5] * 10_001}), "more than 10000"),
    "10,001 texts": (compact({"signal": "a", "values": ["1.5"] * 10_001}), "more than 10000"),
    "10,001 nulls": (compact({"signal": "a", "values": [None] * 10_001}), "more than 10000"),
    "10,001 words": (compact({"signal": "a", "values": ["x"] * 10_001}), "more than 10000"),
    # several values
    "several values without signal": (b'{"values":{"pressure":1.0}}', "names no signal"),
    "several values of a list": (b'{"signal":["a"],"values":{"pressure":1.0}}', "name is text"),
    "several values with a bad timestamp": (
        b'{"signal":"a","timestamp":"x","values":{"b":1}}',
        "neither ISO 8601 nor",
    ),
    "10,001 named values": (
        compact({"signal": "a", "values": {str(name): 1.5 for name in range(10_001)}}),
        "more than 10000",
    ),
    # SiteWise notification
    "a notification of another type": (compact(notification() | {"type": "AssetUpdate"}), "PropertyValueUp"),
    "a notification without type": (without("type", notification()), "PropertyValueUpdate"),
    "a notification whose type is a list": (compact(notification() | {"type": []}), "PropertyValueUpdate"),
    "a notification of a list": (compact(notification() | {"payload": []}), "is an object"),
    "a notification of null": (compact(notification() | {"payload": None}), "none of the shapes"),
    "a notification without assetId": (compact(notification(assetId=None)), "assetId"),
    "a notification with an empty assetId": (compact(notification(assetId="")), "assetId"),
    "a notification with a number as propertyId": (compact(notification(propertyId=7)), "propertyId"),
    "a notification whose ids are too long": (compact(notification(assetId="a" * 512)), "517 bytes"),
    "a notification without values": (compact(notification(values=None)), "are a list"),
    "a notification whose values are an object": (compact(notification(values=tqv())), "are a list"),
    # SiteWise entry
    "an entry without alias": (without("propertyAlias", entry(tqv())), "propertyAlias"),
    "an entry with an empty alias": (compact(entry(tqv(), propertyAlias="")), "0 bytes"),
    "an entry whose alias is a number": (compact(entry(tqv(), propertyAlias=7)), "name is text"),
    "an entry whose alias is a list": (compact(entry(tqv(), propertyAlias=[FLOW])), "name is text"),
    "an entry with assetId alone": (compact({"assetId": "a", "propertyValues": [tqv()]}), "propertyId"),
    "an entry whose values are an object": (compact(entry(propertyValues=tqv())), "are a list"),
    "an entry whose values are null": (compact(entry(propertyValues=None)), "none of the shapes"),
    "10,001 TQVs": (compact(entry(*[tqv()] * 10_001)), "more than 10000"),
    "10,001 BAD TQVs": (compact(entry(*[tqv(quality="BAD")] * 10_001)), "more than 10000"),
    "10,001 TQVs that are none": (compact(entry(*[1] * 10_001)), "more than 10000"),
    "entries that are an object": (compact({"entries": entry(tqv())}), "'entries' is a list"),
    "entries that are null": (b'{"entries":null}', "none of the shapes"),
    "10,001 entries": (compact({"entries": [entry(tqv())] * 10_001}), "more than 10000"),
    "10,001 entries that are none": (compact({"entries": [7] * 10_001}), "more than 10000"),
    # packing
    "gzip cut short": (gzipped(point())[:-5], "gzip"),
    "zstd cut short": (zstandard(point())[:-3], "zstd"),
    "gzip of nothing": (gzipped(b""), "empty"),
    "gzip of gzip": (gzipped(gzipped(point())), "compress once"),
    "the magic of gzip alone": (b"\x1f\x8b", "gzip"),
    "the magic of zstd alone": (b"\x28\xb5\x2f\xfd", "zstd"),
    "the magic of KPL alone": (b"\xf3\x89\x9a\xc2", "neither a JSON object nor"),
}

ONE, TWO, THREE = (PRESSURE, 1.0, T), (PRESSURE, 2.0, T + 1), (PRESSURE, 3.0, T + 2)
GOOD = tqv(1.0)
NOT_FINITE = compact(entry(GOOD, tqv(2.5), GOOD))

# One observation of several is wrong: the payload, a word of the reason, and what is learned all the same.
REFUSED_ALONE = (
    {
        "a NaN among values": (columns("[1,NaN,3]"), "not finite", [ONE, THREE]),
        "an infinity among values": (columns("[1.5,2,-Infinity]"), "not finite", [(PRESSURE, 1.5, T), TWO]),
        "1e999 among values": (columns("[1e999,2,3]"), "not finite", [TWO, THREE]),
        "1e101 among values": (columns("[1,1e101,3]"), "beyond", [ONE, THREE]),
        "an integer of 401 digits among values": (columns("[1,2,-1" + "0" * 400 + "]"), "beyond", [ONE, TWO]),
        "a word among values": (columns('[1,"x",3]'), "not a number", [ONE, THREE]),
        "a list among values": (columns("[1,[2],3]"), "an array", [ONE, THREE]),
        "an object among values": (columns("[1,2,{}]"), "an object", [ONE, TWO]),
        "a word among timestamps": (columns("[1,2,3]", '[1700000000,"x",1700000002]'), "ISO", [ONE, THREE]),
        "a boolean among timestamps": (
            columns("[1,2,3]", "[1700000000,1700000001,true]"),
            "bool",
            [ONE, TWO],
        ),
        "a NaN among timestamps": (columns("[1,2,3]", "[NaN,1700000001,1700000002]"), "years", [TWO, THREE]),
        "a NaN in the midst of timestamps": (
            columns("[1,2,3]", "[1700000000,NaN,1700000002]"),
            "years 1 to 9999",
            [ONE, THREE],
        ),
        "1e999 among timestamps": (columns("[1,2,3]", "[1700000000,1700000001,1e999]"), "years", [ONE, TWO]),
        "a timestamp of 401 digits among floats": (
            columns("[1,2,3]", "[1700000000.0,1" + "0" * 400 + ",1700000002.0]"),
            "years",
            [ONE, THREE],
        ),
        "the year 10000 among timestamps": (
            columns("[1,2,3]", "[1700000000,1700000001,253402300800000000000]"),
            "years 1 to 9999",
            [ONE, TWO],
        ),
        "a NaN among named values": (
            b'{"signal":"compressor1","timestamp":1700000000,"values":{"x":NaN,"pressure":1}}',
            "not finite",
            [ONE],
        ),
        "an object among named values": (
            b'{"signal":"compressor1","timestamp":1700000000,"values":{"x":{"y":1},"pressure":1}}',
            "an object",
            [ONE],
        ),
        "a control character in one name": (
            b'{"signal":"compressor1","timestamp":1700000000,"values":{"x\\u0007":1,"pressure":1}}',
            "control character",
            [ONE],
        ),
        "half a surrogate pair in one name": (
            b'{"signal":"compressor1","timestamp":1700000000,"values":{"\\udfff":1,"pressure":1}}',
            "surrogate",
            [ONE],
        ),
        "one name too long": (
            compact(
                {
                    "signal": "compressor1",
                    "timestamp": 1_700_000_000,
                    "values": {"x" * 501: 1.0, "pressure": 1.0},
                }
            ),
            "513 bytes",
            [ONE],
        ),
    }
    | {
        name: (compact(entry(GOOD, wrong, tqv(3.0))), reason, [(FLOW, 1.0, T), (FLOW, 3.0, T)])
        for name, wrong, reason in (
            ("a TQV that is a number", 42.0, "is an object"),
            ("a TQV that is null", None, "is an object"),
            ("a TQV that is a list", [tqv()], "is an object"),
            (
                "a TQV without value",
                {"timestamp": {"timeInSeconds": 1}, "quality": "GOOD"},
                "without 'value'",
            ),
            ("a TQV whose value is a number", tqv(value=42.0) | {"value": 42.0}, "one variant"),
            ("a TQV whose value is empty", tqv() | {"value": {}}, "one variant"),
            ("two variants", tqv() | {"value": {"doubleValue": 1.0, "integerValue": 1}}, "one variant"),
            ("an unknown variant", tqv() | {"value": {"complexValue": 1.0}}, "unknown variant"),
            ("an unknown quality", tqv(quality="EXCELLENT"), "GOOD, BAD or UNCERTAIN"),
            ("a quality in small letters", tqv(quality="good"), "GOOD, BAD or UNCERTAIN"),
            ("a quality that is a list", tqv(quality=["GOOD"]), "GOOD, BAD or UNCERTAIN"),
            ("a doubleValue that is a word", tqv("x"), "not a number"),
            ("a doubleValue that is NaN as text", tqv("NaN"), "not finite"),
            ("a doubleValue that is an object", tqv({"x": 1}), "an object"),
            ("a doubleValue beyond the bound", tqv(1e101), "beyond"),
            ("an integerValue of 401 digits", tqv() | {"value": {"integerValue": 10**400}}, "beyond"),
            ("a timestamp that is a number", tqv(timestamp=1_700_000_000), "is an object"),
            ("a timestamp that is a text", tqv(timestamp="2023-11-14T22:13:20Z"), "is an object"),
            ("a timestamp without timeInSeconds", tqv(timestamp={"offsetInNanos": 0}), "whole number"),
            ("timeInSeconds as text", tqv(timestamp={"timeInSeconds": "1700000000"}), "whole number"),
            ("timeInSeconds as float", tqv(timestamp={"timeInSeconds": 1.7e9}), "whole number"),
            ("timeInSeconds as boolean", tqv(timestamp={"timeInSeconds": True}), "whole number"),
            ("timeInSeconds in milliseconds", tqv(timestamp={"timeInSeconds": 1_700_000_000_000}), "9999"),
            ("timeInSeconds of 401 digits", tqv(timestamp={"timeInSeconds": 10**400}), "years 1 to 9999"),
            ("timeInSeconds of the year 10000", tqv(timestamp={"timeInSeconds": 253_402_300_800}), "9999"),
            (
                "offsetInNanos of a second",
                tqv(timestamp={"timeInSeconds": 1, "offsetInNanos": 10**9}),
                "0 to 999",
            ),
            ("offsetInNanos below 0", tqv(timestamp={"timeInSeconds": 1, "offsetInNanos": -1}), "0 to 999"),
            ("offsetInNanos as text", tqv(timestamp={"timeInSeconds": 1, "offsetInNanos": "0"}), "0 to 999"),
        )
    }
    | {
        name: (
            compact({"entries": [entry(GOOD), wrong, entry(tqv(3.0))]}),
            reason,
            [(FLOW, 1.0, T), (FLOW, 3.0, T)],
        )
        for name, wrong, reason in (
            ("an entry that is a number", 42, "object"),
            ("an entry that is null", None, "object"),
            ("an entry that is a list", [], "object"),
            ("an entry that is empty", {}, "propertyAlias"),
            ("an entry without values", {"propertyAlias": FLOW}, "are a list"),
            ("an entry among entries whose alias is a list", entry(tqv(), propertyAlias=[]), "name is text"),
            (
                "an entry among entries whose alias is long",
                entry(tqv(), propertyAlias="x" * 513),
                "513 bytes",
            ),
            ("an entry of one bad TQV", entry(tqv("x")), "not a number"),
        )
    }
)
REFUSED_ALONE["a NaN as a doubleValue"] = (
    NOT_FINITE.replace(b"2.5", b"NaN"),
    "not finite",
    [(FLOW, 1.0, T), (FLOW, 1.0, T)],
)

REFUSED = {name: (payload, reason, []) for name, (payload, reason) in REFUSED_WHOLE.items()} | REFUSED_ALONE
BEFORE, AFTER = ("before", 10.0, T), ("after", 11.0, T)
SURROUNDINGS = (
    compact({"signal": "before", "value": 10.0, "timestamp": T}),
    compact({"signal": "after", "value": 11.0, "timestamp": T}),
)


def test_every_real_event_has_an_expectation_and_the_other_way_round():
    assert {path.name for path in EVENTS.glob("*.json")} == set(REAL_EVENTS)


@pytest.mark.parametrize("name", REAL_EVENTS)
def test_a_payload_is_read_as_the_design_says(name):
    expected, expected_skipped, expected_refused, expected_uncertain = REAL_EVENTS[name]
    [batch] = decode(real_event(name))
    assert_columns_agree(batch)
    assert observations(batch) == expected
    assert (skipped(batch), len(batch.rejections), batch.uncertain) == (
        expected_skipped,
        expected_refused,
        expected_uncertain,
    )


@pytest.mark.parametrize("name", REAL_EVENTS)
def test_compression_changes_nothing(name):
    delivered = real_event(name)
    [plain] = decode(delivered)
    for pack in (gzipped, zstandard):
        packed = real_event(name)
        for number, entry_ in enumerate(packed["Records"]):
            payload = original(entry_["kinesis"])
            if not payload.startswith((b"\xf3\x89\x9a\xc2", b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
                entry_["kinesis"]["data"] = record(pack(payload), number)["kinesis"]["data"]
        [batch] = decode(packed)
        assert batch.signals == plain.signals
        assert batch.rejections == plain.rejections


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_refused_with_a_reason_and_kept_whole(name):
    payload, reason, siblings = REFUSED[name]
    before, after = SURROUNDINGS
    batch = read(before, payload, after)
    assert observations(batch) == [BEFORE, *siblings, AFTER]
    [refusal] = batch.rejections
    assert refusal.record == 1
    assert reason in refusal.reason
    [line] = kept(batch)
    assert original(line) == payload
    assert line["reason"] == refusal.reason
    assert str(FIRST_SEQUENCE_NUMBER + 1) in line["id"]
    assert line["sequence_number"] == str(FIRST_SEQUENCE_NUMBER + 1)
    assert len(refusal.reason) < 4000


@pytest.mark.parametrize("name", [name for name in REFUSED if len(REFUSED[name][0]) < 300_000])
def test_in_an_aggregated_record_it_costs_itself_alone_or_the_record_that_is_too_big(name):
    payload, reason, siblings = REFUSED[name]
    before, after = SURROUNDINGS
    whole = aggregated(before, payload, after)
    batch = read(whole)
    [refusal] = batch.rejections
    assert reason in refusal.reason
    if "more than" in reason:
        assert observations(batch) == []
    else:
        assert observations(batch) == [BEFORE, *siblings, AFTER]
    [line] = kept(batch)
    assert original(line) == whole


@pytest.mark.parametrize("name", [name for name in REFUSED if 0 < len(REFUSED[name][0]) < 300_000])
def test_compressed_it_is_refused_all_the_same(name):
    payload, _, siblings = REFUSED[name]
    for pack in (gzipped, zstandard):
        batch = read(pack(payload))
        assert len(batch.rejections) == 1
        assert observations(batch) == siblings
        [line] = kept(batch)
        assert original(line) == pack(payload)


def test_exactly_ten_thousand_observations_are_learned():
    for values in ([1.5] * OBSERVATIONS_PER_RECORD_MAX, ["1.5"] * OBSERVATIONS_PER_RECORD_MAX):
        batch = read(compact({"signal": "a", "values": values}))
        assert len(observations(batch)) == 10_000
        assert not batch.rejections


@pytest.mark.parametrize("values", [[1.5] * 10_001, ["1.5"] * 10_001, [None] * 10_001, ["x"] * 10_001])
def test_a_record_that_is_too_big_takes_nothing_from_earlier_records_of_its_signal(values):
    small, big = point(timestamp=T), compact({"signal": PRESSURE, "values": values})
    batch = read(small, small, big, small)
    assert observations(batch) == [(PRESSURE, 42.0, T)] * 3
    assert batch.signals[(PRESSURE, PRESSURE)].records == [0, 1, 3]
    assert batch.signals[(PRESSURE, PRESSURE)].positions == [0, 0, 0]
    assert [(refusal.record, refusal.position) for refusal in batch.rejections] == [(2, 0)]


def test_the_name_may_have_512_bytes_of_any_script():
    for name in ("s" * 512, "€" * 170 + "ab", "a b/c..d%\\\"'", "."):
        assert observations(read(point(signal=name)))[0][0] == name


def test_of_a_field_that_is_written_twice_the_last_counts():
    # RFC 8259 leaves it open; it is what the JSON readers of most languages do.
    assert observations(read(b'{"signal":"a","value":1,"signal":"b","value":2}')) == [("b", 2.0, ARRIVED_S)]
    batch = read(b'{"signal":"a","value":NaN,"value":2}')
    assert (observations(batch), batch.rejections) == ([("a", 2.0, ARRIVED_S)], [])


def test_key_and_signal_may_both_name_the_same_signal():
    assert observations(read(point(key=PRESSURE))) == [(PRESSURE, 42.0, ARRIVED_S)]


def test_a_null_timestamp_is_the_arrival_time():
    assert observations(read(point(timestamp=None))) == [(PRESSURE, 42.0, ARRIVED_S)]
    assert observations(read(columns("[1,2]", "[null,1700000001]"))) == [(PRESSURE, 1.0, ARRIVED_S), TWO]


def test_a_common_timestamp_of_columns_means_the_same_as_that_of_a_point():
    for timestamp in (T, T * 1000, "2023-11-14T22:13:20Z", "6000-01-01T00:00:00Z", -5.0, None):
        [(_, _, expected)] = observations(read(point(timestamp=timestamp)))
        for values in ([42.0], ["42"], [None, 42.0]):
            batch = read(compact({"signal": PRESSURE, "values": values, "timestamp": timestamp}))
            assert observations(batch) == [(PRESSURE, 42.0, expected)]


def test_a_tqv_in_the_last_second_of_9999_has_a_date():
    last = 253_402_300_799
    for nanoseconds in (0, 1, 500_000_000, 999_999_999):
        time = {"timeInSeconds": last, "offsetInNanos": nanoseconds}
        batch = read(compact(entry(tqv(timestamp=time))))
        assert len(batch.rejections) + len(observations(batch)) == 1
        for signal, value, timestamp in observations(batch):
            assert told(batch, signal, value, timestamp)["timestamp"].startswith("9999-12-31T23:59:59")


def test_bad_and_null_and_text_are_skipped_whatever_else_they_hold():
    wrong_time = {"timeInSeconds": "x"}
    tqvs = (
        tqv("x", quality="BAD", timestamp=wrong_time),
        {"quality": "BAD"},
        tqv(None, timestamp=wrong_time),
        tqv() | {"value": None},
        tqv() | {"value": {"stringValue": 42}},
    )
    batch = read(compact(entry(*tqvs)))
    assert (skipped(batch), batch.rejections, observations(batch)) == (len(tqvs), [], [])


@pytest.mark.parametrize("depth", range(900, 1010, 2))
def test_json_about_as_deep_as_the_stack_never_escapes(depth):
    deep = b"[" * depth + b"]" * depth
    payloads = (
        b'{"signal":%b,"key":%b,"value":1}' % (deep, deep),
        b'{"signal":"a","key":%b,"value":1}' % deep,
        b'{"signal":"a","value":%b}' % deep,
        b'{"signal":"a","values":[%b]}' % deep,
        b'{"signal":"a","value":1,"timestamp":%b}' % deep,
        b'{"propertyAlias":%b,"propertyValues":[]}' % deep,
        b'{"propertyAlias":"a","propertyValues":[{"value":{"doubleValue":1},"quality":%b}]}' % deep,
        b'{"propertyAlias":"a","propertyValues":[{"value":%b}]}' % deep,
        b'{"entries":[{"propertyAlias":%b,"propertyValues":[]}]}' % deep,
        b'{"type":%b,"payload":{}}' % deep,
    )
    batch = read(*payloads)
    assert [refusal.record for refusal in batch.rejections] == list(range(len(payloads)))


def test_data_that_is_no_base64_is_refused_and_kept_as_it_came():
    delivered = event(point(), point(), point())
    for data in ("abc", "ab=c", "a b=", "äöü=", "====", "QUJD\n"):
        delivered["Records"][1]["kinesis"]["data"] = data
        [batch] = decode(delivered)
        assert len(observations(batch)) == 2
        [line] = kept(batch)
        assert line["data"] == data
        assert "base64" in line["reason"]


def broken_events():
    for missing in ("eventID", "eventSourceARN", "kinesis"):
        delivered = event(point())
        del delivered["Records"][0][missing]
        yield delivered
    for field in ("data", "partitionKey", "sequenceNumber"):
        for value in (None, 7, ["QUJD"], {}):
            delivered = event(point())
            delivered["Records"][0]["kinesis"][field] = value
            yield delivered
        delivered = event(point())
        del delivered["Records"][0]["kinesis"][field]
        yield delivered
    yield from (
        {},
        {"Records": None},
        {"Records": {}},
        {"Records": [None]},
        {"Records": [7]},
        [],
        None,
        "x",
    )
    for identifier in ("", "x", "1.5"):
        delivered = event(point())
        delivered["Records"][0]["kinesis"]["sequenceNumber"] = identifier
        yield delivered


@pytest.mark.parametrize("delivered", list(broken_events()))
def test_what_no_event_source_mapping_sends_is_a_malformed_event(delivered):
    with pytest.raises(MalformedEvent):
        decode(delivered)


def test_an_event_without_records_has_no_batch():
    assert decode({"Records": []}) == []


def test_each_shard_has_a_batch_and_each_batch_the_order_of_sequence_numbers():
    numbers = [10, 9, 100, 11]
    records = [record(b"%d" % number, sequence_number=number) for number in numbers]
    other = record(b"7", sequence_number=9, shard_id="shardId-000000000001")
    one, two = sorted(decode({"Records": [*records, other]}), key=lambda batch: batch.shard)
    assert [value for _, value, _ in observations(one)] == [9.0, 10.0, 11.0, 100.0]
    assert observations(two) == [(PRESSURE, 7.0, ARRIVED_S)]


def test_a_record_that_is_delivered_twice_in_one_event_is_read_once():
    twice = [record(b"1", 0), record(b"2", 1), record(b"1", 0)]
    other_key = record(b"3", 0, partition_key="another")
    [batch] = decode({"Records": [*twice, other_key]})
    assert sorted(value for _, value, _ in observations(batch)) == [1.0, 2.0, 3.0]


def told(batch, signal, value, timestamp):
    found = event_of(
        use_case="drift",
        kind="drift",
        detail_type="Drift Detected",
        change="opened",
        shard=batch.shard,
        record=batch.records[0],
        signal=signal,
        position=0,
        value=value,
        timestamp=timestamp,
        severity="warning",
        is_muted=False,
        shown={},
        observations=1,
        evidence={},
    )
    return json.loads(found.detail)


@pytest.mark.parametrize(
    ("measured_s", "lag_s"),
    [
        (ARRIVED_S - 7200.0, 7200.0),
        (ARRIVED_S, 0.0),
        (ARRIVED_S + 60.0, -60.0),
        (ARRIVED_S - 0.0004, 0.0),
        (None, 0.0),
        (-62_135_596_800.0, 1e9),
        (253_402_300_799.0, -1e9),
    ],
)
def test_an_event_says_how_late_it_arrived_within_what_a_rule_can_compare(measured_s, lag_s):
    [batch] = decode(event(b"1", point()))
    detail = told(batch, PRESSURE, 42.0, measured_s)
    assert detail["lag_s"] == lag_s
    assert detail["severity"] == "warning"


def test_an_event_without_an_arrival_time_is_not_late():
    delivered = event(b"1", point())
    del delivered["Records"][0]["kinesis"]["approximateArrivalTimestamp"]
    [batch] = decode(delivered)
    assert told(batch, PRESSURE, 42.0, 0.0)["lag_s"] == 0.0


def test_a_partition_key_with_half_a_surrogate_pair_still_has_events():
    delivered = event(b"1", point())
    for record_ in delivered["Records"]:
        record_["kinesis"]["partitionKey"] = "a\ud800b"
    [batch] = decode(delivered)
    assert observations(batch) == [(PRESSURE, 42.0, ARRIVED_S)]
    assert kept(batch)[0]["partition_key"] == "a\ud800b"
    assert told(batch, PRESSURE, 42.0, None)["signal"] == PRESSURE


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = dict.fromkeys(
    [
        *(
            "key",
            "body",
            "signal",
            "value",
            "values",
            "timestamp",
            "timestamps",
            "type",
            "payload",
            "entries",
        ),
        *("propertyAlias", "assetId", "propertyId", "propertyValues"),
    ],
    JSON,
)
VALID = {
    "signal": JSON | st.just("a"),
    "values": JSON | st.lists(JSON | st.floats(), max_size=4) | st.dictionaries(st.text(max_size=3), JSON),
    "timestamps": JSON | st.lists(JSON | st.integers(0, 10**13), max_size=4),
    "propertyValues": JSON | st.lists(st.fixed_dictionaries({}, optional={"value": JSON, "quality": JSON})),
}


@settings(max_examples=150, deadline=None)
@given(st.fixed_dictionaries({}, optional=FIELDS | VALID), st.booleans())
def test_whatever_the_fields_hold_no_error_escapes_and_the_neighbours_are_learned(content, in_one_record):
    before, after = SURROUNDINGS
    payload = compact(content)
    batch = read(aggregated(before, payload, after)) if in_one_record else read(before, payload, after)
    found = observations(batch)
    assert found[0] == BEFORE
    assert found[-1] == AFTER
    assert len({(refusal.record, refusal.position) for refusal in batch.rejections}) == len(batch.rejections)
    if batch.rejections:
        assert len({line["id"] for line in kept(batch)}) == len(batch.rejections)


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"{", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xf3\x89\x9a\xc2"]),
)
def test_whatever_the_bytes_are_they_are_read_or_kept(noise, start):
    batch = read(SURROUNDINGS[0], start + noise, SURROUNDINGS[1])
    assert observations(batch)[0] == BEFORE
    assert observations(batch)[-1] == AFTER
    for line in kept(batch) if batch.rejections else ():
        assert original(line) == start + noise
