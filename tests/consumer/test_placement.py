"""By asset, a signal has one state, on the page of its asset, whatever shape, record or shard brings it."""

import asyncio
import base64
import json

import pytest

from consumer.detectors.asset_rows import AssetUseCase
from consumer.detectors.multivariate import Multivariate
from consumer.pages.codec import PageCodec, unmarked
from consumer.pages.layout import BY_ASSET, Layout, LayoutStore, layout_in_force
from consumer.settings.assets import AssetRule, Assets
from tests.consumer.world import PREFIX, NoHurry, World, assert_exact, interleaved, points, record, step

BY_NAME = Assets()
PRESS = Assets([AssetRule(("p3.*", "oil"), "Press 3")])
OTHER = "shardId-000000000001"
ASSET_ID, PROPERTY_ID = "3f8e1c52-0d3e-4b52-9c1b-5f0d8f2a7e11", "9d2b7a40-6a58-4f6e-8d55-0f9f1c2b3a44"


def among(points_alone: list[dict], which: slice) -> list[dict]:
    """Some of these records of points as records of several values, one of them being the point's."""
    found = list(points_alone)
    for at in range(len(found))[which]:
        one = found[at]["kinesis"]
        payload = json.loads(base64.b64decode(one["data"]))
        asset, _, name = payload["signal"].rpartition(".")
        values = {"signal": asset, "values": {name: payload["value"]}}
        found[at] = record(int(one["sequenceNumber"]), values, key=one["partitionKey"])
    return found


def held(world: World) -> dict[str, set[str]]:
    """The signals of each page."""
    return {
        key.removeprefix(f"{PREFIX}/"): {signal for _, signal in PageCodec().decode(unmarked(body))}
        for key, (_, body) in world.objects.objects.items()
        if key.startswith(PREFIX) and not key.endswith(".json") and unmarked(body)
    }


ALONE = points(interleaved(*(step(f"line1.c{n}.pressure", at=60 + 9 * n) for n in range(4))))


@pytest.mark.parametrize("pages", [0, 1, 16])
@pytest.mark.parametrize("batch", [1, 7, 200])
@pytest.mark.parametrize("few", [1, 100])
def test_alone_and_among_the_values_of_a_record_is_one_signal_that_learns_in_order(pages, batch, few):
    world = World(pages, assets=BY_NAME)
    world.function = world.cold(few=few)
    records = among(ALONE, slice(1, None, 3))
    for start in range(0, len(records), batch):
        assert world.invoke(records[start : start + batch]).failed == []
    assert_exact(world, ALONE)


def test_by_record_these_are_two_signals():
    world = World(16)
    world.invoke(among(ALONE, slice(1, None, 3)))
    with pytest.raises(AssertionError, match="has two models"):
        world.states()


def test_a_redelivered_batch_and_another_cut_of_it_change_nothing():
    world = World(16, assets=BY_NAME)
    records = among(ALONE, slice(0, None, 2))
    world.invoke(records[:90])
    before = dict(world.objects.objects)
    world.invoke(records[:90])
    world.invoke(records[30:80], world.cold())
    assert world.objects.objects == before
    world.invoke(records[60:])
    assert_exact(world, ALONE)


def test_what_carries_nothing_to_learn_counts_for_the_same_signal():
    world = World(16, assets=PRESS)
    world.invoke(
        [record(1, {"signal": "p3.force", "value": 1.0}), record(2, {"signal": "p3.force", "value": None})]
    )
    world.invoke([record(3, {"signal": "p3", "values": {"force": None}})])
    [state] = world.states().values()
    assert (state.learned, state.skipped) == (1, 2)


def test_signals_of_one_asset_share_a_page_whatever_their_names_and_shapes():
    world = World(4096, assets=PRESS)
    notification = {
        "type": "PropertyValueUpdate",
        "payload": {
            "assetId": ASSET_ID,
            "propertyId": PROPERTY_ID,
            "values": [
                {"value": {"doubleValue": 1.0}, "timestamp": {"timeInSeconds": 9, "offsetInNanos": 0}}
            ],
        },
    }
    world.invoke(
        [
            record(1, {"signal": "p3.force", "value": 1.0}),
            record(2, {"signal": "oil", "values": [1.0, 2.0], "timestamps": [1.0, 2.0]}),
            record(3, notification),
            record(4, {"signal": f"{ASSET_ID}:{PROPERTY_ID}", "value": 2.0}),
            record(
                5, {"propertyAlias": "line1.c1.flow", "propertyValues": notification["payload"]["values"]}
            ),
            record(6, {"signal": "line1.c1", "values": {"flow": 3.0, "heat": 1.0}}),
        ]
    )
    assert sorted(map(sorted, held(world).values())) == [
        [f"{ASSET_ID}:{PROPERTY_ID}"],
        ["line1.c1.flow", "line1.c1.heat"],
        ["oil", "p3.force"],
    ]
    assert world.states()[f"{ASSET_ID}:{PROPERTY_ID}"].learned == 2
    assert world.states()["line1.c1.flow"].learned == 2


def test_without_pages_there_is_an_object_for_each_asset():
    world = World(0, assets=PRESS)
    world.invoke(
        [
            record(n, {"signal": name, "value": 1.0})
            for n, name in enumerate(["p3.force", "oil", "p4.a", "p4.b"])
        ]
    )
    assert held(world) == {
        f"{BY_ASSET}/{PRESS.id}/assets/Press%203": {"p3.force", "oil"},
        f"{BY_ASSET}/{PRESS.id}/assets/p4": {"p4.a", "p4.b"},
    }


def test_a_page_that_two_shards_write_at_once_is_exact():
    world, other = World(1, assets=BY_NAME), []
    ours = points(step("c1.pressure"), first=100)
    theirs = [
        record(100 + n, {"signal": "c1", "values": {"heat": value}}, key="c1", shard=OTHER)
        for n, (_, value) in enumerate(step("c1.heat", at=50))
    ]
    functions = [world.function, world.cold()]

    async def side_by_side():
        for start in range(0, 200, 20):
            part = slice(start, start + 20)
            other.extend(
                await asyncio.gather(
                    *(
                        function.consume({"Records": records[part]}, NoHurry())
                        for function, records in zip(functions, (ours, theirs), strict=True)
                    )
                )
            )

    asyncio.run(side_by_side())
    assert [report.failed for report in other] == [[]] * 20
    assert {signal: state.learned for signal, state in world.states().items()} == {
        "c1.pressure": 200,
        "c1.heat": 200,
    }
    assert sum(report.counts["page_conflicts"] for report in other), "they met"


def test_one_signal_from_two_shards_keeps_a_checkpoint_for_each():
    world = World(16, assets=BY_NAME)
    alone = points(step("c1.pressure"))
    theirs = [
        record(100 + n, {"signal": "c1", "values": {"pressure": 5.0}}, key="c1", shard=OTHER)
        for n in range(50)
    ]
    for _ in range(2):
        for start in (0, 100):
            world.invoke(alone[start : start + 100])
            world.invoke(theirs[start // 4 : start // 4 + 25], world.cold())
    [state] = world.states().values()
    assert state.learned == 250
    assert {shard.shard_id: each.sequence_number for shard, each in state.checkpoints.items()} == {
        "shardId-000000000000": 299,
        OTHER: 149,
    }


@pytest.mark.parametrize("few", [1, 100])
@pytest.mark.parametrize("key", ["line1.c0", "line1.c0.pressure"])
def test_a_checkpoint_names_the_partition_key_that_brought_the_last_record(few, key):
    world = World(16, assets=BY_NAME)
    world.function = world.cold(few=few)
    records = [record(n, {"signal": "line1.c0.pressure", "value": 1.0}, key=key) for n in range(40)]
    for start in (0, 20):
        assert world.invoke(records[start : start + 20]).failed == []
    before = dict(world.objects.objects)
    [state] = world.states().values()
    assert [each.partition_keys for each in state.checkpoints.values()] == [(key,)]
    assert world.invoke(records, world.cold(few=few)).failed == []
    assert world.objects.objects == before


@pytest.mark.parametrize("few", [1, 100])
def test_records_alone_and_among_values_that_share_a_number_are_each_learned_once(few):
    world = World(16, assets=BY_NAME)
    world.function = world.cold(few=few)
    alone = record(5, {"signal": "c1.pressure", "value": 1.0}, key="c1.pressure")
    among_values = record(5, {"signal": "c1", "values": {"pressure": 2.0}}, key="c1")
    for batch in ([alone], [alone, among_values], [among_values], [alone, among_values]):
        assert world.invoke(batch).failed == []
    assert world.states()["c1.pressure"].learned == 2
    assert world.states()["c1.pressure"].model.total == 3.0


def test_what_is_recorded_wins_over_the_environment_and_the_settings_with_a_warning():
    world = World(16, assets=PRESS)
    world.invoke([record(1, {"signal": "p3.force", "value": 1.0})])
    for wanted, said in [
        (Layout(PREFIX, 16), "PLACEMENT is record, but the models are placed by asset"),
        (Layout(PREFIX, 16, BY_NAME), "the settings say the assets of signals otherwise"),
        (Layout(PREFIX, 4, PRESS), "MODEL_PAGES is 4, but the models lie in 16"),
        (Layout(PREFIX, 16, PRESS), ""),
    ]:
        warnings: list[str] = []
        layouts = LayoutStore(world.objects, wanted, warnings.append)
        assert asyncio.run(layouts.current()) == Layout(PREFIX, 16, PRESS)
        asyncio.run(layouts.confirm())
        assert [warning[: len(said)] for warning in warnings] == ([said] if said else [])


def test_a_changed_asset_in_the_settings_starts_no_model_anew():
    world = World(16, assets=PRESS)
    world.invoke([record(1, {"signal": "oil", "value": 1.0})])
    world.assets = Assets([AssetRule(("p3.*",), "Press 3")])
    world.invoke([record(2, {"signal": "oil", "value": 1.0})], world.cold())
    assert world.states()["oil"].learned == 2


@pytest.mark.parametrize("body", [b"[]", b"{", None])
def test_rules_that_are_gone_or_altered_stop_learning_and_are_named(body):
    world = World(16, assets=PRESS)
    world.invoke([record(1, {"signal": "oil", "value": 1.0})])
    key = f"{PREFIX}/assets-{PRESS.id}.json"
    if body is None:
        del world.objects.objects[key]
    else:
        world.objects.objects[key] = ('"altered"', body)
    before = dict(world.objects.objects)
    world.assets = None
    report = world.invoke([record(2, {"signal": "oil", "value": 1.0})], world.cold())
    assert report.failed == ["2"]
    assert key in report.problems[0]
    assert world.objects.objects == before


def test_a_function_from_before_there_was_a_placement_reads_no_layout_of_it():
    world = World(16, assets=PRESS)
    world.invoke([record(1, {"signal": "oil", "value": 1.0})])
    recorded = json.loads(world.objects.objects[f"{PREFIX}/layout.json"][1])
    assert recorded == {"by_asset": {"pages": 16, "assets": PRESS.id}}, "it wants `pages`, and finds none"
    assert asyncio.run(layout_in_force(world.objects, PREFIX)) == Layout(PREFIX, 16, PRESS)


def test_of_an_assets_rows_the_asset_is_the_one_that_it_is_placed_by():
    rows = AssetUseCase(Multivariate())
    world = World(16, use_case=rows, assets=PRESS)
    world.invoke(
        [record(1, {"signal": "p3.force", "value": 1.0}), record(2, {"signal": "oil", "value": 2.0})]
    )
    world.invoke([record(3, {"signal": "p3", "values": {"force": 3.0}})])
    [(signal, state)] = world.states().items()
    assert signal == "Press 3"
    assert state.model.last == {"p3.force": 1.0, "oil": 2.0}
    assert state.model.row == {"p3.force": 3.0}
