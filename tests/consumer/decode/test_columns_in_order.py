"""A batch's columns: signals by numbers that last, arrays of the records, and runs in the columns' order."""

import json
import math

import pytest

from consumer.decode import signal_names
from consumer.decode.batch import Batch
from consumer.decode.lambda_event import decode
from consumer.decode.observed_columns import SignalColumns
from consumer.decode.records import Record, Records, Shard
from consumer.decode.signal_names import SignalKey, SignalNumbers, known_signals, page_of
from consumer.errors import Unlearnable
from tests.consumer.decode.payload_builders import event, read

SHARD = Shard("arn:aws:kinesis:eu-west-1:123456789012:stream/plant", "shardId-0")
HOSTILE = ["", "\x00", "\ud800", "x" * 513]


def point(signal: str, value: float | None, **fields: object) -> bytes:
    return json.dumps({"signal": signal, "value": value, **fields}).encode()


def numbered(batch: Batch) -> list[str]:
    return [batch.numbering.keys[number].signal for number in batch.numbers]


def test_a_signal_keeps_its_number_from_batch_to_batch():
    first, second = read(point("a", 1), point("b", 2)), read(point("b", 3), point("c", 4), point("a", 5))
    assert first.numbering is second.numbering
    assert first.numbers.tolist() == [second.numbers[2], second.numbers[0]]
    assert numbered(second) == ["b", "c", "a"]


def test_beyond_200_000_names_they_start_anew_for_the_next_batch(monkeypatch):
    monkeypatch.setattr(signal_names, "_known", SignalNumbers())
    monkeypatch.setattr(signal_names, "_SIGNALS_KNOWN_MAX", 2)
    full = read(*(point(name, 1) for name in "abc"))
    assert numbered(full) == ["a", "b", "c"]
    next_one = read(point("c", 1))
    assert next_one.numbering is not full.numbering
    assert next_one.numbers.tolist() == [0]
    assert numbered(full) == ["a", "b", "c"]
    assert known_signals() is next_one.numbering


def column(signal: str) -> bytes:
    return json.dumps({"signal": signal, "values": [1.0, 2.0], "timestamps": [1.0, 2.0]}).encode()


def named(signal: str) -> bytes:
    return json.dumps({"signal": signal, "values": {"x": 1.0, "y": 2.0}}).encode()


@pytest.mark.parametrize("payloads", [[point], [column], [named], [point, column, named]])
def test_a_batch_knows_whether_records_have_their_signals_for_partition_keys(payloads):
    key, other = "compressor1.pressure", "compressor2.pressure"
    own = [
        point(key, 1.0) if payload is point else payload(key) for payload in (*payloads, *payloads, *payloads)
    ]
    assert read(*own, b"no record of observations").are_keyed_by_signals
    for at, payload in enumerate(payloads):
        strange = point(other, 1.0) if payload is point else payload(other)
        assert not read(*own[:at], strange, *own[at:]).are_keyed_by_signals


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_page_holds_under_another_name_makes_it_none_for_records(name):
    numbers = SignalNumbers()
    of_page = numbers.number_of(SignalKey(name, name))
    assert numbers.number_of(name) == of_page
    assert numbers.keys[of_page] == (name, name)
    for _ in range(2):
        with pytest.raises(Unlearnable):
            numbers.of_name(name)
        with pytest.raises(Unlearnable):
            numbers.of_names(["good", name])
    assert numbers.keys == [(name, name), ("good", "good")]


def test_a_part_and_a_signal_of_that_name_alone_are_two():
    numbers = SignalNumbers()
    part, alone = numbers.of_part("a", "b"), numbers.of_name("a.b")
    assert part != alone
    assert numbers.keys == [("a", "a.b"), ("a.b", "a.b")]
    assert [numbers.number_of(key) for key in numbers.keys] == [part, alone]
    assert numbers.number_of("a.b") == alone
    for record_signal, name in (("a", ""), ("a", "\x00"), ("\ud800", "b"), ("a", "x" * 511)):
        for _ in range(2):
            with pytest.raises(Unlearnable):
                numbers.of_part(record_signal, name)


def test_pages_are_by_number_and_those_of_new_names_follow():
    numbers = SignalNumbers()
    numbers.of_names(["a", "b"])
    numbers.of_part("a", "part")
    assert numbers.pages(16).tolist() == [page_of("a", 16), page_of("b", 16), page_of("a", 16)]
    numbers.of_name("c")
    assert numbers.pages(16).tolist()[3:] == [page_of("c", 16)]
    assert numbers.pages(7).tolist() == [page_of(key.record_signal, 7) for key in numbers.keys]


def test_the_signals_come_in_the_order_of_their_first_observations_skipped_ones_too():
    batch = read(
        point("z", None),
        json.dumps({"signal": "m", "values": {"b": 1, "a": None, "c": "no number"}}).encode(),
        point("a", 3),
        point("z", 4),
    )
    assert list(batch.signals) == [("z", "z"), ("m", "m.b"), ("m", "m.a"), ("a", "a")]
    assert batch.signals["z", "z"] == SignalColumns([4.0], [None], [3], [0], [0], [0])
    assert batch.signals["m", "m.a"] == SignalColumns(skipped=[1], skipped_positions=[1])
    assert ("a", "m") not in batch.signals
    assert len(batch.signals) == 4


def test_a_record_that_is_rejected_takes_back_all_that_it_brought():
    batch = Batch(SHARD)
    batch.begin(Record("1", "k", 7.0))
    batch.observe("a", None, 1.0, None)
    batch.begin(Record("2", "k", 8.0))
    batch.observe("b", None, 2.0, 5.0)
    batch.observe_column("a", [3.0, 4.0], None)
    batch.skip("c")
    batch.reject_record("reason")
    assert batch.value_array.tolist() == [1.0]
    assert batch.observation(0) == (0, 0, 1.0, None)
    assert numbered(batch) == ["a"]
    assert batch.record_of.tolist() == batch.positions.tolist() == [0]
    assert batch.at_s.tolist() == [7.0]
    assert list(batch.skipped_numbers) == []
    assert list(batch.signals) == [("a", "a")]


def test_a_record_without_an_arrival_and_a_time_was_measured_at_nobody_knows_when():
    batch = Batch(SHARD)
    batch.begin(Record("1", "k", None))
    batch.observe("a", None, 1.0, None)
    assert math.isnan(batch.at_s[0])
    assert math.isnan(batch.records.arrival[0])


def test_other_signals_may_be_set_and_that_is_known():
    batch = read(point("a", 1), point("b", 2))
    assert not batch.is_regrouped
    batch.signals = {key: run for key, run in batch.signals.items() if key.signal == "b"}
    assert batch.is_regrouped
    assert list(batch.signals) == [("b", "b")]


def delivered_as(*identifiers: str) -> Records:
    delivery = event(*(point("a", 1) for _ in identifiers))
    for entry, identifier in zip(delivery["Records"], identifiers, strict=True):
        entry["kinesis"]["sequenceNumber"] = identifier
        entry["eventID"] = f"shardId-0:{identifier}"
    [batch] = decode(delivery)
    return batch.records


def test_sequence_numbers_of_one_length_are_an_array_of_texts():
    records = delivered_as("107", "110", "111")
    assert records.texts is not None
    assert records.texts.tolist() == [b"107", b"110", b"111"]
    assert records.texts.dtype == "S3"
    assert delivered_as("0").texts is not None


@pytest.mark.parametrize(
    "identifiers", [("007", "008"), ("007", "100"), ("9", "10"), ("7", "7"), ("8", "7"), ("00",)]
)
def test_texts_that_do_not_compare_as_their_numbers_are_none(identifiers):
    assert delivered_as(*identifiers).texts is None
