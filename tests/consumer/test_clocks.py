"""A clock that is wrong once, far ahead or far back, costs nothing for good."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift, time_series

from consumer.detectors.alert_policy import AlertPolicy, AlertState
from consumer.detectors.asset_rows import AssetUseCase, NamedValue
from consumer.detectors.drift import DriftUseCase
from consumer.detectors.forecast import ForecastUseCase
from consumer.detectors.multivariate import Multivariate
from consumer.detectors.sensor_checks import Health, SensorChecks
from consumer.learning.state import State, is_late
from tests.consumer.seasonal import seasonal_anomaly
from tests.consumer.world import World, record

NOW_S = 1_700_000_000.0
DAY_S = 86_400.0
YEAR_S = 365 * DAY_S
STRAYS_S = [3_600.0, DAY_S, YEAR_S, 50 * YEAR_S, 7_000 * YEAR_S, -YEAR_S, -NOW_S]


def delivered(number: int, value: float, at_s: float | None, arrived_s: float | None = None) -> dict:
    payload = {"signal": "a", "value": value} | ({} if at_s is None else {"timestamp": at_s})
    return record(number, payload, key="a", arrived=NOW_S + number if arrived_s is None else arrived_s)


def skipping() -> World:
    return World(1, DriftUseCase(drift.ADWIN(), late="skip"))


@pytest.mark.parametrize("stray_s", [one for one in STRAYS_S if one < 1e11])  # more are milliseconds
@pytest.mark.parametrize("at_once", [True, False])
def test_one_time_in_the_future_does_not_make_all_later_values_late(stray_s, at_once):
    world = skipping()
    records = [delivered(number, 1.0, NOW_S + number - 1.0) for number in range(1, 41)]
    records[20] = delivered(21, 1.0, NOW_S + stray_s)
    for batch in [records] if at_once else [[each] for each in records]:
        world.invoke(batch)
    state = world.states()["a"]
    assert (state.learned, state.skipped) == ((40, 0) if stray_s > 0 else (39, 1))
    world.invoke([delivered(50, 1.0, NOW_S + 10.0), delivered(51, 1.0, NOW_S + 39.0)])
    assert world.states()["a"].skipped == state.skipped + 2, "and what is late still is"


def test_a_clock_that_is_always_ahead_has_late_observations_too():
    world = skipping()
    world.invoke([delivered(number, 1.0, NOW_S + number + 7_200.0) for number in range(1, 21)])
    world.invoke([delivered(number, 1.0, NOW_S + number - 20 + 7_200.0) for number in range(21, 41)])
    world.invoke([delivered(41, 1.0, NOW_S + 21 + 7_200.0)])
    state = world.states()["a"]
    assert (state.learned, state.skipped) == (21, 20)


def test_a_state_that_a_time_in_the_future_has_blocked_goes_on():
    state = State(None, latest_s=NOW_S + YEAR_S)
    assert not is_late(NOW_S, state.latest_s, NOW_S + 1.0)
    assert is_late(NOW_S, state.latest_s, None), "of unknown arrival, nothing says which clock is right"


def test_what_was_late_to_the_old_model_is_not_to_a_new_one():
    state = State("old", learned=7, latest_s=NOW_S)
    state.start_anew("new", "")
    assert (state.model, state.learned, state.latest_s) == ("new", 0, None)


@settings(deadline=None)
@given(st.lists(st.floats(-5.0, 5.0), min_size=1, max_size=30))
def test_where_clocks_are_right_late_is_what_is_not_newer_than_the_newest(offsets):
    world = skipping()
    times = [NOW_S + number + offset for number, offset in enumerate(offsets, 1)]
    world.invoke([delivered(number, 1.0, at_s) for number, at_s in enumerate(times, 1)])
    newest, learned = float("-inf"), 0
    for at_s in times:
        learned += at_s > newest
        newest = max(newest, at_s)
    assert world.states()["a"].learned == learned


# The alert's policy.

POLICY = AlertPolicy(clear_after=3, still_open_s=100.0, cool_down_s=50.0, alerts_per_week=1.0)


def changes(policy: AlertPolicy, alert: AlertState, values) -> list[tuple[int, str]]:
    told = []
    for index, (score, at_s) in enumerate(values):
        is_bad = score > 0.5
        change = policy.next(alert, score, opens=is_bad, keeps=is_bad, at_s=at_s)
        if change:
            told.append((index, change))
    return told


@pytest.mark.parametrize("stray_s", STRAYS_S)
def test_an_open_alert_is_reported_again_though_a_clock_was_wrong_when_it_opened(stray_s):
    alert = AlertState()
    policy = AlertPolicy()
    opening = [(0.9, NOW_S + stray_s)]
    days = [(0.9, NOW_S + 600.0 * number) for number in range(3 * 144)]
    told = changes(policy, alert, opening + days)
    assert told[0] == (0, "opened")
    assert len([change for _, change in told if change == "still_open"]) in (1, 2, 3)
    assert told[-1][0] > 144


@pytest.mark.parametrize("stray_s", STRAYS_S)
def test_an_open_alert_is_reported_again_though_a_clock_was_wrong_while_it_was(stray_s):
    days = [(0.9, NOW_S + 600.0 * number) for number in range(3 * 144)]
    days[72] = 0.9, NOW_S + stray_s
    told = changes(AlertPolicy(), AlertState(), days)
    assert len([index for index, change in told if change == "still_open" and index > 72]) in (1, 2, 3)


def test_two_clocks_in_turn_do_not_report_an_alert_at_each_value():
    days = [(0.9, NOW_S + number + (YEAR_S if number % 2 else 0.0)) for number in range(500)]
    assert changes(AlertPolicy(), AlertState(), days) == [(0, "opened"), (1, "still_open")]


@pytest.mark.parametrize("stray_s", STRAYS_S)
def test_an_alert_that_cleared_at_a_wrong_time_opens_again(stray_s):
    """The cool-down lies before the time of clearing, as after it, and not all of the time before."""
    alert = AlertState()
    clearing = [(0.9, NOW_S), (0.1, NOW_S + 1), (0.1, NOW_S + 2), (0.1, NOW_S + stray_s)]
    assert changes(POLICY, alert, clearing) == [(0, "opened"), (3, "cleared")]
    assert changes(POLICY, alert, [(0.8, NOW_S + 200.0)]) == [(0, "opened")], "less bad than before"


@pytest.mark.parametrize("stray_s", STRAYS_S)
def test_a_budget_comes_back_after_a_wrong_time(stray_s):
    alert = AlertState()
    once = [(0.9, 0.0), (0.1, 1.0), (0.1, 2.0), (0.1, 3.0)]
    for number in range(6):
        changes(POLICY, alert, [(score, NOW_S + 60.0 * number + at_s) for score, at_s in once])
    changes(POLICY, alert, [(0.6, NOW_S + stray_s), *[(0.1, NOW_S + 500.0)] * 3])
    for number in range(6):
        changes(POLICY, alert, [(score, NOW_S + 600.0 + 60.0 * number + at_s) for score, at_s in once])
    told = changes(POLICY, alert, [(0.6, NOW_S + 1_000.0 + 5 * 7 * DAY_S)])
    assert told == [(0, "opened")], "a month later"


# What the models and the sensor checks keep of times.


@pytest.mark.parametrize("stray_s", [YEAR_S, 50 * YEAR_S])
@pytest.mark.parametrize("at", [0, 150])
def test_a_forecast_learns_the_interval_again(stray_s, at):
    use_case = ForecastUseCase(time_series.HoltWinters(alpha=0.3, beta=0.1), upper=1e9)
    state = use_case.create(seed=1)
    times = [NOW_S + 60.0 * number for number in range(1_200)]
    times[at] += stray_s
    use_case.learn(state, [float(number % 7) for number in range(1_200)], times)
    assert state.interval_s == pytest.approx(60.0, rel=0.01)
    assert state.last_s == times[-1]


@pytest.mark.parametrize("stray_s", STRAYS_S)
def test_a_sensor_that_never_changed_is_flat_after_a_day(stray_s):
    rules, health = SensorChecks(), Health()
    times = [NOW_S + 60.0 * number for number in range(1, 2 * 1440)]
    times[0] = NOW_S + stray_s
    found = rules.apply(health, [], [5.0] * len(times), times, NOW_S)
    assert [finding.fault for finding in found][:1] == ["flat"]


@pytest.mark.parametrize("stray_s", STRAYS_S)
@pytest.mark.parametrize("at", [0, 1, 600, 1_500])
def test_an_anomaly_is_told_after_a_wrong_time(stray_s, at):
    use_case = seasonal_anomaly()
    times = [NOW_S + 600.0 * number for number in range(3_000)]
    times[at] = NOW_S + stray_s
    values = [float(number % 7) for number in range(3_000)]
    values[2_500] += 6.0
    found = use_case.learn(use_case.create(1), values, times)
    assert (2_500, "opened") in [(finding.index, finding.change) for finding in found]


@pytest.mark.parametrize("stray_s", STRAYS_S)
@pytest.mark.parametrize("at", [0, 1, 20])
def test_an_assets_rows_are_joined_after_a_wrong_time(stray_s, at):
    use_case = AssetUseCase(Multivariate())
    buffer = use_case.create(1)
    seen = []
    learn = Multivariate.learn

    class Seeing(Multivariate):
        def learn(self, model, values, timestamps, scores=None):
            seen.extend(zip(values, timestamps, strict=True))
            return learn(self, model, values, timestamps, scores)

    use_case = AssetUseCase(Seeing())
    values = [NamedValue(float(number), "xyz"[number % 3]) for number in range(60)]
    times = [NOW_S + 60.0 * (number // 3) + number % 3 for number in range(60)]
    times[at] = NOW_S + stray_s
    use_case.learn(buffer, values, times)
    strays = [row for row, at_s in seen if at_s == NOW_S + stray_s]
    assert [[float(at)] == [value for value in row.values() if value >= at] for row in strays] == [True]
    whole = [row for row, at_s in seen if 600.0 <= at_s - NOW_S < 3_000.0]
    assert len(whole) >= 9
    assert all(len(row) == 3 for row in whole)
    assert [row[0] % 3 for row in whole] == [0.0] * len(whole)
