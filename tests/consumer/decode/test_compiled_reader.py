"""The compiled reader reads what Python reads, bit for bit; what is not plain it leaves."""

import base64
import json
import math
import random
import struct
import sys
import tracemalloc
from array import array
from binascii import a2b_base64

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consumer.decode.delivery import PART, typed
from consumer.decode.lambda_event import decode
from consumer.decode.plain import plain_payloads, plain_records
from consumer.decode.values import VALUE_MAX
from consumer.errors import MalformedEvent
from stack.compiling import NAME, SOURCE
from tests.consumer.compiled import compiled_reader, plain_read_by
from tests.consumer.decode.payload_builders import ARN, SHARD_ID, event, record
from tests.consumer.decode.test_fast_payloads import BODIES, COLUMNS, ODD, POINTS, carefully, plain
from tests.consumer.decode.test_typed_events import ROWS, delivered, quarantined

PREFIX, WIDTH = f"{SHARD_ID}:", 56
POINT = b'{"signal": "a", "value": 42.017, "timestamp": 1700000000.25}'
COLUMN = b'{"signal":"a","timestamps":[1700000000,1700000001.5],"values":[1,-2.5e-3]}'
BARE = b'{"signal":"compressor1.pressure","value":-0.5}'


@pytest.fixture(scope="module")
def reader():
    return compiled_reader()


def bits(numbers):
    return None if numbers is None else struct.pack(f"{len(numbers)}d", *numbers)


def read_of(batch):
    """All that was read, to the last bit and sign."""
    columns = batch.value_array, batch.observed.time_array, batch.numbers, batch.record_of, batch.positions
    keys = [batch.numbering.keys[number] for number in batch.numbers.tolist()]
    records = batch.records
    arrived = [None if at is None else bits([at]) for at in records.arrived_s]
    texts = None if records.texts is None else records.texts.tolist()
    flags = batch.has_untimed, batch.are_keyed_by_signals, batch.observations, batch.unread_from
    return plain(batch), keys, [column.tobytes() for column in columns], arrived, texts, flags


def same(reader, sent, read=decode):
    """What is read by Python, having made sure that the compiled reader's is the same."""
    with plain_read_by(None):
        by_python = read(sent)
    with plain_read_by(reader):
        compiled = read(sent)
    assert list(map(read_of, compiled)) == list(map(read_of, by_python))
    assert list(map(quarantined, compiled)) == list(map(quarantined, by_python))
    return by_python


def as_in_lambda(sent):
    body = json.dumps(sent).encode()
    return decode(typed(body) or json.loads(body))


def points_read(reader, payloads, keys=None, **other):
    limits = {"are_lists": False, "count_max": 100, "value_max": VALUE_MAX, "times": (0.0, 1e19)} | other
    with plain_read_by(reader):
        return plain_payloads(payloads, keys or ["k"] * len(payloads), 0, **limits)


def columns_read(reader, payloads, **other):
    return points_read(reader, payloads, are_lists=True, **other)


def records_read(reader, entries, start=0, end=None):
    with plain_read_by(reader):
        end = len(entries) if end is None else end
        return plain_records(entries, start, end, ARN, PREFIX, WIDTH, 1e11)


def test_what_was_built_beside_the_source_is_of_this_source():
    built = SOURCE.with_name(NAME)
    if built.exists():
        assert built.stat().st_mtime >= SOURCE.stat().st_mtime, "build it again: python -m stack.compiling"


def test_without_it_python_reads_everything():
    assert points_read(None, [POINT]) is None
    assert records_read(None, event(POINT)["Records"]) is None
    with plain_read_by(None):
        [batch] = decode(event(POINT))
    assert batch.value_array.tolist() == [42.017]


# What is plain, it reads.


def test_plain_points_are_read_by_it(reader):
    found = points_read(reader, [POINT, POINT.replace(b'"a"', b'"b"')], ["a", "k"])
    assert found == (
        ["a", "b"],
        [],
        array("d", [42.017] * 2),
        array("d", [1700000000.25] * 2),
    )
    assert points_read(reader, [BARE]).timestamps is None
    ordered = b'\t{ "timestamp" : 1.7e9 ,"value":5\r\n, "signal":""}\n'
    assert points_read(reader, [ordered]).values.tolist() == [5.0]


def test_the_name_is_that_of_the_partition_key_where_they_are_the_same(reader):
    key = "".join(["compressor1", ".pressure"])
    assert points_read(reader, [BARE], [key]).names[0] is key


def test_plain_columns_are_read_by_it(reader):
    names, lengths, values, times = columns_read(reader, [COLUMN, COLUMN])
    assert (names, lengths) == (["a", "a"], [2, 2])
    assert values.tolist() == [1.0, -0.0025] * 2
    assert times.tolist() == [1700000000.0, 1700000001.5] * 2
    assert columns_read(reader, [b'{"signal":"a","values":[ 1 , 2 ]}']).timestamps is None


def test_plain_records_are_read_by_it(reader):
    sent = json.loads(json.dumps(event(*[POINT] * 40)))["Records"]
    sent[3]["kinesis"]["approximateArrivalTimestamp"] = 1_700_000_000
    found = records_read(reader, sent)
    kinesis = [entry["kinesis"] for entry in sent]
    assert found.identifiers == [fields["sequenceNumber"] for fields in kinesis]
    assert found.partition_keys == [fields["partitionKey"] for fields in kinesis]
    assert found.data == [fields["data"] for fields in kinesis]
    assert found.payloads == [POINT] * 40
    assert found.arrived_s == [fields["approximateArrivalTimestamp"] for fields in kinesis]
    assert set(map(type, found.arrived_s)) == {float}
    assert found.joined == "".join(found.identifiers).encode()
    assert records_read(reader, sent, 17, 39) == tuple(
        column[17:39] if isinstance(column, list) else column[17 * WIDTH : 39 * WIDTH] for column in found
    )


def test_a_full_batch_is_read_by_it_in_parts(reader):
    asked = []

    class Counting:
        def records(self, *arguments):
            asked.append(reader.records(*arguments) is not None)
            return reader.records(*arguments)

        def payloads(self, *arguments):
            asked.append(reader.payloads(*arguments) is not None)
            return reader.payloads(*arguments)

    [batch] = same(Counting(), event(*[POINT] * (2 * PART + 5)))
    assert asked == [True] * 6
    assert batch.observations == 2 * PART + 5


# What it reads is what Python reads.


@given(ROWS, st.booleans(), st.sampled_from([decode, as_in_lambda]))
@settings(max_examples=300, deadline=None)
def test_whatever_an_event_holds_is_read_the_same(reader, rows, is_usual, read):
    same(reader, delivered(rows, is_usual), read)


@given(
    st.one_of(
        st.lists(shape, min_size=1, max_size=4) for shape in (POINTS, COLUMNS, st.one_of(POINTS, BODIES, ODD))
    )
)
@settings(max_examples=1000, deadline=None)
def test_payloads_of_one_shape_are_read_the_same_and_as_by_the_careful_reader(reader, shapes):
    sent = event(*(json.dumps(shape).encode() for shape in shapes))
    assert list(map(plain, same(reader, sent))) == list(map(plain, carefully(sent)))


ALTERED_BY = st.one_of(
    st.sampled_from(
        [b"", b'"', b"\\", b",", b":", b"{", b"}", b"[", b"]", b"0", b"-", b"+", b".", b"e", b"E5", b" "]
    ),
    st.sampled_from(
        [b"\x00", b"\x7f", b"\x80", b"\xff", "ü".encode(), b"null", b"NaN", b"Infinity", b"00", b"1" * 60]
    ),
    st.binary(max_size=3),
)


@st.composite
def altered(draw):
    """A plain payload with a place or two that are others."""
    payload = draw(st.sampled_from([POINT, COLUMN, BARE]))
    for _ in range(draw(st.integers(0, 2))):
        start = draw(st.integers(0, len(payload)))
        payload = payload[:start] + draw(ALTERED_BY) + payload[start + draw(st.integers(0, 4)) :]
    return payload


@given(st.lists(altered(), min_size=1, max_size=3))
@example([POINT.replace(b"signal", b"sign\\u0061l")])
@example([b'{"signal":"a","value":1,"value":2}'])
@example([b'{"signal":"a","value":-0}'])
@example([b'{"signal":"a","value":1e-400}'])
@example([b'{"signal":"a","value":4.9e-324}'])
@settings(max_examples=1500, deadline=None)
def test_altered_payloads_are_read_the_same(reader, payloads):
    same(reader, event(*payloads))


DIGITS = st.text("0123456789", max_size=25)
DECIMALS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-"]),
    DIGITS,
    st.one_of(st.just(""), DIGITS.map(".{}".format)),
    st.one_of(
        st.just(""),
        st.builds("{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), DIGITS),
    ),
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False).map(repr)


@given(st.one_of(FLOATS, DECIMALS, st.floats(-1e6, 1e6).map(lambda value: repr(round(value, 3)))))
@example("9007199254740993")
@example("0.1234567890123456789")
@example("9007199254740993.5")
@example("179769313486231580793e80")
@settings(max_examples=2000, deadline=None)
def test_a_number_is_the_float_that_python_makes_of_it(reader, text):
    found = points_read(reader, [b'{"signal":"a","value":%s}' % text.encode()])
    try:
        number = float(json.loads(text))
    except (ValueError, OverflowError):
        assert found is None
        return
    if found is not None:
        assert found.values.tobytes() == bits([number])
    elif len(text) <= 40:
        is_negative_zero = number == 0 and text.startswith("-")
        assert is_negative_zero or not 2.3e-308 < abs(number) <= VALUE_MAX, "a usual number is plain"


@pytest.mark.parametrize(
    "text", ["0", "-0.0", "1e100", "-1e100", "1700000000.123456", "5E-324".lower(), "123456789012345678"]
)
def test_numbers_within_bounds(reader, text):
    found = points_read(reader, [b'{"signal":"a","value":%s}' % text.encode()])
    assert found is None or found.values.tobytes() == bits([float(text)])
    assert (found is None) == (text == "5e-324"), "a subnormal number is Python's to read"


@pytest.mark.parametrize(
    "text", ["1.1e100", "-1.0000001e100", "1e400", "", "-", ".5", "5.", "01", "-01", "1e", "1e+", "+1"]
)
def test_numbers_beyond_or_none(reader, text):
    assert points_read(reader, [b'{"signal":"a","value":%s}' % text.encode()]) is None


def test_times_out_of_bounds_are_left(reader):
    assert points_read(reader, [POINT], times=(0.0, 1700000000.25)) is None
    assert points_read(reader, [POINT], times=(1700000000.5, 1e19)) is None
    assert points_read(reader, [POINT], times=(1700000000.25, 1700000000.5)) is not None


def test_a_list_longer_than_a_record_may_hold_is_left(reader):
    def listed(count):
        return json.dumps({"signal": "a", "values": [1.5] * count}).encode()

    assert columns_read(reader, [listed(2_000)], count_max=2_000).lengths == [2_000]
    assert columns_read(reader, [listed(2_001)], count_max=2_000) is None


# Records.

BASE64 = st.one_of(
    st.binary(max_size=20).map(lambda data: base64.b64encode(data).decode()),
    st.text("AQZaz09+/=-_ \n", max_size=9),
    st.text(max_size=5),
)


@given(BASE64)
@settings(max_examples=1000, deadline=None)
def test_what_it_reads_of_base64_is_what_python_reads(reader, text):
    sent = event(POINT)["Records"]
    sent[0]["kinesis"]["data"] = text
    found = records_read(reader, sent)
    if found is not None:
        assert found.payloads == [a2b_base64(text, strict_mode=True)]
    else:
        assert not is_canonical(text)


def is_canonical(text):
    try:
        return base64.b64encode(a2b_base64(text, strict_mode=True)).decode() == text
    except ValueError:
        return False


ODD_FIELDS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=60),
    st.builds(dict),
    st.builds(list),
)
OF_KINESIS = ("sequenceNumber", "partitionKey", "data", "approximateArrivalTimestamp")
PATHS = st.sampled_from(["", "kinesis", "eventID", "eventSourceARN", *OF_KINESIS])
LEFT_OUT = object()


def alter(entries, place, name, odd):
    """Put something odd in place of a record, or of one of its fields, or leave the field out."""
    if name == "":
        entries[place] = None if odd is LEFT_OUT else odd
        return
    fields = entries[place]["kinesis"] if name in OF_KINESIS else entries[place]
    if odd is LEFT_OUT:
        del fields[name]
    else:
        fields[name] = odd


@given(st.integers(1, 40), st.data())
@settings(max_examples=700, deadline=None)
def test_altered_records_are_read_the_same_or_refused_for_the_same_reason(reader, count, data):
    sent = event(*[POINT] * count)
    for place in data.draw(st.sets(st.integers(0, count - 1), max_size=2)):
        alter(sent["Records"], place, data.draw(PATHS), data.draw(st.one_of(ODD_FIELDS, st.just(LEFT_OUT))))

    def refused_or_read(how):
        with plain_read_by(how):
            try:
                return list(map(read_of, decode(sent)))
            except MalformedEvent as error:
                return str(error)

    assert refused_or_read(reader) == refused_or_read(None)


@pytest.mark.parametrize(
    ("sequence_number", "key", "event_id"),
    [
        ("1" * 55, "k", None),
        ("1" * 55 + "x", "k", None),
        ("1" * 55 + "\u0661", "k", None),
        ("1" * 56, "\ud800", None),
        ("1" * 56, "k", f"shardId-000000000001:{'1' * 56}"),
        ("1" * 56, "k", f"{SHARD_ID}:{'2' * 56}"),
        ("1" * 56, "k", "\ud800" * 77),
    ],
)
def test_records_that_are_not_of_the_shard_are_left(reader, sequence_number, key, event_id):
    entry = record(POINT, partition_key=key)
    entry["kinesis"]["sequenceNumber"] = sequence_number
    entry["eventID"] = f"{PREFIX}{sequence_number}" if event_id is None else event_id
    found = records_read(reader, [entry])
    assert (found is None) == (key == "k"), "a key is any text"


@pytest.mark.parametrize("places", [(1, 0), (PART, PART - 1), (PART + 1, PART), (5, 5)])
def test_records_that_do_not_ascend_are_sorted_and_each_once_whoever_reads_them(reader, places):
    """Within a part, and from one to the next."""
    sent = event(*[POINT] * (PART + 10))
    first, second = places
    entries = sent["Records"]
    if first == second:
        entries[first] = entries[first - 1]
    else:
        entries[first], entries[second] = entries[second], entries[first]
    [batch] = same(reader, sent)
    numbers = batch.records.sequence_numbers
    assert numbers == sorted(set(numbers))
    assert len(numbers) == PART + 10 - (first == second)
    assert batch.observations == len(numbers)


# It reads the world's bytes: nothing but these, and it keeps none.


def test_it_reads_no_byte_beyond_a_payload(reader):
    whole = [POINT, COLUMN, BARE]
    for payload in whole:
        for end in range(len(payload)):
            assert points_read(reader, [payload[:end]]) is None
            assert columns_read(reader, [payload[:end]]) is None


@pytest.mark.parametrize(
    "arguments", [([POINT], [], 0), ([POINT], ["k"], 1), ([POINT], ["k"], -1), ([], [], 0)]
)
def test_places_that_are_not_there_are_left(reader, arguments):
    assert reader.payloads(*arguments, False, 1, 1.0, 0.0, 1.0) is None


@pytest.mark.parametrize("places", [(0, 2), (-1, 1), (1, 1), (1, 0), (0, sys.maxsize)])
def test_records_that_are_not_there_are_left(reader, places):
    assert reader.records(event(POINT)["Records"], *places, ARN, PREFIX, WIDTH, 1e11) is None
    assert reader.records(event(POINT)["Records"], 0, 1, ARN, PREFIX, sys.maxsize, 1e11) is None


@pytest.mark.parametrize("other", [None, 5, "text", [b"{"], bytearray(POINT)])
def test_what_is_of_another_type_is_left(reader, other):
    assert reader.payloads([other], ["k"], 0, False, 1, 1.0, 0.0, 1.0) is None
    assert reader.records([other], 0, 1, ARN, PREFIX, WIDTH, 1e11) is None


def test_whether_it_reads_or_leaves_what_it_was_given_nothing_stays_in_memory(reader):
    rng = random.Random(5)
    usual = event(*[POINT] * 50)["Records"]
    odd = event(*[POINT] * 50)["Records"]
    odd[rng.randrange(30, 50)]["kinesis"]["data"] = "A"
    late = [*[POINT] * 40, b"{"]

    def once():
        records_read(reader, usual)
        records_read(reader, odd)
        points_read(reader, [POINT] * 40)
        points_read(reader, late)
        columns_read(reader, [COLUMN] * 40)
        columns_read(reader, [*[COLUMN] * 40, b"["])

    once()
    counts = [
        sys.getrefcount(part)
        for entry in usual
        for part in (entry, *entry.values(), *entry["kinesis"].values())
    ]
    tracemalloc.start()
    try:
        for _ in range(100):  # Python makes room for itself, once
            once()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(200):
            once()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 4096
    assert counts == [
        sys.getrefcount(part)
        for entry in usual
        for part in (entry, *entry.values(), *entry["kinesis"].values())
    ]


def test_not_a_number_is_never_read(reader):
    assert points_read(reader, [b'{"signal":"a","value":NaN}']) is None
    entry = record(POINT)
    entry["kinesis"]["approximateArrivalTimestamp"] = math.nan
    assert records_read(reader, [entry]) is None
