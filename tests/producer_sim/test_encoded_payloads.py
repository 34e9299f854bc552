"""Every payload reads back, with nothing but json, as what went in."""

import gzip
import json
import math
import subprocess
import sys
import zlib
from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer_sim.payloads import encoders
from tests.consumer.decode.payload_builders import zstd

VALUES = st.floats(allow_nan=False, allow_infinity=False)
SIGNALS = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=40)
TIMES = st.integers(1_600_000_000_000, 1_800_000_000_000).map(lambda milliseconds: milliseconds / 1000)
READINGS = st.lists(st.tuples(TIMES, VALUES), min_size=1, max_size=5)


def same(one: float, other: float) -> bool:
    """Equal to the last bit, the sign of zero included."""
    return one == other and math.copysign(1, one) == math.copysign(1, other)


def time_of(tqv: dict) -> float:
    return tqv["timestamp"]["timeInSeconds"] + tqv["timestamp"]["offsetInNanos"] / 1e9


@given(SIGNALS, VALUES, TIMES)
def test_a_point_reads_back_to_the_last_bit(signal: str, value: float, timestamp: float):
    read = json.loads(encoders.point(signal, value, timestamp))
    assert (read["signal"], read["timestamp"]) == (signal, timestamp)
    assert same(read["value"], value)
    body = json.loads(encoders.key_and_body(signal, value, timestamp))
    assert (body["key"], body["timestamp"]) == (signal, timestamp)
    assert isinstance(body["body"], str)
    assert same(float(body["body"]), value)
    assert same(json.loads(encoders.bare_number(value)), value)


def test_a_point_without_a_time_has_no_timestamp():
    assert json.loads(encoders.point("pump1.flow", 1.5)) == {"signal": "pump1.flow", "value": 1.5}
    assert json.loads(encoders.key_and_body("pump1.flow", 42)) == {"key": "pump1.flow", "body": "42"}


@given(SIGNALS, READINGS)
def test_columns_and_several_values_read_back(signal: str, readings: list[tuple[float, float]]):
    times, values = zip(*readings, strict=True)
    assert json.loads(encoders.columns(signal, times, values)) == {
        "signal": signal,
        "timestamps": list(times),
        "values": list(values),
    }
    quantities = {f"quantity{number}": value for number, value in enumerate(values)}
    assert json.loads(encoders.several_values(signal, times[0], quantities)) == {
        "signal": signal,
        "timestamp": times[0],
        "values": quantities,
    }


@given(READINGS)
def test_sitewise_shapes_read_back(readings: list[tuple[float, float]]):
    notification = json.loads(encoders.sitewise_notification("asset", "property", readings, "UNCERTAIN"))
    entry = json.loads(encoders.sitewise_entry("/plant/flow", readings))
    entries = json.loads(encoders.sitewise_entries({"/plant/flow": readings, "/plant/level": readings}))
    assert notification["type"] == "PropertyValueUpdate"
    assert (notification["payload"]["assetId"], notification["payload"]["propertyId"]) == (
        "asset",
        "property",
    )
    assert [named["propertyAlias"] for named in entries["entries"]] == ["/plant/flow", "/plant/level"]
    assert entries["entries"][0] == entry
    assert {tqv["quality"] for tqv in notification["payload"]["values"]} == {"UNCERTAIN"}
    for tqvs in (notification["payload"]["values"], entry["propertyValues"]):
        assert [tqv["value"]["doubleValue"] for tqv in tqvs] == [value for _, value in readings]
        assert [time_of(tqv) for tqv in tqvs] == pytest.approx([timestamp for timestamp, _ in readings])
        assert all(0 <= tqv["timestamp"]["offsetInNanos"] < 1_000_000_000 for tqv in tqvs)


@pytest.mark.parametrize(
    ("value", "variant"),
    [
        (True, {"booleanValue": True}),
        (3, {"integerValue": 3}),
        ("on", {"stringValue": "on"}),
        (None, {"nullValue": {"valueType": "D"}}),
    ],
)
def test_a_sitewise_value_says_its_type(value: encoders.SiteWiseValue, variant: dict[str, object]):
    entry = json.loads(encoders.sitewise_entry("alias", [(1.7e9, value)]))
    assert entry["propertyValues"][0]["value"] == variant


@given(st.binary(max_size=2000))
def test_compression_gives_the_payload_back_and_the_same_bytes_every_time(payload: bytes):
    assert gzip.decompress(encoders.gzipped(payload)) == payload
    assert zstd.decompress(encoders.zstandard(payload)) == payload
    assert encoders.gzipped(payload) == encoders.gzipped(payload)
    assert encoders.zstandard(payload) == encoders.zstandard(payload)


def test_where_python_lacks_zstd_what_asks_for_it_says_so_before_anything_is_sent():
    program = """
import sys
sys.modules.update({"_zstd": None, "backports.zstd": None})
from producer_sim.payloads.encoders import CompressionMissing
from producer_sim.payloads.shapes import shape_named
for shape in ("columns", "columns+gzip", "columns+zstd"):
    try:
        print(shape_named(shape).name)
    except CompressionMissing as error:
        print(error)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    plain, gzipped, lacking = ran.stdout.splitlines()
    assert (plain, gzipped) == ("columns", "columns+gzip")
    assert lacking.startswith("this Python was built without zstd")


def test_gzip_carries_no_time_of_day():
    assert encoders.gzipped(b"42.0")[4:8] == bytes(4)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_say_is_not_encoded(value: float):
    for encode in (encoders.bare_number, lambda number: encoders.point("s", number)):
        with pytest.raises(ValueError, match="JSON compliant"):
            encode(value)


def varint(message: bytes, start: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[start]
        value |= (byte & 0x7F) << shift
        start, shift = start + 1, shift + 7
        if byte < 0x80:
            return value, start


def fields(message: bytes) -> list[tuple[int, int | bytes]]:
    """The (number, content) pairs of a protobuf message, read from its bytes alone."""
    found: list[tuple[int, int | bytes]] = []
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        value, at = varint(message, at)
        if tag & 7 == 2:
            found.append((tag >> 3, message[at : at + value]))
            at += value
        else:
            found.append((tag >> 3, value))
    return found


@given(st.lists(st.tuples(SIGNALS, st.binary(max_size=300)), max_size=20))
def test_an_aggregated_record_has_its_payloads_in_order_and_the_right_digest(pairs: list[tuple[str, bytes]]):
    aggregated = encoders.kpl_aggregated(pairs)
    message = aggregated[4:-16]
    assert aggregated[:4] == bytes.fromhex("f3899ac2")
    assert aggregated[-16:] == md5(message).digest()
    keys = [content.decode() for number, content in fields(message) if number == 1]
    records = [dict(fields(content)) for number, content in fields(message) if number == 3]
    assert len(keys) == len(set(keys))
    assert [(keys[record[1]], record[3]) for record in records] == pairs


def test_odd_records_have_names_of_their_own_and_fit_into_kinesis():
    for odd in (encoders.bad_observations(), encoders.skipped_observations()):
        assert len({record.name for record in odd}) == len(odd)
        assert all(len(record.payload) < 1024 * 1024 for record in odd)
    assert len(encoders.bad_observations()) >= 7


def test_odd_records_are_the_same_every_time():
    assert encoders.bad_observations("pump1.flow") == encoders.bad_observations("pump1.flow")
    assert encoders.skipped_observations() == encoders.skipped_observations()


def test_the_bomb_would_be_a_point_if_it_were_unpacked():
    bombs = {record.name: record.payload for record in encoders.bad_observations("pump1.flow")}
    unpacked = zlib.decompress(bombs["gzip that unpacks to 128 MiB"], wbits=31)
    assert len(unpacked) > 128 * 1024 * 1024
    assert json.loads(unpacked[:100]) == {"signal": "pump1.flow", "value": 1.0}
