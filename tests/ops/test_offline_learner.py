"""What is learned offline is what the function learned, wherever batches are cut and models raise."""

import json
from copy import deepcopy

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift

from consumer.decode import batch as batches
from consumer.decode.records import Shard
from consumer.decode.signal_names import SignalKey
from consumer.decode.times import ANY_TIME, TimeLimits
from consumer.detectors.alert_policy import AlertPolicy
from consumer.detectors.drift import DriftUseCase
from consumer.learning.state import Checkpoint
from consumer.pages.layout import Layout
from consumer.settings.signal_settings import SettingsOfSignals
from ops.replay.offline_learner import OfflineLearner
from tests.consumer.seasonal import seasonal_anomaly
from tests.consumer.test_failures import Fussy
from tests.consumer.world import ARN, SHARD, World, points, record, state_of, step

KEY = SignalKey("a", "a")


def columns(first: int, values: list[float], per_record: int = 20) -> list[dict]:
    """Records of several values each."""
    return [
        record(first + at, {"signal": "a", "values": part, "timestamps": [float(at)] * len(part)}, key="a")
        for at, part in enumerate(values[at : at + per_record] for at in range(0, len(values), per_record))
    ]


def learner(use_case=None, **options) -> OfflineLearner:
    settings = SettingsOfSignals("drift", use_case or DriftUseCase(drift.ADWIN()), times=ANY_TIME)
    return OfflineLearner("drift", settings, **options)


def values(count: int = 400) -> list[float]:
    return [value for _, value in step("a", count, at=count // 2)]


def assert_as_in(world: World, offline: OfflineLearner, signal: str = "a") -> None:
    [state] = [state for key, state in offline.states.items() if key.signal == signal]
    expected = world.states()[signal]
    assert (state.learned, state.checkpoints) == (expected.learned, expected.checkpoints)
    assert state_of(state.model.detector) == state_of(expected.model.detector)


@pytest.mark.parametrize("observations_max", [1, 50, 10_000])
def test_records_that_one_batch_cannot_hold_are_all_learned(observations_max, monkeypatch):
    records, world = columns(100, values()), World()
    world.invoke(records)
    monkeypatch.setattr(batches, "OBSERVATIONS_PER_BATCH_MAX", observations_max)
    offline = learner()
    learned = offline.learn(records)
    assert len(learned) == {1: 20, 50: 7, 10_000: 1}[observations_max]
    assert offline.observations == 400
    assert_as_in(world, offline)
    found = [detail["id"] for batch in learned for detail in batch.events]
    assert found == world.event_ids() != []


def test_records_of_several_shards_that_one_batch_cannot_hold_are_all_learned(monkeypatch):
    monkeypatch.setattr(batches, "OBSERVATIONS_PER_BATCH_MAX", 50)
    records = columns(100, values())
    other = [each | {"eventID": f"other:{each['kinesis']['sequenceNumber']}"} for each in records]
    offline = learner()
    offline.learn([*records, *other])
    assert offline.observations == 800


def test_a_record_that_is_there_twice_is_learned_once_though_the_batch_is_cut(monkeypatch):
    monkeypatch.setattr(batches, "OBSERVATIONS_PER_BATCH_MAX", 50)
    records = columns(100, values())
    offline = learner()
    offline.learn([records[0], *records])
    assert offline.observations == 400
    assert offline.states[KEY].learned == 400


@settings(deadline=None)
@given(st.sets(st.integers(0, 59), max_size=5), st.integers(1, 60))
def test_where_a_model_raises_all_but_that_observation_is_learned_as_the_function_does(raises_at, cut):
    use_case = Fussy(raises_at=frozenset(1000.0 + at for at in raises_at))
    records = [
        record(100 + at, {"signal": "a", "value": 1000.0 + at if at in raises_at else float(at % 7)}, key="a")
        for at in range(60)
    ]
    parts = [part for part in (records[:cut], records[cut:]) if part]
    world, offline = World(use_case=use_case), learner(use_case, has_scores=True)
    for part in parts:
        world.invoke(part)
    learned = [batch for part in parts for batch in offline.learn(part)]
    assert_as_in(world, offline)
    left_out = {record for batch in learned for each in batch.rejections for record in each.records}
    assert len(left_out) <= len(raises_at) or any("not tried" in reason for reason in offline.rejected)
    assert offline.rejected.total() == 60 - offline.observations
    if len(parts) == 1:
        [batch] = learned
        assert set(batch.scores[KEY]) == set(range(60)) - left_out, "each that was learned has a score"


def test_scores_are_of_what_was_learned_and_to_ask_for_them_changes_nothing():
    records = points(("a", value) for value in values())
    plain, scored = learner(), learner(has_scores=True)
    [expected], [learned] = plain.learn(records), scored.learn(records)
    assert learned.events == expected.events != []
    assert state_of(scored.states[KEY].model.detector) == state_of(plain.states[KEY].model.detector)
    at = {index for index, score in learned.scores[KEY].items() if score == 1.0}
    assert {str(100 + index) for index in at} == {detail["sequence_number"] for detail in learned.events}
    assert len(learned.scores[KEY]) == 400
    [again] = scored.learn(records)
    assert again.scores == {}, "nothing of it is learned twice"


def test_what_could_not_be_decoded_is_counted_with_its_reason():
    offline = learner()
    [learned] = offline.learn([record(1, b"no JSON"), record(2, {"signal": "a", "value": 1.0})])
    assert offline.rejected.total() == 1
    assert learned.rejections == [], "no model is to blame"
    assert offline.observations == 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 12), st.sampled_from("abc")), max_size=40, unique=True), st.data())
def test_each_signal_is_learned_up_to_its_limit_and_no_further(places, data):
    places.sort()
    records = [
        record(number, {"signal": signal, "value": float(number)}, key=signal) for number, signal in places
    ]
    shard = Shard(ARN, SHARD)
    keys = st.sampled_from([("a",), ("b", "c")])
    limits = {
        signal: data.draw(st.none() | st.builds(Checkpoint, st.integers(1, 13), keys, st.none()))
        for signal in "abc"
    }
    offline = learner(layout=Layout("", 2), limit=lambda key, of: limits[key.signal] if of == shard else None)
    offline.learn(deepcopy(records))
    learned = {key.signal: state.learned for key, state in offline.states.items()}
    for signal, limit in limits.items():
        due = [
            number
            for number, each in places
            if each == signal
            and limit is not None
            and (
                number < limit.sequence_number
                or (number == limit.sequence_number and signal in limit.partition_keys)
            )
        ]
        assert learned.get(signal, 0) == len(due)


def test_with_only_one_signal_no_other_is_learned():
    offline = learner(only=KEY)
    offline.learn([record(1, {"signal": "a", "value": 1.0}), record(2, {"signal": "b", "value": 1.0})])
    assert list(offline.states) == [KEY]


def test_an_event_is_found_as_the_function_publishes_it():
    records, world, offline = columns(100, values()), World(), learner()
    world.invoke(records)
    found = [detail for batch in offline.learn(records) for detail in batch.events]
    assert found == [json.loads(event.detail) for event in world.bus.events]


def shared(numbers: str, first: int = 100) -> list[dict]:
    """A record for each letter, its partition key; that of a capital shares its number with the next."""
    records, number = [], first
    for letter in numbers:
        records.append(record(number, {"signal": "a", "value": float(ord(letter))}, key=letter))
        number += letter.islower()
    return records


@pytest.mark.parametrize("keys", [("D",), ("D", "E"), ("D", "E", "f"), ("E",)])
def test_of_records_that_share_the_last_number_only_those_that_were_learned_are_learned(keys):
    """Under it, a checkpoint names the partition keys; the others come later."""
    records = shared("abcDEfg")
    limit = Checkpoint(int(records[3]["kinesis"]["sequenceNumber"]), keys, None)
    offline = learner(limit=lambda key, shard: limit)
    offline.learn(records)
    assert offline.states[KEY].learned == 3 + len(keys)
    assert offline.states[KEY].checkpoints[Shard(ARN, SHARD)].partition_keys == keys
    world = World()
    assert world.invoke(
        [one for one in records[:6] if one["kinesis"]["partitionKey"] in ("a", "b", "c", *keys)]
    )
    assert_as_in(world, offline)
    offline.limit = None
    offline.learn(records)
    assert offline.states[KEY].learned == 7, "the others are learned then, and none of these again"


@pytest.mark.parametrize("limits", [TimeLimits(), TimeLimits(0.0, 60.0), ANY_TIME])
@pytest.mark.parametrize("stamp", [5.0, "1601-01-01T00:00:00Z", 1_700_090_000.0, "2106-02-07T06:28:15Z"])
def test_it_believes_the_times_that_the_function_believes(stamp, limits):
    use_case = seasonal_anomaly(warm_up=20, alert=AlertPolicy(alerts_per_week=50.0))
    records = [
        record(
            number,
            {"signal": "a", "value": 900.0 if 300 <= number < 310 else float(number % 7)}
            | {"timestamp": stamp if number % 100 == 0 or number == 305 else 1_700_000_000.0 + number},
            key="a",
        )
        for number in range(100, 400)
    ]
    world = World(1, use_case, times=limits)
    for first in range(0, 300, 40):
        world.invoke(records[first : first + 40])
    offline = OfflineLearner("drift", SettingsOfSignals("drift", use_case, times=limits))
    learned = offline.learn(records)
    assert msgspec.msgpack.encode(offline.states[KEY].model) == msgspec.msgpack.encode(
        world.states()["a"].model
    )
    found = [detail for batch in learned for detail in batch.events]
    assert found == [json.loads(event.detail) for event in world.bus.events] != []
