"""Lasting changes: each is told once and soon, and nothing else is told."""

import math
import random

import pytest

from consumer.detectors.change_point import DeseasonalisedChangeDetector
from consumer.pages.packing import packed
from consumer.pages.unpacking import unpacked

DAY_S = 86_400.0


def noise(count, seed=1, deviation=1.0):
    drawn = random.Random(seed)
    return [drawn.gauss(0.0, deviation) for _ in range(count)]


def told(values, period_s=0.2, detector=None):
    """Where something was told, and what; each score is looked at."""
    detector = detector or DeseasonalisedChangeDetector()
    found = []
    for index, value in enumerate(values):
        score, evidence = detector.learn_one(value, None if period_s is None else 1e9 + index * period_s)
        assert 0.0 <= score <= 1.0
        if evidence is not None:
            found.append((index, evidence))
    return found


@pytest.mark.parametrize("period_s", [0.2, 5.0, None])
@pytest.mark.parametrize("size", [3.0, -3.0, 10.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_step_is_told_once_and_soon(seed, size, period_s):
    values = [50.0 + one + size * (index >= 400) for index, one in enumerate(noise(1_500, seed))]
    ((index, evidence),) = told(values, period_s)
    assert 400 < index < 470
    assert evidence["shift"] == "level"
    assert evidence["before"] == pytest.approx(50.0, abs=0.5)
    assert evidence["after"] == pytest.approx(50.0 + size, abs=1.0)
    assert evidence["usual_low"] < 48.0
    assert evidence["usual_high"] > 52.0
    assert 32 <= evidence["observations"] <= 72
    assert not evidence["usual_of_hour"]


def test_a_ramp_is_told_before_it_has_gone_far_and_mostly_as_a_slope():
    kinds = []
    for seed in range(20):
        values = [one + 0.03 * max(0, index - 400) for index, one in enumerate(noise(700, seed))]
        index, evidence = told(values)[0]
        assert 400 < index < 600, f"seed {seed}"
        kinds.append(evidence["shift"])
        if evidence["shift"] == "slope":
            assert evidence["usual_low"] < evidence["before"] < evidence["usual_high"]
            assert evidence["after"] == pytest.approx(0.03, abs=0.02)
    assert kinds.count("slope") > 15


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("larger", [4.0, 0.1])
def test_a_spread_is_told(seed, larger):
    values = [one * (larger if index >= 400 else 1.0) for index, one in enumerate(noise(1_000, seed))]
    index, evidence = told(values)[0]
    assert 400 < index < 500
    assert evidence["shift"] == "spread"
    assert evidence["after"] / evidence["before"] == pytest.approx(larger, rel=0.5)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_told_of_noise(seed):
    assert told(noise(5_000, seed)) == []


@pytest.mark.parametrize("value", [0.0, -3.7, 1e300])
def test_nothing_is_told_of_a_signal_that_stands_still(value):
    assert told([value] * 2_000) == []


def test_a_signal_that_stood_still_and_moves_is_told():
    (_, evidence), *_ = told([4.0] * 500 + [5.0] * 200)
    assert (evidence["shift"], evidence["before"], evidence["after"]) == ("level", 4.0, 5.0)


@pytest.mark.parametrize("period_s", [60.0, 300.0, 900.0])
@pytest.mark.parametrize("phase", [0.0, 0.25, 0.5, 0.75])
def test_nothing_is_told_of_a_days_course(phase, period_s):
    count = round(10 * DAY_S / period_s)
    values = [
        one + 8.0 * math.sin(2.0 * math.pi * (index * period_s / DAY_S + phase))
        for index, one in enumerate(noise(count))
    ]
    assert told(values, period_s) == []


def test_a_step_on_a_days_course_is_told_by_the_hour():
    values = [
        one + 8.0 * math.sin(2.0 * math.pi * index / 288) + 4.0 * (index >= 8 * 288)
        for index, one in enumerate(noise(12 * 288))
    ]
    (index, evidence), *rest = told(values, 300.0)
    assert 0 < index - 8 * 288 < 100
    assert (evidence["shift"], evidence["usual_of_hour"]) == ("level", True)
    assert rest == []


def test_a_lone_spike_is_not_told():
    values = noise(2_000)
    values[700] = values[1_200] = 1e6
    assert told(values) == []


@pytest.mark.parametrize("size", [1e300, -1e300, 1e200])
def test_huge_values_are_learned_without_an_error(size):
    values = [one * size if index % 3 else one for index, one in enumerate(noise(600, deviation=0.5))]
    for _, evidence in told([*values, *[size] * 300, *noise(300)]):
        assert all(math.isfinite(one) for one in evidence.values() if isinstance(one, float))


@pytest.mark.parametrize("tiny", [5e-324, -1e-320, 1e-300])
@pytest.mark.parametrize("length", [1, 8, 200])
def test_tiny_values_are_learned_without_an_error(tiny, length):
    rng = random.Random(1)
    values = [
        tiny if (rng.random() < 0.5 if length == 1 else row // length % 2) else 0.0 for row in range(1500)
    ]
    assert told(values) == []


@pytest.mark.parametrize("ahead_at", [0, 1000])
def test_a_clock_that_was_ahead_for_once_keeps_no_day_from_being_seen(ahead_at):
    detector, found = DeseasonalisedChangeDetector(), []
    for row, value in enumerate(noise(8000)):
        at_s = 2e9 if row == ahead_at else 1e9 + 60.0 * row
        _, evidence = detector.learn_one(value + (4.0 if row >= 6000 else 0.0), at_s)
        found += [row] if evidence else []
    assert detector.is_of_hour
    assert [row for row in found if 6000 < row < 6100]


def test_times_may_be_missing_equal_or_go_back():
    drawn, detector = random.Random(3), DeseasonalisedChangeDetector()
    for value in noise(3_000):
        at_s = drawn.choice([None, 1e9, 1e9 + drawn.uniform(-1e6, 1e6)])
        score, _ = detector.learn_one(value, at_s)
        assert 0.0 <= score <= 1.0


@pytest.mark.parametrize("cut", [3, 401, 430, 1_000])
def test_a_stored_state_goes_on_as_if_it_had_not_been(cut):
    values = [one + 3.0 * (index >= 400) for index, one in enumerate(noise(1_500))]
    one, other = DeseasonalisedChangeDetector(), DeseasonalisedChangeDetector()
    for index, value in enumerate(values):
        if index == cut:
            other = unpacked(*packed(other))
        at_s = index * 120.0
        assert one.learn_one(value, at_s) == other.learn_one(value, at_s)
    assert one == other


def test_the_state_is_small():
    detector = DeseasonalisedChangeDetector()
    told(noise(20_000), 300.0, detector)
    assert len(packed(detector)[0]) < 2_048
