"""NAB's score, against cases that can be worked out by hand."""

import math

import pytest

from benchmarks.quality.nab import (
    LOW_FN,
    LOW_FP,
    PROFILES,
    STANDARD,
    NoCorpus,
    Series,
    curve,
    join,
    probation,
    read_corpus,
    sigmoid,
)
from benchmarks.quality.use_case_quality import _others, count_alerts, quality_of
from consumer.use_cases import USE_CASES

WINDOWS = [(400, 449), (700, 749)]


def scored(alerts, profile=STANDARD, windows=WINDOWS, rows=1000):
    one = curve([float(row in alerts) for row in range(rows)], windows, profile)
    return one.normalised(one.at(1.0))


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_an_alert_at_each_windows_start_is_worth_100_and_silence_0(profile):
    assert scored({400, 700}, profile) == pytest.approx(100.0)
    assert scored(set(), profile) == 0.0


def test_the_earliest_alert_in_a_window_counts_and_the_others_do_not():
    assert scored({400, 420, 449, 700}) == pytest.approx(100.0)


def test_a_late_alert_is_worth_less_and_the_last_still_something():
    late = scored({425, 700})
    assert scored({449, 700}) < late < 100.0
    expected = sigmoid((425 - 450) / 50) / sigmoid(-1.0)
    assert late == pytest.approx(100.0 * (1.0 + expected + 2.0) / 4.0)
    assert scored({449, 700}) > scored({700})


def test_a_false_alarm_costs_as_the_profile_says():
    """One far from any window costs its whole weight, of four points from null to perfect."""
    for profile in (STANDARD, LOW_FP, LOW_FN):
        points = profile.detected * 2 + profile.missed * 2
        cost = 100.0 * profile.false_alarm / points
        assert scored({400, 690, 700}, profile) == pytest.approx(100.0 - cost, abs=0.01)


def test_a_false_alarm_just_behind_a_window_costs_next_to_nothing():
    assert 99.5 < scored({400, 451, 700}) < 100.0
    assert scored({400, 460, 700}) < scored({400, 451, 700})


def test_what_comes_in_probation_is_not_scored():
    assert probation(1000) == 150
    assert probation(20_000) == 750
    assert scored({10, 400, 700}) == pytest.approx(100.0)


def test_one_threshold_holds_for_all_series():
    good = curve([0.9 if row == 400 else 0.0 for row in range(1000)], [(400, 449)])
    noisy = curve([0.5 if row % 10 == 5 else 0.0 for row in range(1000)], [(700, 749)])
    both = join([good, noisy])
    assert both.best() == pytest.approx(0.9)
    assert both.normalised(both.at(both.best())) == pytest.approx(50.0)
    assert both.at(math.inf) == -2.0


def test_a_corpus_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NoCorpus, match="NAB_DATA"):
        read_corpus(tmp_path)


def test_a_spike_on_a_daily_course_is_found_and_nothing_else_is_reported():
    at_s = [600.0 * row for row in range(3000)]
    values = [
        10.0 + math.sin(time / 86_400.0 * 2.0 * math.pi) + 0.01 * (row % 7) for row, time in enumerate(at_s)
    ]
    values[2000] += 3.0
    series = Series("made", "made/one.csv", at_s, values, [(1990, 2040)])
    other = Series("made too", "made too/one.csv", at_s, values, [(1990, 2040)])
    assert quality_of([series, other]).standard > 80.0
    counts = count_alerts([series, other], "anomaly")
    assert (counts.alerts, counts.within, counts.windows, counts.found) == (2, 2, 2, 2)
    assert counts.false_per_week == 0.0
    assert counts.weeks == series.weeks + other.weeks


def test_the_shipped_anomaly_passes_random_cut_forest_on_real_series():
    try:
        corpus = read_corpus()
    except NoCorpus as error:
        pytest.skip(str(error))
    assert quality_of(corpus).standard > 57.7


def test_three_parameters_of_the_shipped_anomaly_are_varied_around_it():
    """So that the bar of what is chosen on other folders goes on to mean something when they are renamed."""
    shipped = USE_CASES["anomaly"]
    others = list(_others(shipped))
    assert len(others) == 27
    assert [other.parameters for other in others].count(shipped.parameters) == 1
