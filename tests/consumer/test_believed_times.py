"""A time that cannot be is not believed: its observation counts as measured when it arrived."""

import json
import math
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import drift

from consumer.decode.delivery import typed
from consumer.decode.lambda_event import decode
from consumer.decode.times import ANY_TIME, TimeLimits
from consumer.detectors.alert_policy import AlertPolicy
from consumer.detectors.asset_rows import AssetUseCase
from consumer.detectors.change_point import ChangePoint
from consumer.detectors.drift import DriftUseCase
from consumer.detectors.multivariate import Multivariate
from consumer.settings.signal_settings import SettingsOfSignals
from tests.consumer.seasonal import seasonal_anomaly
from tests.consumer.world import World, record

NOW_S = 1_700_000_000.0
HOUR_S, DAY_S = 3_600.0, 86_400.0
AHEAD_S = NOW_S + 36 * HOUR_S
IMPOSSIBLE = {
    "the epoch": 0,
    "a clock that started at the epoch": 86_399.5,
    "the last day of 1999": "1999-12-31T23:59:59Z",
    "the epoch of Windows": "1601-01-01T00:00:00Z",
    "where 32 bits end": 4_294_967_295,
    "a day and a half ahead": AHEAD_S,
    "the last moment of .NET": "9999-12-31T23:59:59.9999999Z",
    "a year that was typed wrongly": "2203-11-14T22:13:20Z",
}
POSSIBLE = {"2000": 946_684_800.0, "a week late": NOW_S - 7 * DAY_S, "a day ahead": NOW_S + DAY_S}
impossible = pytest.mark.parametrize("stamp", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())

SHAPES = {
    "point": lambda stamp: {"signal": "a", "value": 7.0} | stamp,
    "key and body": lambda stamp: {"key": "a", "body": 7.0} | stamp,
    "text of a number": lambda stamp: {"signal": "a", "value": "7.0"} | stamp,
    "named values": lambda stamp: {"signal": "a", "values": {"p": 7.0, "q": 8.0}} | stamp,
    "columns of one time": lambda stamp: {"signal": "a", "values": [7.0, 8.0]} | stamp,
}


def world(use_case=None, times: TimeLimits = TimeLimits()) -> World:  # noqa: B008
    return World(1, use_case or DriftUseCase(drift.ADWIN()), times=times)


def delivered(number: int, value: float, stamp: object = None, key: str = "a") -> dict:
    """A record that arrives a second after the one before; no stamp: without a time of its own."""
    payload = {"signal": key, "value": value} | ({} if stamp is None else {"timestamp": stamp})
    return record(number, payload, key=key, arrived=NOW_S + number)


@impossible
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("reads", [lambda event: event, lambda event: typed(json.dumps(event).encode())])
def test_in_any_shape_it_counts_as_if_there_were_no_time(shape, stamp, reads):
    settings = SettingsOfSignals("drift", DriftUseCase(drift.ADWIN()))

    def read(stamp):
        records = [record(1, SHAPES[shape](stamp), key="a"), record(2, {"signal": "a", "value": 1.0})]
        [batch] = decode(reads({"Records": records}), settings.make_ready)
        observed = [batch.observation(place) for place in range(len(batch.numbers))]
        return observed, batch.at_s.tolist(), batch.times_not_believed, len(batch.rejections)

    observed, at_s, count, rejected = read({"timestamp": stamp})
    untimed, arrivals, none, _ = read({})
    assert (observed, at_s, none, rejected) == (untimed, arrivals, 0, 0)
    assert count == len(observed) - 1


@impossible
def test_of_a_column_only_that_one_is_not_believed(stamp):
    settings = SettingsOfSignals("drift", DriftUseCase(drift.ADWIN()))
    times = [NOW_S - 3.0, stamp, NOW_S - 1.0]
    payload = {"signal": "a", "values": [1.0, 2.0, 3.0], "timestamps": times}
    [batch] = decode({"Records": [record(1, payload, key="a")]}, settings.make_ready)
    assert batch.at_s.tolist() == [NOW_S - 3.0, NOW_S, NOW_S - 1.0]
    [columns] = batch.signals.values()
    assert columns.timestamps == [NOW_S - 3.0, None, NOW_S - 1.0]
    assert (batch.times_not_believed, batch.disbelieved) == (1, {(0, 1)})


def test_sitewise_values_too():
    tqvs = [
        {"value": {"doubleValue": 1.0}, "timestamp": {"timeInSeconds": second, "offsetInNanos": 5}}
        for second in (3, int(NOW_S), int(NOW_S + 3 * DAY_S))
    ]
    payload = {"propertyAlias": "a", "propertyValues": [each | {"quality": "GOOD"} for each in tqvs]}
    settings = SettingsOfSignals("drift", DriftUseCase(drift.ADWIN()))
    [batch] = decode({"Records": [record(1, payload)]}, settings.make_ready)
    assert batch.times_not_believed == 2


@pytest.mark.parametrize("stamp", POSSIBLE.values(), ids=POSSIBLE.keys())
def test_what_may_be_is_believed(stamp):
    one = world()
    report = one.invoke([record(1, {"signal": "a", "value": 1.0, "timestamp": stamp}, key="a")])
    assert report.counts["times_not_believed"] == 0
    settings = SettingsOfSignals("drift", one.use_case)
    [batch] = decode({"Records": [record(1, {"signal": "a", "value": 1.0, "timestamp": stamp})]})
    settings.make_ready(batch)
    assert batch.at_s.tolist() == [stamp]


def test_the_limits_are_settings():
    stamps = [0.0, NOW_S - DAY_S, NOW_S + 61.0, NOW_S + 1e9]

    def count(limits):
        records = [
            record(number, {"signal": "a", "value": 1.0, "timestamp": stamp}, key="a")
            for number, stamp in enumerate(stamps, 1)
        ]
        return world(times=limits).invoke(records).counts["times_not_believed"]

    assert count(TimeLimits()) == 2
    assert count(TimeLimits(NOW_S - HOUR_S)) == 3
    assert count(TimeLimits(ahead_max_s=60.0)) == 3
    assert count(ANY_TIME) == 0


def test_a_record_whose_arrival_is_not_known_is_judged_by_the_first_day_alone():
    settings = SettingsOfSignals("drift", DriftUseCase(drift.ADWIN()))
    records = [
        record(number, {"signal": "a", "value": 1.0, "timestamp": stamp}, arrived=None)
        for number, stamp in enumerate([5.0, NOW_S + 1e8], 1)
    ]
    [batch] = decode({"Records": records}, settings.make_ready)
    assert math.isnan(batch.at_s[0])
    assert batch.at_s[1] == NOW_S + 1e8


def wave(number: int) -> float:
    return 50.0 + 3.0 * math.sin(number / 40.0) + (number * 7919 % 13) / 13.0


USE_CASES = {
    "anomaly": seasonal_anomaly(alert=AlertPolicy(alerts_per_week=1.0)),
    "shift": ChangePoint(),
    "drift": DriftUseCase(drift.ADWIN()),
    "asset": AssetUseCase(Multivariate(warm_up=100)),
}


NAMES = [f"m{number}.p" for number in range(30)]
FIRST_ROW, ROWS = 300, 450
"""The first row with such a time, and all of them."""
Learned = tuple[dict[str, bytes], list[tuple[str, dict]]]
"""The objects in the bucket, and the events with their ids."""


def learn_rows(one: World, rows: range, stamp: object) -> None:
    """Signals that learn together, one of whose values has such a time."""
    for row in rows:
        records, arrived_s = [], NOW_S + row * 600.0
        for place, key in enumerate(NAMES):
            value = wave(row + place) + (40.0 if 425 <= row < 440 and place < 3 else 0.0)
            payload = {"signal": key, "value": value, "timestamp": arrived_s - 5.0}
            if row in (FIRST_ROW, 430) and place < 2:
                payload["timestamp"] = arrived_s + 36 * HOUR_S if stamp == AHEAD_S else stamp
            records.append(record(row * len(NAMES) + place + 1, payload, key=key, arrived=arrived_s))
        one.invoke(records)


@cache
def learned_before_the_first(name: str) -> World:
    """What is the same whatever the time is."""
    one = world(USE_CASES[name])
    learn_rows(one, range(FIRST_ROW), None)
    return one


def learned_with(name: str, stamp: object) -> Learned:
    before, one = learned_before_the_first(name), world(USE_CASES[name])
    one.objects.objects.update(before.objects.objects)
    one.objects.versions = before.objects.versions
    one.bus.events += before.bus.events
    learn_rows(one, range(FIRST_ROW, ROWS), stamp)
    events = [(event.id, json.loads(event.detail)) for event in one.bus.events]
    return {key: body for key, (_, body) in one.objects.objects.items()}, events


@cache
def learned_without_times(name: str) -> Learned:
    return learned_with(name, None)


@impossible
@pytest.mark.parametrize("name", USE_CASES)
def test_it_moves_no_clock_no_budget_and_no_season(name, stamp):
    """Signals that learn together, one of whose values has such a time: states, events and ids."""
    states, events = learned_with(name, stamp)
    untimed, events_of_untimed = learned_without_times(name)
    assert states == untimed
    assert events == events_of_untimed
    assert all(detail["timestamp"] >= "2023" and abs(detail["lag_s"]) <= 5.0 for _, detail in events)
    assert events or name != "anomaly"


def test_an_event_has_the_time_of_arrival():
    one = world(seasonal_anomaly())
    one.invoke([delivered(number, wave(number), NOW_S + number - 1.0) for number in range(1, 500)])
    values = [delivered(number, 500.0, "1601-01-01T00:00:00Z") for number in range(500, 520)]
    report = one.invoke(values)
    opened = json.loads(one.bus.events[0].detail)
    assert opened["timestamp"] == opened["arrived_at"] > "2023"
    assert opened["lag_s"] == 0.0
    assert report.counts["times_not_believed"] == 20


@impossible
def test_late_observations_are_told_by_believed_times_alone(stamp):
    one = world(DriftUseCase(drift.ADWIN(), late="skip"))
    # All are sent half a minute after they were measured: by its arrival, that one would make others late.
    records = [delivered(number, 1.0, NOW_S + number - 30.0) for number in range(1, 61)]
    records[20] = delivered(21, 1.0, stamp)
    records[40] = delivered(41, 1.0, stamp)
    for first in range(0, 60, 7):
        one.invoke(records[first : first + 7])
    state = one.states()["a"]
    assert (state.learned, state.skipped, state.latest_s) == (60, 0, NOW_S + 30.0)
    one.invoke([delivered(70, 1.0, NOW_S + 10.0), delivered(71, 1.0, stamp)])
    assert (one.states()["a"].learned, one.states()["a"].skipped) == (61, 1), "what is late still is"


def test_a_device_whose_clock_was_never_set_is_learned_whole_and_counted():
    one = world()
    report = one.invoke([delivered(number, 1.0, number) for number in range(1, 101)])
    assert (report.counts["observations_learned"], report.counts["times_not_believed"]) == (100, 100)


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.sampled_from([0.0, 946_684_799.0, 946_684_800.0, NOW_S + DAY_S, NOW_S + DAY_S + 1.0]),
            st.floats(NOW_S - 1e9, NOW_S + 1e9),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_each_time_is_believed_or_is_the_arrival(stamps):
    settings = SettingsOfSignals("drift", DriftUseCase(drift.ADWIN()))
    records = [
        record(number, {"signal": "a", "value": 1.0} | ({} if stamp is None else {"timestamp": stamp}))
        for number, stamp in enumerate(stamps, 1)
    ]
    [batch] = decode({"Records": records}, settings.make_ready)
    may_be = [stamp is not None and 946_684_800.0 <= stamp <= NOW_S + DAY_S for stamp in stamps]
    expected = [stamp if ok else NOW_S for stamp, ok in zip(stamps, may_be, strict=True)]
    assert batch.at_s.tolist() == expected
    assert batch.times_not_believed == sum(
        not ok and stamp is not None for stamp, ok in zip(stamps, may_be, strict=True)
    )
