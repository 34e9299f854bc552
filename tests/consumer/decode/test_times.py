"""One reader of times: every form that is promised, in payloads and in recordings alike."""

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.decode.printed_times import rewritten
from consumer.decode.times import (
    ANY_TIME,
    TimeLimits,
    is_time_of_day,
    readings,
    seconds_array,
    seconds_of,
)
from consumer.errors import Unlearnable

NOON = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
NOON_S = 1_700_000_000.0


@pytest.mark.parametrize(
    "written",
    [
        "2023-11-14T22:13:20Z",
        "2023-11-14t22:13:20z",
        "2023-11-14 22:13:20",
        "20231114T221320Z",
        "20231114T221320",
        "2023-11-14T23:13:20+01:00",
        "2023-11-14 23:13:20 +0100",
        "2023-11-14 22:13:20 UTC",
        "2023-W46-2T22:13:20Z",
        "2023-11-14 22:13:20 +0000 UTC",
        "2023-11-14T22:13:20,000Z",
        "2023-11-14T22:13:20.000000000Z",
        1_700_000_000,
        1_700_000_000.0,
        1_700_000_000_000,
        1_700_000_000_000_000,
        1_700_000_000_000_000_000,
        "1700000000",
        "1700000000000",
        "1700000000000000",
        "1700000000000000000",
        "1.7E9",
        20231114221320,
        "20231114221320",
        "20231114221320000",
        "14-Nov-23 22:13:20",
        "14-NOV-2023 22.13.20",
        "14 November 2023, 22:13:20",
        "Nov 14, 2023 10:13:20 PM",
        "Tue, 14 Nov 2023 22:13:20 GMT",
        "Tue Nov 14 22:13:20 2023",
        "14/Nov/2023:23:13:20 +0100",
        "14. Nov. 2023 22:13:20",
        "14/11/2023 22:13:20",
        "11/14/2023 10:13:20 PM",
        "14.11.2023 22:13:20",
        "2023/11/14 22:13:20",
        "11/14/23 22:13:20",
        "  2023-11-14 22:13:20 ",
        # As programs print them.
        "Tue Nov 14 22:13:20 UTC 2023",
        "Tue Nov 14 22:13:20 GMT 2023",
        "Tue Nov 14 23:13:20 GMT+01:00 2023",
        "Tue Nov 14 10:13:20 PM UTC 2023",
        "Tue 14 Nov 22:13:20 UTC 2023",
        "Tue 14 Nov 2023 10:13:20 PM UTC",
        "Tue, 14 Nov 2023 22:13:20 +0000",
        "Tue, 14 Nov 2023 22:13:20 UT",
        "Tue, 14 Nov 2023 23:13:20 +0100 (CET)",
        "Tuesday, 14-Nov-23 22:13:20 GMT",
        "Tue Nov 14 2023 23:13:20 GMT+0100 (Central European Standard Time)",
        "11/14/2023, 10:13:20\u202fPM",
        "\u200e11\u200e/\u200e14\u200e/\u200e2023\u200e \u200e22\u200e:\u200e13\u200e:\u200e20",
        "November 14, 2023 at 10:13:20 PM",
        "2023-11-14 23:13:20 +0100 CET m=+0.000000001",
        "2023-11-14 22:13:20 UTC+0",
        "2023-11-14T23:13:20+01:00[Europe/Berlin]",
        "2023-11-14T22:13:20Z[UTC]",
        "2023-11-14T21:13:20\u221201:00",
        "2023-11-14T22:13:20,000+00",
        "2023-11-14 22:13:20 GMT",
        "/Date(1700000000000)/",
        "/Date(1700000000000+0100)/",
        "\\/Date(1700000000000)\\/",
        "2023-318T22:13:20Z",
        "2023-11-14-22.13.20",
        "2023-11-14-22.13.20.000000",
        "2023.11.14D22:13:20.000000000",
        "2023-11-14_22-13-20",
        "14NOV2023:22:13:20",
        "14NOV23:22:13:20",
        "14/Nov/23:22:13:20",
        "14.11.2023, 22:13:20 Uhr",
        "14 nov. 2023 à 22:13:20",
    ],
)
def test_every_form_that_is_promised_is_one_time(written):
    assert seconds_of(written) == NOON_S


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("20231114", "2023-11-14T00:00"),
        (20231114, "2023-11-14T00:00"),
        ("202311142213", "2023-11-14T22:13"),
        ("2023-11-14 24:00", "2023-11-15T00:00"),
        ("20231114221320123", "2023-11-14T22:13:20.123"),
        ("3. März 2024 7:05", "2024-03-03T07:05"),
        ("03-Mar-24", "2024-03-03T00:00"),
        ("2024/3/3 7:05", "2024-03-03T07:05"),
        ("12/31/1999 12:00 AM", "1999-12-31T00:00"),
        ("1-Dic-2020 13:00", "2020-12-01T13:00"),
    ],
)
def test_forms_of_other_precisions(written, expected):
    assert seconds_of(written) == datetime.fromisoformat(expected).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize("written", ["03/04/2024", "3/4/2024 10:00", "03-04-2024 10:00:00", "04/03/12 10:00"])
def test_what_may_have_the_day_or_the_month_first_is_not_guessed(written):
    with pytest.raises(Unlearnable, match="the day first or the month"):
        seconds_of(written)


def test_an_order_that_is_known_decides():
    march, april = datetime(2024, 3, 4, tzinfo=UTC), datetime(2024, 4, 3, tzinfo=UTC)
    assert seconds_of("03/04/2024", "MDY") == march.timestamp()
    assert seconds_of("03/04/2024", "DMY") == april.timestamp()
    assert seconds_of("03.04.2024") == april.timestamp()
    with pytest.raises(Unlearnable, match="order is MDY"):
        seconds_of("13/04/2024", "MDY")


@pytest.mark.parametrize(
    "written",
    [
        "",
        "yesterday",
        "12:30",
        "13/13/2024",
        "2024-02-30",
        "2024-03-01 25:00",
        "30-Feb-24",
        "1_700",
        "nan",
        "10000-01-01",
    ],
)
def test_what_is_no_time_is_refused(written):
    with pytest.raises(Unlearnable):
        seconds_of(written)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("Tue Nov 14 23:13:20 CET 2023", "CET is not one zone everywhere"),
        ("2023-11-14 17:13:20 EST", "EST is not one zone everywhere"),
        ("2023-11-14T22:13:20[Europe/Berlin]", "neither ISO 8601"),
        ("Nov 14 22:13:20", "neither ISO 8601"),  # of syslog, without a year
        ("14 Nov 22:13", "neither ISO 8601"),
        ("14-Nov-22:13:20", "neither ISO 8601"),
        ("11/14/22:13:20", "neither ISO 8601"),
        ("2023-11-14+01:00", "neither ISO 8601"),  # a day in a zone, or one o'clock
        ("2023-11-14-05:00", "neither ISO 8601"),
        ("20231114+0100", "neither ISO 8601"),
        ("2023-W46-2+01:00", "neither ISO 8601"),
        ("2023-366", "neither ISO 8601"),
        ("2023-000", "neither ISO 8601"),
        ("22:13 AM 14.11.2023", "neither ISO 8601"),
        ("14.11.2023 22:13 AM", "no such time of day"),
        (638_355_968_000_000_000, ".NET ticks"),
        ("638355968000000000", ".NET ticks"),
        (133_444_520_000_000_000, "Windows file time"),
        (133_444_520_000_000_000.0, "Windows file time"),
        ("2023-11-14 22:13:20" + " m=+0.1" * 10_000, "neither ISO 8601"),
        ("2023-11-14 22:13:20Z" + " (a)" * 40, "neither ISO 8601"),
    ],
)
def test_what_is_no_time_by_itself_is_refused_with_a_reason(written, reason):
    with pytest.raises(Unlearnable) as refused:
        seconds_of(written)
    assert reason in str(refused.value)


@given(
    st.sampled_from([("1601-01-01", "Windows file time"), ("0001-01-01", ".NET ticks")]),
    st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)),  # noqa: DTZ001
)
def test_what_counts_100_ns_is_not_taken_for_nanoseconds(clock, moment):
    start, name = clock
    ticks = (moment - datetime.fromisoformat(start)) // timedelta(microseconds=1) * 10
    for written in (ticks, str(ticks), float(ticks)):
        with pytest.raises(Unlearnable, match=name):
            seconds_of(written)
    assert seconds_array(np.array([float(ticks)] * 3)) is None


@pytest.mark.parametrize(
    "written", [f"2023-11-14T22:13:20.{'1234567891'[:digits]}Z" for digits in range(1, 11)]
)
def test_fractions_have_any_digits(written):
    digits = written[20:-1]
    assert seconds_of(written) == pytest.approx(NOON_S + float(f"0.{digits}"), abs=1e-6)


@given(st.text(max_size=60) | st.from_regex(r"[A-Z0-9 :.,+/()\[\]-]{1,40}", fullmatch=True))
def test_what_is_rewritten_is_a_time_or_refused(written):
    found = rewritten(written)
    assert found != written
    for text in (written, found):
        try:
            if text is not None:
                assert math.isfinite(seconds_of(text))
        except Unlearnable:
            continue


@pytest.mark.parametrize("written", [True, None, [1], {"s": 1}])
def test_what_has_no_type_of_a_time_is_refused(written):
    with pytest.raises(Unlearnable, match="ISO 8601 text or a number"):
        seconds_of(written)


def test_times_of_day_are_told_from_numbers():
    assert all(map(is_time_of_day, ["00:00", "7:05", "23:59:59.999", "1:05 PM", "12.30.00"]))
    assert not any(map(is_time_of_day, ["49.63", "2024-03-01", "12", "", "on"]))


SHIPPED = TimeLimits()


def excluded(*times: float, arrived_s: float = NOON_S, limits: TimeLimits = SHIPPED) -> list[bool]:
    return limits.excluded(np.array(times), np.full(len(times), arrived_s)).tolist()


def test_only_clocks_that_were_set_are_believed():
    assert not any(excluded(NOON_S - 86_400 * 3650, NOON_S + 86_400, 946_684_800.0))
    assert all(excluded(NOON_S + 86_401, 0.0, 946_684_799.0, -11_644_473_600.0))
    assert excluded(math.nan) == [False], "none is none"


def test_the_days_of_a_spreadsheet_are_not_believed_as_those_of_a_clock_that_was_never_set():
    assert all(excluded(*map(seconds_of, (45_244, 45_244.93, "45244.93", 36_526, 73_050))))


def test_without_an_arrival_and_without_limits_no_time_is_too_late():
    assert excluded(NOON_S + 1e9, 0.0, arrived_s=math.nan) == [False, True]
    assert not any(excluded(NOON_S + 1e9, 0.0, -1e10, limits=ANY_TIME))
    assert excluded(0.0, 5.0, 61.0, arrived_s=0.0, limits=TimeLimits(1.0, 60.0)) == [True, False, True]


FORMS = [
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%d %H:%M:%S",
    "%Y%m%dT%H%M%S",
    "%Y%m%d%H%M%S",
    "%d.%m.%Y %H:%M:%S",
    "%d-%b-%Y %H:%M:%S",
    "%b %d, %Y %I:%M:%S %p",
    "%a %b %d %H:%M:%S %Y",
    "%Y/%m/%d %H:%M:%S",
    "%d %B %Y %H:%M:%S",
]


@given(st.datetimes(datetime(2000, 1, 1), datetime(2068, 12, 31)), st.sampled_from(FORMS))  # noqa: DTZ001
def test_a_moment_is_read_back_from_every_form(moment, form):
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    assert seconds_of(moment.strftime(form)) == moment.timestamp()


@given(st.datetimes(datetime(2000, 1, 1), datetime(2068, 12, 31)), st.sampled_from([1, 1e3, 1e6, 1e9]))  # noqa: DTZ001
def test_an_epoch_is_read_back_from_every_unit(moment, unit):
    at_s = (moment.replace(microsecond=0, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        seconds=1
    )
    assert seconds_of(int(at_s * unit)) == pytest.approx(at_s, abs=1e-6)
    assert seconds_of(str(int(at_s * unit))) == seconds_of(int(at_s * unit))


@given(st.text(max_size=30) | st.integers() | st.floats())
def test_nothing_that_is_written_raises_anything_else(written):
    try:
        readings(written)
        seconds_of(written)
    except Unlearnable:
        pass


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("20231114221320Z", 1_700_000_000.0),
        ("20231114221320+0100", 1_699_996_400.0),
        ("20231114221320-05:00", 1_700_018_000.0),
        ("202311142213Z", 1_699_999_980.0),
        ("20231114221320.5", 1_700_000_000.5),
        ("20231114221320,25", 1_700_000_000.25),
        (20231114221320.5, 1_700_000_000.5),
        ("1711110112123.5", 1_711_110_112.1235),
    ],
)
def test_of_digits_that_go_on_the_ninth_is_no_letter_between_day_and_hour(written, expected):
    assert seconds_of(written) == expected


@pytest.mark.parametrize(
    "beyond",
    [
        "9999-12-31 24:00:00+01:00",
        "9999-12-31T23:59:60-05:00",
        "31.12.9999 24:00 +01:00",
        "0001-01-01 00:00 +14:00",
    ],
)
def test_a_time_at_the_end_of_the_calendar_is_refused_in_any_zone(beyond):
    with pytest.raises(Unlearnable, match="outside the years"):
        seconds_of(beyond)
    with pytest.raises(Unlearnable):
        seconds_of(beyond, zone=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    "last",
    [
        "9999-12-31T23:59:59.999Z",
        "9999-12-31T23:59:59.9999999",
        "9999-12-31 23:59:59.999999 UTC",
        "99991231T235959.999999Z",
        "31-Dec-9999 23:59:59.999",
        "9999-12-31T18:59:59.9999999-05:00",
    ],
)
def test_the_last_second_of_the_calendar_counts_as_a_whole(last):
    assert seconds_of(last) == 253_402_300_799.0


@given(
    st.timedeltas(timedelta(0), timedelta(days=2) - timedelta(seconds=1)),
    st.sampled_from(["+14:00", "-12:00", "Z", " UTC", "+05:45", ""]),
    st.sampled_from(
        ["%Y-%m-%dT%H:%M:%S", "%d.%m.%Y %H:%M:%S", "%Y%m%d%H%M%S", "%d-%b-%Y %H:%M:%S", "%Y-%m-%dt24:00"]
    ),
)
def test_the_last_days_of_the_calendar_are_times_or_refused(since, zone, form):
    moment = datetime(9999, 12, 30, tzinfo=UTC) + since
    for place in (UTC, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("America/New_York")):
        try:
            assert math.isfinite(seconds_of(moment.strftime(form) + zone, zone=place))
        except Unlearnable:
            continue


@pytest.mark.parametrize("offset", ["+24:00", "-24:00", "+24", "+99:59", "+23:60"])
@pytest.mark.parametrize("written", ["2023-11-14 22:13:20 ", "14.11.2023 22:13 ", "20231114221320"])
def test_no_offset_is_a_day_or_more(written, offset):
    with pytest.raises(Unlearnable):
        seconds_of(written + offset)
