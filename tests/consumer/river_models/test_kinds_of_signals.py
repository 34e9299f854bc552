"""Signals that jump between levels, only rise, burst again and again or move slowly: found by themselves."""

import random

import pytest

from consumer.river_models.counters import COUNTER_KIND, DECIDED_AT, LEVEL_KIND, UNDECIDED, Kind
from consumer.river_models.jumps import Jumps
from consumer.river_models.modes import MODES_MAX, Modes
from consumer.river_models.recurrence import BURSTS_MAX, LIKE_MIN, OVER_AFTER, Burst, Recurrence
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


def bursting(count, seed=1, every=300, size=8.0):
    """Noise with a burst of three values every so often, of much the same size."""
    rng = random.Random(seed)
    values = [rng.gauss(0.0, 1.0) for _ in range(count)]
    for first in range(every, count - 3, every):
        for at in range(first, first + 3):
            values[at] += size * rng.uniform(1.0, 1.2)
    return values


def openings(said, first=0):
    return [
        number for number, one in enumerate(said) if number >= first and one.ratio >= 1.0 and not one.recurs
    ]


def test_bursts_that_come_again_and_again_are_told_at_first_and_then_usual():
    said, state = learned(bursting(6_000))
    unusual = [number for number, one in enumerate(said) if number > 3_000 and one.ratio >= 1.0]
    assert unusual, "each is as unusual as ever"
    assert openings(said, 3_000) == []
    assert openings(said, 250)
    assert len(state.recurrence.known) >= LIKE_MIN


@pytest.mark.parametrize("fault", ["larger", "longer", "other side"])
def test_a_fault_is_told_beside_bursts_that_recur(fault):
    values = bursting(6_000)
    offset, length = {"larger": (30.0, 3), "longer": (9.0, 60), "other side": (-30.0, 3)}[fault]
    for at in range(5_900, 5_900 + length):
        values[at] += offset
    assert openings(learned(values)[0], 5_900)


def test_a_burst_is_forgotten_after_four_weeks():
    recurrence = Recurrence([Burst(5.0, 3, START_S), Burst(5.0, 3, START_S)])
    assert not recurrence.learn_one(True, 5.0, START_S + 27 * DAY_S)
    recurrence = Recurrence([Burst(5.0, 3, START_S), Burst(5.0, 3, START_S)])
    assert recurrence.learn_one(True, 5.0, START_S + 28 * DAY_S)


def test_a_burst_goes_on_until_many_values_are_usual_and_only_the_latest_bursts_are_kept():
    recurrence = Recurrence()
    for burst in range(2 * BURSTS_MAX):
        recurrence.learn_one(True, 5.0 + burst, None)
        for _ in range(OVER_AFTER - 1):
            recurrence.learn_one(False, 0.0, None)
        recurrence.learn_one(True, -9.0, None)
        assert recurrence.now.length == OVER_AFTER + 1
        for _ in range(OVER_AFTER):
            recurrence.learn_one(False, 0.0, None)
        assert recurrence.now == Burst()
    assert len(recurrence.known) == BURSTS_MAX


def wandering(count, seed=1):
    """It moves slowly through a wide range."""
    rng, value, values = random.Random(seed), 0.0, []
    for _ in range(count):
        value = 0.995 * value + rng.gauss(0.0, 1.0)
        values.append(value)
    return values


def test_a_leap_of_a_slow_signal_is_told_within_its_usual_range():
    values = wandering(8_000)
    assert len(openings(learned(values)[0], 2_000)) <= 2
    at = next(at for at in range(7_000, 8_000) if -2.0 < values[at] < 0.0)
    leapt = [*values[:at], *(value + 9.0 for value in values[at:])]
    said = learned(leapt)[0][at]
    assert said.jump >= 1.0
    assert said.usual_from < leapt[at] < said.usual_to
    assert at in openings(learned(leapt)[0])


def test_a_change_over_a_gap_is_no_leap():
    jumps = Jumps(-1.0, 1.0)
    assert jumps.leap(50.0, 1e-9, False, 1.0, 3_601.0) == 0.0
    assert (jumps.low, jumps.high) == (-1.0, 1.0)
    assert jumps.leap(50.0, 1e-9, False, 1.0, 60.0) > 0.5


def test_of_a_signal_that_does_not_move_slowly_a_leap_says_nothing():
    noise = [random.Random(4).gauss(0.0, 1.0) for _ in range(3_000)]
    assert max(one.jump for one in learned(noise)[0]) == 0.0


def test_what_a_signal_is_may_be_said():
    rising = [float(number) for number in range(600)]
    for kind, expected in (("level", LEVEL_KIND), ("counter", COUNTER_KIND)):
        model = SeasonalIsolation(kind=kind, seed=1)
        for value in rising:
            model.learn_one({"value": value})
        assert model.states["value"].kind.kind == expected
        assert model.states["value"].kind.rises == 0, "nothing was looked for"
    assert model.states["value"].count == len(rising) - 1, "the first value has no difference"
    with pytest.raises(ValueError, match="auto, level, counter"):
        SeasonalIsolation(kind="pump")
