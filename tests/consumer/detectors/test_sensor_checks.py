"""Faults of sensors: each told when it begins and ends, and a model's alert held back meanwhile."""

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift

from consumer.detectors.alert_policy import Finding
from consumer.detectors.drift import DriftUseCase
from consumer.detectors.sensor_checks import Health, SensorChecks
from consumer.settings.signals_yaml import read_signal_settings
from consumer.use_cases import USE_CASES
from tests.consumer.seasonal import seasonal_anomaly
from tests.consumer.world import World, record

START_S = 1.7e9
WATCHED = seasonal_anomaly(warm_up=100)


def noise(count, seed=1):
    rng = random.Random(seed)
    return [round(rng.gauss(10.0, 1.0), 4) for _ in range(count)]


def sent(values, signal="c1.p", first=0, every_s=10.0):
    """A record each; None is of bad quality."""
    return [
        record(
            1000 + first + number,
            {
                "propertyAlias": signal,
                "propertyValues": [
                    {
                        "value": {"doubleValue": 0.0 if value is None else value},
                        "timestamp": {"timeInSeconds": int(START_S + every_s * (first + number))},
                        "quality": "BAD" if value is None else "GOOD",
                    }
                ],
            },
            key=signal,
            arrived=START_S + every_s * (first + number),
        )
        for number, value in enumerate(values)
    ]


def told(world):
    return [json.loads(event.detail) for event in world.bus.events]


def faults(world):
    return [
        (detail["evidence"]["fault"], detail["change"], int(detail["sequence_number"]) - 1000)
        for detail in told(world)
        if "fault" in detail["evidence"]
    ]


def world_with(use_case=WATCHED, text=None):
    read = read_signal_settings(f"version: 1\nsignals:\n{text}", "signals.yaml", USE_CASES) if text else None
    return World(use_case=use_case, pages=1, signals=read)


def test_any_use_case_of_single_values_can_check_its_sensors():
    values = [*noise(300), *[4.0] * 200, *noise(50, seed=2)]
    for checks, found in [(None, []), (SensorChecks(), [("flat", "opened", 359), ("flat", "cleared", 502)])]:
        world = world_with(DriftUseCase(drift.NoDrift(), sensor_checks=checks))
        world.invoke(sent(values))
        assert faults(world) == found


def test_a_flat_line_is_told_and_is_no_anomaly_of_the_machine():
    world = world_with()
    values = [*noise(300), *[4.0] * 200, *noise(50, seed=2)]
    world.invoke(sent(values))
    assert faults(world) == [("flat", "opened", 359), ("flat", "cleared", 502)]
    [opened] = [one for one in told(world) if one["evidence"].get("equal_values")]
    assert opened["headline"] == "warning: Sensor Fault on c1.p, 4 came 60 times running"
    assert opened["evidence"]["equal_for_s"] == 590.0


def test_what_stood_still_before_has_to_stand_still_for_longer():
    world = world_with()
    values = [*noise(300), *[4.0] * 50, *noise(50, 2), *[4.0] * 140, *noise(50, 3), *[4.0] * 200]
    world.invoke(sent(values))
    assert faults(world) == []


def test_a_signal_that_never_changed_is_told_of_after_a_day():
    world = world_with()
    world.invoke(sent([1.0] * 500, every_s=60.0))
    assert faults(world) == []
    world.invoke(sent([1.0] * 1000, first=500, every_s=60.0))
    assert faults(world) == [("flat", "opened", 1440)]


def test_what_the_sensor_cannot_measure_is_its_fault_and_hides_the_models_alert():
    world = world_with(text="  - {match: c1.p, range: {low: 0, high: 50}}")
    other = world_with()
    values = [*noise(500), -999.0, *noise(200, 2)]
    world.invoke(sent(values))
    other.invoke(sent(values))
    assert faults(world) == [("range", "opened", 500), ("range", "cleared", 520)]
    assert {one["evidence"].get("fault") for one in told(world)} == {"range"}
    assert [one["change"] for one in told(other)] == ["opened", "cleared"]
    assert "-999 is not what it can measure" in told(world)[0]["headline"]


def test_a_models_alert_that_outlasts_the_sensors_fault_is_told_when_it_is_told_again():
    rules, known = SensorChecks(lowest=0.0, highest=50.0), Health()
    [fault] = rules.apply(known, [Finding(0, {})], [99.0], [0.0], 0.0)
    assert (fault.fault, known.is_hiding) == ("range", True)
    assert rules.apply(known, [], [9.0] * 19, [0.0] * 19, 0.0) == []
    [cleared] = rules.apply(known, [], [9.0], [0.0], 0.0)
    assert cleared.change == "cleared"
    for change in ("still_open", "cleared"):
        assert rules.apply(known, [Finding(0, {}, change)], [9.5], [0.0], 0.0) == [Finding(0, {}, change)]


def test_an_alert_that_opened_and_cleared_behind_a_fault_is_not_told():
    rules, known = SensorChecks(lowest=0.0), Health()
    [fault] = rules.apply(known, [Finding(0, {})], [-1.0], [0.0], 0.0)
    assert fault.fault == "range"
    assert rules.apply(known, [Finding(0, {}, "cleared")], [1.0], [0.0], 0.0) == []


def test_quality_that_goes_bad_is_told_and_good_again_too():
    world = world_with()
    world.invoke(sent([*noise(100), *[None] * 10, *noise(20, 2)]))
    assert faults(world) == [("quality", "opened", 104), ("quality", "cleared", 112)]
    opened, cleared = told(world)
    assert opened["value"] == noise(100)[-1]
    assert (opened["observations"], cleared["observations"]) == (100, 103)
    assert "5 observations running carry no good value" in opened["headline"]


def test_a_signal_that_never_carried_a_value_has_no_bad_quality():
    world = world_with()
    world.invoke(sent([None] * 50))
    assert faults(world) == []


SERIES = [
    *noise(200),
    *[4.0] * 90,
    *noise(30, 2),
    *[None] * 7,
    *noise(9, 3),
    -999.0,
    *noise(40, 4),
    *[None] * 3,
]


@given(cuts=st.lists(st.integers(0, len(SERIES)), max_size=6), again=st.booleans())
@settings(max_examples=25, deadline=None)
def test_any_cut_and_redelivery_tells_the_same_with_the_same_words(cuts, again):
    text = "  - {match: c1.p, range: {low: 0, high: 50}}"
    whole, parts = world_with(text=text), world_with(text=text)
    records = sent(SERIES)
    whole.invoke(records)
    start = 0
    for end in [*sorted(cuts), len(SERIES)]:
        parts.invoke(records[start:end], parts.cold() if again else None)
        if again:
            parts.invoke(records[max(0, start - 20) : end])
        start = end
    assert {event.id: event.detail for event in parts.bus.events} == {
        event.id: event.detail for event in whole.bus.events
    }
    assert parts.states()["c1.p"].health == whole.states()["c1.p"].health
    assert {fault for fault, _, _ in faults(whole)} == {"flat", "quality", "range"}


@pytest.mark.parametrize("off", ["flat", "empty"])
def test_zero_turns_a_fault_off(off):
    world = world_with(replace(WATCHED, sensor_checks=SensorChecks(**{off: 0})))
    world.invoke(sent([*noise(300), *[4.0] * 200, *noise(50, 2), *[None] * 9, *noise(30, 3)]))
    assert {fault for fault, _, _ in faults(world)} == {"quality" if off == "flat" else "flat"}


def test_a_range_that_is_taken_back_while_a_value_is_outside_hides_nothing_for_long():
    known, values = Health(), [99.0 + number % 7 for number in range(21)]
    [opened] = SensorChecks(highest=50.0).apply(known, [], [99.0], [0.0], 0.0)
    [cleared, model] = SensorChecks().apply(known, [Finding(20, {})], values, [1.0] * 21, 1.0)
    assert (opened.change, cleared.fault, cleared.change, cleared.index) == ("opened", "range", "cleared", 19)
    assert "says" not in cleared.evidence
    assert model.fault is None


def test_a_fault_that_is_turned_off_while_it_is_there_is_over():
    known = Health()
    values = [*noise(100), *[4.0] * 60]
    [opened] = SensorChecks().apply(known, [], values, [None] * 160, None)
    [cleared] = SensorChecks(flat=0).apply(known, [], [4.0] * 1000, [None] * 1000, None)
    assert [(one.fault, one.change) for one in (opened, cleared)] == [("flat", "opened"), ("flat", "cleared")]
    known = Health()
    told = [SensorChecks().observed(known, True, 1, None) for _ in range(9)]
    told += [SensorChecks(empty=0).observed(known, True, 1, None) for _ in range(9)]
    assert [one.change for one in told if one] == ["opened", "cleared"]


@pytest.mark.parametrize("cut", [0, 60, 90])
def test_what_comes_late_and_is_skipped_is_no_part_of_what_is_told_of_quality(cut):
    records = sent([*noise(60), *[5.0] * 20, *[None] * 9, *noise(5, 4)])
    for number, late in enumerate(sent([7.0] * 20)):
        records[60 + number]["kinesis"]["data"] = late["kinesis"]["data"]
    world = world_with(replace(WATCHED, late="skip"))
    world.invoke(records[:cut])
    world.invoke(records[cut:])
    assert [(one["change"], one["observations"]) for one in told(world)] == [("opened", 60), ("cleared", 63)]
    assert told(world)[0]["value"] == noise(60)[-1]


@pytest.mark.parametrize("step", ["spike", "step", "noise", "step that is still"])
def test_what_ends_a_run_of_equal_values_is_told_though_the_run_was_a_fault(step):
    after = {
        "spike": [60.0, *noise(40, 2)],
        "step": [value + 50.0 for value in noise(40, 2)],
        "noise": [value * 20.0 for value in noise(40, 2)],
        "step that is still": [60.0] * 40,
    }[step]
    values = [*noise(300), *[10.0] * 200, *after]
    for cut in (540, 500, 501):
        world = world_with()
        world.invoke(sent(values[:cut]))
        world.invoke(sent(values[cut:], first=cut))
        ended = [
            int(one["sequence_number"]) - 1000
            for one in told(world)
            if one["change"] == "opened" and "fault" not in one["evidence"]
        ]
        assert 500 in ended


def test_a_signal_that_never_changed_and_jumps_is_told_whether_or_not_it_was_a_fault():
    for checks in (SensorChecks(), SensorChecks(is_told=False)):
        world = world_with(replace(WATCHED, sensor_checks=checks))
        world.invoke(sent([*[1.0] * 1500, 2.0, 2.0, *[1.0] * 20], every_s=60.0))
        opened = [one for one in told(world) if one["change"] == "opened" and "fault" not in one["evidence"]]
        assert [int(one["sequence_number"]) - 1000 for one in opened] == [1500]


def test_while_the_values_stand_still_the_models_alert_is_in_doubt():
    checks = SensorChecks(flat=5)
    values = [*map(float, range(20)), *[4.0] * 20, 5.0]
    for index in (30, 39):
        known = Health()
        told = checks.apply(known, [Finding(index, {})], values, [None] * len(values), None)
        assert ([one.fault for one in told], known.is_hiding) == (["flat"], True)
    known = Health()
    checks.apply(known, [], values[:30], [None] * 30, None)
    assert checks.apply(known, [Finding(9, {})], values[30:], [None] * 11, None) == []
    assert checks.apply(Health(), [Finding(40, {})], values, [None] * 41, None)[-1] == Finding(40, {})
