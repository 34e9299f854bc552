"""Signals that fall silent: told by a visit of their page, once, whatever else happens to the page."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from consumer.errors import Unavailable
from consumer.settings.signals_yaml import read_signal_settings
from consumer.use_cases import USE_CASES
from tests.consumer.detectors.test_sensor_checks import START_S, WATCHED, noise, sent
from tests.consumer.world import World, record

END_S = START_S + 10.0 * 99


def world_of(signals, pages=1, use_case=WATCHED):
    world = World(use_case=use_case, pages=pages)
    for number, signal in enumerate(signals):
        world.invoke(sent(noise(100, number), signal))
    return world


def told(world):
    return [
        (detail["signal"], detail["evidence"].get("fault"), detail["change"])
        for detail in (json.loads(event.detail) for event in world.bus.events)
    ]


@pytest.mark.parametrize("pages", [0, 1, 16])
def test_what_is_silent_for_too_long_is_told_once_until_it_speaks_again(pages):
    world = world_of(["a.p", "b.p"], pages)
    assert world.sweep(END_S + 899.0).problems == []
    assert told(world) == []
    world.invoke(sent(noise(80, 5), "b.p", first=100))
    world.sweep(END_S + 901.0)
    world.sweep(END_S + 950.0, world.cold())
    assert told(world) == [("a.p", "stale", "opened")]
    assert json.loads(world.bus.events[0].detail)["headline"] == (
        "warning: Sensor Fault on a.p, nothing came for 900 s, though every 10 s is usual"
    )
    world.invoke(sent(noise(5, 6), "a.p", first=200))
    assert told(world)[1:] == [("a.p", "stale", "cleared")]
    assert json.loads(world.bus.events[1].detail)["evidence"]["open_for_s"] == 1010.0
    states = world.states()
    assert (states["a.p"].learned, states["b.p"].learned) == (105, 180)


def test_a_silence_that_was_told_and_ended_by_itself_has_to_be_twice_as_long():
    world = world_of(["a.p"])
    world.sweep(END_S + 1000.0)
    world.invoke(sent(noise(5, 6), "a.p", first=400))  # after 3,010 s
    last_s = START_S + 10.0 * 404
    world.sweep(last_s + 6000.0)
    assert len(told(world)) == 2
    world.sweep(last_s + 6100.0)
    assert told(world)[2:] == [("a.p", "stale", "opened")]


def test_a_signal_that_was_silent_three_times_in_a_day_and_dies_is_told():
    world, last = world_of(["a.p"]), 99
    for times, silent_s in enumerate([1_000.0, 2_500.0, 6_000.0, 90_000.0], 1):
        world.sweep(START_S + 10.0 * last + silent_s)
        assert told(world)[-1] == ("a.p", "stale", "opened")
        assert len(told(world)) == 2 * times - 1
        first = last + int(silent_s / 10.0)
        last = first + 99
        world.invoke(sent(noise(100, times), "a.p", first=first))


def test_a_signal_that_comes_once_an_hour_may_be_silent_for_hours():
    world = World(use_case=WATCHED, pages=1)
    world.invoke(sent(noise(50), "a.p", every_s=3600.0))
    last_s = START_S + 3600.0 * 49
    world.sweep(last_s + 19 * 3600.0)
    assert told(world) == []
    world.sweep(last_s + 21 * 3600.0)
    assert told(world) == [("a.p", "stale", "opened")]


def test_a_gateway_that_falls_silent_is_one_event_and_its_return_none():
    world = world_of([f"s{number}.p" for number in range(15)])
    world.sweep(END_S + 901.0)
    [event] = world.bus.events
    detail = json.loads(event.detail)
    assert event.detail_type == "Signals Silent"
    assert (detail["evidence"]["signals"], len(detail["evidence"]["such_as"])) == (15, 15)
    assert "nothing comes of 15 signals of 15" in detail["headline"]
    world.invoke(sent(noise(5, 6), "s3.p", first=200))
    assert len(world.bus.events) == 1


def test_signals_that_are_silent_for_good_do_not_make_a_gateways_fall_that_of_each_sensor():
    world = world_of([f"s{number}.p" for number in range(40)])
    world.sweep(END_S + 901.0)
    for number in range(15):
        world.invoke(sent(noise(100, number), f"s{number}.p", first=200))
    world.sweep(END_S + 20_000.0)
    assert [event.detail_type for event in world.bus.events] == ["Signals Silent"] * 2
    assert "nothing comes of 15 signals of 15" in json.loads(world.bus.events[1].detail)["headline"]


@pytest.mark.parametrize(("match", "is_muted"), [("s9.p", False), ("*", True)])
def test_a_gateway_that_falls_silent_is_muted_where_all_its_signals_are(match, is_muted):
    text = f"version: 1\nsignals: [{{match: '{match}', muted: true}}]"
    world = World(use_case=WATCHED, pages=1, signals=read_signal_settings(text, "signals.yaml", USE_CASES))
    for number in range(12):
        world.invoke(sent(noise(100, number), f"s{number}.p"))
    world.sweep(END_S + 901.0)
    [event] = world.bus.events
    assert json.loads(event.detail)["muted"] is is_muted


def test_a_visit_whose_page_is_written_meanwhile_tells_under_the_same_id_and_loses_nothing():
    world = world_of(["a.p", "b.p"])
    other = world.cold()
    later = sent(noise(5, 9), "b.p", first=190)
    met = []

    def meanwhile():
        if not met:
            met.append(True)
            with ThreadPoolExecutor() as threads:  # another function has an event loop of its own
                threads.submit(world.invoke, later, other).result()

    world.faults.plan("before", "put", meanwhile, key="pages/1/0")
    world.sweep(END_S + 901.0)
    silent = [event for event in world.bus.events if "stale" in event.detail]
    assert {json.loads(event.detail)["signal"] for event in silent} >= {"a.p"}
    ids = [event.id for event in silent if json.loads(event.detail)["signal"] == "a.p"]
    assert len(set(ids)) == 1
    assert world.states()["b.p"].learned == 105
    assert world.states()["a.p"].health.is_open("stale")


@pytest.mark.parametrize("call", ["get", "put", "publish", "list"])
def test_a_visit_that_fails_is_made_up_for_by_the_next(call):
    world = world_of(["a.p"])
    world.function = world.cold()
    world.faults.plan("before", call, Unavailable("no"), times=1)
    report = world.sweep(END_S + 901.0)
    assert report.problems
    world.sweep(END_S + 960.0)
    world.sweep(END_S + 990.0)
    assert {signal for signal, fault, _ in told(world) if fault == "stale"} == {"a.p"}
    assert len({event.id for event in world.bus.events}) == 1


def test_what_never_brought_a_value_is_no_sensor_that_could_fall_silent():
    """Such as a control of Sparkplug, a text, or the commands to a device, which are skipped and counted."""
    world = world_of(["a.p"])
    skipped = {
        "topic": "spBv1.0/G/DCMD/E/D",
        "timestamp": START_S,
        "metrics": [{"name": "Setpoint", "dataType": "Double", "value": 80.0}] * 8,
    }
    world.invoke([record(1000, skipped), record(1001, {"signal": "never.good", "value": None})])
    assert {"G/E/D/DCMD", "never.good"} <= world.states().keys()
    world.sweep(END_S + 100_000.0)
    assert [signal for signal, *_ in told(world)] == ["a.p"]


def test_where_sensors_are_not_looked_at_nothing_is_silent():
    world = World(pages=1)
    world.invoke(sent(noise(50), "a.p"))
    assert world.sweep(END_S + 1e6).problems == []
    assert world.bus.events == []
