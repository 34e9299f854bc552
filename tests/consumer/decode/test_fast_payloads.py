"""The fast reader and the careful one read the same."""

import json
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.decode import lambda_event
from consumer.decode.batch import Batch
from consumer.decode.delivery import delivered, entries_of, typed
from consumer.decode.lambda_event import decode
from tests.consumer.decode.payload_builders import event

SIGNALS = st.sampled_from(["a", "b", "compressor1.pressure", "ü", "", "x" * 513, "\x00", 5, None])
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(10**20), 10**20),
    st.sampled_from([1e100, -1e100, 1.1e100, 0, -0.0, "42", "x", None, True, [], 10**400]),
)
TIMES = st.one_of(
    st.floats(0, 2e9),
    st.sampled_from(
        [-1, 0, 1e11, 1e11 - 1, 1700000000, 1700000000000, "2023-11-14T22:13:20Z", "x", None, 1e15]
    ),
    st.sampled_from([1_700_000_000_250_000, 1_700_000_000_250_000_001, 2**63 + 1, 10**19, 10**25]),
    st.sampled_from([20_240_301, 20_240_301_120_000, 20_240_301_120_000_123, 20_240_301_120_000_123_457]),
    st.sampled_from(["20240301T000000Z", "2024-03-01t12:00:00z", "13-Mar-24", "03/04/2024", "1700000000"]),
)
POINTS = st.fixed_dictionaries(
    {"signal": SIGNALS, "value": NUMBERS}, optional={"timestamp": TIMES, "unit": st.just("bar")}
)
BODIES = st.fixed_dictionaries({"key": SIGNALS, "body": NUMBERS}, optional={"timestamp": TIMES})
COLUMNS = st.lists(st.tuples(NUMBERS, TIMES), max_size=4).flatmap(
    lambda rows: st.fixed_dictionaries(
        {"signal": SIGNALS, "values": st.just([value for value, _ in rows])},
        optional={"timestamps": st.just([time for _, time in rows])},
    )
)
FIELDS = [
    "key",
    "signal",
    "value",
    "body",
    "type",
    "payload",
    "propertyAlias",
    "propertyValues",
    "entries",
    "values",
    "timestamps",
]
SHAPES = st.one_of(POINTS, BODIES, COLUMNS)
ODD = st.builds(lambda shape, name, value: shape | {name: value}, SHAPES, st.sampled_from(FIELDS), NUMBERS)
PAYLOADS = st.one_of(
    st.one_of(POINTS, BODIES, COLUMNS, ODD).map(lambda shape: json.dumps(shape).encode()),
    st.sampled_from([b"", b"42", b" 7 ", b"{", b"null", b"[1]", b"\x1f\x8b", b'{"signal":"a","value":NaN}']),
)


def plain(batch: Batch) -> tuple:
    runs = {
        key: (
            run.values,
            list(run.timestamps),
            run.records,
            run.positions,
            run.skipped,
            run.skipped_positions,
        )
        for key, run in batch.signals.items()
    }
    firsts = [run.first_record() for run in batch.signals.values()]
    assert firsts == sorted(firsts), "runs are in the order of their first records"
    untimed = any(None in run.timestamps for run in batch.signals.values())
    assert batch.has_untimed or not untimed
    counts = batch.observations, batch.uncertain
    alone = {key.signal for key in batch.signals if key.signal == key.record_signal}
    records = list(batch.records), list(batch.records.data)
    return batch.shard, records, runs, batch.rejections, counts, alone, in_order(batch)


def in_order(batch: Batch) -> tuple:
    """The columns in the order of the records, which hold what the runs hold."""
    keys = batch.numbering.keys
    each = list(map(batch.observation, range(len(batch.numbers))))
    assert [one[:2] for one in each] == list(
        zip(batch.record_of.tolist(), batch.positions.tolist(), strict=True)
    )
    observed = [
        (record, position, keys[number], value, timestamp)
        for number, (record, position, value, timestamp) in zip(batch.numbers.tolist(), each, strict=True)
    ]
    skipped = list(
        zip(
            batch.skipped_records,
            batch.skipped_positions,
            [keys[number] for number in batch.skipped_numbers],
            strict=True,
        )
    )
    of_runs = [
        (*place, key, value, timestamp)
        for key, run in batch.signals.items()
        for *place, value, timestamp in zip(
            run.records, run.positions, run.values, run.timestamps, strict=True
        )
    ]
    assert observed == sorted(of_runs, key=lambda each: each[:2])
    assert skipped == sorted(
        (*place, key)
        for key, run in batch.signals.items()
        for place in zip(run.skipped, run.skipped_positions, strict=True)
    )
    assert batch.value_array.tolist() == [value for *_, value, _ in observed]
    arrived_s = [batch.records[record].arrived_s for record, *_ in observed]
    assert batch.at_s.tolist() == [
        arrived if own is None else own for (*_, own), arrived in zip(observed, arrived_s, strict=True)
    ]
    return observed, skipped


def carefully(delivery: dict) -> list[Batch]:
    batches = [Batch(*each) for each in delivered(entries_of(delivery)).items()]
    for batch in batches:
        for record in range(len(batch.records)):
            batch.go_to(record)
            lambda_event._read_current(batch, b"")
    return batches


@given(st.lists(PAYLOADS, min_size=1, max_size=12))
@settings(max_examples=400, deadline=None)
def test_whatever_a_batch_holds_both_readers_read_the_same(payloads):
    delivery = event(*payloads)
    assert list(map(plain, decode(delivery))) == list(map(plain, carefully(delivery)))


@given(st.lists(st.one_of(POINTS, BODIES, COLUMNS).map(lambda shape: json.dumps(shape).encode()), min_size=1))
@settings(max_examples=100, deadline=None)
def test_batches_of_the_usual_shapes_too(payloads):
    delivery = event(*payloads)
    assert list(map(plain, decode(delivery))) == list(map(plain, carefully(delivery)))


@given(
    st.lists(
        st.tuples(st.integers(95, 105), st.sampled_from("kl"), st.sampled_from(["s:0", "s:1", "s"])),
        min_size=1,
    )
)
@settings(max_examples=200, deadline=None)
def test_whatever_order_and_shards_the_records_have_both_deliver_the_same(rows):
    delivery = event(*(b"1" for _ in rows))
    for entry, (number, key, shard) in zip(delivery["Records"], rows, strict=True):
        entry["kinesis"] |= {"sequenceNumber": str(number), "partitionKey": key}
        entry["eventID"] = f"{shard}:{number}"
    assert list(map(plain, decode(delivery))) == list(map(plain, carefully(delivery)))


@pytest.mark.parametrize("event_ids", [["s:100s", ":101"], ["s:1", "00s:101"], ["s:101", "s:100"]])
def test_event_ids_that_only_together_are_those_of_the_records_are_looked_at_one_by_one(event_ids):
    delivery = event(b"1", b"2")
    for entry, number, event_id in zip(delivery["Records"], ("100", "101"), event_ids, strict=True):
        entry["kinesis"]["sequenceNumber"], entry["eventID"] = number, event_id
    assert list(map(plain, decode(delivery))) == list(map(plain, carefully(delivery)))


def test_an_arrival_is_in_seconds_whatever_its_digits():
    delivery = event(b'{"signal":"a","value":1.0}')
    for arrived in (20_240_301, 20_240_301.0, 0, 5.5, 99_999_999_999):
        delivery["Records"][0]["kinesis"]["approximateArrivalTimestamp"] = arrived
        [batch] = decode(delivery)
        assert [one.arrived_s for one in batch.records] == [float(arrived)]
        assert list(map(plain, decode(delivery))) == list(map(plain, carefully(delivery)))


@pytest.mark.parametrize("arrived", [100_000_000_000, 900_000_000_000, 1_700_000_000_000])
def test_an_arrival_of_more_digits_is_read_as_a_time_is(arrived):
    delivery = event(b'{"signal":"a","value":1.0}')
    delivery["Records"][0]["kinesis"]["approximateArrivalTimestamp"] = arrived
    for each in (delivery, typed(json.dumps(delivery).encode()) or delivery):
        [batch] = decode(each)
        assert [one.arrived_s for one in batch.records] == [arrived / 1000]


def test_a_point_of_the_nineties_in_milliseconds_and_records_of_two_streams_are_told_apart():
    delivery = event(*(b'{"signal":"a","value":1.0,"timestamp":631152000000}' for _ in range(3)))
    [batch] = decode(delivery)
    [run] = batch.signals.values()
    assert list(run.timestamps) == [631_152_000.0] * 3
    delivery["Records"][1]["eventSourceARN"] += "2"
    assert len(decode(delivery)) == 2
    assert list(map(plain, decode(delivery))) == list(map(plain, carefully(delivery)))


@pytest.mark.parametrize("field", ["name", "time", "unit", "topic"])
@pytest.mark.parametrize(
    "shape", [b'"signal":"a","value":1', b'"key":"a","body":1', b'"signal":"a","values":[1]']
)
def test_what_is_no_utf8_is_read_alike_whatever_else_is_in_the_batch(field, shape):
    payload = b'{%s,"%s":"M\xfchle"}' % (shape, field.encode())
    for others in ([], [payload], [b'{"signal":"b","value":1}'], [b'{"signal":"b","values":[1.0,2.0]}']):
        delivery = event(*others, payload, *others)
        assert list(map(plain, decode(delivery))) == list(map(plain, carefully(delivery)))


TIMED = b'{"signal":"a","values":[1.0,2.0],"timestamps":[1700000000,1700000001]}'
DATED = b'{"signal":"a","values":[1.0,2.0],"timestamps":[20231114,20231115]}'
UNTIMED = b'{"signal":"a","values":[3.0]}'


@pytest.mark.parametrize("payloads", list(permutations([TIMED, UNTIMED, DATED])))
def test_columns_with_and_without_times_may_follow_each_other(payloads):
    delivery = event(*payloads)
    assert list(map(plain, decode(delivery))) == list(map(plain, carefully(delivery)))


def test_timestamps_of_columns_may_be_the_digits_of_dates():
    days = [1_699_920_000.0, 1_700_006_400.0]
    [batch] = decode(event(DATED, DATED))
    assert batch.observed.time_array.tolist() == days * 2


def test_a_full_batch_ends_behind_all_records_of_one_sequence_number(monkeypatch):
    monkeypatch.setattr("consumer.decode.batch.OBSERVATIONS_PER_BATCH_MAX", 1)
    delivery = event(b"1", b"2", b"3")
    for entry, number, key in zip(delivery["Records"], (7, 7, 8), "abc", strict=True):
        entry["kinesis"] |= {"sequenceNumber": str(number), "partitionKey": key}
        entry["eventID"] = f"s:{number}"
    [batch] = decode(delivery)
    assert (batch.value_array.tolist(), batch.unread_from) == ([1.0, 2.0], 2)
