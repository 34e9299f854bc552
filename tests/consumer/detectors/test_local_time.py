"""Local time is what the zone's clocks show, of each time and of many at once, in every year."""

import math
import struct
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.detectors.in_columns.hour_cells import TIME_MAX
from consumer.detectors.local_time import clock_of, hour_of_day, local_time, zone_of
from consumer.errors import ConfigurationError

ZONES = [
    *("Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Africa/Casablanca", "Africa/Monrovia"),
    *("Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Chatham"),
    *("Pacific/Apia", "Asia/Tehran", "Antarctica/Troll", "Asia/Gaza", "Etc/GMT+12", "UTC"),
]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
YEAR_2150_S = 5_680_281_600
RULES = cache(zone_of)
"""`zone_of` reads a zone's file each time."""


def shown_s(zone: str, at_s: int) -> float:
    """What Python's own zone says, by the same rules: the system's may be of another year."""
    shown = (EPOCH + timedelta(seconds=at_s)).astimezone(RULES(zone))
    return at_s + shown.utcoffset().total_seconds()


@given(
    st.sampled_from(ZONES),
    st.lists(
        st.integers(-2_000_000_000, YEAR_2150_S) | st.integers(0, 2_000_000_000), min_size=1, max_size=20
    ),
)
def test_the_local_time_is_what_pythons_own_zone_shows(zone, times):
    clock = local_time(zone)
    expected = [shown_s(zone, at_s) for at_s in times]
    assert [clock.local_s(float(at_s)) for at_s in times] == expected
    assert clock.all_local_s(np.array(times, dtype=np.float64)).tolist() == expected


@pytest.mark.parametrize("zone", ZONES)
def test_each_change_of_the_clocks_is_found_to_the_second_also_where_only_rules_go_on(zone):
    clock, hour, changes = local_time(zone), 3600, 0
    for year in (1975, 1996, 2026, 2037, 2038, 2060, 2099):
        start = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
        for at_s in range(start, start + 366 * 24 * hour, 24 * hour):
            if shown_s(zone, at_s + 24 * hour) - shown_s(zone, at_s) == 24 * hour:
                continue
            changes += 1
            minutes = range(at_s + 60, at_s + 24 * hour + 60, 60)
            edges = [edge for edge in minutes if shown_s(zone, edge) != shown_s(zone, edge - 1) + 1]
            assert edges
            for edge in edges:
                for near in (edge - 2, edge - 1, edge, edge + 1):
                    assert clock.local_s(float(near)) == shown_s(zone, near)
    assert changes >= (4 if zone in ("Europe/Berlin", "America/New_York", "Pacific/Chatham") else 0)


@given(
    st.sampled_from(ZONES),
    st.lists(
        st.floats(allow_nan=True, allow_infinity=True)
        | st.floats(0.0, TIME_MAX)
        | st.floats(1.5e9, 2.0e9)
        | st.sampled_from([-0.0, 5e-324, 1_774_746_000.0, math.nextafter(1_774_746_000.0, 0.0), TIME_MAX]),
        min_size=1,
        max_size=30,
    ),
)
def test_many_times_at_once_are_bit_for_bit_those_of_each(zone, times):
    clock = local_time(zone)
    alone = [clock.local_s(at_s) for at_s in times]
    together = clock.all_local_s(np.array(times)).tolist()
    assert struct.pack(f"{len(times)}d", *together) == struct.pack(f"{len(times)}d", *alone)


def test_the_rules_are_those_of_the_pinned_package_where_it_is_installed(tmp_path, monkeypatch):
    """As in the function: not those of the system, which may be of another year."""
    rules = b"TZif2" + b"\0" * 15 + struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    rules += struct.pack(">lbb", 5_400, 0, 0) + b"ABC\0"
    packages = {"tzdata.zoneinfo": tmp_path, "tzdata": tmp_path}
    (tmp_path / "zones").write_text("Berlin")
    monkeypatch.setattr(resources, "files", packages.__getitem__)
    (tmp_path / "Berlin").write_bytes(rules + rules + b"\nABC-1:30\n")
    assert zone_of("Berlin").utcoffset(EPOCH) == timedelta(minutes=90)
    with pytest.raises(ConfigurationError, match="'Europe/Berlin' is no time zone"):
        zone_of("Europe/Berlin")


def test_an_hour_may_begin_at_half_past():
    half_past_s = 1_800.0
    kolkata = clock_of("Asia/Kolkata")
    assert [hour_of_day(at_s, kolkata) for at_s in (0.0, half_past_s - 1.0, half_past_s)] == [5, 5, 6]
    assert [hour_of_day(at_s, clock_of("UTC")) for at_s in (0.0, half_past_s, 3600.0)] == [0, 0, 1]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Europe/Berln", "nearest: Europe/Berlin"),
        ("europe berlin", "nearest: Europe/Berlin"),
        ("Mars", "such as Europe/Berlin"),
        *((name, "no time zone") for name in ("", "Europe", "/etc/localtime", "../UTC", "+01:00", "a\x00b")),
    ],
)
def test_what_is_no_zone_is_refused_with_the_nearest(name, said):
    with pytest.raises(ConfigurationError, match=said):
        local_time(name)
