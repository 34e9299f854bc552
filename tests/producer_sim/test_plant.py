"""What the simulated plant promises, measured with the detector that it is made for."""

import math

import pytest
from river import drift

from producer_sim.plant import SimulatedSignal, simulate_plant

HORIZON = 400


def detections(signal: SimulatedSignal) -> list[int]:
    detector = drift.ADWIN()
    found = []
    for index, value in enumerate(signal.values):
        detector.update(value)
        if detector.drift_detected:
            found.append(index)
    return found


def test_the_same_seed_gives_the_same_plant_and_another_seed_another():
    assert simulate_plant(3, signals=40) == simulate_plant(3, signals=40)
    assert simulate_plant(3, signals=40) != simulate_plant(4, signals=40)


def test_a_larger_plant_begins_with_the_smaller_one():
    assert simulate_plant(3, signals=60).signals[:40] == simulate_plant(3, signals=40).signals


def test_a_tenth_of_the_signals_change_once_and_all_kinds_occur():
    changes = [signal.change for signal in simulate_plant(0).signals if signal.change is not None]
    assert len(changes) == 20
    assert {change.kind for change in changes} == {"mean", "variance", "slope"}
    assert all(500 <= change.index < 600 for change in changes)


def test_values_are_finite_and_times_are_one_second_apart():
    for signal in simulate_plant(1).signals:
        assert all(map(math.isfinite, signal.values))
        assert signal.timestamps == tuple(signal.timestamps[0] + second for second in range(1000))


def test_names_are_unique_and_say_where_and_what():
    signals = simulate_plant(1).signals
    assert len({signal.name for signal in signals}) == len(signals) == 200
    assert signals[0].name == "line1.compressor1.pressure"


def test_an_asset_has_four_quantities_of_its_name_at_the_same_times():
    plant = simulate_plant(1)
    assert len(plant.assets) == 5
    assert plant.signals[:20] == tuple(signal for asset in plant.assets for signal in asset.signals)
    for asset in plant.assets:
        assert {signal.asset for signal in asset.signals} == {asset.name}
        assert len({signal.quantity for signal in asset.signals}) == 4
        assert len({signal.timestamps for signal in asset.signals}) == 1


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_adwin_finds_the_changes_and_little_else(seed: int):
    found = false_alarms = 0
    signals = simulate_plant(seed).signals
    for signal in signals:
        at = detections(signal)
        start = signal.change.index if signal.change else len(signal.values)
        false_alarms += sum(index < start for index in at)
        found += any(start <= index <= start + HORIZON for index in at)
    assert found >= 0.95 * sum(signal.change is not None for signal in signals)
    assert false_alarms <= 2


@pytest.mark.parametrize("sizes", [{"signals": 3, "assets": 1}, {"observations_per_signal": 9}])
def test_a_plant_that_cannot_be_is_refused(sizes: dict[str, int]):
    with pytest.raises(ValueError, match=r"there are 3|is 9"):
        simulate_plant(0, **sizes)
