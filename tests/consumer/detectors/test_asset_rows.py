"""The values of one asset become rows, exactly, however they arrive and however often."""

import base64
import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import anomaly, cluster, preprocessing

from consumer.decode.lambda_event import decode
from consumer.decode.signal_names import SignalKey
from consumer.detectors.alert_policy import Finding
from consumer.detectors.anomaly import AnomalyUseCase
from consumer.detectors.asset_rows import NAMES_MAX, AssetUseCase, NamedValue
from consumer.detectors.base import UseCase
from consumer.detectors.clusters import ClustersUseCase
from consumer.errors import ConfigurationError, ModelRaised
from tests.consumer.world import World, record

START_S = 1_700_000_000.0
NAMES = ("flow", "level", "power")
ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Rows(UseCase):
    """A use case that keeps the rows it is given, and finds something in every one."""

    kind: str = "rows"
    detail_type: str = "Row"
    severity: str = "info"
    late: str = "learn"

    @property
    def parameters(self):
        return []

    def create(self, seed):
        return []

    def learn(self, model, values, timestamps, scores=None):
        model += zip(values, timestamps, strict=True)
        if scores is not None:
            scores += [1.0] * len(values)
        return [Finding(index, {}) for index in range(len(values))]


def rows_of(values: list[tuple[str, float, float | None]], within_s: float = 5.0) -> list:
    """The rows that (name, value, seconds after the start) become."""
    use_case = AssetUseCase(Rows(), within_s)
    joined = use_case.create(1)
    times = [None if at_s is None else START_S + at_s for _, _, at_s in values]
    found = use_case.learn(joined, [NamedValue(value, name) for name, value, _ in values], times)
    assert [dict(enumerate(one.evidence["values"].values())) for one in found] == [
        row for row, _ in joined.model
    ]
    return [one.evidence["values"] for one in found]


def test_a_row_ends_when_a_property_comes_again_and_then_as_soon_as_it_is_whole():
    rounds = [(name, float(10 * number)) for number in range(3) for name in "abc"]
    values = [(name, value + "abc".index(name), None) for name, value in rounds]
    assert rows_of(values) == [
        {"a": 0.0, "b": 1.0, "c": 2.0},
        {"a": 10.0, "b": 11.0, "c": 12.0},
        {"a": 20.0, "b": 21.0, "c": 22.0},
    ]


def test_a_row_ends_some_seconds_after_its_first_value():
    """Whichever property was first on the stream, rows are of values that were measured together."""
    values = [("b", 1.0, 0.0), ("c", 2.0, 0.1)]
    values += [(name, float(number), 60.0 + number / 10) for number, name in enumerate("abc")]
    values += [(name, float(number), 120.0 + number / 10) for number, name in enumerate("abc")]
    assert rows_of(values) == [{"b": 1.0, "c": 2.0}, *2 * [{"a": 0.0, "b": 1.0, "c": 2.0}]]


def test_a_property_that_does_not_come_keeps_its_last_value():
    values = [("a", 1.0, 0.0), ("b", 2.0, 0.0), ("a", 3.0, 60.0), ("a", 4.0, 120.0), ("b", 5.0, 120.1)]
    assert rows_of(values)[:2] == [{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 2.0}]


def test_an_asset_that_makes_names_up_cannot_grow_its_state():
    use_case = AssetUseCase(Rows())
    joined = use_case.create(1)
    values = [NamedValue(1.0, f"n{number}") for number in range(10 * NAMES_MAX)]
    use_case.learn(joined, values, [START_S + 10.0 * number for number in range(len(values))])
    assert len(joined.last) <= NAMES_MAX


@pytest.mark.parametrize(
    ("record_signal", "signal", "asset", "name"),
    [
        ("pump", "pump.flow", "pump", "flow"),
        ("a.b", "a.b.c.d", "a.b", "c.d"),
        ("asset:property", "asset:property", "asset", "property"),
        ("/site/line/pump/flow", "/site/line/pump/flow", "/site/line/pump", "flow"),
        ("pump.flow", "pump.flow", "pump", "flow"),
        ("alone", "alone", "alone", "value"),
    ],
)
def test_the_asset_of_a_signal(record_signal, signal, asset, name):
    assert AssetUseCase(Rows()).asset_of(SignalKey(record_signal, signal)) == (asset, name)


def test_without_a_pattern_single_values_are_left_to_other_use_cases():
    use_case = AssetUseCase(CLUSTERS.rows, pattern=None)
    world = World(use_case=use_case)
    together = {"signal": "pump", "values": {"a": 1.0, "b": 2.0}, "timestamp": START_S}
    report = world.invoke([record(1, together), record(2, {"signal": "pump.c", "value": 3.0})])
    assert {signal: state.learned for signal, state in world.states().items()} == {"pump": 2}
    assert (report.failed, report.counts["of_no_asset"]) == ([], 1)


def test_a_pattern_without_an_asset_and_rows_that_skip_are_refused():
    with pytest.raises(ConfigurationError, match="no groups"):
        AssetUseCase(Rows(), pattern="(.*)")
    with pytest.raises(ConfigurationError, match="skip"):
        AssetUseCase(Rows(late="skip"))


_IN_A_PROCESS = """
import random, sys
sys.path.insert(0, "tests/consumer")
from river import anomaly, cluster, preprocessing
from consumer.detectors.anomaly import AnomalyUseCase
from consumer.detectors.asset_rows import AssetUseCase, NamedValue
from consumer.detectors.clusters import ClustersUseCase
from consumer.use_cases import USE_CASES

scaled, rng = preprocessing.StandardScaler, random.Random(1)
names = ["flow", "level", "power", "pressure", "speed", "temperature"]
values = [
    NamedValue(rng.gauss(place, 1.0 + place), name) for _ in range(400) for place, name in enumerate(names)
]
times = [60.0 * (number // len(names)) for number in range(len(values))]
for rows in (
    USE_CASES["clusters"].rows,
    ClustersUseCase(scaled() | cluster.DBSTREAM(clustering_threshold=2.0)),
    AnomalyUseCase(anomaly.QuantileFilter(scaled() | anomaly.OneClassSVM(nu=0.1), q=0.9)),
    AnomalyUseCase(anomaly.QuantileFilter(preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(), q=0.9)),
):
    use_case, scores = AssetUseCase(rows), []
    findings = use_case.learn(use_case.create(seed=3), values, times, scores)
    print(findings, scores)
"""


def test_rows_are_learned_the_same_in_every_process():
    """The order of texts in a set is another in each, and River's distances go through sets of features."""
    found = {
        subprocess.run(
            [sys.executable, "-c", _IN_A_PROCESS],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1
    assert all(len(line) > 1000 for line in found.pop().splitlines())


# Through the pipeline.

CLUSTERS = AssetUseCase(
    ClustersUseCase(preprocessing.StandardScaler() | cluster.DBSTREAM(), rare=0.05, warm_up=60)
)


def sitewise(number: int, asset: str, name: str, value: float, at_s: float) -> dict:
    """One property of an asset, a message of its own, partitioned by asset."""
    tqv = {"timestamp": {"timeInSeconds": int(at_s)}, "quality": "GOOD", "value": {"doubleValue": value}}
    update = {
        "type": "PropertyValueUpdate",
        "payload": {"assetId": asset, "propertyId": name, "values": [tqv]},
    }
    return record(number, update, key=asset)


def stream(count: int = 150) -> list[dict]:
    """Two assets, whose three properties come one by one; the first changes what it does for a while."""
    rng, records = random.Random(3), []
    for number in range(count):
        for asset in ("one", "two"):
            is_odd = asset == "one" and 100 <= number < 110
            for place, name in enumerate(NAMES):
                value = rng.gauss(10.0 * place, 1.0) + (15.0 if is_odd and name == "flow" else 0.0)
                records.append(sitewise(len(records) + 1, asset, name, value, START_S + 60.0 * number))
    return records


STREAM = stream()


def plain_rows(asset: str) -> list[dict]:
    """The rows as a plain loop reads them."""
    rows: dict[int, dict] = {}
    for delivered in STREAM:
        payload = json.loads(base64.b64decode(delivered["kinesis"]["data"]))["payload"]
        if payload["assetId"] == asset:
            [tqv] = payload["values"]
            at_s = tqv["timestamp"]["timeInSeconds"]
            rows.setdefault(at_s, {})[payload["propertyId"]] = tqv["value"]["doubleValue"]
    return list(rows.values())


def test_messages_of_single_properties_are_learned_as_rows_of_their_asset():
    use_case = AssetUseCase(Rows())
    [batch] = decode({"Records": STREAM})
    use_case.merge_signals(batch)
    assert list(batch.signals) == [SignalKey("one", "one"), SignalKey("two", "two")]
    for (asset, _), run in batch.signals.items():
        joined = use_case.create(1)
        found = use_case.learn(joined, run.values, run.timestamps)
        assert [one.evidence["values"] for one in found] == plain_rows(asset)


@given(cuts=st.lists(st.integers(1, len(STREAM)), max_size=5), again=st.integers(0, 200))
@settings(max_examples=12, deadline=None)
def test_rows_are_exact_under_any_cut_and_redelivery(cuts, again):
    whole = World(use_case=CLUSTERS)
    whole.invoke(STREAM)
    world, start = World(use_case=CLUSTERS), 0
    for end in [*sorted(cuts), len(STREAM)]:
        assert world.invoke(STREAM[max(0, start - again) : end], world.cold()).failed == []
        start = end
    for asset, state in whole.states().items():
        got = world.states()[asset]
        assert got.learned == state.learned
        assert got.model.row == state.model.row
        assert got.model.last == state.model.last
        assert got.model.model.seen == state.model.model.seen
        assert got.model.model.count == state.model.model.count == 150
    assert sorted(set(world.event_ids())) == sorted(set(whole.event_ids()))


def test_an_asset_that_does_what_it_never_did_is_told_with_all_its_values():
    world = World(use_case=CLUSTERS)
    world.invoke(STREAM)
    details = [json.loads(event.detail) for event in world.bus.events]
    told = [one for one in details if one["signal"] == "one"]
    assert told
    [first] = [one for one in told if one["timestamp"].startswith("2023-11-14T23:53:20")]
    assert first["evidence"]["values"].keys() == set(NAMES)
    assert first["evidence"]["values"]["flow"] > 10.0
    assert world.states().keys() == {"one", "two"}


def test_an_anomaly_detector_learns_rows_too():
    detector = preprocessing.StandardScaler() | anomaly.OneClassSVM(nu=0.1)
    use_case = AssetUseCase(AnomalyUseCase(anomaly.QuantileFilter(detector, q=0.98), warm_up=60))
    world = World(use_case=use_case)
    assert world.invoke(STREAM).failed == []
    assert {json.loads(event.detail)["signal"] for event in world.bus.events} >= {"one"}


def test_values_that_a_record_brings_together_are_a_row_of_its_asset():
    world = World(use_case=CLUSTERS)
    records = [
        record(number, {"signal": "pump", "values": {"a": 1.0, "b": 2.0}, "timestamp": START_S + 60 * number})
        for number in range(1, 11)
    ]
    world.invoke(records)
    [state] = world.states().values()
    assert state.learned == 20
    assert state.model.model.count == 10


# A model that raises at a row.

POISON = 666.0


@dataclass(frozen=True)
class Choosy(Rows):
    """Rows, but it raises at one with poison, once it has half learned it."""

    is_raw: bool = False

    def learn(self, model, values, timestamps, scores=None):
        for index, row in enumerate(values):
            if POISON in row.values():
                model.append("half learned")
                if self.is_raw:
                    raise ZeroDivisionError
                raise ModelRaised(index, "the model raised ZeroDivisionError")
            model.append([list(row.items()), timestamps[index]])
        if scores is not None:
            scores += [1.0] * len(values)
        return [Finding(index, {}) for index in range(len(values))]


def poisoned_stream(bad: dict[int, str], count: int = 60) -> list[dict]:
    """One asset whose properties come one by one; `bad` says which property is poison in which row."""
    return [
        sitewise(3 * number + place + 1, "one", name, value, START_S + 60.0 * number)
        for number in range(count)
        for place, name in enumerate(NAMES)
        for value in [POISON if bad.get(number) == name else float(10 * place + number % 7)]
    ]


def places_kept(world: World) -> tuple[set[int], list[dict]]:
    """The sequence numbers of the values in quarantine, and what was kept of earlier batches."""
    lines = {line["id"]: line for line in world.objects.quarantined()}.values()
    assert all("ZeroDivisionError" in line["reason"] for line in lines)
    earlier = [json.loads(base64.b64decode(line["data"])) for line in lines if line["position"] < 0]
    return {int(line["sequence_number"]) for line in lines if line["position"] >= 0}, earlier


def kept_rows(world: World) -> dict[int, set[str]]:
    """By its row, which values are kept, wherever."""
    places, earlier = places_kept(world)
    kept: dict[int, set[str]] = {}
    for place in places:
        kept.setdefault((place - 1) // 3, set()).add(NAMES[(place - 1) % 3])
    for row in earlier:
        assert row["signal"] == "one"
        names = kept.setdefault(round((row["timestamp"] - START_S) / 60.0), set())
        assert not names & row["values"].keys(), "it is kept twice"
        names.update(row["values"])
    return kept


@pytest.mark.parametrize("is_raw", [False, True])
def test_the_row_at_which_a_model_raises_is_kept_and_the_rows_after_it_are_learned(is_raw):
    world, bad = World(use_case=AssetUseCase(Choosy(is_raw=is_raw))), {10: "level", 42: "flow"}
    assert world.invoke(poisoned_stream(bad)).failed == []
    [state] = world.states().values()
    assert len(state.model.model) == 60 - len(bad)
    assert (state.learned, state.model.row) == (3 * 58, {})
    assert kept_rows(world) == {number: set(NAMES) for number in bad}
    reasons = {line["reason"] for line in world.objects.quarantined()}
    assert "at the row of 2023-11-14T22:23:20.000000Z: flow 3, level 666, power 23" in str(reasons)
    assert world.invoke(poisoned_stream({}, 90)[180:]).counts["observations_learned"] == 90, "it goes on"


@given(
    cuts=st.lists(st.integers(1, 180), max_size=6),
    again=st.integers(0, 90),
    bad=st.dictionaries(st.integers(0, 59), st.sampled_from(NAMES), max_size=2),
)
@settings(max_examples=60, deadline=None)
def test_rows_that_raise_leave_the_same_model_however_they_are_cut(cuts, again, bad):
    records = poisoned_stream(bad)
    good = World(use_case=AssetUseCase(Choosy()))
    good.invoke([one for number, one in enumerate(records) if number // 3 not in bad])
    world, start = World(use_case=AssetUseCase(Choosy())), 0
    for end in [*sorted(cuts), len(records)]:
        assert world.invoke(records[max(0, start - again) : end], world.cold()).failed == []
        start = end
    assert kept_rows(world) == {number: set(NAMES) for number in bad}, "nothing but the rows that raised"
    [state], [expected] = world.states().values(), good.states().values()
    assert state.model == expected.model
    assert state.learned == expected.learned


def test_a_row_that_the_next_value_ends_is_kept_though_it_came_in_an_earlier_batch():
    """The value that ended it is innocent, and learned; the row is kept as a record to be sent again."""
    world = World(use_case=AssetUseCase(Choosy()))
    records = poisoned_stream({})
    world.invoke(records[:30])
    bad = [
        sitewise(31, "one", "flow", 1.0, START_S + 600.0),
        sitewise(32, "one", "level", POISON, START_S + 600.0),
    ]
    world.invoke(bad, world.cold())
    assert world.objects.quarantined() == []
    assert world.invoke(poisoned_stream({})[33:60], world.cold()).failed == []
    [line] = world.objects.quarantined()
    assert "flow 1, level 666" in line["reason"]
    assert line["whole_record"]
    kept = json.loads(base64.b64decode(line["data"]))
    assert kept == {"signal": "one", "values": {"flow": 1.0, "level": POISON}, "timestamp": START_S + 600.0}
    [state] = world.states().values()
    assert (state.learned, len(state.model.model), state.model.last["level"]) == (57, 19, 15.0)
    again = World(use_case=AssetUseCase(Choosy()))
    again.invoke([record(1, kept, key="one")])
    assert again.states()["one"].model.row == kept["values"], "it is of the same asset"


def test_an_asset_with_a_property_that_is_stuck_learns_again_once_it_moves():
    world, bad = World(use_case=AssetUseCase(Choosy())), dict.fromkeys(range(20, 40), "power")
    records = poisoned_stream(bad)
    for start in range(0, 180, 13):
        assert world.invoke(records[start : start + 13], world.cold()).failed == []
    [state] = world.states().values()
    rows = [round((at_s - START_S) / 60.0) for _, at_s in state.model.model]
    assert rows[:20] == list(range(20))
    assert rows[-15:] == list(range(45, 60)), "at most the rest of the batch in which it came loose"
    assert POISON not in state.model.last.values()
    kept = set()
    for line in world.objects.quarantined():
        assert line["reason"]
        kept.add(int(line["sequence_number"]))
    assert kept >= {3 * number + 3 for number in range(20, 40)}
