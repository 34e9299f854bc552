"""What is refused is kept: whole, on lines that a reader can parse, each with an id of its own."""

import base64
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.decode.batch import Batch
from consumer.decode.lambda_event import decode
from consumer.decode.records import Record, Shard
from consumer.decode.rejections import Rejection
from consumer.events.quarantine import each_rejected, quarantine_objects, quoted
from tests.consumer.decode.payload_builders import (
    ARN,
    ARRIVED_S,
    SHARD_ID,
    aggregated,
    event,
    kept,
    original,
    read,
    record,
    refused,
)

BAD = (
    b"not JSON",
    b'{"signal":"a","values":[1,NaN,2,NaN,"x"]}',
    b'{"signal":"","value":1}',
    aggregated(b"x", b'{"signal":"a","value":1}', b"y"),
    b'{"entries":[1,2]}',
)


def lines_of(delivered: list[dict]) -> list[dict]:
    [batch] = decode({"Records": delivered})
    return kept(batch) if batch.rejections else []


def test_each_refusal_has_a_line_and_each_line_an_id_of_its_own():
    lines = kept(read(*BAD, *BAD))
    assert len(lines) == 2 * (1 + 3 + 1 + 2 + 2)
    assert len({line["id"] for line in lines}) == len(lines)


def test_a_line_says_what_where_when_and_why():
    [line] = kept(read(b'{"signal":"a","values":[1,NaN]}'))
    number = event(b"")["Records"][0]["kinesis"]["sequenceNumber"]
    assert original(line) == b'{"signal":"a","values":[1,NaN]}'
    assert line | {"data": None, "reason": None} == {
        "id": f"{ARN}/{SHARD_ID}/{number}/compressor1.pressure/1",
        "reason": None,
        "use_case": "drift",
        "stream": ARN,
        "shard_id": SHARD_ID,
        "sequence_number": number,
        "partition_key": "compressor1.pressure",
        "position": 1,
        "whole_record": False,
        "signal": "a",
        "arrived_s": ARRIVED_S,
        "data": None,
    }
    assert "nan" in line["reason"]


def test_a_line_says_whether_nothing_of_its_record_was_learned():
    whole = [line["whole_record"] for line in kept(read(*BAD))]
    assert whole == [True, False, False, False, True, False, False, False, False]


@given(st.lists(st.sampled_from([*BAD, b"1", b'{"signal":"a","value":2}']), max_size=12), st.data())
def test_however_a_batch_is_cut_its_lines_are_the_same(payloads, data):
    delivered = event(*payloads)["Records"]
    cut = data.draw(st.integers(0, len(delivered)))
    whole = lines_of(delivered) if delivered else []
    parts = [lines_of(part) if part else [] for part in (delivered[:cut], delivered[cut:])]
    assert parts[0] + parts[1] == whole


def test_ids_tell_partition_keys_streams_and_shards_apart():
    places = [
        ("a", ARN, SHARD_ID, 10),
        ("a/0", ARN, SHARD_ID, 10),
        ("", ARN, SHARD_ID, 10),
        ("a", ARN, "shardId-000000000001", 10),
        ("a", ARN + "2", SHARD_ID, 10),
        ("a", ARN, SHARD_ID, 100),
    ]
    ids = set()
    for key, arn, shard_id, number in places:
        payload = b'{"signal":"a","values":[NaN,NaN]}'
        delivered = record(payload, partition_key=key, arn=arn, shard_id=shard_id, sequence_number=number)
        ids |= {line["id"] for line in lines_of([delivered])}
    assert len(ids) == 2 * len(places)


def test_the_same_refusals_have_the_same_key_in_whatever_order_they_were_found():
    batch = read(*BAD)
    expected = list(quarantine_objects("drift", batch, batch.rejections))
    found = list(batch.rejections)
    assert list(quarantine_objects("drift", batch, refused(batch, found[::-1]))) == expected
    assert list(quarantine_objects("drift", batch, refused(batch, found * 2))) == expected


def key_of(batch, refusals):
    ((key, _),) = quarantine_objects("drift", batch, refused(batch, refusals))
    return key


def test_other_refusals_have_another_key():
    batch = read(*BAD)
    keys = {key_of(batch, batch.rejections[:count]) for count in range(1, 10)}
    assert len(keys) == 9
    one, other = Rejection(0, 0, "one reason"), Rejection(0, 0, "another")
    assert key_of(batch, [one]) != key_of(batch, [other])


def test_the_key_says_use_case_stream_shard_and_the_sequence_numbers_between_which():
    batch = read(b"1", *BAD, b"1")
    ((key, _),) = quarantine_objects("drift", batch, batch.rejections)
    first, last = batch.records[1].identifier, batch.records[5].identifier
    folder, _, name = key.rpartition("/")
    assert folder == f"quarantine/drift/plant/{SHARD_ID}"
    assert name.startswith(f"{first}-{last}-")
    assert name.endswith(".ndjson")


HOSTILE = (
    "..",
    ".",
    "../../models",
    "a/b",
    "a//b",
    "/a",
    "a\\b",
    "a\nb",
    "%2E%2E",
    "?x#y",
    "ä €",
    " ",
    "..%2F",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_the_key_of_a_hostile_name_has_neither_dots_nor_slashes_of_it(name):
    batch = Batch(Shard(f"arn:aws:kinesis:eu-west-1:123456789012:stream/{name}", name))
    batch.begin(Record(name, "key", ARRIVED_S), "QQ==")
    batch.reject("reason")
    ((key, content),) = quarantine_objects(name, batch, batch.rejections)
    segments = key.split("/")
    assert len(segments) == 5
    assert segments[0] == "quarantine"
    assert not {"", ".", ".."} & set(segments)
    assert key.isascii()
    assert key.isprintable()
    assert json.loads(content)["sequence_number"] == name


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_two_names_never_share_a_segment(one, other):
    assert (quoted(one) == quoted(other)) == (one == other)
    assert "/" not in quoted(one)
    assert "." not in quoted(one)


@pytest.mark.parametrize(
    "name",
    [
        "\ud800",
        "a\udfffb",
        "\u2028",
        "\x85",
        "a\nb",
        "\r\n",
        '"',
        "\\",
        "\0",
        "{}",
        "\x1b[31m",
        "\ufeff",
        "😀",
    ],
)
def test_each_line_is_one_line_of_json_whatever_the_names(name):
    wrong = json.dumps({"signal": name + "\0", "value": 1}).encode()
    delivered = record(wrong, partition_key=name)
    named = record(json.dumps({"signal": "a", "values": {name + "\0": 1}}).encode(), 1, partition_key=name)
    [batch] = decode({"Records": [delivered, named]})
    ((_, content),) = quarantine_objects("drift", batch, batch.rejections)
    assert content.isascii()
    assert not any(byte < 32 and byte != 10 for byte in content)
    assert content.endswith(b"\n")
    lines = content[:-1].split(b"\n")
    assert len(lines) == len(batch.rejections) == 2
    assert [json.loads(line)["partition_key"] for line in lines] == [name, name]


def wide_record(bad: int, padding: int) -> bytes:
    values = ",".join(["NaN"] * bad)
    return f'{{"signal":"a","values":[{values}],"padding":"{"x" * padding}"}}'.encode()


def test_thousands_of_bad_observations_in_a_big_record_do_not_multiply_it():
    payload = wide_record(10_000, 700_000)
    batch = read(payload)
    ((_, content),) = quarantine_objects("drift", batch, batch.rejections)
    assert len(content) < 1.4 * len(payload)
    lines = list(each_rejected(content))
    assert len(lines) == len({line["id"] for line in lines}) == 10_000
    assert {base64.b64decode(line["data"]) for line in lines} == {payload}


def test_lines_of_small_records_stand_alone():
    lines = kept(read(wide_record(100, 0), wide_record(100, 0)))
    assert all("data" in line for line in lines)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300).filter(lambda payload: payload[:1] not in b"0123456789{+-. \t\n\r\x0b\x0c"))
def test_the_original_bytes_are_kept_to_the_last_one(payload):
    [line] = kept(read(payload))
    assert original(line) == payload


def test_a_record_without_an_arrival_time_is_kept_too():
    delivered = event(b"x")
    del delivered["Records"][0]["kinesis"]["approximateArrivalTimestamp"]
    [batch] = decode(delivered)
    [line] = kept(batch)
    assert line["arrived_s"] is None


def test_reasons_hold_no_number_that_json_does_not_know():
    [line] = kept(read(b'{"signal":"a","value":NaN}'))
    assert not any(isinstance(value, float) and math.isnan(value) for value in line.values())
