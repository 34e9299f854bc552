"""KPL's aggregated records: no sub-record costs another, and no record of them costs the invocation."""

import time

import pytest

from consumer.decode.unpacking import UNPACKED_BYTES_MAX
from tests.consumer.decode.payload_builders import (
    ARRIVED_S,
    aggregated,
    delimited,
    enveloped,
    gzipped,
    kept,
    observations,
    original,
    protobuf,
    read,
    zstandard,
)

ONE, TWO, THREE = b'{"signal":"a","value":1}', b'{"signal":"b","value":2}', b'{"signal":"a","value":3}'
LEARNED = [("a", 1.0, ARRIVED_S), ("b", 2.0, ARRIVED_S), ("a", 3.0, ARRIVED_S)]


def test_sub_records_are_learned_in_their_order_with_a_position_each():
    batch = read(aggregated(ONE, TWO, THREE))
    assert observations(batch) == LEARNED
    assert batch.signals[("a", "a")].positions == [0, 2]
    assert batch.signals[("b", "b")].positions == [1]
    assert batch.rejections == []


def test_a_wrong_digest_makes_it_a_plain_record_which_is_refused_and_kept():
    right = aggregated(ONE, TWO)
    for index in (4, len(right) // 2, len(right) - 16, len(right) - 1):
        wrong = right[:index] + bytes([right[index] ^ 1]) + right[index + 1 :]
        batch = read(wrong, ONE)
        assert observations(batch) == LEARNED[:1]
        [line] = kept(batch)
        assert original(line) == wrong
        assert "neither a JSON object nor a finite number" in line["reason"]


@pytest.mark.parametrize(
    "content",
    [
        b"\xff" * 40,
        b"garbage",
        protobuf([b"a"], [(0, ONE), (0, TWO)])[:-1],
        delimited(3, b"\x1a\xff\xff\xff\x7fshort"),
        protobuf([b"a"], [(0, ONE)]) + b"\x1a",
    ],
)
def test_a_right_digest_around_garbage_is_refused_whole(content):
    batch = read(enveloped(content), ONE)
    assert observations(batch) == LEARNED[:1]
    [line] = kept(batch)
    assert original(line) == enveloped(content)
    assert "protobuf cannot be read" in line["reason"]


@pytest.mark.parametrize("content", [b"", protobuf([b"a"], []), delimited(99, b"of a later version")])
def test_a_record_that_holds_no_sub_record_is_refused_and_not_lost(content):
    batch = read(enveloped(content))
    [line] = kept(batch)
    assert original(line) == enveloped(content)
    assert "no records" in line["reason"]


@pytest.mark.parametrize("index", [1, 2**31, 2**64 - 1])
def test_a_partition_key_that_is_not_in_the_table_costs_only_what_needs_its_name(index):
    batch = read(enveloped(protobuf([b"a"], [(0, b"1"), (index, TWO), (index, b"9"), (0, b"3")])))
    assert observations(batch) == LEARNED
    [refusal] = batch.rejections
    assert (refusal.position, refusal.reason) == (
        2,
        "a bare number, and no partition key that would name its signal",
    )


def test_a_bare_number_is_of_the_signal_that_its_own_partition_key_names():
    batch = read(enveloped(protobuf([b"a", b"b"], [(0, b"1"), (1, b"2"), (None, b"3")])))
    assert observations(batch) == LEARNED


def test_a_partition_key_that_is_no_utf8_costs_only_what_needs_its_name():
    batch = read(enveloped(protobuf([b"\xff\xfe", b"a"], [(0, b"9"), (1, b"1"), (0, TWO), (1, b"3")])))
    assert observations(batch) == LEARNED
    assert [refusal.position for refusal in batch.rejections] == [0]


@pytest.mark.parametrize(
    "bad", [b"", b"{", b"[1]", b'{"signal":[],"value":1}', gzipped(TWO)[:-4], b"\x28\xb5\x2f\xfd", b"\xff"]
)
def test_a_bad_sub_record_does_not_cost_the_others(bad):
    for payloads in ((bad, ONE, TWO, THREE), (ONE, bad, TWO, THREE), (ONE, TWO, THREE, bad)):
        batch = read(aggregated(*payloads))
        assert observations(batch) == LEARNED
        assert [refusal.position for refusal in batch.rejections] == [payloads.index(bad)]


def test_sub_records_may_be_compressed_each_in_its_own_way():
    assert observations(read(aggregated(gzipped(ONE), TWO, zstandard(THREE)))) == LEARNED


def test_an_aggregated_record_in_an_aggregated_record_is_refused_alone():
    batch = read(aggregated(ONE, aggregated(TWO), TWO, THREE))
    assert observations(batch) == LEARNED
    assert [refusal.position for refusal in batch.rejections] == [1]


def padded(payload: bytes, size: int) -> bytes:
    return payload[:-1] + b" " * (size - len(payload)) + b"}"


def test_what_the_sub_records_unpack_to_has_one_bound_together():
    quarter = UNPACKED_BYTES_MAX // 4
    packed = zstandard(padded(ONE, quarter))
    assert len(observations(read(aggregated(*[packed] * 4)))) == 4
    whole = aggregated(*[packed] * 4, zstandard(ONE))
    batch = read(TWO, whole, TWO)
    assert [signal for signal, _, _ in observations(batch)] == ["b", "b"]
    [line] = kept(batch)
    assert original(line) == whole
    assert f"more than {UNPACKED_BYTES_MAX} bytes" in line["reason"]


@pytest.mark.parametrize(("pack", "cut"), [(gzipped, 3), (zstandard, 0), (zstandard, 3)])
def test_a_thousand_bombs_in_one_record_end_as_quickly_as_a_few(pack, cut):
    bomb = pack(bytes(UNPACKED_BYTES_MAX + 1 - (cut > 0) * 4096))
    whole = aggregated(*[bomb[: len(bomb) - cut]] * 1000)
    start = time.process_time()
    batch = read(whole)
    assert time.process_time() - start < 8
    [refusal] = batch.rejections
    assert (refusal.position, observations(batch)) == (0, [])
    assert "the aggregated record unpacks to more than" in refusal.reason


def test_a_few_sub_records_that_cannot_be_unpacked_do_not_cost_the_others():
    batch = read(aggregated(ONE, *[gzipped(TWO)[:-1]] * 10, TWO, THREE))
    assert observations(batch) == LEARNED
    assert len(batch.rejections) == 10


@pytest.mark.parametrize(
    "payloads",
    [
        [ONE] * 10_001,
        [b"x"] * 10_001,
        [b""] * 50_000,
        [b'{"signal":"a","values":[%b]}' % b",".join([b"1"] * 5000)] * 2 + [ONE],
        [b'{"signal":"a","values":[%b]}' % b",".join([b"null"] * 5000)] * 2 + [ONE],
        [b'{"signal":"a","values":[%b]}' % b",".join([b"NaN"] * 5000)] * 2 + [ONE],
        [ONE] * 9_999 + [b"x"] + [TWO],
    ],
)
def test_more_than_ten_thousand_observations_in_all_are_refused_as_one_record(payloads):
    whole = aggregated(*payloads)
    batch = read(ONE, whole, TWO)
    assert observations(batch) == LEARNED[:2]
    [refusal] = batch.rejections
    assert (refusal.record, refusal.position) == (1, 0)
    assert "more than 10000 observations" in refusal.reason
    assert original(kept(batch)[0]) == whole


def test_ten_thousand_observations_in_all_are_learned():
    batch = read(aggregated(*[ONE] * 9_998, b"x", TWO))
    assert len(observations(batch)) == 9_999
    assert [refusal.position for refusal in batch.rejections] == [9_998]
