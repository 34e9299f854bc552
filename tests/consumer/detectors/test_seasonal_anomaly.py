"""Unusual values: what strays from the day's and the week's course is told, and not all along."""

import math
import random

import pytest

from consumer.decode.signal_names import SignalKey
from consumer.detectors.alert_policy import AlertPolicy, DeadBand
from consumer.learning.state import State
from consumer.pages.codec import PageCodec
from consumer.settings.tuning import with_parameters
from tests.consumer.seasonal import seasonal_anomaly

DAY_S = 86_400.0


def course(days: float, every_s: float = 600.0, noise: float = 0.05, seed: int = 1):
    rng = random.Random(seed)
    times = [1_700_000_000.0 + every_s * row for row in range(round(days * DAY_S / every_s))]
    return times, [10.0 + 3.0 * math.sin(2 * math.pi * at_s / DAY_S) + rng.gauss(0, noise) for at_s in times]


def told(values, times, use_case=None, scores=None):
    use_case = use_case or seasonal_anomaly()
    return use_case.learn(use_case.create(1), values, times, scores)


def test_a_daily_course_is_usual():
    times, values = course(60)
    assert len(told(values, times)) <= 2


def test_a_value_that_would_be_usual_at_another_time_of_day_is_told():
    times, values = course(30)
    night = next(row for row in range(3600, 4320) if values[row] < 7.2)
    values[night] = 10.0
    [found] = [one for one in told(values, times) if one.index == night]
    assert found.evidence["expected"] == pytest.approx(7.0, abs=0.5)
    assert found.evidence["usual_from"] < found.evidence["expected"] < found.evidence["usual_to"] < 10.0


def test_a_new_level_is_told_when_it_comes_and_not_all_along():
    times, values = course(30)
    values = [value + (8.0 if row >= 3000 else 0.0) for row, value in enumerate(values)]
    found = [one.index for one in told(values, times)]
    assert 3000 in found
    assert len([row for row in found if row > 3000]) <= 3


def test_a_clock_that_was_ahead_at_first_lets_no_signal_wait_for_its_day():
    times, values = course(30)
    values[3000] += 2.0
    usual = [one.index for one in told(values, times)]
    assert 3000 in usual
    assert [one.index for one in told(values, [times[0] + 1e9, *times[1:]])] == usual


def test_the_first_change_of_a_signal_that_stood_still_is_told_and_rounding_is_not():
    times, _ = course(7)
    still = [0.1 + 0.2] * 800
    assert told([*still, 0.3, *still[: len(times) - 801]], times) == []
    found, cleared = told([*still, 0.4, *still[: len(times) - 801]], times)
    assert (found.index, found.evidence["score"] > 0.9) == (800, True)
    assert (cleared.index <= 850, cleared.change) == (True, "cleared")


def test_a_signal_that_strays_often_has_to_stray_further():
    """Each day at another hour, and no two alike: what is larger is shorter, and they are of either side."""
    times, values = course(60)
    spikes: set[int] = set()
    for day, row in enumerate(range(1000, len(values) - 27, 151)):
        side, size = (1.0, -1.0)[day % 2], day // 2 % 4
        of_spike = range(row, row + 3 ** (3 - size))
        for at in of_spike:
            values[at] += side * 1.5 * 1.6**size
        spikes |= {*of_spike}
    often = [one for one in told(values, times) if one.index in spikes]
    generous = seasonal_anomaly(alert=AlertPolicy(alerts_per_week=1000.0))
    allowed = [one for one in told(values, times, generous) if one.index in spikes]
    assert len(often) < len(allowed)
    assert len(often) <= 60 / 7 + 2


@pytest.mark.parametrize(
    "times",
    [
        [None] * 2000,
        [1.7e9] * 2000,
        [1.7e9 - row for row in range(2000)],
        [1.7e9 + row**2 for row in range(2000)],
    ],
    ids=["none", "all the same", "backwards", "ever longer apart"],
)
def test_any_times_will_do(times):
    rng = random.Random(3)
    values = [rng.gauss(5.0, 1.0) for _ in times]
    values[1500] = 60.0
    scores = []
    found = told(values, times, scores=scores)
    assert 1500 in {one.index for one in found}
    assert all(0.0 <= score <= 1.0 for score in scores)


def test_what_strays_by_a_whole_width_is_told_whatever_came_before():
    times, values = course(30)
    values[1000] += 500.0
    values[1300] += 8.0  # two days later
    assert {1000, 1300} <= {one.index for one in told(values, times)}


def test_a_clock_that_was_ahead_once_does_not_hold_the_bar_up():
    times, values = course(60)
    times[500] += 100 * 365 * DAY_S
    for row, size in ((1500, 1.5), (6000, 0.8)):  # a month apart
        values[row] += size
    assert {1500, 6000} <= {one.index for one in told(values, times)}


def test_its_state_is_small_however_long_it_learns():
    times, values = course(60)
    use_case = seasonal_anomaly()
    model = use_case.create(1)
    use_case.learn(model, values, times)
    page = PageCodec().encode({SignalKey(f"s{number}", f"s{number}"): State(model) for number in range(20)})
    assert len(page) / 20 < 12_000


@pytest.mark.parametrize(
    "stamp_s", [946_684_800.0, 1_700_000_000.0 - 30 * DAY_S], ids=["2000", "30 days back"]
)
@pytest.mark.parametrize("seed", range(4))
def test_one_stamp_of_the_past_gives_no_budget_back_and_lowers_no_bar(stamp_s, seed):
    rng = random.Random(seed)
    times = [1_700_000_000.0 + 300.0 * row for row in range(2880)]
    values = [rng.gauss(0.0, 1.0) for _ in times]
    usual = [(one.index, one.change) for one in told(values, times)]
    for at in (900, 1200, 1500, 1800):
        wrong = [*times[:at], stamp_s, *times[at + 1 :]]
        found = [(one.index, one.change) for one in told(values, wrong)]
        assert [one for one in found if abs(one[0] - at) > 25] == [
            one for one in usual if abs(one[0] - at) > 25
        ]


def with_spikes(sizes: dict[int, float], days: float = 40) -> tuple[list[float], list[float]]:
    times, values = course(days)
    for row, size in sizes.items():
        values[row] += size
    return times, values


def test_what_came_within_the_dead_band_hides_nothing_that_goes_beyond_it():
    """Nobody was told of it: by a model alone, the last is as usual as the three before."""
    times, values = with_spikes({1000: 2.5, 1400: 2.5, 1800: 2.5, 2600: 3.4})
    generous = AlertPolicy(alerts_per_week=100.0)
    banded = seasonal_anomaly(alert=generous).with_dead_band(DeadBand(least=3.0))
    assert [one.index for one in told(values, times, banded) if one.change == "opened"] == [2600]
    opened = {one.index for one in told(values, times, seasonal_anomaly(alert=generous))}
    assert (1000 in opened, 2600 in opened) == (True, False)


def test_bursts_stamped_by_a_clock_that_was_ahead_are_forgotten_like_any_others():
    times, values = with_spikes({1000: 3.0, 1400: 3.0, 5700: 3.0})  # the last after a month
    generous = seasonal_anomaly(alert=AlertPolicy(alerts_per_week=100.0))
    usual = [one.index for one in told(values, times, generous)]
    assert {1000, 1400, 5700} <= set(usual)
    for row in (1000, 1400):
        times[row] += 100 * 365 * DAY_S
    assert [one.index for one in told(values, times, generous)] == usual


def test_what_recurs_is_told_where_it_is_set_and_learned_alike():
    """A dangerous fault that has come twice: `tells_recurring` in signals.yaml, for that signal."""
    times, values = with_spikes(dict.fromkeys(range(1000, 5001, 1000), 3.0))
    usual = seasonal_anomaly(alert=AlertPolicy(alerts_per_week=100.0))
    telling = with_parameters(usual, {"tells_recurring": True})
    states = [usual.create(1), telling.create(1)]
    opened = [
        [round(one.index, -1) for one in use_case.learn(state, values, times) if one.change == "opened"]
        for use_case, state in zip((usual, telling), states, strict=True)
    ]
    assert opened[1] == [1000, 2000, 3000, 4000, 5000]
    assert opened[0][:2] == [1000, 2000]
    assert not {4000, 5000} & set(opened[0])
    assert states[0].model == states[1].model
    assert usual.parameters == telling.parameters
