"""An event is read the same from its bytes, by its types, as from dicts, record by record."""

import base64
import gzip
import json
from binascii import a2b_base64

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consumer.decode import delivery
from consumer.decode.delivery import typed
from consumer.decode.lambda_event import decode
from consumer.events.quarantine import quarantine_objects
from tests.consumer.decode.payload_builders import (
    ARN,
    EVENTS,
    SHARD_ID,
    aggregated,
    event,
    kept,
    observations,
    real_event,
    record,
)
from tests.consumer.decode.test_fast_payloads import BODIES, COLUMNS, ODD, POINTS, carefully, plain
from tests.consumer.decode.test_payload_shapes import PRESSURE, point
from tests.consumer.world import World, assert_exact, points, step

VALUES = st.sampled_from(
    [{"signal": "c", "values": {"a": 1.0, "b": "x"}}, {"signal": "c", "timestamp": 5, "values": {"": 2}}]
)
JSON = st.one_of(POINTS, BODIES, COLUMNS, ODD, VALUES).map(lambda shape: json.dumps(shape).encode())
PAYLOADS = st.one_of(
    JSON,
    JSON.map(gzip.compress),
    st.lists(JSON, min_size=1, max_size=3).map(lambda payloads: aggregated(*payloads)),
    st.sampled_from([b"", b"42", b"{", b"null", b"\x1f\x8b", aggregated(), b'{"signal":"a","value":NaN}']),
)
TEXTS = PAYLOADS.map(lambda payload: base64.b64encode(payload).decode())
WRONG = st.sampled_from(
    ["", "=", "A", "NDI", "NDI==", "NDI=\n", " NDI=", "ND I=", "_-8=", "NDJ=", "ü", "AAAA="]
)
ROWS = st.lists(
    st.tuples(
        st.one_of(TEXTS, TEXTS, TEXTS, WRONG),
        st.integers(95, 105),
        st.sampled_from("kl"),
        st.sampled_from(["s:0", "s:0", "s:0", "s:1", "s"]),
    ),
    max_size=12,
)


def delivered(rows, is_usual):
    """The event of these texts; a usual one has them in the order and on the shard that Lambda promises."""
    found = {"Records": []}
    for place, (text, number, key, shard) in enumerate(rows):
        if is_usual:
            number, shard = 100 + place, "s:0"
        entry = record(b"", partition_key=key, shard_id=shard, sequence_number=number)
        entry["kinesis"]["data"] = text
        found["Records"].append(entry)
    return found


def quarantined(batch):
    return list(quarantine_objects("drift", batch, batch.rejections))


@given(ROWS, st.booleans())
@settings(max_examples=500, deadline=None)
def test_whatever_an_event_holds_it_is_read_the_same_from_its_bytes(rows, is_usual):
    sent = delivered(rows, is_usual)
    body = json.dumps(sent).encode()
    from_bytes = decode(typed(body) or json.loads(body))
    from_dicts = decode(sent)
    assert list(map(plain, from_bytes)) == list(map(plain, from_dicts)) == list(map(plain, carefully(sent)))
    assert list(map(quarantined, from_bytes)) == list(map(quarantined, from_dicts))
    for one, same in zip(from_bytes, from_dicts, strict=True):
        assert one.unpacked_bytes == same.unpacked_bytes
        assert one.records.are_distinct == same.records.are_distinct


@given(st.lists(PAYLOADS, min_size=1, max_size=12))
@settings(max_examples=100, deadline=None)
def test_what_lambda_sends_of_one_shard_is_read_by_its_types(payloads):
    assert typed(json.dumps(event(*payloads)).encode()) is not None


@pytest.mark.parametrize("name", sorted(path.name for path in EVENTS.glob("*.json")))
def test_every_real_event_is_read_by_its_types_and_the_same(name):
    [batch] = decode(typed((EVENTS / name).read_bytes()))
    [same] = decode(real_event(name))
    assert plain(batch) == plain(same)


def of_entry(**fields):
    sent = event(point(), point())
    sent["Records"][1] |= fields
    return sent


def of_kinesis(**fields):
    sent = event(point(), point())
    sent["Records"][1]["kinesis"] |= fields
    return sent


UNUSUAL = {
    "a visit": {"visit": True},
    "a visit with records": event(point()) | {"visit": None},
    "no records": {"Records": []},
    "no list": {"Records": {}},
    "no object": [event(point())],
    "two shards": of_entry(eventID="shardId-000000000001:2"),
    "two streams": of_entry(eventSourceARN=f"{ARN}2"),
    "another number in the id": of_entry(eventID=f"{SHARD_ID}:1"),
    "descending": {"Records": event(point(), point())["Records"][::-1]},
    "twice the same": {"Records": [record(b"1")] * 2},
    "numbers of two lengths": {
        "Records": [record(b"1", sequence_number=9), record(b"1", sequence_number=10)]
    },
    "no number": {"Records": [record(b"1", sequence_number="a")]},
    "no digit of ours": {"Records": [record(b"1", sequence_number="१")]},
    "a number as a number": of_kinesis(sequenceNumber=7),
    "no arrival": of_kinesis(approximateArrivalTimestamp=None),
    "arrival as text": of_kinesis(approximateArrivalTimestamp="1700000000"),
    "an arrival of 401 digits": of_kinesis(approximateArrivalTimestamp=10**400),
    "arrival in milliseconds": of_kinesis(approximateArrivalTimestamp=1_700_000_000_000),
    "half a surrogate pair": of_kinesis(partitionKey="a\ud800b"),
    "no base64": of_kinesis(data="NDI"),
    "data that is no text": of_kinesis(data=None),
    "no Kinesis record": {"Records": [{"Sns": {}}]},
}


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_unusual_is_left_to_the_reader_of_dicts(name):
    assert typed(json.dumps(UNUSUAL[name]).encode()) is None


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"\xef\xbb\xbf{}", b'{"Records":[NaN]}', b"[" * 10**6])
def test_what_is_no_json_is_left_to_lambda(body):
    assert typed(body) is None


def test_fields_that_nobody_knows_change_nothing():
    sent = of_kinesis(encryptionType="NONE") | {"window": {}}
    sent["Records"][0]["later"] = [None]
    [batch] = decode(typed(json.dumps(sent).encode()))
    assert len(observations(batch)) == 2


def test_what_is_rejected_is_kept_as_it_was_sent():
    """The base64 text of 'eA==' has spare bits: 'eB==' holds the same byte."""
    sent = event(point(), b"x", point())
    sent["Records"][1]["kinesis"]["data"] = "eB=="
    [batch] = decode(typed(json.dumps(sent).encode()))
    [line] = kept(batch)
    assert line["data"] == "eB=="
    assert list(batch.records.data) == [each["kinesis"]["data"] for each in sent["Records"]]


def test_the_texts_of_a_usual_batch_are_not_read_a_second_time(monkeypatch):
    """That costs as much as all else of the reader; only what is rejected needs them."""
    monkeypatch.setattr(delivery, "_decode_texts", lambda _: pytest.fail("read again"))
    world, stream = World(), points(step("a.pressure"))
    report = world.invoke_event(typed(json.dumps({"Records": stream}).encode()))
    assert report.failed == []
    assert_exact(world, stream)
    assert world.event_ids()


def test_a_record_that_is_no_base64_is_rejected_alone():
    sent = event(point(), b"", b"1.5")
    sent["Records"][1]["kinesis"]["data"] = "NDI"
    [batch] = decode(sent)
    assert [signal for signal, _, _ in observations(batch)] == [PRESSURE, PRESSURE]
    [line] = kept(batch)
    assert "not readable as base64" in line["reason"]
    assert line["data"] == "NDI"


def test_who_looks_at_single_records_finds_them_as_lambdas_client_gives_them():
    """A layer around the handler may: OpenTelemetry's looks at the first one's source."""
    sent = event(point(), point())
    found = typed(json.dumps(sent).encode())
    assert isinstance(found, dict)
    assert found["Records"][0] == sent["Records"][0]
    assert list(found["Records"]) == sent["Records"]
    assert len(found["Records"]) == 2


def strictly(text):
    try:
        return a2b_base64(text, strict_mode=True)
    except ValueError:
        return b""


ALPHABETS = st.sampled_from(["AQRz09+/", "AQ+/=", "A=", "AQ-_", "AQ \n\t=", "Aü\x00", "A\ud800"])


@given(st.lists(ALPHABETS.flatmap(lambda letters: st.text(letters, max_size=13)), max_size=4))
@example(["AAAA="])
@example(["QR=="])
@settings(max_examples=1000, deadline=None)
def test_base64_is_read_as_strictly_as_ever(texts):
    assert delivery._payloads(texts) == [strictly(text) for text in texts]


@given(st.lists(st.text("AQR/=", min_size=4, max_size=4), max_size=3).map("".join))
@settings(max_examples=500, deadline=None)
def test_what_is_read_by_its_type_as_base64_is_base64(text):
    """Nobody looks at the text again."""
    sent = event(b"", b"")
    sent["Records"][0]["kinesis"]["data"] = text
    found = typed(json.dumps(sent).encode())
    assert found is None or found["Records"].delivery.payloads[0] == a2b_base64(text, strict_mode=True)


@pytest.mark.parametrize(("numbers", "are_kept"), [("98 99", True), ("08 09", False), ("0 1", True)])
def test_only_numbers_without_zeros_before_them_are_kept_as_their_texts(numbers, are_kept):
    delivery = event(b"1", b"2")
    for entry, number in zip(delivery["Records"], numbers.split(), strict=True):
        entry["kinesis"]["sequenceNumber"], entry["eventID"] = number, f"s:{number}"
    for each in (delivery, typed(json.dumps(delivery).encode())):
        [batch] = decode(each)
        texts = batch.records.texts
        assert (None if texts is None else texts.astype(str).tolist()) == (
            numbers.split() if are_kept else None
        )
