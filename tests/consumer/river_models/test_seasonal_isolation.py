"""Seasonal isolation: a River model like any other, whose every number is defined and finite."""

import datetime as dt
import math
import pickle
import random
import sys
from types import SimpleNamespace
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import anomaly, checks, preprocessing

from consumer.river_models import isolation
from consumer.river_models.clock import Clock
from consumer.river_models.elimination import squared_distance
from consumer.river_models.seasonal_isolation import (
    Parameters,
    SeasonalIsolation,
    learn,
    score_of,
)
from consumer.river_models.window import FEATURES, PRODUCTS, Window

START_S, DAY_S = 1_700_000_000.0, 86_400.0


class Cards:
    """In place of River's credit cards, which are downloaded: many features, few frauds."""

    def __iter__(self):
        rng = random.Random(1)
        for _ in range(400):
            is_fraud = rng.random() < 0.03
            yield {f"V{n}": rng.gauss(9.0 * is_fraud * (n < 3), 1.0) for n in range(8)}, int(is_fraud)


def area(labels, scores):
    """Under the ROC curve, as scikit-learn has it, which is no dependency of ours."""
    pairs = [
        (bad, good)
        for bad, is_bad in zip(scores, labels, strict=True)
        if is_bad
        for good, is_other in zip(scores, labels, strict=True)
        if not is_other
    ]
    return sum((bad > good) + 0.5 * (bad == good) for bad, good in pairs) / len(pairs)


def rivers_checks():
    with mock.patch.object(checks, "_yield_datasets", return_value=[Cards()]):
        return [*checks.yield_checks(SeasonalIsolation())]


@pytest.mark.parametrize("check", rivers_checks(), ids=lambda check: getattr(check, "__name__", "check"))
def test_it_passes_rivers_checks_of_estimators(monkeypatch, check):
    metrics = SimpleNamespace(roc_auc_score=area)
    monkeypatch.setitem(sys.modules, "sklearn", SimpleNamespace(metrics=metrics))
    check(SeasonalIsolation(seed=1))


@pytest.mark.parametrize(
    "model",
    [
        preprocessing.StandardScaler() | SeasonalIsolation(seed=1),
        anomaly.ThresholdFilter(SeasonalIsolation(seed=1), threshold=0.5),
        anomaly.QuantileFilter(SeasonalIsolation(seed=1), q=0.999, protect_anomaly_detector=False),
        anomaly.QuantileFilter(preprocessing.StandardScaler() | SeasonalIsolation(seed=1), q=0.999),
    ],
    ids=["pipeline", "threshold", "quantile", "both"],
)
def test_it_works_where_rivers_own_do(model):
    rng = random.Random(1)
    for _ in range(600):
        model.learn_one({"t": rng.gauss(20.0, 1.0)})
    assert model.score_one({"t": 20.0}) < 0.3
    assert model.score_one({"t": 40.0}) > 0.5
    copied = pickle.loads(pickle.dumps(model))
    assert copied.score_one({"t": 26.0}) == model.score_one({"t": 26.0})
    assert model.clone().score_one({"t": 40.0}) == 0.0


def noise(count, seed=1):
    rng = random.Random(seed)
    return [rng.gauss(5.0, 1.0) for _ in range(count)]


def test_scoring_changes_nothing_and_says_what_learning_says():
    model, state = SeasonalIsolation(seed=7), SeasonalIsolation(seed=7).new_state()
    for number, value in enumerate(noise(500)):
        before = pickle.dumps(model)
        score = model.score_one({"a": value}, t=START_S + 60.0 * number)
        assert pickle.dumps(model) == before
        model.learn_one({"a": value}, t=START_S + 60.0 * number)
        at_s = START_S + 60.0 * number
        assert learn(state, model.parameters, value, at_s, at_s).score == (score if number else 0.0)
    assert model.states["a"] == state


def test_a_moment_is_of_the_hour_of_its_zone_and_seconds_are_of_utc():
    moment = dt.datetime(2023, 7, 1, 9, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    hours = []
    for t in (moment, moment.timestamp(), moment.astimezone(dt.UTC), moment.replace(tzinfo=None)):
        model = SeasonalIsolation(seed=1)
        model.learn_one({"a": 1.0}, t=t)
        counts = model.states["a"].course.counts
        hours.append([hour for hour in range(24) if counts[1 + hour]])
    assert hours == [[9], [7], [7], [9]]


def test_the_same_seed_learns_the_same_and_another_another_sample():
    models = [SeasonalIsolation(seed=seed) for seed in (1, 1, 2)]
    for value in noise(1000):
        for model in models:
            model.learn_one({"a": value})
    assert models[0].states == models[1].states
    assert models[0].states["a"].values != models[2].states["a"].values


def exact(sample, number):
    """The depth as the sum over all gaps, which is what cutting at random comes to."""
    whole = 0.0
    for side in (
        sorted(number - each for each in sample if each < number),
        sorted(each - number for each in sample if each > number),
    ):
        near = 0.0
        for far in side:
            whole, near = whole + (far - near) / far, far
    return whole


def cut_at_random(sample, number, rng):
    """How many random cuts it takes until the number is alone."""
    depth, others = 0, [each for each in sample if each != number]
    while others:
        cut = rng.uniform(min(number, *others), max(number, *others))
        others = [each for each in others if (each < cut) == (number < cut)]
        depth += 1
    return depth


def test_the_depth_is_that_of_random_cuts():
    rng = random.Random(3)
    sample = [rng.gauss(0.0, 1.0) for _ in range(40)]
    for number in (0.1, 2.0, 9.0):
        mean = sum(cut_at_random(sample, number, rng) for _ in range(4000)) / 4000
        assert exact(sample, number) == pytest.approx(mean, rel=0.05)


@pytest.mark.parametrize(
    "drawn",
    [lambda rng: rng.gauss(0.0, 1.0), lambda rng: math.exp(3.0 * rng.gauss(0.0, 1.0))],
    ids=["normal", "lognormal"],
)
def test_strides_say_nearly_what_all_gaps_one_by_one_do(drawn):
    rng = random.Random(2)
    for _ in range(300):
        sample = sorted(isolation.single(drawn(rng)) for _ in range(256))
        number = isolation.single(drawn(rng) * rng.choice([1.0, 1.0, 3.0]))
        as_exact = math.exp(-0.25 * exact(sample, number))
        assert isolation.isolation(sample, number) == pytest.approx(as_exact, abs=0.08)


def test_a_number_that_came_often_lies_deeper_than_one_between_those_that_did():
    sample = sorted(float(level) for level in range(5) for _ in range(50))
    assert isolation.isolation(sample, 2.0) < 0.5 * isolation.isolation(sample, 2.5)
    assert isolation.isolation([7.0] * 256, 7.0) < 0.2
    assert isolation.isolation([7.0] * 256, 7.1) == pytest.approx(math.exp(-0.25))


def test_a_full_sample_stays_ascending_and_forgets():
    sample, state = [], isolation.first_state(5)
    for number in range(10_000):
        state = isolation.next_state(state)
        isolation.learn(sample, float(number), 64, isolation.draw(state, 320))
    assert len(sample) == 64
    assert sample == sorted(sample)
    assert 200.0 < 10_000.0 - sum(sample) / 64 < 500.0


EXTREMES = [0.0, -0.0, 5e-324, 1e-300, 1.0, 1e99, -1e99, 1e100, 1.7e308, -1.7e308]
ANY_TIME = st.one_of(
    st.none(), st.floats(-1e12, 1e12), st.sampled_from([START_S, START_S + 60.0, 0.0, 1e300])
)


@given(
    st.lists(st.tuples(st.one_of(st.sampled_from(EXTREMES), st.floats(-1e3, 1e3)), ANY_TIME), max_size=120)
)
@settings(max_examples=60, deadline=None)
def test_whatever_comes_every_number_stays_finite_and_every_score_between_0_and_1(observations):
    model = SeasonalIsolation(sample_size=20, memory=40, known_from=3, seed=1)
    state, given_ = model.new_state(), model.parameters
    for value, at_s in observations:
        reading = learn(state, given_, value, at_s, at_s)
        assert 0.0 <= reading.score <= 1.0
        assert all(map(math.isfinite, (*reading.streams, reading.expected, reading.usual_from)))
    window = state.window
    for number in (*window.means, *window.centre, *window.products, window.usual, window.distance):
        assert math.isfinite(number)
    for sample in (state.values, state.levels, state.shapes, state.changes):
        assert sample == sorted(sample)
        assert sample == [isolation.single(number) for number in sample]


@pytest.mark.parametrize("level", [0.0, 0.1 + 0.2, 1e9, 1e99])
def test_a_signal_that_stood_still_and_jumps_is_far_from_usual_and_rounding_is_not_news_again(level):
    state, given_ = SeasonalIsolation(seed=1).new_state(), Parameters()
    for number in range(400):
        reading = learn(state, given_, level, START_S + 60.0 * number, START_S + 60.0 * number)
        assert reading.score < 0.2
    assert learn(state, given_, level + 1.0 + level, START_S + 24_000.0, START_S + 24_000.0).score > 0.5


def test_the_score_stays_up_as_long_as_the_fault_and_grows_with_it():
    scores = {}
    for size in (6.0, 60.0, 600.0):
        state, given_, found = SeasonalIsolation(seed=1).new_state(), Parameters(), []
        for number, value in enumerate(noise(2000)):
            value += size if 1500 <= number < 1560 else 0.0
            at_s = START_S + 60.0 * number
            found.append(learn(state, given_, value, at_s, at_s).score)
        assert min(found[1502:1530]) > max(found[1400:1500])
        scores[size] = found[1500]
    assert 0.5 < scores[6.0] < scores[60.0] < scores[600.0] < 1.0


def test_it_knows_enough_after_some_values_and_not_after_days():
    for every_s in (1.0, 60.0, 900.0):
        state, given_ = SeasonalIsolation(seed=1).new_state(), Parameters()
        for number, value in enumerate(noise(280)):
            learn(state, given_, value, START_S + every_s * number, START_S + every_s * number)
        at_s = START_S + every_s * 280
        assert learn(state, given_, 20.0, at_s, at_s).score > 0.5


@pytest.mark.parametrize("stamp_s", [946_684_800.0, START_S - 30 * DAY_S, START_S + 400 * DAY_S])
@pytest.mark.parametrize("at", [0, 700, 1500])
def test_one_wrong_time_moves_neither_the_course_nor_what_is_said(stamp_s, at):
    values = [3.0 * math.sin(2 * math.pi * number / 288) + value for number, value in enumerate(noise(2880))]

    def said(wrong_s):
        state, given_, scores = SeasonalIsolation(seed=1).new_state(), Parameters(), []
        for number, value in enumerate(values):
            at_s = wrong_s if wrong_s and number == at else START_S + 300.0 * number
            scores.append(learn(state, given_, value, at_s, at_s).score)
        return scores, state

    usual, state = said(None)
    scores, other = said(stamp_s)
    assert [score > 0.9 for score in scores[at + 1 :]] == [score > 0.9 for score in usual[at + 1 :]]
    assert other.clock.last_s == state.clock.last_s
    differ = [
        place
        for place in range(193)
        if abs(other.course.means[place] - state.course.means[place])
        > 1e-3 * (1 + abs(state.course.means[place]))
    ]
    assert len(differ) <= (2 if stamp_s > START_S or at == 0 else 0) + 2


def test_a_clock_that_was_ahead_or_behind_for_long_is_believed_in_the_end():
    clock = Clock()
    for number in range(30):
        clock.move(START_S + 60.0 * number)
    for number in range(21):
        clock.move(START_S - DAY_S + 60.0 * number)
    assert clock.last_s == START_S - DAY_S + 60.0 * 20
    clock.move(START_S + 30 * DAY_S)
    assert clock.move(START_S) == (START_S, 30 * DAY_S)


def test_a_distance_is_mahalanobis():
    np = pytest.importorskip("numpy")
    rng = np.random.default_rng(1)
    points = rng.normal(size=(100, FEATURES)) @ rng.normal(size=(FEATURES, FEATURES))
    covariance = np.cov(points.T)
    products = [covariance[row, column] for row in range(FEATURES) for column in range(row, FEATURES)]
    assert len(products) == PRODUCTS
    ridged = covariance + 1e-3 * np.diag(np.diag(covariance))
    for point in points[:10]:
        expected = point @ np.linalg.solve(ridged, point)
        assert squared_distance(products, point.tolist()) == pytest.approx(expected, rel=1e-6)


def test_an_unusual_shape_within_the_usual_range_is_far():
    window, distances = Window(), []
    for number in range(3000):
        value = math.sin(number / 8.0) if number < 2900 else math.sin(number * 2.0)
        distances.append(window.learn_one(value + 0.001 * (number % 7), 0.1))
    assert max(distances[500:2900]) < 10.0 < max(distances[2900:2910])


@pytest.mark.parametrize(
    "wrong",
    [
        {"sample_size": 0},
        {"sample_size": 257},
        {"memory": 10},
        {"limit": 0.0},
        {"limit": 3.2},
        {"stray_limit": 0.0},
        {"mode_limit": 0.0},
    ],
)
def test_what_cannot_work_is_refused(wrong):
    with pytest.raises(ValueError, match="give"):
        SeasonalIsolation(**wrong)


def test_the_score_is_half_at_the_limit_and_never_one():
    assert score_of(1.0, 0.0) == 0.5
    assert score_of(0.99, 0.0) < 0.5 < score_of(1.01, 0.0) < score_of(2.0, 0.0) < 0.6
    assert score_of(1.0, 0.1) < score_of(1.0, 1.0) < score_of(1.0, 100.0) < 1.0
