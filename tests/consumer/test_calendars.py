"""During the events of a calendar nothing is learned or told; afterwards the model is as it was."""

import importlib.util
import random
from dataclasses import replace
from datetime import datetime, timedelta
from time import process_time
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from consumer.detectors.sensor_checks import SensorChecks
from consumer.errors import ConfigurationError, PageChanged
from consumer.learning.outcome import PageOutcome
from consumer.settings import calendars, signals_yaml
from consumer.settings.calendars import Calendar, run_out, spans_in
from consumer.settings.signal_settings import CalendarEntry, SettingsFile
from consumer.settings.signals_yaml import as_json, read_shipped, read_signal_settings
from consumer.use_cases import USE_CASES
from tests.consumer.world import World, record

START_S = 1_700_000_000.0
HOLIDAY = (START_S + 600.0, START_S + 1_200.0)
CHECKS = SensorChecks(flat=4, empty=2, stale_s=900.0)
USE_CASE = replace(USE_CASES["anomaly"], warm_up=5, sensor_checks=CHECKS)
needs_library = pytest.mark.skipif(
    importlib.util.find_spec("recurring_ical_events") is None, reason="recurring-ical-events is not installed"
)

TEXT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//plant//shifts//EN
BEGIN:VEVENT
UID:1
DTSTAMP:20260101T000000Z
DTSTART;VALUE=DATE:20261225
DTEND;VALUE=DATE:20261227
RRULE:FREQ=YEARLY
END:VEVENT
BEGIN:VEVENT
UID:2
DTSTAMP:20260101T000000Z
DTSTART;TZID=Europe/Berlin:20260321T060000
DTEND;TZID=Europe/Berlin:20260321T140000
RRULE:FREQ=WEEKLY;BYDAY=SA;COUNT=4
EXDATE;TZID=Europe/Berlin:20260404T060000
END:VEVENT
BEGIN:VEVENT
UID:3
DTSTAMP:20260101T000000Z
DTSTART:20260601T060000
DURATION:PT2H
END:VEVENT
BEGIN:VEVENT
UID:4
DTSTAMP:20260101T000000Z
DTSTART:20260701T060000Z
DTEND:20260701T070000Z
STATUS:CANCELLED
END:VEVENT
END:VCALENDAR
"""


def calendar(spans=(HOLIDAY,), match="s", learn=False) -> SettingsFile:
    return SettingsFile(1, calendars=[CalendarEntry("holidays.ics", match, learn, list(spans))])


def records(times, value=lambda at_s: at_s % 7, first=1_000, signal="s"):
    """One for each time; they arrive long after all of them."""
    return [
        record(
            first + number,
            {"signal": signal, "timestamp": at_s, "value": value(at_s)},
            key=signal,
            arrived=START_S + 1e6,
        )
        for number, at_s in enumerate(times)
    ]


def every_minute(count=40):
    return [START_S + 60.0 * number for number in range(count)]


def is_of_holiday(at_s):
    return HOLIDAY[0] <= at_s < HOLIDAY[1]


@pytest.mark.parametrize("few", [1, 10**9])
def test_what_was_measured_during_an_event_is_consumed_and_not_learned(few):
    world, other = World(1, USE_CASE, signals=calendar()), World(1, USE_CASE)
    for each in (world, other):
        each.function = replace(each.function, few=few)
        each.invoke(records([START_S - 60.0], first=900))
    odd = lambda at_s: 1e6 if is_of_holiday(at_s) else at_s % 7  # noqa: E731
    delivered = records(every_minute(), odd)
    report = world.invoke(delivered)
    assert (report.counts["paused"], report.counts["observations_learned"], report.failed) == (10, 30, [])
    assert not world.bus.events
    assert not [key for key in world.objects.objects if key.startswith("quarantine")]
    other.invoke(
        [one for one, at_s in zip(delivered, every_minute(), strict=True) if not is_of_holiday(at_s)]
    )
    [state], [expected] = world.states().values(), other.states().values()
    assert (state.model, state.learned, state.health) == (expected.model, expected.learned, expected.health)
    assert (state.skipped, expected.skipped) == (10, 0)  # by which a redrive knows what was not learned
    again = world.invoke(delivered)
    assert (again.counts["redelivered"], again.counts["paused"]) == (40, 0)


def test_what_was_paused_before_a_model_raised_is_counted_once():
    outcome = PageOutcome(paused=3)
    savepoint = outcome.savepoint()
    outcome.paused += 2
    outcome.rollback_to(savepoint)
    assert outcome.paused == 3


def test_a_batch_within_an_event_advances_the_checkpoint_alone():
    world = World(1, USE_CASE, signals=calendar())
    world.invoke(records([START_S], first=900))
    [before] = world.states().values()
    report = world.invoke(records([at_s for at_s in every_minute() if is_of_holiday(at_s)]))
    [state] = world.states().values()
    assert report.counts["pages_committed"] == 1
    assert [each.sequence_number for each in state.checkpoints.values()] == [1_009]
    assert (state.model, state.learned) == (before.model, before.learned)


@pytest.mark.parametrize("seed", range(4))
def test_in_whatever_batches_it_comes_the_same_is_learned_and_paused(seed):
    draw = random.Random(seed)
    times = [START_S + 10.0 * number + draw.choice([0.0, -300.0, 300.0]) for number in range(400)]
    delivered = records(times, lambda at_s: draw.gauss(0.0, 1.0) + (50.0 if draw.random() < 0.02 else 0.0))
    spans = [HOLIDAY, (START_S + 2_000.0, START_S + 2_100.0), (START_S - 1e9, START_S)]
    world, paused, at = World(1, USE_CASE, signals=calendar(spans)), 0, 0
    world.function = replace(world.function, few=draw.choice([1, 10**9]))
    while at < len(delivered):
        count = draw.choice([1, 7, 40])
        if draw.random() < 0.3:
            world.faults.plan("after", "put", PageChanged("412"), key="pages", times=1)
        report = world.invoke(delivered[max(0, at - draw.choice([0, 0, 5])) : at + count])
        assert not report.failed
        paused, at = paused + report.counts["paused"], at + count
    kept = [one for one, at_s in zip(delivered, times, strict=True) if not Calendar(spans).is_on(at_s)]
    other = World(1, USE_CASE)
    other.invoke(kept)
    [state], [expected] = world.states().values(), other.states().values()
    assert (state.model, state.learned, state.health) == (expected.model, expected.learned, expected.health)
    assert state.skipped == len(delivered) - len(kept) > 0
    assert paused <= state.skipped  # where the answer to a commit was lost, nobody reports it
    assert set(world.event_ids()) == set(other.event_ids())


@pytest.mark.parametrize("settings", [calendar(match="other"), calendar(learn=True), calendar(spans=())])
def test_other_signals_and_calendars_that_are_to_be_learned_pause_nothing(settings):
    report = World(1, USE_CASE, signals=settings).invoke(records(every_minute()))
    assert (report.counts["paused"], report.counts["observations_learned"]) == (0, 40)


def test_bad_quality_during_an_event_is_not_told():
    def told(settings):
        world = World(1, USE_CASE, signals=settings)
        world.invoke(records(every_minute(5)))
        nothing = [
            record(2_000 + number, {"signal": "s", "value": None}, key="s", arrived=HOLIDAY[0] + number)
            for number in range(5)
        ]
        world.invoke(nothing)
        return len(world.bus.events)

    assert (told(None), told(calendar())) == (1, 0)


def test_a_value_from_before_an_event_that_arrives_during_it_is_a_good_one():
    def empty(number, at_s):
        return record(number, {"signal": "s", "value": None}, key="s", arrived=at_s)

    world = World(1, USE_CASE, signals=calendar())
    world.invoke(records(every_minute(5)))
    late = {"signal": "s", "timestamp": HOLIDAY[0] - 1.0, "value": 1.0}
    world.invoke(
        [
            empty(2_000, HOLIDAY[0] - 10.0),
            record(2_001, late, key="s", arrived=HOLIDAY[0] + 10.0),
            empty(2_002, HOLIDAY[1] + 10.0),
        ]
    )
    assert not world.bus.events
    world.invoke([empty(2_003, HOLIDAY[1] + 20.0)])
    assert len(world.bus.events) == 1


def test_a_silence_does_not_grow_while_an_event_lasts():
    shutdown = (START_S + 3_000.0, START_S + 90_000.0)
    world = World(1, USE_CASE, signals=calendar([shutdown]))
    heard = [
        record(1_000 + at, {"signal": "s", "value": at % 7}, key="s", arrived=START_S + 60.0 * at)
        for at in range(41)
    ]
    world.invoke(heard)
    for at_s in (shutdown[0], shutdown[0] + 5_000.0, shutdown[1], shutdown[1] + 500.0):
        world.sweep(at_s)
        assert not world.bus.events, at_s
    world.sweep(shutdown[1] + 1_000.0)
    assert len(world.bus.events) == 1


def test_many_times_are_looked_up_as_each():
    one = Calendar([(5.0, 9.0), (0.0, 2.0), (1.0, 3.0), (4.0, 4.0)])
    times = [-1.0, 0.0, 1.5, 2.999, 3.0, 4.0, 5.0, 8.9, 9.0, float("nan"), float("inf")]
    assert one.are_on(np.array(times)).tolist() == [one.is_on(at_s) for at_s in times]
    assert [one.until(at_s) for at_s in (1.5, 3.0, 5.0)] == [3.0, None, 9.0]
    lasts = {
        (2.0, 6.0): 2.0,
        (-1.0, 99.0): 7.0,
        (3.0, 5.0): 0.0,
        (6.0, 7.0): 1.0,
        (9.0, 99.0): 0.0,
        (6.0, 2.0): 0.0,
    }
    assert {between: one.seconds_on(*between) for between in lasts} == lasts
    assert Calendar([]).seconds_on(0.0, 1.0) == 0.0
    assert not one.is_on(None)
    assert not Calendar([]).are_on(np.array([1.0])).any()


def test_a_calendar_has_run_out_when_its_last_event_is_over():
    assert run_out([], 0.0)
    assert not run_out([(0.0, 1.0), (2.0, 4.0)], 3.0)
    assert run_out([(0.0, 1.0), (2.0, 4.0)], 5.0)


@needs_library
def test_a_calendar_of_too_many_events_says_what_to_do(monkeypatch):
    monkeypatch.setattr(calendars, "_SPANS_MAX", 10)
    with pytest.raises(
        ConfigurationError, match=r"^it has \d+ events; allowed: 10: end its rules with UNTIL"
    ):
        spans_in(TEXT, None)


def test_what_a_look_up_takes_hardly_depends_on_how_many_events_there_are():
    """A sweep asks for each signal."""
    many = Calendar([(10.0 * number, 10.0 * number + 5.0) for number in range(20_000)])
    begun_s = process_time()
    for number in range(5_000):
        assert many.seconds_on(10.0 * number, 10.0 * number + 7.0) == 5.0
    assert process_time() - begun_s < 2.0


@needs_library
def test_events_are_those_that_the_file_means():
    berlin = ZoneInfo("Europe/Berlin")

    def span(*start, hours):
        start = datetime(*start, tzinfo=berlin)
        return start.timestamp(), (start + timedelta(hours=hours)).timestamp()

    spans = spans_in(TEXT, "Europe/Berlin")
    of_2026 = [each for each in spans if each[0] < datetime(2027, 1, 1, tzinfo=berlin).timestamp()]
    assert of_2026 == [
        span(2026, 3, 21, 6, hours=8),
        span(2026, 3, 28, 6, hours=8),
        span(2026, 4, 11, 6, hours=8),  # by the clock, an hour earlier by UTC; the week before is excepted
        span(2026, 6, 1, 6, hours=2),
        span(2026, 12, 25, hours=48),
    ]
    assert spans[-1] == span(2040, 12, 25, hours=48)
    assert spans_in(TEXT, None)[-1][0] == spans[-1][0] + 3_600.0
    assert not run_out(spans, spans[-1][0])
    assert run_out(spans, spans[-1][1] + 1.0)


@needs_library
@pytest.mark.parametrize("text", ["", "no calendar", TEXT.replace("RRULE:FREQ=YEARLY", "RRULE:FREQ=NEVER")])
def test_what_is_no_calendar_is_refused(text):
    with pytest.raises(ConfigurationError, match="no calendar"):
        spans_in(text, None)


WEEKLY = "RRULE:FREQ=WEEKLY;BYDAY=SA;COUNT=4"


@needs_library
@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        (
            "TZID=Europe/Berlin:20260321T0",
            "TZID=Plant Time:20260321T0",
            "its time zone, 'Plant Time', is not kn",
        ),
        (
            "TZID=Europe/Berlin:20260404",
            "TZID=Plant Time:20260404",
            "its time zone, 'Plant Time', is not known",
        ),
        (WEEKLY, "RRULE:FREQ=SECONDLY", "it repeats more than 24 times a day"),
        (WEEKLY, "RRULE:FREQ=MINUTELY;INTERVAL=59", "it repeats more than 24 times a day"),
        (
            WEEKLY,
            "RRULE:FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=1,2,3,4,5",
            "it repeats more than 24 times a day",
        ),
        (
            "20260321T140000",
            "20260321T050000",
            "its end, 2026-03-21 05:00:00[+]01:00, is not after its begin",
        ),
        ("DTEND;VALUE=DATE:20261227", "DTEND;VALUE=DATE:20261225", ".*: DTEND is the day after the last"),
        ("DURATION:PT2H", "DURATION:-PT2H", "its DURATION is below zero"),
        ("DTSTART:20260601T060000", "X-START:20260601T060000", "it has no DTSTART"),
    ],
)
def test_an_event_that_could_only_be_guessed_at_is_refused_by_its_name(written, instead, said):
    assert written in TEXT
    with pytest.raises(ConfigurationError, match=f"^the event '[^']+': {said}"):
        spans_in(TEXT.replace(written, instead), None)


@needs_library
def test_zones_may_be_named_as_windows_does():
    named = TEXT.replace("TZID=Europe/Berlin", 'TZID="W. Europe Standard Time"')
    assert spans_in(named, "Europe/Berlin") == spans_in(TEXT, "Europe/Berlin")


SETTINGS = "version: 1\ntime_zone: Europe/Berlin\nsignals: []\ncalendars:\n  - {file: h.ics, match: 'c*'}\n"


def test_settings_ship_with_the_events(tmp_path, monkeypatch):
    monkeypatch.setattr(signals_yaml, "spans_in", lambda text, zone: [(1.0, 2.0)] if text == zone else [])
    (tmp_path / "h.ics").write_text("Europe/Berlin", encoding="utf-8-sig")  # as Windows' programs begin it
    read = read_signal_settings(SETTINGS, "signals.yaml", USE_CASES, folder=tmp_path)
    assert read.calendars == [CalendarEntry("h.ics", "c*", False, [(1.0, 2.0)])]
    shipped = as_json(SETTINGS, tmp_path).decode()
    (tmp_path / "h.ics").unlink()
    assert read_shipped(shipped, "signals.yaml", {}) == read


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("h.ics", "h.ics: a calendar, .*h.ics, cannot be read"),
        ("../h.ics", "'../h.ics': allowed: the name of an .ics file"),
        ("h.txt", "'h.txt': allowed: the name of an .ics file"),
    ],
)
def test_a_calendar_that_is_not_there_is_named_with_its_line(tmp_path, file, said):
    text = SETTINGS.replace("h.ics", file)
    for read in (read_signal_settings, read_shipped):
        with pytest.raises(ConfigurationError, match=f"^signals.yaml, line 5: {said}"):
            read(text, "signals.yaml", USE_CASES, folder=tmp_path)
    with pytest.raises(ConfigurationError, match=said):
        read_shipped(f'{{"version":1,"calendars":[{{"file":"{file}"}}]}}', "s", USE_CASES, folder=tmp_path)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{file: h.ics, match: '[z-a]'}", r"'\[z-a\]' matches no name; a bracket is written"),
        ("{file: h.ics, match: []}", "calendars.match: Expected `array` of length >= 1"),
        ("{file: h.ics, learn: 'no'}", "calendars.learn: Expected `bool`"),
        ("{file: h.ics, spans: [[0, 1]]}", "spans is not a field"),
        ("{match: a}", "calendars: Object missing required field `file`"),
    ],
)
def test_a_mistake_in_a_calendars_entry_is_named_with_its_line(tmp_path, monkeypatch, entry, said):
    monkeypatch.setattr(signals_yaml, "spans_in", lambda text, zone: [])
    (tmp_path / "h.ics").write_text("")
    with pytest.raises(ConfigurationError, match=f"^signals.yaml, line 4: {said}"):
        read_signal_settings(
            f"version: 1\nsignals: []\ncalendars:\n  - {entry}\n", "signals.yaml", USE_CASES, folder=tmp_path
        )
