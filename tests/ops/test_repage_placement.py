"""Models move between placements offline: nothing is lost or learned twice, and what ends is told."""

import asyncio
import json

import pytest

from consumer.errors import ConfigurationError
from consumer.learning.state import State
from consumer.pages.codec import PageCodec
from consumer.pages.layout import Layout
from consumer.settings.assets import AssetRule, Assets
from ops.state.placing import Placing
from ops.state.repage import Repage
from tests.consumer.world import (
    PREFIX,
    Crash,
    World,
    assert_exact,
    interleaved,
    points,
    record,
    step,
)

BY_NAME, LINE = Assets(), Assets([AssetRule(("c1.*", "c2.*"), "Line 1")])
SIGNALS = [f"c{number}.pressure" for number in range(1, 7)]
STREAM = points(interleaved(*(step(signal, at=60 + 5 * n) for n, signal in enumerate(SIGNALS))))
HALF = len(STREAM) // 2
MOVES = pytest.mark.parametrize(
    ("before", "after"), [(None, BY_NAME), (None, LINE), (BY_NAME, LINE), (BY_NAME, None), (LINE, None)]
)


def move(world: World, assets: Assets | None, pages: int | None = None, **how):
    told: list[str] = []
    repage = Repage(world.objects, PageCodec(), PREFIX, told.append)
    return asyncio.run(repage.run(pages, Placing(assets, **how))), told


def recorded(world: World) -> dict:
    return json.loads(world.objects.objects[f"{PREFIX}/layout.json"][1])


def layout_of(assets: Assets | None, pages: int = 16) -> dict:
    return {"pages": pages} if assets is None else {"by_asset": {"pages": pages, "assets": assets.id}}


def half_way(assets: Assets | None) -> World:
    world = World(16, assets=assets)
    assert world.invoke(STREAM[:HALF]).failed == []
    return world


@MOVES
@pytest.mark.parametrize("pages", [16, 4, 0])
def test_a_stream_whose_placement_changes_half_way_gives_the_references_events(before, after, pages):
    world = half_way(before)
    assert move(world, after, pages)[0] == len(SIGNALS)
    assert recorded(world) == layout_of(after, pages)
    assert world.invoke(STREAM[HALF:], world.cold()).failed == []
    assert_exact(world, STREAM)


@MOVES
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("taken_back", [False, True])
def test_it_can_be_interrupted_at_every_write_and_run_again_or_taken_back(before, after, when, taken_back):
    begun = half_way(before).objects
    for step_number in range(1, 100):
        world = World(16, assets=before)
        world.objects.objects, world.objects.versions = dict(begun.objects), begun.versions
        world.faults.plan_nth(when, "put", Crash(), step_number)
        try:
            move(world, after)
        except Crash:
            world.faults.clear()
        else:
            break
        aim = before if taken_back else after
        assert move(world, aim)[0] == len(SIGNALS)
        assert recorded(world) == layout_of(aim)
        learned = {signal: state.learned for signal, state in world.states().items()}
        assert learned == dict.fromkeys(SIGNALS, HALF // len(SIGNALS))
        if step_number % 5 == 1:
            world.invoke(STREAM[HALF:], world.cold())
            assert {state.learned for state in world.states().values()} == {200}
    assert step_number > 6, "it was interrupted"


@MOVES
def test_a_warm_function_writes_nothing_where_the_models_lay_and_finds_them(before, after):
    world = half_way(before)
    move(world, after)
    moved = dict(world.objects.objects)
    report = world.invoke(STREAM[HALF:])
    assert report.failed == [STREAM[HALF]["kinesis"]["sequenceNumber"]]
    assert world.objects.objects == moved, "it wrote nothing"
    assert world.invoke(STREAM[HALF - 30 :]).failed == []
    assert_exact(world, STREAM)


def test_a_batch_that_was_learned_before_the_move_is_not_learned_again_after_it():
    world = half_way(None)
    move(world, BY_NAME)
    before = dict(world.objects.objects)
    assert world.invoke(STREAM[:HALF], world.cold()).failed == []
    assert world.objects.objects == before


ALONE = {"signal": "c1.pressure", "value": 1.0}


def both_ways(alone: int, among: int) -> World:
    """A signal that came alone so often, and then among the values of a record."""
    world = World(16)
    world.invoke(
        [record(100 + n, {"signal": "c1.pressure", "value": 1.0}, key="c1.pressure") for n in range(alone)]
    )
    values = {"signal": "c1", "values": {"pressure": 2.0, "heat": 3.0}}
    world.invoke([record(500 + n, values, key="c1") for n in range(among)])
    return world


@pytest.mark.parametrize(("alone", "among", "kept"), [(9, 4, 9), (4, 9, 9), (5, 5, 5)])
def test_of_two_states_of_a_signal_the_one_that_learned_more_goes_on_and_the_other_is_told(
    alone, among, kept
):
    world = both_ways(alone, among)
    signals, told = move(world, BY_NAME)
    assert signals == 2
    states = world.states()
    assert states["c1.pressure"].learned == kept
    assert states["c1.pressure"].model.total == kept * (1.0 if alone >= among else 2.0)
    [line] = [line for line in told if "c1.pressure" in line]
    ends = "among those of c1" if alone >= among else "in records of its own"
    assert line.startswith("c1.pressure has two models: ")
    assert f"{ends}, of {min(alone, among)} observations, which ends here" in line
    assert ("still to be delivered again" in line) is (alone < among), "its own last record comes first"


def test_the_one_that_goes_on_keeps_its_own_checkpoint_and_learns_what_comes_however_it_comes():
    world = both_ways(9, 4)
    move(world, BY_NAME)
    again = [record(108, {"signal": "c1.pressure", "value": 1.0}, key="c1.pressure")]
    new = [
        record(600, {"signal": "c1", "values": {"pressure": 2.0}}, key="c1"),
        record(601, {"signal": "c1.pressure", "value": 1.0}),
    ]
    assert world.invoke(again + new, world.cold()).failed == []
    assert world.states()["c1.pressure"].learned == 11


def test_an_interrupted_merge_comes_to_the_same():
    for step_number in range(1, 100):
        world = both_ways(9, 4)
        world.faults.plan_nth("after", "put", Crash(), step_number)
        try:
            move(world, BY_NAME)
        except Crash:
            world.faults.clear()
        else:
            break
        assert move(world, BY_NAME)[0] == 2
        assert {signal: state.learned for signal, state in world.states().items()} == {
            "c1.pressure": 9,
            "c1.heat": 4,
        }
    assert step_number > 4


def test_an_alert_that_is_open_of_the_one_that_ends_is_told():
    states = {key: State(None, learned=number) for number, key in enumerate(sorted(both_ways_keys()))}
    told: list[str] = []
    Placing(BY_NAME, open_alert=lambda state: "Open of it: alert").placed(states, None, told.append)
    assert told[0].endswith("Open of it: alert: no event will clear it")


def test_a_state_whose_parameters_have_changed_since_ends_whatever_it_had_learned():
    among, alone = both_ways_keys()
    states = {among: State(None, learned=9, parameters="old"), alone: State(None, learned=4)}
    told: list[str] = []
    placing = Placing(BY_NAME, is_current=lambda key, state: state.parameters == "")
    assert placing.placed(states, None, told.append) == {among: states[alone]}
    assert "of 4 observations, which goes on, " in told[0]
    assert told[0].endswith("it has other parameters than signals.yaml and use_cases.py say here")


def both_ways_keys():
    from consumer.decode.signal_names import SignalKey

    return [SignalKey("c1", "c1.pressure"), SignalKey("c1.pressure", "c1.pressure")]


def test_back_to_records_a_signal_is_of_the_record_that_is_said_and_goes_on_there():
    world = World(16, assets=BY_NAME)
    values = {"signal": "c1", "values": {"pressure": 2.0}}
    world.invoke([record(n, values, key="c1") for n in range(5)])
    world.invoke([record(10 + n, {"signal": "c2.pressure", "value": 1.0}) for n in range(5)])
    _, told = move(world, None, among=["c1.*"])
    assert "in records of their own: 1; among the values of a record: 1" in "\n".join(told)
    world.invoke(
        [record(20, values, key="c1"), record(21, {"signal": "c2.pressure", "value": 1.0})], world.cold()
    )
    assert {signal: state.learned for signal, state in world.states().items()} == {
        "c1.pressure": 6,
        "c2.pressure": 6,
    }


def test_a_signal_without_a_dot_is_of_no_record_and_nothing_is_moved():
    world = World(16, assets=BY_NAME)
    world.invoke([record(1, {"signal": "heat", "value": 1.0})])
    before = dict(world.objects.objects)
    with pytest.raises(ConfigurationError, match="'heat', whose name has no dot"):
        move(world, None, among=["*"])
    assert world.objects.objects == before, "no page is fenced, and the function goes on"
    assert world.invoke([record(2, {"signal": "heat", "value": 1.0})]).failed == []
    assert move(world, BY_NAME)[0] == 1
    assert world.invoke([record(3, {"signal": "heat", "value": 1.0})], world.cold()).failed == []
    assert world.states()["heat"].learned == 3


@pytest.mark.parametrize("name", [".heat", "heat.", "a:b"])
def test_a_dot_at_an_end_of_the_name_says_no_record_either(name):
    world = World(16, assets=BY_NAME)
    world.invoke([record(1, {"signal": name, "value": 1.0})])
    before = dict(world.objects.objects)
    with pytest.raises(ConfigurationError, match="no dot with text on both sides"):
        move(world, None, among=["*"])
    assert world.objects.objects == before


@pytest.mark.parametrize(
    "name", ["..", "...", "a/b.c", "%2E.x", "Größe.x", "a.", ".a", ":", "a..b", "x" * 512]
)
@pytest.mark.parametrize("pages", [0, 16])
def test_odd_names_go_by_asset_and_back_and_are_the_same_signals(name, pages):
    world = World(pages)
    for number, assets in enumerate((BY_NAME, LINE, None)):
        assert world.invoke([record(number, {"signal": name, "value": 1.0})], world.cold()).failed == []
        assert move(world, assets)[0] == 1
    assert world.invoke([record(9, {"signal": name, "value": 1.0})], world.cold()).failed == []
    assert {signal: state.learned for signal, state in world.states().items()} == {name: 4}


def test_without_a_placement_models_stay_placed_as_they_are():
    world = half_way(LINE)
    assert asyncio.run(Repage(world.objects, PageCodec(), PREFIX, lambda line: None).run(4)) == len(SIGNALS)
    assert recorded(world) == layout_of(LINE, 4)
    page = Layout(PREFIX, 4, LINE).key_of("Line 1")
    held = {signal for _, signal in PageCodec().decode(world.objects.objects[page][1])}
    assert {"c1.pressure", "c2.pressure"} <= held
