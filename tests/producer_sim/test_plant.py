"""What a simulated plant promises: the same from the same seed, faults where the truth has them."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift

from producer_sim.payloads.encoders import Garbled
from producer_sim.payloads.record_groups import learned_names, record_groups_of
from producer_sim.payloads.shapes import SHAPES
from producer_sim.plant.faults import EXPECTED
from producer_sim.plant.reading import parse_plant, read_plant, shipped_plants
from producer_sim.plant.simulated_records import Shares, simulated_records
from producer_sim.plant.simulation import PlantImpossible, Simulation, simulate
from producer_sim.plant.values import stretches

START_S = 1_700_000_000.0
ONE_FAMILY = """
families:
  flow: {name: "pump{number}.flow", unit: l/min, share: 1, level: [100, 100], noise: {deviation: 1}}
faults:
  - {kind: KIND, signal: pump2.flow, at: 50%, lasts: 25%}
"""


def plant_of(text: str, signals: int = 4, ticks: int = 400, seed: int = 1) -> Simulation:
    return simulate(parse_plant(text, "plant.yaml"), seed, float(signals), signals * ticks, signals)


def shipped(name: str, seed: int = 1, signals: int = 60, ticks: int = 100) -> Simulation:
    return simulate(read_plant(name), seed, 100.0, signals * ticks, signals)


def sent(simulation: Simulation, shape: str = "point", values_at_once: int = 65_536, parts: int = 1):
    groups = record_groups_of(simulation, shape)
    return list(simulated_records(simulation, groups, START_S, values_at_once=values_at_once))


def by_signal(simulation: Simulation, shape: str = "point") -> dict[str, list[tuple]]:
    found = defaultdict(list)
    for record in sent(simulation, shape):
        for observation in record.observations:
            found[observation.signal].append((observation.timestamp_s, observation.value))
    return found


@settings(deadline=None, max_examples=25)
@given(
    values_at_once=st.integers(1, 5000),
    shape=st.sampled_from(["mixed", "point", "columns", "kpl"]),
    plant=st.sampled_from(["factory", "steady"]),
)
def test_the_same_seed_gives_the_same_bytes_however_much_is_made_at_once(values_at_once, shape, plant):
    simulation = shipped(plant, signals=40, ticks=60)
    assert sent(simulation, shape, values_at_once) == sent(simulation, shape)


@pytest.mark.parametrize("partition", ["signal", "random"])
@pytest.mark.parametrize("parts", [2, 3])
def test_several_processes_send_the_same_records_as_one(parts, partition):
    simulation = shipped("factory")
    shares = Shares(simulation, record_groups_of(simulation, "mixed"), START_S, partition)
    together = [planned for part in range(parts) for planned in shares(part, parts)]
    assert sorted(together, key=repr) == sorted(shares(0, 1), key=repr)
    assert all(list(shares(part, parts)) for part in range(parts))


def test_another_seed_gives_another_plant():
    assert sent(shipped("factory", seed=1)) != sent(shipped("factory", seed=2))


def test_a_signal_is_the_same_in_a_larger_plant():
    small, large = (
        by_signal(simulate(read_plant("steady"), 5, float(size), size * 50, size)) for size in (8, 80)
    )
    for name, readings in small.items():
        healthy = [value for _, value in readings][:24]
        assert [value for _, value in large[name]][:24] == healthy


@pytest.mark.parametrize("plant", shipped_plants())
@pytest.mark.parametrize("shape", ["mixed", *SHAPES])
def test_records_come_in_the_order_in_which_they_are_due_at_an_even_pace(plant, shape):
    simulation = shipped(plant)
    records = sent(simulation, shape)
    assert [record.due_s for record in records] == sorted(record.due_s for record in records)
    assert records[-1].due_s < simulation.observations / simulation.rate
    observations = sum(len(record.observations) for record in records)
    assert observations == pytest.approx(simulation.observations, rel=0.02)


def test_observation_k_is_due_at_k_over_the_rate_and_has_that_time():
    records = sent(plant_of(ONE_FAMILY.replace("KIND", "step"), signals=4, ticks=100))
    assert [record.due_s for record in records] == [number / 4.0 for number in range(400)]
    assert [record.observations[0].timestamp_s for record in records] == [
        START_S + number / 4.0 for number in range(400)
    ]


def test_the_factory_has_each_kind_of_fault_and_a_healthy_majority():
    simulation = shipped("factory", signals=200)
    names = learned_names(record_groups_of(simulation, "point"))
    truth = simulation.truth(START_S, names)
    assert {fault.kind for fault in truth.faults} == set(EXPECTED)
    assert {fault.expected for fault in truth.faults} == {"alert", "quarantine", "skip", "learn"}
    assert len(truth.faults) < 0.25 * len(truth.signals)
    assert len({signal.name for signal in truth.signals}) == 200


def test_the_truth_of_a_run_that_was_ended_has_what_had_come_until_then():
    simulation = shipped("steady", signals=20, ticks=100)
    names = learned_names(record_groups_of(simulation, "point"))
    assert simulation.truth(START_S, names).faults
    early = simulation.truth(START_S, names, end_s=START_S + 0.3 * 100 * simulation.period_s)
    assert early.faults == ()


@pytest.mark.parametrize("kind", sorted(EXPECTED))
def test_a_fault_is_where_the_truth_says_and_nowhere_else(kind):
    simulation = plant_of(ONE_FAMILY.replace("KIND", kind))
    (fault,) = simulation.truth(START_S, {one.name: one.name for one in simulation.members}).faults
    healthy = by_signal(plant_of(ONE_FAMILY.replace("KIND", kind).replace("pump2.flow,", "pump4.flow,")))
    found = by_signal(simulation)
    assert fault.signals == ("pump2.flow",)
    assert START_S + 200 <= fault.first_s <= fault.last_s < START_S + 300
    for name in ("pump1.flow", "pump3.flow"):
        assert found[name] == healthy[name]
    sent_then, sent_now = Counter(healthy["pump2.flow"]), Counter(found["pump2.flow"])
    if kind == "out-of-order":  # all is there, in another order
        assert sent_then == sent_now
        places = zip(healthy["pump2.flow"], found["pump2.flow"], strict=True)
        sent_then, sent_now = Counter(now for then, now in places if now != then), Counter()
    changed = (sent_now - sent_then) + (sent_then - sent_now)
    size_s = 5.0 if kind == "late" else 0.0
    assert changed
    assert all(fault.first_s - size_s <= time_s <= fault.last_s for time_s, _ in changed)
    touched = {time_s for time_s, _ in changed}
    if kind not in ("late", "out-of-order", "stuck"):
        assert (min(touched), max(touched)) == (fault.first_s, fault.last_s)
        assert fault.observations == len(touched)


def faulty(kind: str) -> list[tuple]:
    return by_signal(plant_of(ONE_FAMILY.replace("KIND", kind)))["pump2.flow"]


def test_each_kind_does_what_it_says():
    times = [time_s for time_s, _ in faulty("step")]
    assert times == sorted(times)
    assert len(faulty("drop-out")) == 300
    assert len(faulty("duplicates")) == 500
    assert abs(np.mean([value for _, value in faulty("step")][200:300]) - 100) == pytest.approx(3, abs=0.5)
    assert abs(faulty("ramp")[299][1] - 100) == pytest.approx(9, abs=4)
    assert np.std([value for _, value in faulty("variance")][200:300]) > 3
    assert len({value for _, value in faulty("stuck")[200:300]}) == 1
    assert max(abs(value - 100) for _, value in faulty("spikes")) > 6
    assert None in [value for _, value in faulty("bad-quality")]
    assert Garbled("NaN") in [value for _, value in faulty("nan")]
    assert Garbled("#ERR!") in [value for _, value in faulty("garbage")]
    late = [time_s for time_s, _ in faulty("late")]
    assert late[250] == times[250] - 5
    swapped = [time_s for time_s, _ in faulty("out-of-order")]
    assert swapped != times
    assert sorted(swapped) == times


def test_autocorrelated_noise_has_the_deviation_and_the_correlation_of_its_file():
    text = ONE_FAMILY.partition("faults")[0].replace("deviation: 1", "deviation: 2, correlation: 0.8")
    simulation = plant_of(text, signals=50, ticks=2000)
    values = np.concatenate(
        [np.array(stretch.values) for stretch in stretches(simulation, simulation.members)], 1
    )
    noise = values - 100
    assert noise.std() == pytest.approx(2, rel=0.05)
    assert np.mean(noise[:, 1:] * noise[:, :-1]) / noise.var() == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("seed", [0, 1, 2, 7])
def test_adwin_finds_the_changes_of_the_steady_plant_and_little_else(seed):
    simulation = simulate(read_plant("steady"), seed, 200.0, 200_000, 200)
    first = {one.signal: one.first for one in simulation.injected.values()}
    assert len(first) == 20
    found, false_alarms = set(), 0
    for name, readings in by_signal(simulation).items():
        detector = drift.ADWIN()
        start = first.get(name, math.inf)
        for index, (_, value) in enumerate(readings):
            detector.update(value)
            if detector.drift_detected:
                false_alarms += index < start
                if start <= index < start + 400:
                    found.add(name)
    assert len(found) >= 19
    assert false_alarms <= 2


@pytest.mark.parametrize(
    ("text", "signals", "told"),
    [
        (ONE_FAMILY.replace("pump2", "pump9").replace("KIND", "step"), 4, "no signal is called 'pump9.flow'"),
        (ONE_FAMILY.replace("share: 1", "count: 9").replace("KIND", "step"), 4, "add up to 9"),
    ],
)
def test_a_plant_that_does_not_fit_its_run_is_refused(text, signals, told):
    with pytest.raises(PlantImpossible, match=told):
        plant_of(text, signals)
