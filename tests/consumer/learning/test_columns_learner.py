"""What learns in columns is what learns one by one: the same states, events, quarantine and counts."""

import math
import random
from dataclasses import replace
from functools import cache

import pytest
import river.drift

from consumer.detectors.alert_policy import AlertPolicy
from consumer.detectors.change_point import ChangePoint
from consumer.detectors.drift import DriftUseCase
from consumer.detectors.sensor_checks import SensorChecks
from consumer.learning import columns_learner
from consumer.learning.page_learner import PageLearner
from consumer.settings.signal_settings import CalendarEntry, Entry, Limits, SettingsFile
from tests.consumer.seasonal import seasonal_anomaly
from tests.consumer.world import RunsShort, World, points, record

SIGNALS, BATCHES, START_S = 30, 14, 1_700_000_000.0
SOON = AlertPolicy(clear_after=3, still_open_s=1_800.0, cool_down_s=0.0, alerts_per_week=10_000.0)
USE_CASES = {
    "drift": DriftUseCase(river.drift.ADWIN(clock=4, grace_period=4)),
    "anomaly": seasonal_anomaly(warm_up=10, alert=SOON, sensor_checks=SensorChecks(flat=6, empty=2)),
    "shift": ChangePoint(alert=SOON, sensor_checks=SensorChecks(flat=6, is_told=True)),
}


def value_of(rng: random.Random, signal: int, at: int) -> float:
    """Noise around a level that steps, with spikes; some signals stand still for a while."""
    if signal % 7 == 0 and at % 90 > 70:
        return 5.0
    level = 20.0 if at > 200 + 5 * signal else 0.0
    return level + rng.gauss(0.0, 1.0) + (60.0 if rng.random() < 0.01 else 0.0)


def batches(seed: int) -> list[list[dict]]:
    """Points, columns, named values, what carries nothing, what is below the checkpoint, two shards."""
    rng, number, at, found = random.Random(seed), 1_000, [0] * SIGNALS, []
    for batch in range(BATCHES):
        records = []
        for signal in range(SIGNALS if batch else SIGNALS - 4):  # some are new later
            for _ in range(rng.choice((1, 2, 3))):
                name, length = f"s{signal}", rng.choice((1, 1, 20))
                times = [START_S + 60.0 * (at[signal] + step) for step in range(length)]
                values = [value_of(rng, signal, at[signal] + step) for step in range(length)]
                at[signal] += length
                number += 1
                payload: dict = {"signal": name, "timestamps": times, "values": values}
                if length == 1:
                    payload = {"signal": name, "timestamp": times[0], "value": values[0]}
                if rng.random() < 0.03:
                    payload = {"signal": name, "value": math.nan}
                if rng.random() < 0.03:
                    payload = {"signal": name, "timestamp": times[0], "values": {"a": values[0], "b": 1.0}}
                key = name if rng.random() < 0.9 else f"other{rng.randint(0, 3)}"
                records.append(record(number, payload, key=key, arrived=times[-1] + 2.0))
        found.append(records)
        if rng.random() < 0.4 and batch:
            found.append(found[rng.randrange(len(found))][5:])
    return found


def learned(use_case, seed: int, few: int, pages: int = 2, signals: SettingsFile | None = None) -> tuple:
    world = World(pages, use_case, signals=signals)
    world.function = replace(world.function, few=few)
    reports = [world.invoke(each) for each in batches(seed)]
    counts = [(dict(report.counts), report.failed, report.oldest_arrived_s) for report in reports]
    quarantine = {
        key: body for key, (_, body) in world.objects.objects.items() if key.startswith("quarantine")
    }
    events = sorted((event.id, event.detail) for event in world.bus.events)
    return world.states(), events, quarantine, counts


def dumped(states) -> dict:
    return {
        name: (
            state.checkpoints,
            state.learned,
            state.skipped,
            state.health,
            (state.model.count, state.model.total, state.model.detector._helper.__getstate__())
            if hasattr(state.model, "total")
            else state.model,
        )
        for name, state in states.items()
    }


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", USE_CASES)
def test_many_in_columns_learn_what_each_learns_alone(name, seed, monkeypatch):
    left = []
    go_on = PageLearner.go_on
    monkeypatch.setattr(PageLearner, "go_on", lambda self, *args: (left.append(args), go_on(self, *args)))
    states, events, quarantine, counts = learned(USE_CASES[name], seed, few=1)
    assert events
    assert bool(left) == (name != "drift")  # what comes to an alert leaves; a drift is found in the columns
    left.clear()
    alone = learned(USE_CASES[name], seed, few=10**9)
    assert not left
    assert (dumped(states), events, quarantine, counts) == (dumped(alone[0]), *alone[1:])


OWN = SettingsFile(
    1,
    [
        Entry(match="s1*", time_zone="Asia/Kolkata"),
        Entry(match="s2*", use_cases={"drift": {"clear_after": 5}}),
        Entry(match="s3", name="named alone"),
        Entry(match=["s0", "s3", "s4"], range=Limits(-3.0, 20.0)),
        Entry(match="s5", time_zone="UTC"),
        Entry(match=["s6", "s7", "s8", "s9"], least=15.0, direction="rise"),
    ],
    time_zone="Europe/Berlin",
    calendars=[CalendarEntry("holidays.ics", "s[2-4]*", spans=[(START_S + 3_000.0, START_S + 6_000.0)])],
)
"""In the world of the tests each use case is the line `drift`."""


@pytest.mark.parametrize(
    "settings",
    [
        OWN,
        SettingsFile(1, time_zone="Asia/Kolkata"),
        SettingsFile(1, calendars=[CalendarEntry("h.ics", spans=[(START_S + 3_000.0, START_S + 3_600.0)])]),
    ],
    ids=["many", "time_zone", "calendars"],
)
@pytest.mark.parametrize("name", ["anomaly", "shift"])
def test_signals_with_settings_of_their_own_learn_in_columns_with_those_that_have_the_same(
    name, settings, monkeypatch
):
    together, learn_by_rank = [], columns_learner.learn_by_rank

    def counted(twins, values, at_s, starts, counts, few):
        together.append(len(counts))
        return learn_by_rank(twins, values, at_s, starts, counts, few)

    monkeypatch.setattr(columns_learner, "learn_by_rank", counted)
    many = learned(USE_CASES[name], 5, few=1, signals=settings)
    assert sum(together) > 0.7 * SIGNALS * BATCHES
    assert max(together) >= 10
    together.clear()
    alone = learned(USE_CASES[name], 5, few=10**9, signals=settings)
    assert not together
    assert (dumped(many[0]), *many[1:]) == (dumped(alone[0]), *alone[1:])
    plain = learned(USE_CASES[name], 5, few=1)
    assert dumped(many[0]) != dumped(plain[0])


@pytest.mark.parametrize("name", ["anomaly", "shift"])
def test_another_zone_starts_the_models_anew_that_go_by_it_and_no_others(name):
    first, second = batches(6)[:2]
    world, plain = World(2, USE_CASES[name]), World(2, USE_CASES[name])
    for each in (world, plain):
        each.function = replace(each.function, few=1)
        each.invoke(first)
    before = {signal: state.learned for signal, state in world.states().items()}
    world.signals = SettingsFile(1, [Entry(match="s1?", time_zone="Asia/Kolkata")])
    world.function = replace(world.cold(), few=1)
    world.invoke(second)
    plain.invoke(second)
    anew, unchanged = set[str](), plain.states()
    for signal, state in world.states().items():
        if signal.startswith("s1") and len(signal) == 3:
            anew.add(signal)
            assert state.learned == unchanged[signal].learned - before.get(signal, 0)
        else:
            assert dumped({signal: state}) == dumped({signal: unchanged[signal]})
    assert len(anew) == 10


@pytest.mark.parametrize("name", USE_CASES)
def test_a_batch_may_be_learned_in_slices(name, monkeypatch):
    whole = learned(USE_CASES[name], 3, few=1)
    monkeypatch.setattr(columns_learner, "OBSERVATIONS_PER_SLICE", 40)
    cut = learned(USE_CASES[name], 3, few=1)
    assert (dumped(cut[0]), *cut[1:]) == (dumped(whole[0]), *whole[1:])


@cache
def learned_alone(name: str) -> tuple[dict, set[str]]:
    """The states, and the ids of the events, that it comes to when nothing is cut short."""
    states, events, *_ = learned(USE_CASES[name], 4, few=10**9)
    return dumped(states), {event_id for event_id, _ in events}


@pytest.mark.parametrize("looks", range(1, 40, 3))
@pytest.mark.parametrize("name", USE_CASES)
def test_what_time_did_not_suffice_for_is_learned_when_it_comes_again(name, looks, monkeypatch):
    monkeypatch.setattr(columns_learner, "OBSERVATIONS_PER_SLICE", 60)
    whole, event_ids = learned_alone(name)
    world, delivered_again = World(2, USE_CASES[name]), 0
    world.function = replace(world.function, few=1)
    for records in batches(4):
        left, hurry = records, RunsShort(looks)
        while left:
            failed = world.invoke(left, time_left=hurry).failed
            if not failed:
                break
            delivered_again += 1
            hurry = RunsShort(hurry.looks + 10**6 if delivered_again % 2 else looks)
            [first] = failed
            left = [each for each in left if int(each["kinesis"]["sequenceNumber"]) >= int(first)]
    assert delivered_again or looks > 10
    assert dumped(world.states()) == whole
    assert {event.id for event in world.bus.events} == event_ids


def test_the_time_is_looked_at_before_each_slice(monkeypatch):
    monkeypatch.setattr(columns_learner, "OBSERVATIONS_PER_SLICE", 10)
    world, rows = World(1, USE_CASES["drift"]), [(f"s{signal}", 1.0) for signal in range(SIGNALS)]
    world.function = replace(world.function, few=1)
    world.invoke(points(rows, first=1_000))
    report = world.invoke(points(rows, first=2_000), time_left=RunsShort(3))  # one look is at the page
    assert (report.failed, report.counts["observations_learned"]) == (["2020"], 20)
    assert [state.learned for state in world.states().values()] == [2] * 20 + [1] * 10
