"""Every shape that is sent is read by the consumer to the same observations, faults and all."""

import sys
from collections import defaultdict
from pathlib import Path

import pytest

from consumer.decode.lambda_event import decode
from producer_sim.payloads.record_groups import learned_names, record_groups_of
from producer_sim.payloads.shapes import SHAPES, ShapeUnknown, shape_named
from producer_sim.plant.reading import parse_plant, read_plant
from producer_sim.plant.simulated_records import simulated_records
from producer_sim.plant.simulation import simulate

sys.path.insert(0, str(Path(__file__).parents[1] / "consumer"))
from tests.consumer.decode.payload_builders import ARRIVED_S, observations, record, skipped

START_S = 1_700_000_000.0
ALL = ["mixed", *SHAPES, *(f"{shape}+{packing}" for shape in SHAPES for packing in ("gzip", "zstd"))]


@pytest.mark.parametrize("partition", ["signal", "random"])
@pytest.mark.parametrize("shape", ALL)
def test_the_consumer_reads_what_was_sent(shape, partition):
    simulation = simulate(read_plant("factory"), 4, 60.0, 60 * 60, 60)
    groups = record_groups_of(simulation, shape)
    sent = list(simulated_records(simulation, groups, START_S, partition))
    event = {
        "Records": [
            record(one.record.payload, number, one.record.partition_key) for number, one in enumerate(sent)
        ]
    }
    (batch,) = decode(event)
    expected, found = defaultdict(list), defaultdict(list)
    for signal, time_s, value in (one for each in sent for one in each.observations):
        if isinstance(value, float):
            time = pytest.approx(ARRIVED_S if time_s is None else time_s, abs=1e-6)
            expected[signal].append((value, time))
    for signal, value, time_s in observations(batch):
        found[signal].append((value, time_s))
    assert found == expected
    values = [one.value for each in sent for one in each.observations]
    assert skipped(batch) == values.count(None)
    assert len(batch.rejections) == sum(isinstance(value, str) for value in values)
    assert set(expected) <= set(learned_names(groups).values())


def test_a_record_holds_as_many_of_a_signal_as_it_is_told():
    simulation = simulate(read_plant("steady"), 1, 10.0, 10 * 100, 10)
    sent = list(simulated_records(simulation, record_groups_of(simulation, "columns", 25), START_S))
    sizes = [len(one.observations) for one in sent]
    assert max(sizes) == 25
    assert sum(sizes) == 1000
    assert sum(size == 25 for size in sizes) >= 30


def test_random_partition_keys_are_others_for_each_record_and_bare_numbers_keep_theirs():
    simulation = simulate(read_plant("steady"), 1, 10.0, 10 * 20, 10)
    points = list(simulated_records(simulation, record_groups_of(simulation, "point"), START_S, "random"))
    assert len({one.record.partition_key for one in points}) == len(points)
    numbers = simulated_records(simulation, record_groups_of(simulation, "bare-number"), START_S, "random")
    assert {one.record.partition_key for one in numbers} == {one.name for one in simulation.members}


@pytest.mark.parametrize("name", ["xml", "point+", "columns+brotli", "mixed+gzip"])
def test_an_unknown_shape_is_refused_with_those_that_there_are(name):
    with pytest.raises(ShapeUnknown, match="sitewise-entries"):
        shape_named(name)


@pytest.mark.parametrize("shape", ["several-values", "sitewise-notification"])
def test_names_that_do_not_suit_a_shape_are_refused(shape):
    text = 'families: {a: {name: "s{number}", unit: m, share: 1, level: [1, 1], noise: {deviation: 1}}}'
    simulation = simulate(parse_plant(text, "plant.yaml"), 1, 1.0, 10, 2)
    with pytest.raises(ShapeUnknown, match="'s1': change the family's name"):
        record_groups_of(simulation, shape)
