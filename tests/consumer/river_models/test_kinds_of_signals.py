"""Signals that jump between levels, and signals that only rise: found by themselves."""

import random

import pytest

from consumer.river_models.counters import COUNTER_KIND, DECIDED_AT, LEVEL_KIND, UNDECIDED, Kind
from consumer.river_models.modes import MODES_MAX, Modes
from consumer.river_models.seasonal_isolation import Parameters, SeasonalIsolation, learn
from consumer.river_models.strays import BAR_MAX, Strays

START_S, DAY_S = 1_700_000_000.0, 86_400.0


def learned(values, every_s=60.0):
    """What is said of each value."""
    state, given = SeasonalIsolation(seed=1).new_state(), Parameters()
    times = [START_S + every_s * number for number in range(len(values))]
    return [learn(state, given, value, at_s, at_s) for value, at_s in zip(values, times, strict=True)], state


def switching(count, seed=1, levels=(20.0, 50.0, 80.0)):
    rng, values, level = random.Random(seed), [], 0
    while len(values) < count:
        level = (level + rng.randrange(1, len(levels))) % len(levels)
        values += [levels[level] + rng.gauss(0.0, 1.0) for _ in range(rng.randrange(30, 180))]
    return values[:count]


def test_three_levels_are_found_and_a_fault_within_one_that_would_be_usual_in_none():
    values = switching(6_000)
    for at in range(5_000, 5_030):
        values[at] += 6.0
    said, state = learned(values)
    counting = sorted((mode.low, mode.high) for mode in state.modes.known if mode.count > 200)
    assert [round((low + high) / 20.0) for low, high in counting] == [2, 5, 8]
    assert max(one.mode_stray for one in said[5_000:5_030]) >= 1.0
    assert max(one.mode_stray for one in said[:5_000]) < 1.0


def test_what_jumps_to_a_level_that_is_known_is_usual():
    said, _ = learned(switching(8_000))
    opened = [number for number, one in enumerate(said) if number > 2_000 and one.ratio >= 1.0]
    assert len(opened) <= 3


@pytest.mark.parametrize("kind", ["noise", "walk", "still"])
def test_a_signal_without_modes_never_strays_from_them(kind):
    rng, value, values = random.Random(2), 0.0, []
    for _ in range(5_000):
        value = {"noise": rng.gauss(0.0, 1.0), "walk": value + rng.gauss(0.0, 1.0), "still": 3.0}[kind]
        values.append(value)
    assert max(one.mode_stray for one in learned(values)[0]) < 1.0


def test_there_are_never_more_modes_than_there_is_room_for():
    modes, last, rng = Modes(), 0.0, random.Random(3)
    for number in range(3_000):
        value = 1e3 * rng.randrange(40) + rng.random()
        modes.learn_one(value, value - last, 1.0 / (number + 1))
        last = value
        assert len(modes.known) <= MODES_MAX
        assert 0 <= modes.current < len(modes.known)


def counter(count, seed=1, reset_every=1440, size=1e9):
    rng, total, values = random.Random(seed), 0.0, []
    for number in range(count):
        total = 0.0 if number % reset_every == reset_every - 1 else (total + rng.uniform(1.0, 2.0)) % size
        values.append(total)
    return values


@pytest.mark.parametrize("kwargs", [{}, {"reset_every": 10**9, "size": 500.0}], ids=["reset", "overflows"])
def test_a_counter_is_learned_by_its_differences_and_a_reset_is_no_news(kwargs):
    values = counter(6_000, **kwargs)
    said, state = learned(values)
    assert state.kind.kind == COUNTER_KIND
    falls = [number for number in range(1_000, 6_000) if values[number] < values[number - 1]]
    assert falls
    assert all(said[number].score == 0.0 for number in falls)
    assert sum(one.ratio >= 1.0 for one in said[1_000:]) <= 2
    stopped = [*values[:5_000], *[values[5_000]] * 60]
    assert max(one.ratio for one in learned(stopped)[0][5_000:]) >= 1.0
    last = said[-1]
    assert values[-2] <= last.usual_from <= values[-1] <= last.usual_to + 0.5 <= values[-2] + 2.6


def test_what_a_signal_is_is_decided_once():
    kind = Kind()
    for number in range(DECIDED_AT):
        assert kind.kind == UNDECIDED
        kind.number_of(float(number))
        is_counter = kind.decide()
    assert (is_counter, kind.kind) == (True, COUNTER_KIND)
    other = Kind()
    for number in range(DECIDED_AT):
        other.number_of(float(number % 9))
        assert not other.decide()
    assert other.kind == LEVEL_KIND
    for number in range(500):
        assert other.number_of(float(number)) == number
        assert not other.decide()


def test_the_range_of_strays_grows_only_a_little_with_each_number():
    strays = Strays()
    for number in [1.0, -1.0] * 200:
        strays.learn_one(number, 1e-9, True, 1.0)
    width = strays.high - strays.low
    further, exceedance = strays.learn_one(50.0, 1e-9, True, 1.0)
    assert 0.9 < further <= 1.0 < 10.0 < exceedance
    assert strays.high - strays.low <= width * 1.08


def test_each_stray_raises_the_bar_for_the_next_and_time_lowers_it_once():
    strays = Strays()
    assert strays.ratio_to_bar(0.05, 0.1, START_S) == 0.5
    assert strays.bar == 0.0
    assert strays.ratio_to_bar(0.5, 0.1, START_S) == 5.0
    assert strays.ratio_to_bar(0.3, 0.1, START_S + 60.0) < 1.0
    assert strays.ratio_to_bar(0.3, 0.1, START_S - 1e9) < 1.0
    assert strays.ratio_to_bar(0.3, 0.1, START_S + 120.0) < 1.0, "a stamp of years ago gives nothing back"
    assert strays.ratio_to_bar(0.3, 0.1, START_S + 7 * DAY_S) >= 1.0
    strays.ratio_to_bar(9.0, 0.1, START_S + 7 * DAY_S)
    assert strays.bar == BAR_MAX
