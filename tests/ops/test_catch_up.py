"""An old state that learns again what came since is the state that learned it the first time."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.decode.records import Shard
from consumer.decode.signal_names import SignalKey
from consumer.errors import ConfigurationError
from consumer.settings.signal_settings import SettingsOfSignals
from ops.replay.offline_learner import OfflineLearner
from ops.state.rollback import CatchUp
from tests.consumer.test_failures import Fussy
from tests.consumer.world import ARN, SHARD, World, record, state_of, step

KEY = SignalKey("a", "a")
OTHER = "shardId-000000000001"
ARRIVED_S = 1_700_000_000.0


@dataclass
class InMemoryStream:
    records: list[dict]
    part: int = 7
    days: float = 1.0
    asked: list[tuple] = field(default_factory=list)

    def retained_since_s(self, stream: str, now_s: float) -> float:
        return now_s - self.days * 86_400.0

    def read(self, shard, since_s, last):
        self.asked.append((shard.shard_id, since_s))
        of_shard = [
            one
            for one in self.records
            if one["eventID"].startswith(f"{shard.shard_id}:")
            and int(one["kinesis"]["sequenceNumber"]) <= last
            and one["kinesis"]["approximateArrivalTimestamp"] >= (since_s or 0.0)
        ]
        for start in range(0, len(of_shard), self.part):
            yield of_shard[start : start + self.part]


def series(first: int, values: list[float], shard: str = SHARD, arrived: float = ARRIVED_S) -> list[dict]:
    return [
        record(first + at, {"signal": "a", "value": value}, key="a", shard=shard, arrived=arrived + at)
        for at, value in enumerate(values)
    ]


def catch_up_of(world: World, stream: InMemoryStream, now_s: float = ARRIVED_S + 60.0) -> CatchUp:
    """From the state that the world has now."""
    learner = OfflineLearner("drift", SettingsOfSignals("drift", world.use_case), only=KEY)
    learner.add(KEY, world.states()["a"])
    return CatchUp(learner, stream, KEY, ARRIVED_S + 30.0, now_s)


def learn(world: World, records: list[dict], cuts: int = 11) -> None:
    for start in range(0, len(records), cuts):
        assert world.invoke(records[start : start + cuts]).failed == []


@settings(deadline=None)
@given(st.integers(1, 119), st.integers(1, 50), st.booleans())
def test_wherever_it_begins_and_however_it_is_read_it_ends_as_it_was(first, part, in_two):
    records = series(100, [value for _, value in step("a", 120, at=60)])
    for at in range(10, 110, 7):  # another record may share a number
        shared = record(100 + at, {"signal": "a", "value": 1.0}, key="b", arrived=ARRIVED_S + at)
        records.append(shared)
    records.sort(key=lambda one: int(one["kinesis"]["sequenceNumber"]))
    world = World()
    learn(world, records[:first])
    going = catch_up_of(world, InMemoryStream(records, part))
    if in_two:
        learn(world, records[first : first + 20])
        going.run(world.states()["a"].checkpoints)
    learn(world, records)
    now = world.states()["a"]
    again = going.run(now.checkpoints)
    assert again.checkpoints == now.checkpoints
    assert again.learned == now.learned == len(records)
    assert state_of(again.model.detector) == state_of(now.model.detector)
    assert going.learner.observations == len(records) - first


def test_observations_at_which_the_model_raises_are_left_out_again():
    values = [float(number) for number in range(40)]
    values[25] = 666.0
    world = World(use_case=Fussy(raises_at=frozenset({666.0})))
    records = series(100, values)
    learn(world, records[:10])
    going = catch_up_of(world, InMemoryStream(records))
    learn(world, records)
    now = world.states()["a"]
    again = going.run(now.checkpoints)
    assert going.rejected == 1
    assert again.learned == now.learned == 39
    assert state_of(again.model.detector) == state_of(now.model.detector)


def test_a_shard_that_took_over_is_learned_after_the_one_that_fell_silent():
    world = World()
    parent = series(100, [0.0] * 30)
    child = series(50, [9.0] * 30, OTHER, ARRIVED_S + 40.0)
    learn(world, parent[:10])
    stream = InMemoryStream(parent + child)
    going = catch_up_of(world, stream)
    learn(world, parent)
    learn(world, child)
    now = world.states()["a"]
    again = going.run(now.checkpoints)
    assert [shard for shard, _ in stream.asked] == [SHARD, OTHER]
    assert stream.asked[1] == (OTHER, None)
    assert state_of(again.model.detector) == state_of(now.model.detector)


@pytest.mark.parametrize(("days", "is_held"), [(1.0, True), (0.0001, False)])
def test_what_the_stream_no_longer_holds_is_an_error_before_anything_is_done(days, is_held):
    world = World()
    records = series(100, [0.0] * 30)
    learn(world, records[:10])
    going = catch_up_of(world, InMemoryStream(records, days=days), ARRIVED_S + 3600.0)
    learn(world, records)
    checkpoints = world.states()["a"].checkpoints
    if is_held:
        going.check_retained(checkpoints)
    else:
        with pytest.raises(ConfigurationError, match="Without --relearn they are left out"):
            going.check_retained(checkpoints)
    assert set(checkpoints) == {Shard(ARN, SHARD)}


def test_of_records_that_share_the_last_number_those_of_other_keys_are_not_relearned():
    """They come later, or their signal was not learned then: a checkpoint names the keys under its number."""
    records = series(100, [0.0, 1.0, 2.0, 3.0])
    shared = [
        record(103, {"signal": "a", "value": 9.0}, key=key, arrived=ARRIVED_S + 3) for key in ("b", "c")
    ]
    world = World()
    learn(world, records[:1])
    going = catch_up_of(world, InMemoryStream([*records, *shared]))
    learn(world, [*records, shared[0]])
    now = world.states()["a"]
    assert now.checkpoints[Shard(ARN, SHARD)].partition_keys == ("a", "b")
    again = going.run(now.checkpoints)
    assert (again.learned, again.checkpoints) == (now.learned, now.checkpoints) == (5, now.checkpoints)
    assert state_of(again.model.detector) == state_of(now.model.detector)
    assert going.learner.observations == 4
    learn(world, shared)
    assert going.run(world.states()["a"].checkpoints).learned == 6
