"""`mode:` in signals.yaml: each mode of a machine is learned by itself, as another signal tells it."""

import json
import random
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import anomaly, drift

from consumer.decode.signal_names import SignalKey
from consumer.detectors.alert_policy import AlertPolicy
from consumer.detectors.anomaly import AnomalyUseCase
from consumer.detectors.asset_rows import AssetUseCase
from consumer.detectors.drift import DriftUseCase
from consumer.detectors.modes.mode_rule import ModeRule
from consumer.detectors.modes.timeline import CHANGES_MAX, Timeline
from consumer.detectors.multivariate import Multivariate
from consumer.detectors.sensor_checks import SensorChecks
from consumer.errors import ConfigurationError, PageChanged
from consumer.learning import page_learner, signal_learner
from consumer.learning.state import State
from consumer.pages.codec import PageCodec
from consumer.settings.signal_settings import SettingsFile
from consumer.settings.signals_yaml import as_json, read_shipped, read_signal_settings
from tests.consumer.detectors.test_asset_rows import POISON, Choosy
from tests.consumer.own_model import Wobble, allow_own_modules
from tests.consumer.world import NoHurry, RunsShort, World, record

START_S = 1_700_000_000.0
POLICY = AlertPolicy(clear_after=2, cool_down_s=0.0, alerts_per_week=1e6)
GAUSSIAN = AnomalyUseCase(
    anomaly.ThresholdFilter(anomaly.GaussianScorer(grace_period=5), threshold=0.99), warm_up=5, alert=POLICY
)
CHECKED = AnomalyUseCase(
    GAUSSIAN.detector, warm_up=5, alert=POLICY, sensor_checks=SensorChecks(flat=8, stale_s=600.0, empty=3)
)
ROWS = AssetUseCase(Multivariate(warm_up=20, delay=5, alert=POLICY))


def of_signals(match="*.pressure", by="state", **rule) -> SettingsFile:
    mode = {"by": by, "settle_s": 0.0} | rule
    return msgspec.convert({"version": 1, "signals": [{"match": match, "mode": mode}]}, SettingsFile)


def told(number, at_s, key="c1", arrived=None, shard=None, **values) -> dict:
    """A record of the asset's values at a time, in seconds from the start."""
    payload = {"signal": "c1", "timestamp": START_S + at_s, "values": values}
    where = {} if shard is None else {"shard": shard}
    return record(number, payload, key=key, arrived=START_S + (at_s if arrived is None else arrived), **where)


def pressure_in(mode: float, row: int) -> float:
    return 10.0 * mode + row * 7919 % 13 / 13.0


def details(world: World) -> list[dict]:
    return [json.loads(event.detail) for event in world.bus.events]


def written(states) -> bytes:
    """All that is known, as a page has it."""
    codec = PageCodec()
    keyed = {SignalKey("c1", signal): state for signal, state in sorted(states.items())}
    return codec.encode(codec.decode(codec.encode(keyed)))


SETTINGS = "version: 1\nsignals:\n  - match: c1.pressure\n    mode: {rule}\n"


def test_the_setting_is_read_as_people_write_it_and_ships_so():
    """YAML 1.1 takes `off` for false, also where it is the name of a field."""
    text = SETTINGS.format(rule="{ by: state, off: [0, off, 3.5], settle_s: 30 }")
    [entry] = read_signal_settings(text, "signals.yaml", {}).signals
    assert entry.mode == ModeRule("state", (0.0, False, 3.5), 30.0, 16)
    [shipped] = read_shipped(as_json(text).decode(), "signals.yaml", {}).signals
    assert shipped == entry


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{ off: [0] }", "missing required field `by`"),
        ("{ by: state, max: 0 }", "Expected `int` >= 1"),
        ("{ by: state, settle_s: -1 }", "Expected `float` >= 0.0"),
        ("{ by: state, off: [idle] }", "got `str`"),
        ("{ by: state, of: [0] }", "of is not a field"),
    ],
)
def test_a_mistake_in_the_setting_is_named_with_its_line(rule, said):
    with pytest.raises(ConfigurationError, match=r"^signals\.yaml, line 4: ") as raised:
        read_signal_settings(SETTINGS.format(rule=rule), "signals.yaml", {})
    assert said in str(raised.value)


# What is known of a mode.


def test_a_mode_holds_from_when_it_was_told_until_another_is():
    timeline = Timeline()
    for at_s, mode in ((10.0, 1.0), (20.0, 1.0), (30.0, -0.0), (40.0, 2.0)):
        timeline.note(at_s, mode)
    assert [timeline.at(at_s) for at_s in (9.9, 10.0, 29.9, 30.0, 99.0, None)] == [
        None,
        (10.0, 1.0),
        (10.0, 1.0),
        (30.0, 0.0),
        (40.0, 2.0),
        (40.0, 2.0),
    ]


def test_of_two_modes_at_one_time_the_later_told_holds():
    timeline = Timeline()
    for at_s, mode in ((0.0, 1.0), (10.0, 2.0), (10.0, 1.0), (10.0, 3.0), (10.0, 1.0)):
        timeline.note(at_s, mode)
    assert timeline.changes == [(0.0, 10.0, 1.0)]


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 3)), max_size=CHANGES_MAX),
    st.lists(st.integers(-1, 61), max_size=8),
)
@settings(max_examples=200, deadline=None)
def test_at_each_time_that_was_told_the_mode_is_what_was_told_of_it_last(told_in_order, others):
    timeline = Timeline()
    for at_s, mode in told_in_order:
        timeline.note(float(at_s), float(mode))
    last = {float(at_s): float(mode) for at_s, mode in told_in_order}
    assert len(timeline.changes) <= CHANGES_MAX
    starts = [since_s for since_s, _, _ in timeline.changes]
    assert starts == sorted(set(starts))
    modes = [mode for _, _, mode in timeline.changes]
    assert all(one != other for one, other in pairwise(modes))
    if len(timeline.changes) < CHANGES_MAX:
        in_order = sorted(last)
        if [at_s for at_s, _ in told_in_order] == sorted(at_s for at_s, _ in told_in_order):
            for at_s in [*last, *map(float, others)]:
                before = [one for one in in_order if one <= at_s]
                found = timeline.at(at_s)
                assert (found and found[1]) == (last[before[-1]] if before else None)
        if last:  # in whatever order: what is newest is never lost
            assert timeline.at(in_order[-1])[1] == last[in_order[-1]]


def test_only_the_last_changes_are_kept_and_what_is_older_is_of_no_known_mode():
    timeline = Timeline()
    for change in range(3 * CHANGES_MAX):
        timeline.note(10.0 * change, float(change % 2))
    assert len(timeline.changes) == CHANGES_MAX
    oldest_s = 10.0 * 2 * CHANGES_MAX
    assert timeline.at(oldest_s - 1.0) is None
    before = timeline.copy()
    timeline.note(5.0, 7.0)
    timeline.note(6.0, before.changes[0][2])  # else it would seem to have lasted since then
    assert timeline == before


def test_a_signal_finds_the_one_that_tells_its_mode():
    for by, signal, telling in (
        ("state", "c1.pressure", "c1.state"),
        ("c1.state", "c1.pressure", "c1.state"),
        ("9d2b", "3f8e:77aa", "3f8e:9d2b"),
        ("state", "pressure", "state"),
    ):
        assert ModeRule(by).signal_of(SignalKey("here", signal)) == SignalKey("here", telling)
    # Where a record's values have names with dots, the record's signal is the machine.
    assert ModeRule("state").signal_of(SignalKey("c1", "c1.pump.oil")) == SignalKey("c1", "c1.state")


# What is learned.


def test_each_mode_is_learned_by_itself_and_the_mode_as_any_signal():
    world = World(1, GAUSSIAN, signals=of_signals())
    rows = [(row, row // 20 % 3) for row in range(180)]
    report = world.invoke(
        told(100 + row, 60.0 * row, pressure=pressure_in(mode, row), state=mode) for row, mode in rows
    )
    states = world.states()
    for mode in range(3):
        alone = GAUSSIAN.create(states["c1.pressure"].model.seed)
        own = [row for row, of in rows if of == mode]
        GAUSSIAN.learn(alone, [pressure_in(mode, row) for row in own], [START_S + 60.0 * row for row in own])
        alone = PageCodec().decode(PageCodec().encode({SignalKey("a", "a"): State(alone)}))
        found = states["c1.pressure"].model.models[float(mode)]
        assert found.count == 60
        assert written({"c1.a": State(found)}) == written({"c1.a": alone[SignalKey("a", "a")]})
    assert states["c1.pressure"].learned == states["c1.state"].learned == 180
    assert report.counts["mode_unknown"] == report.counts["outside_modes"] == 0


def test_nothing_is_learned_while_off_or_settling_or_before_a_mode_is_known():
    world = World(1, GAUSSIAN, signals=of_signals(off=[False, 9], settle_s=120.0))
    modes = [None] * 5 + [1] * 10 + [0] * 10 + [9] * 5 + [2] * 10
    records = [
        told(100 + row, 60.0 * row, pressure=1.0, **({} if mode is None else {"state": mode}))
        for row, mode in enumerate(modes)
    ]
    report = world.invoke(records)
    state = world.states()["c1.pressure"]
    assert state.model.learned == {1.0: 8, 2.0: 8}
    assert (state.learned, state.skipped) == (16, 24)
    assert (report.counts["mode_unknown"], report.counts["outside_modes"]) == (5, 19)
    again = world.invoke(records)
    assert (again.counts["redelivered"], again.counts["outside_modes"]) == (75, 0)


def test_a_value_counts_for_the_mode_that_comes_with_its_record_wherever_it_stands_there():
    for names in (("state", "pressure"), ("pressure", "state")):
        world = World(1, GAUSSIAN, signals=of_signals())
        for row in range(4):
            values = {"state": row % 2, "pressure": 5.0}
            world.invoke([told(100 + row, 60.0 * row, **{name: values[name] for name in names})])
        assert world.states()["c1.pressure"].model.learned == {0.0: 2, 1.0: 2}, names


def test_what_is_measured_before_a_change_and_comes_after_it_is_of_the_mode_before():
    world = World(1, GAUSSIAN, signals=of_signals())
    world.invoke([told(100, 0.0, state=1), told(101, 100.0, state=2)])
    world.invoke(
        [told(102, 90.0, pressure=1.0), told(103, 110.0, pressure=1.0), told(104, -5.0, pressure=1.0)]
    )
    state = world.states()["c1.pressure"]
    assert state.model.learned == {1.0: 1, 2.0: 1}
    assert state.skipped == 1


def test_a_mode_beyond_the_most_takes_the_place_of_the_one_learned_longest_ago_and_is_counted():
    world = World(1, GAUSSIAN, signals=of_signals(max=2))
    modes = [1, 2, 1, 3, 1, 2]
    report = world.invoke(
        told(100 + row, 60.0 * row, pressure=1.0, state=mode) for row, mode in enumerate(modes)
    )
    model = world.states()["c1.pressure"].model
    assert model.learned == {1.0: 3, 2.0: 1}
    assert model.forgotten == report.counts["modes_forgotten"] == 2


def test_an_alert_that_is_open_when_its_mode_ends_is_cleared_as_left():
    world = World(1, GAUSSIAN, signals=of_signals(off=[0]))
    rows = [(row, 1, pressure_in(1, row)) for row in range(40)] + [(40, 1, 99.0), (41, 1, 99.0)]
    rows += [(42, 0, 0.0), (43, 0, 0.0), (44, 2, 20.0)]
    world.invoke(told(100 + row, 60.0 * row, pressure=value, state=mode) for row, mode, value in rows)
    opened, cleared = [one for one in details(world) if one["signal"] == "c1.pressure"]
    assert (opened["change"], opened["evidence"]["mode"]) == ("opened", 1.0)
    assert opened["evidence"]["mode_observations"] == 41
    assert opened["headline"].endswith("value 99 in mode 1")
    assert (cleared["change"], cleared["value"], cleared["evidence"]["left_mode"]) == ("cleared", 0.0, True)
    assert cleared["headline"].endswith("c1.pressure, the machine left mode 1")
    assert cleared["alert"] == opened["alert"]
    use_case, model = world.function.settings.of("c1.pressure").use_case, world.states()["c1.pressure"].model
    assert not use_case.alert_of(model).is_open


def test_what_lasts_in_a_mode_is_told_again_when_that_comes_back():
    world = World(1, GAUSSIAN, signals=of_signals())
    rows = [(1, pressure_in(1, row)) for row in range(40)] + [(1, 99.0), (2, 20.0), (1, 150.0), (2, 20.0)]
    world.invoke(
        told(100 + row, 60.0 * row, pressure=value, state=mode) for row, (mode, value) in enumerate(rows)
    )
    changes = [one["change"] for one in details(world) if one["signal"] == "c1.pressure"]
    assert changes == ["opened", "cleared", "opened", "cleared"]


def test_an_asset_learns_rows_of_each_mode_without_the_mode_itself():
    world = World(1, ROWS, signals=of_signals("c1", off=[0]))
    for row in range(30):
        mode = row // 5 % 3
        world.invoke([told(100 + row, 60.0 * row, pressure=1.0 + row % 3, flow=2.0, state=mode)])
    [state] = world.states().values()
    assert state.model.learned == {1.0: 20, 2.0: 20}  # values of two properties
    assert {mode: [*rows.last] for mode, rows in state.model.models.items()} == {
        1.0: ["pressure", "flow"],
        2.0: ["pressure", "flow"],
    }
    assert state.skipped == 30 + 20


def test_equal_values_and_silence_ring_while_it_runs_and_not_while_it_is_off():
    def told_of(off):
        world = World(1, CHECKED, signals=of_signals(off=off))
        rows = [(1, pressure_in(1, row)) for row in range(40)] + [(0, 3.0)] * 40
        world.invoke(
            told(100 + row, 60.0 * row, pressure=value, state=mode) for row, (mode, value) in enumerate(rows)
        )
        world.invoke([told(300 + row, 60.0 * (80 + row), state=0) for row in range(60)])
        world.sweep(START_S + 60.0 * 140)
        return {one["evidence"].get("fault") for one in details(world) if one["signal"] == "c1.pressure"}

    assert told_of([0]) <= {None}
    assert told_of([]) >= {"flat", "stale"}


def test_bad_quality_rings_while_it_runs_and_not_while_it_is_off():
    def told_of(mode):
        world = World(1, CHECKED, signals=of_signals(off=[0]))
        world.invoke(told(100 + row, row, pressure=pressure_in(1, row), state=1) for row in range(20))
        world.invoke(told(200 + row, 30.0 + row, pressure=None, state=mode) for row in range(4))
        return [one["evidence"].get("fault") for one in details(world) if one["signal"] == "c1.pressure"]

    assert told_of(1) == ["quality"]
    assert told_of(0) == []


def test_a_signal_that_comes_alone_is_not_learned_and_it_is_said_what_to_do():
    world = World(1, GAUSSIAN, signals=of_signals())
    report = world.invoke(
        [
            record(100, {"signal": "c1.pressure", "value": 1.0}),
            record(101, {"signal": "c1.state", "value": 1.0}),
            record(102, {"signal": "c1.pressure", "value": 1.0}),
        ]
    )
    assert report.counts["mode_unknown"] == 2
    [problem] = report.problems
    assert "1 signals, such as c1.pressure, are not learned" in problem
    assert "Send both as values of one record, or set `placement: asset`" in problem


def test_placed_by_asset_a_signal_that_comes_alone_has_its_mode():
    world = World(4, GAUSSIAN, signals=of_signals(off=[0]))
    world.function.settings.placement = world.function.settings.assets
    records = []
    for row in range(40):
        at_s = START_S + 60.0 * row
        for name, value in (("state", row // 10 % 3), ("pressure", 1.0)):
            payload = {"signal": f"c1.{name}", "timestamp": at_s, "value": value}
            records.append(record(100 + len(records), payload, key="c1", arrived=at_s))
    report = world.invoke(records)
    assert world.states()["c1.pressure"].model.learned == {1.0: 10, 2.0: 10}
    assert (report.problems, report.counts["mode_unknown"]) == ([], 0)


def test_other_signals_are_learned_as_they_were():
    records = [
        told(100 + row, 60.0 * row, pressure=pressure_in(1, row), flow=float(row % 7), state=row // 50)
        for row in range(150)
    ]
    without, beside = (
        World(1, DriftUseCase(drift.ADWIN())),
        World(1, DriftUseCase(drift.ADWIN()), signals=of_signals()),
    )
    without.invoke(records)
    beside.invoke(records)
    one, other = without.states()["c1.flow"], beside.states()["c1.flow"]
    assert written({"c1.flow": one}) == written({"c1.flow": other})
    assert beside.states()["c1.state"].learned == 150


# In whatever batches.


@pytest.fixture
def small_chunks(monkeypatch):
    """The time is looked at every few observations."""
    for module in (page_learner, signal_learner):
        monkeypatch.setattr(module, "OBSERVATIONS_PER_CHUNK", 3)


def a_stream(draw: random.Random, count: int) -> list[dict]:
    """Values and modes, together and apart, some late, of one shard."""
    records, mode = [], 1
    for row in range(count):
        at_s = 60.0 * row - draw.choice([0.0, 0.0, 0.0, 90.0, 600.0])
        if draw.random() < 0.2:
            mode = draw.randrange(4)
        far = draw.choice([0.0] * 12 + [40.0])
        values = {"pressure": pressure_in(mode, row) + far, "flow": row * 31 % 11}
        shape = draw.random()
        if shape < 0.4:
            parts = [{"state": mode}] if draw.random() < 0.5 else [values]
        else:
            parts = [values | {"state": mode}] if draw.random() < 0.5 else [{"state": mode} | values]
        records += [told(1000 + row, at_s, arrived=60.0 * row, **part) for part in parts]
    return records


@pytest.mark.parametrize("kind", ["signals", "asset", "checked"])
@given(seed=st.integers(0, 10**9))
@settings(max_examples=25, deadline=None)
def test_other_cuts_of_batches_give_the_same_states_and_events(kind, seed):
    draw = random.Random(seed)
    use_case = {"signals": GAUSSIAN, "asset": ROWS, "checked": CHECKED}[kind]
    match = "c1" if kind == "asset" else "*.pressure"
    rule = of_signals(match, off=[0], settle_s=draw.choice([0.0, 100.0]), max=draw.choice([2, 16]))
    records = a_stream(draw, 70)
    whole, cut = World(1, use_case, signals=rule), World(1, use_case, signals=rule)
    whole.invoke(records)
    chunk = page_learner.OBSERVATIONS_PER_CHUNK, signal_learner.OBSERVATIONS_PER_CHUNK
    page_learner.OBSERVATIONS_PER_CHUNK = signal_learner.OBSERVATIONS_PER_CHUNK = 3
    try:
        at = 0
        while at < len(records):
            count = draw.randrange(1, 30)
            function = cut.cold() if draw.random() < 0.2 else cut.function
            if draw.random() < 0.2:
                cut.faults.plan("after", "put", PageChanged("412"), key="pages", times=1)
            batch = records[max(0, at - draw.choice([0, 0, 6])) : at + count]
            hurry = RunsShort(draw.randrange(2, 12)) if draw.random() < 0.5 else NoHurry()
            report = cut.invoke(batch, function, hurry)
            if report.failed:
                numbers = [one["kinesis"]["sequenceNumber"] for one in records]
                at = min(at + count, numbers.index(report.failed[0]))
            else:
                at += count
    finally:
        page_learner.OBSERVATIONS_PER_CHUNK, signal_learner.OBSERVATIONS_PER_CHUNK = chunk
    assert written(cut.states()) == written(whole.states())
    found = {event.id: event.detail for event in whole.bus.events}
    assert {event.id: event.detail for event in cut.bus.events} == found


def test_a_signal_whose_mode_was_read_ahead_is_learned_by_what_it_could_know(small_chunks):
    """The time runs out between the value and a late word on its mode: that must not count for the value."""
    records = [told(100, 0.0, state=1)]
    records += [told(101 + row, 60.0 * (1 + row), pressure=1.0) for row in range(6)]
    records += [told(200, 30.0, state=2)]  # late: had it been known, all six were of mode 2
    whole = World(1, GAUSSIAN, signals=of_signals())
    whole.invoke(records)
    assert whole.states()["c1.pressure"].model.learned == {1.0: 6}
    for looks in range(2, 8):
        world = World(1, GAUSSIAN, signals=of_signals())
        report = world.invoke(records, time_left=RunsShort(looks))
        assert looks > 2 or report.failed
        world.invoke(records)
        assert written(world.states()) == written(whole.states()), looks


def test_a_model_that_raises_is_learned_again_by_what_its_signal_could_know(monkeypatch, small_chunks):
    allow_own_modules(monkeypatch, "tests.consumer.own_model")
    use_case = AnomalyUseCase(anomaly.ThresholdFilter(Wobble(), threshold=0.8), warm_up=5)
    good = [told(100, 0.0, state=1)]
    good += [told(101 + row, 60.0 * (1 + row), pressure=1.0 + row % 3) for row in range(6)]
    late = [told(200, 30.0, state=2), told(201, 500.0, pressure=2.0)]
    whole = World(1, use_case, signals=of_signals())
    whole.invoke([*good, *late])
    raising, score_one = World(1, use_case, signals=of_signals()), Wobble.score_one

    def raises(self, x):
        if x["value"] == 7.25:
            raise ValueError("not this one")
        return score_one(self, x)

    monkeypatch.setattr(Wobble, "score_one", raises)
    poison = told(105, 300.0, pressure=7.25)
    raising.invoke([*good[:5], poison, *good[6:], *late])
    assert whole.states()["c1.pressure"].model.learned == {1.0: 6, 2.0: 1}
    assert raising.states()["c1.pressure"].model.learned == {1.0: 5, 2.0: 1}
    assert raising.states()["c1.state"].model.timeline == whole.states()["c1.state"].model.timeline
    for looks in range(2, 12):  # also where the time runs out before it is learned again
        world = World(1, use_case, signals=of_signals())
        world.invoke([*good[:5], poison, *good[6:], *late], time_left=RunsShort(looks))
        world.invoke([*good[:5], poison, *good[6:], *late])
        assert written(world.states()) == written(raising.states()), looks


def test_several_shards_give_what_their_commits_say():
    """A mode on another shard counts from its commit on, by its time."""
    world = World(1, GAUSSIAN, signals=of_signals())
    world.invoke([told(100, 0.0, state=1, shard="shardId-000000000001")])
    world.invoke([told(50, 10.0, pressure=1.0), told(51, 100.0, pressure=1.0)])
    world.invoke([told(101, 90.0, state=2, shard="shardId-000000000001")])
    world.invoke([told(51, 100.0, pressure=1.0), told(52, 110.0, pressure=1.0), told(53, 80.0, pressure=1.0)])
    assert world.states()["c1.pressure"].model.learned == {1.0: 3, 2.0: 1}


@pytest.mark.parametrize("between", [[2], [2, 0], [0, 2, 0]], ids=["another", "off after", "off around"])
@pytest.mark.parametrize("cut", [0, 9, 14])
def test_a_row_that_raises_in_a_mode_is_kept_and_nothing_of_the_others_is(between, cut):
    """It waits while the machine is in other modes, and is ended by the first value that comes after."""
    world = World(1, AssetUseCase(Choosy()), signals=of_signals("c1", off=[0]))
    rows = [(1, "a", 1.0), (1, "b", 2.0), (1, "a", 1.0), (1, "b", 2.0), (1, "a", POISON)]
    rows += [(mode, name, 3.0) for mode in between for name in ("a", "b", "a", "b")]
    rows += [(1, "a", 4.0), (1, "b", 5.0)]
    records = [
        told(100 + row, 0.1 * row, state=mode, **{name: value})
        for row, (mode, name, value) in enumerate(rows)
    ]
    world.invoke(records[:cut])
    world.invoke(records[cut:], world.cold())
    kept = {line["id"]: line for line in world.objects.quarantined()}.values()
    assert len(kept) == 1
    [state] = world.states().values()
    assert [*state.model.models] == [2.0, 1.0]
    of_modes = {mode: [dict(row) for row, _ in rows.model] for mode, rows in state.model.models.items()}
    assert of_modes[2.0] == [{0: 3.0, 1: 3.0}] * 2
    assert of_modes[1.0] == [{0: 1.0, 1: 2.0}] * 2 + [{0: 4.0, 1: 5.0}]


@pytest.mark.parametrize("cut", [1, 4, 9])
def test_a_mode_whose_signal_a_full_page_refuses_is_not_known_however_batches_are_cut(cut):
    """Else it would be known in the batch that tells it, and in none after that."""
    world = World(1, GAUSSIAN, signals=of_signals(), signals_max=1)
    world.invoke([told(100, 0.0, pressure=1.0)])
    records = [told(101, 60.0, state=1)]
    records += [told(102 + row, 120.0 + 60.0 * row, pressure=float(row)) for row in range(8)]
    reports = [world.invoke(part) for part in (records[:cut], records[cut:]) if part]
    state = world.states()["c1.pressure"]
    assert (state.learned, state.skipped) == (0, 9)
    assert sum(report.counts["mode_unknown"] for report in reports) == 8
