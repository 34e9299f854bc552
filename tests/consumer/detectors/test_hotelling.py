"""The monitor of a process: quiet on noise, one alert for one disturbance, and the signal that made it."""

import math
import pickle
import random

import pytest

from consumer.detectors.hotelling import HotellingMonitor

HUGE = 1e300


def plant(seed, rows, disturb=None):
    """Two flows that follow one load, a pressure that follows their sum, and noise by itself."""
    chance = random.Random(seed)
    load = 0.0
    for number in range(rows):
        load = 0.9 * load + chance.gauss(0.0, 1.0)
        row = {
            3: 50.0 + load + chance.gauss(0.0, 0.2),
            5: 20.0 + 0.5 * load + chance.gauss(0.0, 0.1),
            8: 1000.0 + 30.0 * load + chance.gauss(0.0, 6.0),
            9: chance.gauss(0.0, 1e-3),
        }
        if disturb:
            disturb(number, row)
        yield row


def stuck(number, row):
    """The smaller flow leaves the others by no more than it often does by itself."""
    if 1000 <= number < 1300:
        row[5] += 1.5


def played(monitor, rows):
    return [monitor.step(row, None) for row in rows]


def changes(steps):
    return [(number, evidence) for number, (_, _, evidence) in enumerate(steps) if evidence]


def flat(numbers):
    for number in numbers:
        if isinstance(number, list):
            yield from flat(number)
        elif isinstance(number, float):
            yield number


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_quiet(seed):
    steps = played(HotellingMonitor(), plant(seed, 3000))
    assert not changes(steps)
    assert not any(is_anomalous for _, is_anomalous, _ in steps)
    assert all(0.0 <= score < 0.5 for score, _, _ in steps)


@pytest.mark.parametrize("seed", range(3))
def test_a_broken_coupling_is_opened_once_and_cleared_once(seed):
    steps = played(HotellingMonitor(), plant(seed, 2500, stuck))
    (opened, first), (cleared, last) = changes(steps)
    assert 1000 <= opened < 1050
    assert 1300 <= cleared < 1400
    assert (first["change"], last["change"]) == ("opened", "cleared")
    assert [row for row, (_, told, _) in enumerate(steps) if told] == list(range(opened, cleared))
    assert steps[opened][0] > 0.5


def test_the_evidence_names_the_signal_that_left_and_what_was_expected_of_it():
    _, first = changes(played(HotellingMonitor(), plant(7, 2500, stuck)))[0]
    assert first["statistic"] > first["limit"]
    assert len(first["signals"]) == 3
    most = next(iter(first["signals"]))
    told = first["signals"][5]
    assert most == 5
    assert 0.5 < told["share"] <= 1.0
    assert told["deviations"] > 0.0
    assert told["observed"] - told["expected"] == pytest.approx(1.0, abs=0.9)
    assert sum(one["share"] for one in first["signals"].values()) <= 1.0 + 1e-9


def test_nothing_is_told_while_it_warms_up():
    rows = plant(1, 400, lambda number, row: row.update({5: 1e6}) if number == 350 else None)
    assert all(step == (0.0, False, None) for step in played(HotellingMonitor(), rows))


def test_a_state_that_stays_becomes_the_normal_one():
    def moved(number, row):
        if number >= 1000:
            row[5] += 5.0

    steps = played(HotellingMonitor(), plant(2, 4000, moved))
    (opened, _), (cleared, _) = changes(steps)
    assert cleared - opened == 600
    assert not any(told for _, told, _ in steps[cleared:])


def test_a_slow_drift_of_all_signals_is_followed():
    def drift(number, row):
        row[3] += 0.0005 * number

    assert not changes(played(HotellingMonitor(), plant(4, 6000, drift)))


def test_a_signal_that_stood_still_and_moves_is_told():
    def still(number, row):
        row[9] = 4.0 if number < 700 else 4.5

    opened, first = changes(played(HotellingMonitor(), plant(5, 800, still)))[0]
    assert 700 <= opened < 710
    assert next(iter(first["signals"])) == 9


@pytest.mark.parametrize(
    "values",
    [
        [0.0],
        [5.0],
        [HUGE, -HUGE],
        [HUGE],
        [0.0] * 450 + [HUGE],
        [1e-300, 0.0],
        [math.inf, -math.inf, 0.0],
    ],
    ids=["zero", "constant", "huge both ways", "huge", "rarely huge", "tiny", "infinite"],
)
def test_whatever_comes_all_that_is_told_and_kept_is_finite(values):
    monitor = HotellingMonitor(warm_up=100, delay=40, open_max=100)
    rows = [
        {0: values[number % len(values)], 1: math.sin(number), 2: -values[number % len(values)]}
        for number in range(1500)
    ]
    for score, _, evidence in played(monitor, rows):
        assert 0.0 <= score <= 1.0
        if evidence:
            told = [evidence["statistic"], *(v for one in evidence["signals"].values() for v in one.values())]
            assert all(map(math.isfinite, told))
    state = [monitor.usual, monitor.peak, monitor.smoothed, monitor.precision, monitor.widths]
    for moments in [monitor.normal, monitor.block, *monitor.blocks]:
        state += [moments.means, moments.products] if moments else []
    assert all(map(math.isfinite, flat(state)))


@pytest.mark.parametrize("wild", [1e6, HUGE, -HUGE])
def test_one_wild_value_is_over_within_minutes(wild):
    def spike(number, row):
        if number == 1000:
            row[5] = wild

    told = [row for row, (_, told, _) in enumerate(played(HotellingMonitor(), plant(1, 2500, spike))) if told]
    assert told[0] == 1000
    assert told[-1] < 1300


def test_a_constant_process_is_quiet():
    assert not changes(played(HotellingMonitor(), [{0: 5.0, 1: -1e9, 2: 0.0}] * 2000))


def test_one_signal_alone_is_watched_too():
    chance = random.Random(6)
    rows = [{0: chance.gauss(0.0, 1.0) + (20.0 if number >= 600 else 0.0)} for number in range(700)]
    assert 600 <= changes(played(HotellingMonitor(), rows))[0][0] < 620


def test_other_signals_in_a_row_start_it_anew():
    monitor = HotellingMonitor(limit=6.0)
    played(monitor, plant(1, 1200, stuck))
    assert monitor.opened
    later = [{**row, 11: 0.0} for row in plant(2, 700)]
    fresh = HotellingMonitor(limit=6.0)
    assert played(monitor, later) == played(fresh, later)
    assert pickle.dumps(monitor) == pickle.dumps(fresh)


def test_the_order_of_the_signals_in_a_row_does_not_matter():
    rows = list(plant(3, 1500, stuck))
    turned = [dict(reversed(row.items())) for row in rows]
    assert played(HotellingMonitor(), rows) == played(HotellingMonitor(), turned)


@pytest.mark.parametrize("cut", [1, 59, 400, 405, 1020, 1100, 1310])
def test_a_pickled_monitor_goes_on_as_if_it_had_not_been(cut):
    rows = list(plant(9, 1800, stuck))
    whole = HotellingMonitor()
    told = played(whole, rows)
    monitor = HotellingMonitor()
    before = played(monitor, rows[:cut])
    monitor = pickle.loads(pickle.dumps(monitor))
    assert before + played(monitor, rows[cut:]) == told
    assert monitor == whole


def test_its_state_stays_small():
    chance = random.Random(8)
    monitor = HotellingMonitor()
    played(monitor, [{signal: chance.gauss(0.0, 1.0) for signal in range(8)} for _ in range(2000)])
    assert len(pickle.dumps(monitor)) < 10_000


def test_a_wild_value_while_it_warms_up_does_not_blind_it():
    rng, monitor, opened = random.Random(3), HotellingMonitor(), []
    for number in range(3000):
        row = {signal: rng.gauss(0.0, 1.0) for signal in range(8)}
        if number == 100:
            row[2] = 65_535.0
        if number >= 2000:
            row[2] += 12.0
        _, _, evidence = monitor.step(row, None)
        if evidence and evidence["change"] == "opened":
            opened.append(number)
    assert 2000 <= opened[0] < 2060
