"""What is a number and what is a time: the same for one value as for a whole column."""

import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consumer.decode.times import seconds_column, seconds_of
from consumer.decode.values import VALUE_MAX, iso8601, number, numbers, shortened
from consumer.errors import Unlearnable

HUGE = st.sampled_from(
    [
        10**400,
        -(10**400),
        10**100,
        10**100 + 1,
        int(1e100),
        int(1e100) + 1,
        10**101,
        2**53 + 1,
        2**63,
        10**5000,
    ]
)
EDGES = st.sampled_from(
    [
        *(1e11, -1e11, 1e11 - 1, 99_999_999_999.999, 253_402_300_799, 253_402_300_800, 253_402_300_799_000.5),
        *(
            253_402_300_799_001,
            -62_135_596_800,
            -62_135_596_801,
            math.nan,
            math.inf,
            -math.inf,
            1e100,
            1.01e100,
        ),
    ]
)
NUMBERS = st.integers() | st.floats() | HUGE | EDGES
TIMES = (
    st.integers(-(10**11), 3 * 10**11)
    | st.integers(10**11, 3 * 10**14)
    | st.floats(-1e11, 3e14)
    | st.integers(8, 22).flatmap(lambda digits: st.integers(10 ** (digits - 1), 10**digits))
)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1))  # noqa: DTZ001
UNITS = st.lists(MOMENTS, max_size=4).flatmap(
    lambda moments: st.sampled_from([1, 1_000, 1_000_000, 1_000_000_000]).map(
        lambda unit: [int(moment.replace(tzinfo=UTC).timestamp()) * unit for moment in moments]
    )
)
ANYTHING = (
    NUMBERS
    | TIMES
    | st.none()
    | st.booleans()
    | st.text(max_size=8)
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(max_size=2), st.integers(), max_size=2)
)
COLUMNS = st.lists(NUMBERS) | st.lists(TIMES) | st.lists(ANYTHING) | UNITS


def one_by_one(read, column):
    """What each is on its own; None where one of them is refused."""
    try:
        return [read(each) for each in column]
    except Unlearnable:
        return None


def read_or_reason(read, each):
    try:
        return read(each)
    except Unlearnable as error:
        return str(error)


def same(one: list[float], other: list[float]) -> bool:
    return [(value, math.copysign(1, value)) for value in one] == [
        (value, math.copysign(1, value)) for value in other
    ]


@given(COLUMNS)
@example([1.5, 10**400])
@example([math.nan, 10**400])
@example([math.inf, -math.inf])
@example([1.0, math.nan, 2.0])
@example([True, 1])
@example([-0.0, 0])
def test_a_column_of_values_is_what_its_values_are_one_by_one(column):
    fast = numbers(column)
    if fast is not None:
        slow = one_by_one(number, column)
        assert slow is not None
        assert same(fast, slow)
        assert all(type(value) is float for value in fast)


@given(COLUMNS)
@example([1.5, 10**400])
@example([10**400, -1.5])
@example([math.nan, 10**400])
@example([math.inf, -math.inf])
@example([1.0, math.nan, 2.0])
@example([1.7e12, math.nan, 1.7e12])
@example([99_999_999_999.0, 100_000_000_000])
@example([1_700_000_000, True])
@example([20_240_301, 19_000_101])
@example([202_403_011_200, 631_152_000_000])
@example([20_240_301_120_000, 99_999_999_999_999])
@example([20_240_301_120_000_123, 10**17 - 1])
@example([10**16 - 1, 10**17, 10**19 - 1])
@example([20_240_301_120_000_123_456, 10**20])
def test_a_column_of_timestamps_is_what_its_timestamps_are_one_by_one(column):
    fast = seconds_column(column)
    if fast is not None:
        slow = one_by_one(seconds_of, column)
        assert slow is not None
        assert same(fast, slow)


def test_plain_columns_are_read_at_once():
    assert numbers([1, 2.5, -1e100]) == [1.0, 2.5, -1e100]
    assert seconds_column([1_700_000_000, 1_700_000_000.5]) == [1_700_000_000, 1_700_000_000.5]
    assert seconds_column([1_700_000_000_000, 1_700_000_000_500.0]) == [1_700_000_000.0, 1_700_000_000.5]
    assert seconds_column([1_700_000_000_000_000, 1_700_000_000_500_000]) == [
        1_700_000_000.0,
        1_700_000_000.5,
    ]
    assert seconds_column([1_700_000_000_000_000_000]) == [1_700_000_000.0]


@given(ANYTHING | st.floats().map(str) | st.integers().map(str))
@example(math.nan)
@example("nan")
@example("-inf")
@example("1e101")
@example(10**400)
def test_a_number_is_finite_and_in_bounds_or_refused(value):
    found = read_or_reason(number, value)
    if isinstance(found, str):
        assert 0 < len(found) < 200
    else:
        assert type(found) is float
        assert abs(found) <= VALUE_MAX
        assert found == float(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (42, 42.0),
        ("42", 42.0),
        (" -4.2e1\n", -42.0),
        (True, 1.0),
        (False, 0.0),
        (1e100, 1e100),
        (-(10**100), -1e100),
        ("1e100", 1e100),
        (5e-324, 5e-324),
        (2**53 + 1, 9007199254740992.0),
    ],
)
def test_what_is_a_number(value, expected):
    assert number(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        [1],
        "",
        " ",
        "x",
        "1_0",
        "0x10",
        "1,5",
        "٤٢",
        "nan",
        "Infinity",
        1.0001e100,
        10**101,
        "1e400",
    ],
)
def test_what_is_none(value):
    with pytest.raises(Unlearnable):
        number(value)


@given(ANYTHING | st.floats().map(str) | st.integers().map(str) | st.datetimes().map(str))
def test_a_timestamp_has_a_date_or_is_refused(timestamp):
    found = read_or_reason(seconds_of, timestamp)
    if isinstance(found, str):
        assert 0 < len(found) < 200
    else:
        assert datetime.fromisoformat(iso8601(found)).tzinfo is not None


@given(st.datetimes(timezones=st.timezones() | st.just(UTC)))
def test_iso_8601_with_a_zone_comes_back_as_utc(moment):
    try:
        found = seconds_of(moment.isoformat())
    except Unlearnable:
        assert moment.year in (1, 9999)
    else:
        back = datetime.fromisoformat(iso8601(found))
        # A float of seconds has 30 microseconds to spare in the year 9999.
        assert abs((back - moment).total_seconds()) < 4e-5


@given(st.floats(-62_135_596_800, 253_402_300_799))
@example(-62_135_596_800.0)
@example(253_402_300_799.0)
def test_seconds_go_to_iso_8601_and_back(timestamp_s):
    assert abs(seconds_of(iso8601(timestamp_s)) - timestamp_s) < 4e-5


@given(st.integers(1_000_000_000, 4_000_000_000_000))
@example(1_701_011_231_200)
@example(1_579_093_020_000)
def test_a_number_means_the_same_as_text(timestamp):
    assert seconds_of(str(timestamp)) == seconds_of(timestamp)


def test_every_minute_of_a_year_in_milliseconds_as_text_is_that_minute():
    for minute in range(1_700_000_040_000, 1_731_600_000_000, 60_000 * 7):
        assert seconds_of(str(minute)) == minute / 1000


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ("2023-11-14T22:13:20Z", 1_700_000_000.0),
        ("2023-11-14T22:13:20", 1_700_000_000.0),
        ("2023-11-14 22:13:20+00:00", 1_700_000_000.0),
        ("2023-11-14T23:13:20.5+01:00", 1_700_000_000.5),
        ("20231114T221320Z", 1_700_000_000.0),
        ("2023-11-14", 1_699_920_000.0),
        ("20231114", 1_699_920_000.0),
        ("1700000000", 1_700_000_000.0),
        ("1700000000.25", 1_700_000_000.25),
        ("1700000000250", 1_700_000_000.25),
        (1_700_000_000_250.0, 1_700_000_000.25),
        (0, 0.0),
        (-86400, -86400.0),
        (-100_000_000_000, -100_000_000.0),
    ],
)
def test_what_is_a_time(timestamp, expected):
    assert seconds_of(timestamp) == expected


def test_no_time_has_no_text():
    assert iso8601(None) is None
    never = (1e300, -1e300, float("inf"), float("nan"), 253_402_300_800.0)
    assert [iso8601(at_s) for at_s in never] == [None] * 5


@given(st.text() | ANYTHING)
def test_a_reason_shows_little_of_a_value(value):
    assert len(shortened(value)) <= 61


def test_a_reason_shows_even_what_python_does_not_print():
    deep = json.loads("[" * 500 + "]" * 500)
    for _ in range(600):
        deep = [deep]
    assert shortened(deep)
    assert shortened(10**5000)
