"""Payloads and recordings read one time alike, however it is written and whichever path a payload takes."""

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.recordings.refusal import ReplayRefused
from consumer.decode.times import seconds_of
from consumer.errors import Unlearnable
from tests.clients.recordings.reading import times, written
from tests.consumer.decode.payload_builders import observations, read

FORMS = [
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dt%H:%M:%Sz",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S UTC",
    "%Y-%m-%dT%H:%M:%S+01:00",
    "%Y%m%dT%H%M%SZ",
    "%Y%m%d%H%M%S",
    "%d-%b-%y %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
    "%d %B %Y %H:%M:%S",
    "%a %b %d %H:%M:%S %Y",
    "%Y/%m/%d %H:%M:%S",
    "%a %b %d %H:%M:%S UTC %Y",
    "%a %b %d %H:%M:%S GMT+01:00 %Y",
    "%a, %d %b %Y %H:%M:%S GMT",
    "%a, %d %b %Y %H:%M:%S +0100 (CET)",
    "%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)",
    "%Y-%m-%dT%H:%M:%S+01:00[Europe/Berlin]",
    "%Y-%m-%dT%H:%M:%S,123+01",
    "%Y-%m-%dT%H:%M:%S.1234567Z",
    "%Y-%m-%d %H:%M:%S.123456789 +0100 CET",
    "%Y-%jT%H:%M:%SZ",
    "%Y-%m-%d-%H.%M.%S.123456",
    "%d%b%Y:%H:%M:%S",
]
DOT_NET = "/Date(%d)/"
UNITS = [1, 1_000, 1_000_000, 1_000_000_000]
STARTS = st.datetimes(datetime(2001, 1, 1), datetime(2026, 1, 1))  # noqa: DTZ001


def column(start: datetime, form: str | int) -> list[str | int]:
    """Three moments, a minute apart, in a form, or in a unit of so many in a second."""
    moments = [start.replace(microsecond=0, tzinfo=UTC) + timedelta(minutes=row) for row in range(3)]
    if isinstance(form, int):
        return [int(moment.timestamp()) * form for moment in moments]
    if form == DOT_NET:
        return [form % (int(moment.timestamp()) * 1000) for moment in moments]
    return [moment.strftime(form) for moment in moments]


def of_points(stamps: list) -> list[float]:
    batch = read(
        *(json.dumps({"signal": "a", "value": 1.0, "timestamp": stamp}).encode() for stamp in stamps)
    )
    return [at_s for *_, at_s in observations(batch)]


def of_columns(stamps: list, **fields: object) -> list[float]:
    payload = {"signal": "a", "values": [1.0] * len(stamps), "timestamps": stamps} | fields
    return [at_s for *_, at_s in observations(read(json.dumps(payload).encode()))]


def of_several(stamps: list) -> list[float]:
    payload = [{"key": "a", "body": 1.0, "timestamp": stamp} for stamp in stamps]
    return [at_s for *_, at_s in observations(read(json.dumps(payload).encode()))]


def of_a_gateway(stamps: list) -> list[float]:
    payload = {"values": [{"id": "a", "v": 1.0, "t": stamp} for stamp in stamps]}
    return [at_s for *_, at_s in observations(read(json.dumps(payload).encode()))]


def of_a_recording(stamps: list) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        rows = [f'"{stamp}",{row}' for row, stamp in enumerate(stamps)]
        return times(written(Path(folder), "\n".join(["time,v", *rows]) + "\n"))


WAYS = (of_points, of_columns, of_several, of_a_gateway, of_a_recording)


@given(STARTS, st.sampled_from([*FORMS, DOT_NET, *UNITS]))
@settings(max_examples=150, deadline=None)
def test_each_way_reads_the_same_moments(start, form):
    stamps = column(start, form)
    first, *others = (way(stamps) for way in WAYS)
    assert len(first) == 3
    assert all(other == first for other in others)
    if isinstance(form, int):
        assert first == pytest.approx([stamp / form for stamp in stamps], abs=1e-6)


@pytest.mark.parametrize("unit", UNITS)
def test_numbers_as_text_are_the_same_numbers(unit):
    stamps = column(datetime(2024, 3, 1, 12), unit)  # noqa: DTZ001
    assert of_points([str(stamp) for stamp in stamps]) == of_points(stamps) == of_columns(stamps, unit="bar")


@pytest.mark.parametrize("stamp", [20240301, 202403011200, 20240301120000, 20240301120000123, "20240301"])
def test_the_digits_of_a_date_are_that_date_in_every_way(stamp):
    day = datetime(2024, 3, 1, tzinfo=UTC).timestamp()
    first, *others = (way([stamp]) for way in (of_points, of_columns, of_several, of_a_gateway))
    assert [at_s for at_s in first if day <= at_s < day + 86_400]
    assert all(other == first for other in others)


def test_units_may_be_mixed_where_each_says_its_own():
    stamps = [1_700_000_000, 1_700_000_001_000, 1_700_000_002_000_000, 1_700_000_003_000_000_000, 20240301]
    expected = [1_700_000_000.0, 1_700_000_001.0, 1_700_000_002.0, 1_700_000_003.0, 1_709_251_200.0]
    assert [way(stamps) for way in (of_points, of_columns, of_several)] == [expected] * 3


@pytest.mark.parametrize(
    "stamp",
    [
        638_355_968_000_000_000,
        133_444_520_000_000_000,
        "Tue Nov 14 23:13:20 CET 2023",
        "Nov 14 22:13:20",
        "2023-11-14T22:13:20[Europe/Berlin]",
    ],
)
def test_what_payloads_refuse_recordings_refuse_for_the_same_reason(stamp):
    with pytest.raises(Unlearnable) as one:
        seconds_of(stamp)
    assert [way([stamp]) for way in WAYS[:-1]] == [[]] * (len(WAYS) - 1)
    with pytest.raises(ReplayRefused) as other:
        of_a_recording([stamp])
    assert str(one.value) in str(other.value)
