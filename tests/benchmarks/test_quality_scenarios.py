"""The made-up signals are the same every time, and what is found in them is counted right."""

import itertools

import numpy as np
import pytest

from benchmarks.quality import clock_changes, modes
from benchmarks.quality.healthy import DAY_S, MAKES, ROWS, STEP_S, WEEKS, signal
from benchmarks.quality.load import state_bytes
from benchmarks.quality.samplings import (
    FAULT_ROWS,
    KINDS,
    SAMPLINGS,
    STEP_KNOWN,
    STEP_ROWS,
    fresh_signal,
    score_cold_start,
    score_steps,
)
from benchmarks.quality.scenarios import LATER, Scenario, ScenarioScore, Told, score_signal
from benchmarks.quality.watching import Candidate, Watch
from consumer.use_cases import USE_CASES

MADE = "tests.benchmarks.made_use_cases"
SILENT, ALARMIST, FAR_OFF = (Candidate(f"{MADE}:{name}") for name in ("SILENT", "ALARMIST", "FAR_OFF"))


def test_there_are_26_kinds():
    assert len(MAKES) == 26


@pytest.mark.parametrize("kind", MAKES)
def test_a_signal_is_the_same_for_the_same_seed_and_another_for_another(kind):
    one, same, other = signal(kind, 1), signal(kind, 1), signal(kind, 2)
    assert one.values == same.values
    assert (one.times_s == same.times_s).all()
    assert one.values != other.values
    assert np.isfinite(one.values).all()


@pytest.mark.parametrize("kind", MAKES)
def test_a_signal_lasts_six_weeks_in_order(kind):
    times_s = signal(kind, 0).times_s
    assert (np.diff(times_s) > 0.0).all()
    assert times_s[-1] - times_s[0] == pytest.approx(WEEKS * 7 * DAY_S, rel=0.05)
    assert 0.7 * ROWS < len(times_s) <= ROWS


@pytest.mark.parametrize("kind", MAKES)
def test_a_fault_changes_what_the_sensor_shows_and_nothing_before_it(kind):
    one = signal(kind, 0, 3000)
    rows = len(one.times_s)
    assert one.faulty(1000, 1000, rows, 6.0) == one.values[1000:rows]
    shown = one.faulty(1000, 1012, 1050, 6.0)
    assert len(shown) == 50
    assert shown[:12] != one.values[1000:1012]


def test_a_fault_of_a_counter_is_in_its_rate():
    for kind in ("counter with overflow", "counter reset daily"):
        one = signal(kind, 0, 3000)
        shown = np.array(one.faulty(1010, 1022, 1030, 6.0)) - np.array(one.values[1010:1030])
        assert shown[0] == pytest.approx(30.0, abs=1.0)
        assert shown[11] == pytest.approx(12 * 30.0, abs=12.0)
        assert shown[-1] == shown[11]
    steps = np.diff(signal("counter reset daily", 0).values)
    assert (steps < 0.0).sum() == 41
    assert (np.diff(signal("counter with overflow", 0).values) < 0.0).sum() > 5


def test_schedules_keep_their_hours():
    one = signal("shift schedule", 0)
    day, hour = (one.times_s - one.times_s[0]) // DAY_S, one.times_s % DAY_S / 3600.0
    runs = np.array(one.values) > 30.0
    assert (runs == ((day % 7 < 5) & (hour >= 6.0) & (hour < 22.0))).all()
    jittered = np.array(signal("jittered schedule", 0).values) > 30.0
    starts = np.flatnonzero(~jittered[:-1] & jittered[1:]) + 1
    first_s = one.times_s[starts] % DAY_S - 6 * 3600.0
    assert len(starts) == 30
    assert np.abs(first_s).max() <= 1200.0 + STEP_S
    assert np.ptp(first_s) > 1200.0


def test_a_silent_use_case_finds_nothing_and_one_that_always_alerts_finds_all():
    healthy = signal("white noise", 0)
    silent, alarmist = (score_signal(one, healthy) for one in (SILENT, ALARMIST))
    assert (silent.whole.false, silent.whole.injected) == (0, 20)
    assert set(silent.whole.found.values()) == {0}
    assert silent.whole.days == pytest.approx(42.0, abs=0.1)
    assert (alarmist.whole.false, set(alarmist.whole.found.values())) == (ROWS, {20})
    assert alarmist.whole.share("burst", "step") == 1.0


def test_periods_follow_one_another():
    told = score_signal(ALARMIST, signal("gaps", 0)).periods
    days = [one.days for one in told.values()]
    assert days == pytest.approx([1.0, 6.0, 7.0, 28.0], abs=0.5)
    assert sum(one.false for one in told.values()) == len(signal("gaps", 0).values)


def test_one_that_opens_at_values_far_off_finds_faults_and_is_not_false():
    told = score_signal(FAR_OFF, signal("white noise", 0)).whole
    assert told.false == 0
    assert told.found == {"spike": told.found["spike"], "burst": 20, "step": 20}
    assert told.found["spike"] >= 16  # of 6 sigma and noise beyond 4.7, nine in ten


def test_a_shipped_use_case_gives_the_same_figures_every_time():
    one, other = (score_signal(Candidate(), signal("daily course", 3)) for _ in range(2))
    assert one == other


def test_each_kind_has_the_same_weight():
    quiet = Told(70.0, 1, 0, 8, {"spike": 8, "burst": 8, "step": 4})
    noisy = Told(7.0, 3, 0, 2, {"spike": 0, "burst": 1, "step": 0})
    first = Told(7.0, 1, 0, 2, {"spike": 2, "burst": 2, "step": 2})
    score = ScenarioScore({"a": Scenario("a", {LATER: quiet}), "b": Scenario("b", {LATER: noisy})})
    assert score.false_per_week == pytest.approx((0.1 + 3.0) / 2)
    assert score.share("burst", "step") == pytest.approx((12 / 16 + 1 / 4) / 2)
    alone = ScenarioScore({"a": Scenario("a", {"first day": first, LATER: noisy})})
    assert (alone.share("spike"), alone.share("spike", period="first day")) == (0.0, 1.0)
    assert (alone.false_per_week, alone.false_per_week_in("first day")) == (2.0, 1.0)


@pytest.mark.parametrize(("sampling", "kind"), list(itertools.product(SAMPLINGS, KINDS)))
def test_a_fresh_signal_has_its_fault_where_it_is_said_to_be(sampling, kind):
    times_s, values, first = fresh_signal(sampling, kind, 0)
    step_s, until_s = SAMPLINGS[sampling]
    assert times_s[first] - times_s[0] == pytest.approx(until_s)
    assert times_s[1] - times_s[0] == pytest.approx(step_s)
    assert len(values) == first + FAULT_ROWS
    assert abs(values[first:].mean() - values[:first].mean()) == pytest.approx(6.0, abs=1.0)
    assert (values == fresh_signal(sampling, kind, 0)[1]).all()


def test_a_cold_start_counts_what_is_found_and_what_is_false_before():
    for one in score_cold_start(ALARMIST):
        assert (one.injected, one.share, one.false) == (20, 1.0, 20 * one.values_before)
    assert [one.found for one in score_cold_start(SILENT)] == [0] * 4
    far_off = score_cold_start(FAR_OFF)
    assert {one.share for one in far_off} == {1.0}
    assert sum(one.false for one in far_off) <= 1  # of 63,360 values, some are nearly that far off


def test_steps_are_found_at_every_sampling_and_told_once_or_not():
    assert {(one.found, one.delay_values, one.alerts) for one in score_steps(SILENT)} == {(0, STEP_ROWS, 0)}
    for one in score_steps(ALARMIST):
        assert (one.steps, one.found, one.delay_values) == (10, 10, 1.0)
        assert (one.alerts, one.false) == (10 * STEP_ROWS, 10 * STEP_KNOWN)
    assert all(one.found == 10 and one.delay_values <= 60 for one in score_steps(FAR_OFF))


def test_the_faults_of_a_machine_are_well_within_a_mode():
    one, same = modes.machine(1), modes.machine(1)
    assert (one.values == same.values).all()
    assert len(one.faults) == modes.FAULTS
    for start in one.faults:
        assert len(set(one.modes[start - 10 : start + modes.FAULT_ROWS].tolist())) == 1
        assert one.times_s[start] >= one.times_s[0] + 7 * DAY_S
    assert set(one.modes.tolist()) == {0.0, 1.0, 2.0}


def test_faults_within_modes_are_counted_alone_and_beside_the_mode():
    alone = modes.score_modes(SILENT)
    assert (alone.injected, alone.found, alone.false, alone.days) == (48, 0, 0, 84.0)
    always = modes.score_modes(ALARMIST)
    assert (always.share, always.false) == (1.0, 84 * 1440)
    beside, alone = (score(Candidate("drift")) for score in (modes.score_beside, modes.score_modes))
    assert (beside.injected, beside.days) == (48, 84.0)
    assert beside.found == alone.found > 20  # nobody has said that the one is the other's mode


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_a_signal_on_local_time_keeps_its_local_hours_over_the_change(number):
    times_s, values, change_s = clock_changes.on_local_time(number)
    smooth = np.convolve(values, np.ones(6) / 6, "same")
    days = [smooth[np.searchsorted(times_s, change_s + day * DAY_S) :][:288] for day in (-13, 1)]
    # The same weekday before and after: an hour apart in UTC.
    moved = [np.abs(np.roll(days[0], shift) - days[1]).mean() for shift in (-12, 0, 12)]
    assert moved[1] > min(moved)
    assert int(np.argmin(moved)) == (0 if number % 2 == 0 else 2)


def test_alerts_around_a_clock_change_are_counted_by_signal():
    assert clock_changes.score_clock_changes(SILENT).changed == 0
    always = clock_changes.score_clock_changes(ALARMIST)
    assert (always.changed, always.unchanged, always.by_change) == (20, 20, 0)


@pytest.mark.parametrize("number", [0, 1])
def test_without_a_change_a_signal_is_the_same_until_then_and_an_hour_off_after(number):
    times_s, changed, change_s = clock_changes.on_local_time(number)
    _, unchanged, _ = clock_changes.on_local_time(number, clock_changes._STAYS[number])
    before = times_s < change_s
    assert (changed[before] == unchanged[before]).all()
    off = (np.abs(changed - unchanged) > 30.0)[~before]
    assert off.sum() * STEP_S == 5 * 2 * 3600.0  # each workday's start and end


def test_a_state_weighs_as_much_as_its_page():
    model = USE_CASES["anomaly"].create(seed=1)
    empty = state_bytes(model)
    watch = Watch("one", USE_CASES["anomaly"], model)
    made = signal("white noise", 0, 2016)
    watch.learn(made.values, made.times_s.tolist())
    assert 300 < empty < 2000 < state_bytes(model, watch.health) < 12_000
