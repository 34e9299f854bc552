"""Mutes of an asset or a line, and at times that come again by the plant's clocks or in its calendars."""

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.detectors.local_time import local_time
from consumer.events.mutes import Mute, MuteIndex, content_of, mutes_in, readable_entries
from consumer.events.weekly_times import weekly_times
from consumer.settings.signal_settings import CalendarEntry, Entry, SettingsFile, SettingsOfSignals
from consumer.use_cases import USE_CASES

ALWAYS = ("2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z")
BERLIN = ZoneInfo("Europe/Berlin")


def mute(pattern: str = "*", **conditions) -> Mute:
    return Mute(pattern, *ALWAYS, **conditions)


def at(*time: int) -> float:
    return datetime(*time, tzinfo=BERLIN).timestamp()


def settings(**fields) -> SettingsOfSignals:
    return SettingsOfSignals("drift", USE_CASES["drift"], SettingsFile(1, **fields))


@pytest.mark.parametrize(
    ("text", "on", "off"),
    [
        (
            "Sat 06:00-14:00",
            [(2026, 3, 28, 6), (2026, 3, 28, 13, 59)],
            [(2026, 3, 28, 5, 59), (2026, 3, 28, 14)],
        ),
        ("Sun 22:00-06:00", [(2026, 3, 29, 22), (2026, 3, 30, 5)], [(2026, 3, 29, 5), (2026, 3, 30, 6)]),
        ("Mon-Fri 00:00-24:00", [(2026, 3, 27, 23), (2026, 3, 23)], [(2026, 3, 28), (2026, 3, 22, 23)]),
        (
            "fri-mon,Wed 12:00-13:00",
            [(2026, 3, day, 12) for day in (25, 27, 28, 29, 30)],
            [(2026, 3, 26, 12)],
        ),
        (
            "daily 02:00-03:30",
            [(2026, 7, 1, 2), (2026, 12, 31, 3, 29)],
            [(2026, 7, 1, 3, 30), (2026, 7, 1, 1)],
        ),
    ],
)
def test_times_of_the_week_go_by_the_plants_clocks(text, on, off):
    mutes = MuteIndex([mute(every=text, time_zone="Europe/Berlin")])
    assert all(mutes.until("drift", "s", at(*time)) is not None for time in on)
    assert all(mutes.until("drift", "s", at(*time)) is None for time in off)


@given(
    st.sampled_from(["Sat 06:00-14:00", "Sun 00:30-04:00", "Sat 22:00-06:00", "daily 01:15-02:45"]),
    st.integers(1_774_400_000, 1_775_200_000) | st.integers(1_792_600_000, 1_793_300_000),
)
def test_they_end_when_the_clock_shows_it_also_where_clocks_are_changed(text, at_s):
    clock, weekly = local_time("Europe/Berlin"), weekly_times(text)
    end_s = weekly.until(float(at_s), clock)
    if end_s is not None and end_s - at_s > 3_600.0 * 2:  # further than an hour that is shown twice
        hour, minute = map(int, text[-5:].split(":"))
        assert clock.local_s(end_s) % 86_400.0 == 3_600.0 * hour + 60.0 * minute
    if end_s is not None:
        assert end_s > at_s


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Sat",
        "Sat 6-14",
        "Sat 06:00",
        "Caturday 06:00-14:00",
        "Sat 25:00-26:00",
        "Sat 06:60-07:00",
        "Sat- 06:00-07:00",
    ],
)
def test_other_texts_are_no_times_of_the_week(text):
    with pytest.raises(ValueError, match="no time of the week; allowed: one such as 'Sat 06:00-14:00'"):
        mute(every=text)
    with pytest.raises(ValueError, match="no time zone"):
        mute(every="Sat 06:00-14:00", time_zone="Berlin")


def test_a_mute_of_an_asset_or_a_line_mutes_their_signals():
    of_plant = settings(
        signals=[
            Entry(match="c1.*", asset="Compressor 1", line="Line 3"),
            Entry(match="p?", line="Line 4"),
        ]
    )
    for conditions, muted in (
        ({"asset": "Compressor 1"}, {"c1.p", "c1.t"}),
        ({"asset": "Compressor*", "line": "Line 4"}, set()),
        ({"line": "Line *"}, {"c1.p", "c1.t", "p1"}),
        ({"asset": "tank7"}, {"tank7.level"}),
    ):
        index = MuteIndex([mute(**conditions)], of_plant)
        found = {
            name
            for name in ("c1.p", "c1.t", "p1", "tank7.level")
            if index.until("drift", name, at(2026, 1, 1))
        }
        assert found == muted, conditions
    index = MuteIndex([mute("*.p", asset="Compressor 1", use_case="shift")], of_plant)
    assert [
        index.until(*of, at(2026, 1, 1)) is not None
        for of in (("shift", "c1.p"), ("shift", "c1.t"), ("x", "c1.p"))
    ] == [
        True,
        False,
        False,
    ]


def test_a_mute_is_on_during_the_events_of_a_calendar():
    of_plant = settings(
        calendars=[CalendarEntry("cleaning.ics", learn=True, spans=[(1.7e9, 1.7e9 + 3_600.0)])]
    )
    index = MuteIndex([mute(calendar="cleaning.ics"), mute(calendar="unknown.ics")], of_plant)
    times = [1.7e9 - 1.0, 1.7e9, 1.7e9 + 3_599.0, 1.7e9 + 3_600.0]
    assert [index.until("drift", "s", at_s) for at_s in times] == [
        None,
        1.7e9 + 3_600.0,
        1.7e9 + 3_600.0,
        None,
    ]
    assert of_plant.of("s").pauses is None


def test_what_follows_without_a_gap_belongs_to_it_and_no_mute_outlasts_its_end():
    begins, ends = "2026-03-28T05:00:00Z", "2026-03-28T09:00:00Z"
    saturday = Mute("*", begins, ends, every="Sat 06:00-14:00", time_zone="Europe/Berlin")
    until = MuteIndex([saturday]).until("drift", "s", at(2026, 3, 28, 7))
    assert until == at(2026, 3, 28, 10)
    following = Mute("*", ends, "2026-03-28T20:00:00Z")
    assert MuteIndex([saturday, following]).until("drift", "s", at(2026, 3, 28, 7)) == at(2026, 3, 28, 21)


def test_who_knows_no_conditions_sees_none_of_these():
    plain, conditional = mute("a"), mute(every="Sat 06:00-14:00")
    content = content_of([conditional, plain])
    assert mutes_in(content) == (plain, conditional)
    assert [each["pattern"] for each in json.loads(content)["mutes"]] == ["a"]
    assert readable_entries(content) == ((plain, conditional), ())
    broken = content.replace(b"06:00-14:00", b"06:00")
    readable, [unreadable] = readable_entries(broken)
    assert readable == (plain,)
    assert "no time of the week" in unreadable.reason
    assert msgspec.json.decode(content_of([]))["mutes"] == []
