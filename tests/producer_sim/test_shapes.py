"""Every shape that is sent is read by the consumer to the same observations, faults and all."""

import math
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.decode.lambda_event import decode
from producer_sim.payloads.encoded import Observation
from producer_sim.payloads.record_groups import learned_names, record_groups_of
from producer_sim.payloads.shapes import SHAPES, ShapeUnknown, shape_named
from producer_sim.plant.reading import parse_plant, read_plant
from producer_sim.plant.simulated_records import simulated_records
from producer_sim.plant.simulation import simulate

sys.path.insert(0, str(Path(__file__).parents[1] / "consumer"))
from tests.consumer.decode.payload_builders import ARRIVED_S, EVENTS, observations, record, skipped

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


QUANTITIES = st.text(st.sampled_from("abé 0,=\\[]-_"), min_size=1, max_size=6)
VALUES = st.floats(-1e100, 1e100) | st.sampled_from([0.0, -0.0, 5e-324, 1e100, 255.0, 2.0**53]) | st.none()
TIMES_S = st.integers(1_600_000_000_000_000, 1_800_000_000_000_000).map(lambda micros: micros / 1e6)
READINGS_OF_EACH = st.dictionaries(
    QUANTITIES, st.lists(st.tuples(TIMES_S, VALUES), min_size=1, max_size=4), min_size=1, max_size=4
)


@pytest.mark.parametrize("name", [*SHAPES, "telegraf+gzip", "sparkplug+zstd"])
@given(QUANTITIES, READINGS_OF_EACH)
@settings(max_examples=40, deadline=None)
def test_whatever_is_sent_in_a_shape_is_read_to_the_same_signals_values_and_times(name, asset, of_each):
    shape = shape_named(name)
    of_signals = dict(list(of_each.items())[: 1 if shape.carries == "signal" else 4])
    names = [shape.learned_name(f"{asset}.{quantity}") for quantity in of_signals]
    encoded = list(shape.payloads(names, list(of_signals.values())))
    keys = [said[0].signal for _, said in encoded]
    event = {"Records": [record(payload, n, keys[n]) for n, (payload, _) in enumerate(encoded)]}
    (batch,) = decode(event)
    assert batch.rejections == []
    said = [one for _, of_payload in encoded for one in of_payload]
    assert skipped(batch) == sum(one.value is None for one in said)
    found = [(signal, math.copysign(1, value), value, at_s) for signal, value, at_s in observations(batch)]
    assert found == [
        (one.signal, math.copysign(1, one.value), one.value, pytest.approx(of_arrival(one), abs=2e-6))
        for one in said
        if one.value is not None
    ]
    for signal, readings in zip(names, of_signals.values(), strict=True):
        of_signal = [one for one in said if one.signal == signal]
        assert [one.value for one in of_signal] == [value for _, value in readings], "all of it, in order"
        for one, (at_s, _) in zip(of_signal, readings, strict=True):
            assert one.timestamp_s is None or abs(one.timestamp_s - at_s) < 6e-4


def of_arrival(one: Observation) -> float:
    return ARRIVED_S if one.timestamp_s is None else one.timestamp_s


SENT_BY = {
    "bare_number": "bare-number",
    "cloud_events": "cloud-events",
    "columns": "columns",
    "columns_iso": "point-iso",
    "columns_milliseconds": "columns-milliseconds",
    "columns_with_one_nan": "columns",
    "columns_without_timestamps": "bare-number",
    "greengrass_random_partition_keys": "sitewise-entries",
    "gzip_columns": "columns+gzip",
    "ignition_injector": "ignition-injector",
    "ignition_tags": "ignition-tags",
    "kepserver_iot_gateway": "kepserver",
    "kpl_aggregated": "kpl",
    "opc_ua_pubsub": "opc-ua",
    "point_booleans": "point",
    "point_key_body": "key-body",
    "point_key_body_timestamp": "key-body",
    "point_null": "point",
    "point_signal_value": "point",
    "point_timestamp_iso_offset": "point-iso",
    "point_timestamp_iso_utc": "point-iso",
    "point_timestamp_iso_without_zone": "point-iso",
    "point_timestamp_milliseconds": "columns-milliseconds",
    "point_timestamp_seconds": "point",
    "point_unicode": "point",
    "points_as_array": "array",
    "points_as_lines": "lines",
    "several_values": "several-values",
    "several_values_without_timestamp": "several-values",
    "shop_floor_connectivity": "shop-floor",
    "sitewise_entries": "sitewise-entries",
    "sitewise_entry_by_alias": "sitewise-entry",
    "sitewise_entry_by_ids": "sitewise-entry-by-ids",
    "sitewise_notification": "sitewise-notification",
    "sitewise_qualities": "sitewise-entry",
    "sparkplug_b": "sparkplug",
    "telegraf_metric": "telegraf",
    "telegraf_metrics": "telegraf",
    "zstd_columns": "columns+zstd",
}
"""By the names of the events: which shape sends the like."""


def test_each_shape_of_the_recorded_events_can_be_sent():
    assert SENT_BY.keys() == {path.stem for path in EVENTS.glob("*.json")}
    assert {shape_named(name).name.partition("+")[0] for name in SENT_BY.values()} == SHAPES.keys()


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
