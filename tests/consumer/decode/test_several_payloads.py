"""Several payloads in one record, as gateways batch them: a JSON array, or a line for each."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.decode.batch import OBSERVATIONS_PER_RECORD_MAX
from tests.consumer.decode.payload_builders import (
    ARRIVED_S,
    aggregated,
    gzipped,
    kept,
    observations,
    original,
    read,
    skipped,
    zstandard,
)
from tests.consumer.decode.test_null_is_absent import WHOLE

T = 1_700_000_000.0
ONE = {"signal": "mill.speed", "value": 10.0, "timestamp": T}
TWO = {"signal": "mill.load", "values": [1.0, 2.0], "timestamps": [T, T + 1]}
THREE = {"signal": "mill", "values": {"speed": 11.0, "heat": 70.0}, "timestamp": T + 1}
LEARNED = [
    ("mill.speed", 10.0, T),
    ("mill.load", 1.0, T),
    ("mill.load", 2.0, T + 1),
    ("mill.speed", 11.0, T + 1),
    ("mill.heat", 70.0, T + 1),
]


def array(*payloads: object) -> bytes:
    return json.dumps(list(payloads)).encode()


def lines(*payloads: object) -> bytes:
    return b"\n".join(json.dumps(payload).encode() for payload in payloads)


FORMS = pytest.mark.parametrize("together", [array, lines])


@FORMS
@pytest.mark.parametrize("pack", [bytes, gzipped, zstandard, lambda payload: b"\xef\xbb\xbf" + payload])
def test_payloads_of_any_shape_are_read_in_their_order(together, pack):
    batch = read(pack(together(ONE, TWO, THREE)))
    assert (observations(batch), batch.rejections) == (LEARNED, [])
    assert batch.position == len(LEARNED)


@FORMS
def test_so_they_are_in_an_aggregated_record(together):
    batch = read(aggregated(together(ONE, TWO), json.dumps(THREE).encode()))
    assert (observations(batch), batch.rejections) == (LEARNED, [])


@FORMS
def test_each_is_refused_alone_at_its_position_and_the_record_is_kept_whole(together):
    payload = together(
        ONE, {"value": 1}, TWO, {"signal": "mill.speed", "value": "fast"}, {"signal": "x"}, THREE
    )
    batch = read(payload)
    assert observations(batch) == LEARNED
    assert [(each.position, each.is_whole) for each in batch.rejections] == [
        (1, False),
        (4, False),
        (5, False),
    ]
    reasons = [each.reason for each in batch.rejections]
    assert all(
        word in reason for word, reason in zip(["no signal", "not a number", "none of"], reasons, strict=True)
    )
    assert {original(line) for line in kept(batch)} == {payload}


@pytest.mark.parametrize(
    "bad", ["7,0", "NaN", "null", '"text"', "[]", '{"signal":"mill.speed","value":', "x"]
)
def test_a_line_that_is_no_object_costs_itself_alone(bad):
    batch = read(lines(ONE) + b"\n" + bad.encode() + b"\n" + lines(TWO, THREE))
    assert observations(batch) == LEARNED
    assert [each.position for each in batch.rejections] == [1]


@pytest.mark.parametrize("bad", [7, None, "text", "7", [], [ONE], True])
def test_an_element_that_is_no_object_costs_itself_alone(bad):
    batch = read(array(ONE, bad, TWO, THREE))
    assert observations(batch) == LEARNED
    assert [each.position for each in batch.rejections] == [1]


def test_the_first_line_may_be_the_one_that_is_cut_short():
    batch = read(b'{"signal":"mill.speed","val\n' + lines(ONE, TWO, THREE))
    assert (observations(batch), len(batch.rejections)) == (LEARNED, 1)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n \n", b""])
def test_ends_of_lines_may_be_any_and_blank_lines_do_not_count(end):
    payload = b"\r\n\n".join([lines(ONE), lines(TWO), lines(THREE)]) + end
    assert observations(read(payload)) == LEARNED


def test_an_object_over_several_lines_is_one():
    batch = read(json.dumps(THREE, indent=2).encode(), json.dumps([ONE, TWO], indent=2).encode())
    assert sorted(observations(batch)) == sorted(LEARNED)
    broken = read(json.dumps(THREE, indent=2).encode()[:-1])
    assert [(each.is_whole, each.position) for each in broken.rejections] == [(True, 0)]


def test_a_nan_costs_its_observation_alone():
    for payload in (
        b'[{"signal":"a","value":NaN},{"signal":"a","value":1}]',
        b'{"signal":"a","value":NaN}\n{"signal":"a","value":1}',
    ):
        batch = read(payload)
        assert observations(batch) == [("a", 1.0, ARRIVED_S)]
        assert "not finite" in batch.rejections[0].reason


@pytest.mark.parametrize("payload", [b"1.5\n2\r\n-3e2\n", b"\n1.5\n\n2\n-3e2"])
def test_bare_numbers_are_the_partition_keys(payload):
    expected = [("compressor1.pressure", value, ARRIVED_S) for value in (1.5, 2.0, -300.0)]
    for packed in (payload, gzipped(payload), aggregated(payload)):
        assert observations(read(packed)) == expected


def test_a_bare_number_that_is_none_costs_itself_alone():
    batch = read(b"1.5\nx\n2")
    assert [value for _, value, _ in observations(batch)] == [1.5, 2.0]
    assert [(each.position, each.is_whole) for each in batch.rejections] == [(1, False)]


def test_bare_numbers_and_objects_may_be_lines_together():
    batch = read(b"7\n" + lines(ONE), lines(ONE) + b"\n7")
    assert [value for _, value, _ in observations(batch)] == [7.0, 10.0, 10.0, 7.0]


def test_an_empty_array_holds_nothing():
    batch = read(b"[]", b" [ ] ")
    assert ["no observation" in each.reason for each in batch.rejections] == [True, True]


@FORMS
@pytest.mark.parametrize("member", [{"signal": "a", "value": 1}, {"signal": "a", "value": None}, {"x": 1}])
def test_a_record_holds_so_many_observations_and_no_more(together, member):
    most = read(together(*[member] * OBSERVATIONS_PER_RECORD_MAX))
    assert len(observations(most)) + skipped(most) + len(most.rejections) == OBSERVATIONS_PER_RECORD_MAX
    more = read(together(*[member] * (OBSERVATIONS_PER_RECORD_MAX + 1)))
    assert (observations(more), [each.is_whole for each in more.rejections]) == ([], [True])
    assert "more than 10000" in more.rejections[0].reason


@given(st.lists(st.sampled_from(sorted(WHOLE)), min_size=2, max_size=5), st.sampled_from([array, lines]))
@settings(max_examples=100, deadline=None)
def test_together_they_bring_what_each_brings_alone(names, together):
    alone = [each for name in names for each in observations(read(json.dumps(WHOLE[name]).encode()))]
    batch = read(together(*(WHOLE[name] for name in names)))
    assert (observations(batch), batch.rejections) == (alone, [])
