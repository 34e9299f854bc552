"""SKAB's two scores, against cases that can be worked out by hand."""

import math
import random

import pytest

from benchmarks.quality.nab import LOW_FN, LOW_FP, PROFILES, STANDARD, NoCorpus
from benchmarks.quality.skab import Run, changepoint_score, outlier_score, read_folder, read_run, worth
from benchmarks.quality.use_case_quality import false_openings_of_asset

HEAD = "datetime;Pressure;Flow"


def run_of(rows, changepoints=(), step_s=1.0):
    at_s = [step_s * row for row in range(rows)]
    marked = [row in changepoints for row in range(rows)]
    return Run("1", ["Flow"], at_s, [[0.0]] * rows, [False] * rows, marked)


def alerts_at(rows, *alerts):
    return [row in alerts for row in range(rows)]


def scored(changepoints, *alerts, rows=1000, step_s=1.0):
    return changepoint_score([(run_of(rows, changepoints, step_s), alerts_at(rows, *alerts))])


def test_a_run_is_read_with_its_labels(tmp_path):
    path = tmp_path / "7.csv"
    path.write_text(
        f"{HEAD};anomaly;changepoint\n"
        "2020-03-01 15:44:06;0.5;76;0.0;0.0\n"
        "2020-03-01 15:44:08;0.25;77;1.0;1.0\n"
    )
    run = read_run(path)
    assert (run.name, run.sensors, run.rows) == ("7", ["Pressure", "Flow"], [[0.5, 76.0], [0.25, 77.0]])
    assert (run.anomaly, run.changepoint) == ([False, True], [False, True])
    assert run.timestamps_s[1] - run.timestamps_s[0] == 2.0


def test_a_run_without_labels_is_normal_throughout(tmp_path):
    (tmp_path / "free.csv").write_text(f"{HEAD}\n2020-03-01 15:44:06;0.5;76\n")
    (run,) = read_folder(tmp_path)
    assert (run.anomaly, run.changepoint) == ([False], [False])


def test_a_folder_is_read_by_number_and_one_without_runs_is_named(tmp_path):
    with pytest.raises(NoCorpus, match=tmp_path.name):
        read_folder(tmp_path)
    for name in ("10", "2", "1"):
        (tmp_path / f"{name}.csv").write_text(f"{HEAD}\n2020-03-01 15:44:06;0.5;76\n")
    assert [run.name for run in read_folder(tmp_path)] == ["1", "2", "10"]


def test_the_rows_of_all_runs_are_scored_together():
    """Found 1 and 2, missed 1, false alarms 1 of 5: that is not the mean of the two runs' own scores."""
    first = ([False, False, True, True], [False, True, True, False])
    second = ([False, False, False, True, True], [False, False, False, True, True])
    score = outlier_score([first, second], skip=0)
    assert score.f1 == pytest.approx(6 / 8)
    assert (score.false_alarms, score.missed) == (pytest.approx(1 / 5), pytest.approx(1 / 4))


def test_the_first_rows_of_each_run_do_not_count():
    wrong = ([True] * 400 + [False, True], [False] * 400 + [False, True])
    score = outlier_score([wrong, wrong])
    assert (score.f1, score.false_alarms, score.missed) == (1.0, 0.0, 0.0)


def test_a_score_of_nothing_is_0():
    score = outlier_score([([], [])])
    assert (score.f1, score.false_alarms, score.missed) == (0.0, 0.0, 0.0)


def test_an_alert_at_each_changepoint_is_worth_100_and_silence_0():
    assert set(scored({500, 700}, 500, 700).values()) == {100.0}
    assert set(scored({500, 700}).values()) == {0.0}


def test_only_the_first_alert_in_a_window_counts_and_a_later_one_is_worth_less():
    assert scored({500}, 500, 501, 560) == scored({500}, 500)
    half = scored({500}, 530)["standard"]
    assert half == pytest.approx(100.0 * ((1.0 - 0.11) / 2.0 + 1.0) / 2.0)


def test_at_its_end_a_window_is_worth_a_false_alarm():
    for profile in PROFILES:
        assert worth(0.0, profile) == pytest.approx(profile.detected)
        assert worth(1.0, profile) == pytest.approx(-profile.false_alarm)
    quarter = worth(0.25, STANDARD)
    assert quarter == pytest.approx(0.445 + 0.555 * math.tanh(math.pi / 4) / math.tanh(math.pi / 2))


def test_a_false_alarm_costs_the_same_wherever_it_is():
    for profile in (STANDARD, LOW_FP, LOW_FN):
        cost = 100.0 * profile.false_alarm / (profile.detected + profile.missed)
        assert scored({500}, 500, 561)[profile.name] == pytest.approx(100.0 - cost)
        assert scored({500}, 450, 500)[profile.name] == pytest.approx(100.0 - cost)


def test_a_window_is_measured_in_seconds():
    assert scored({500}, 506, step_s=10.0)["standard"] > 0.0
    assert scored({500}, 507, step_s=10.0)["standard"] < 0.0


def test_of_two_windows_that_overlap_the_later_one_is_cut():
    """The second one reaches from 560 to 580, so an alert in its middle is half as late as it could be."""
    both = scored({500, 520}, 500, 570)["standard"]
    assert both == pytest.approx(100.0 * (1.0 + 0.445 + 2.0) / 4.0)


def test_changepoints_and_alerts_before_a_run_is_scored_do_not_count():
    assert scored({100, 500}, 50, 500) == scored({500}, 500)


def test_false_openings_of_an_asset_are_counted_after_the_first_rows_and_outside_of_labels():
    rng = random.Random(1)
    rows = [[rng.gauss(0.0, 1.0), rng.gauss(5.0, 1.0), rng.gauss(9.0, 1.0)] for _ in range(1500)]
    for first in (900, 1300):
        rows[first : first + 60] = [[value + 40.0 for value in row] for row in rows[first : first + 60]]
    labels = [880 <= row < 1000 for row in range(1500)]
    run = Run("1", ["a", "b", "c"], [float(row) for row in range(1500)], rows, labels, [False] * 1500)
    assert false_openings_of_asset([run]) == (1, 1500 - 400 - 120)
    assert false_openings_of_asset([run, run]) == (2, 2 * (1500 - 400 - 120))
