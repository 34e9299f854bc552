"""The labelled corpora are read alike, and a use case is watched on them as the function would run it."""

import dataclasses
import json
import textwrap

import numpy as np
import pytest

from benchmarks.quality.corpora import CORPORA, Labelled, read_asd, read_skab, read_there
from benchmarks.quality.corpus_scores import Opening, leave_one_out, ranking_of, score_corpora, score_series
from benchmarks.quality.nab import NoCorpus
from benchmarks.quality.watching import Candidate, Watch, each, opened_rows, watch, with_settings
from consumer.errors import ConfigurationError, ModelRaised
from consumer.settings.signal_settings import SettingsOfSignals
from consumer.use_cases import USE_CASES
from ops.backtest.backtest import Backtest

ROWS = 3000
TIMES_S = [1.7e9 + 600.0 * row for row in range(ROWS)]


def course(seed=1):
    rng = np.random.default_rng(seed)
    times = np.array(TIMES_S)
    return (10.0 + np.sin(times / 86_400.0 * 2 * np.pi) + rng.normal(0.0, 0.05, ROWS)).tolist()


def spiked(*rows):
    values = course()
    for row in rows:
        values[row] += 3.0
    return values


def labelled(values, windows, start=500):
    return Labelled("made", "made.one", "made", TIMES_S, values, windows, start)


@pytest.fixture
def asd(tmp_path, monkeypatch):
    """A corpus of one series of six values, a minute apart."""
    lines = [f"2020-09-13 12:0{row}:00,{row}.5" for row in range(6)]
    (tmp_path / "omi-1.dim2.csv").write_text("\n".join(["timestamp,value", *lines]) + "\n")
    said = {"judged_from": "2020-09-13 12:02:00", "windows": [["2020-09-13 12:03:00", "2020-09-13 12:04:00"]]}
    (tmp_path / "windows.json").write_text(json.dumps({"asd/omi-1.dim2.csv": said, "asd/other.csv": said}))
    monkeypatch.setenv("ASD_DATA", str(tmp_path))


def test_a_series_is_read_with_its_windows_and_the_part_that_is_judged(asd):
    (series,) = read_asd()
    assert (series.corpus, series.name, series.asset) == ("ASD", "omi-1.dim2", "omi-1")
    assert series.values == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    assert (series.windows, series.judged_from) == ([(3, 4)], 2)
    assert (series.judged, series.judged_windows) == (4, [(1, 2)])
    assert series.judged_labels.tolist() == [False, True, True, False]
    assert series.judged_weeks == pytest.approx(0.5 * 3 * 60 / 604_800)


def test_a_window_before_the_judged_part_is_none_and_one_that_reaches_into_it_is_cut():
    series = labelled([0.0] * ROWS, [(10, 20), (490, 510)])
    assert series.judged_windows == [(0, 10)]


def test_each_sensor_of_a_run_is_a_signal_of_its_own(tmp_path, monkeypatch):
    lines = [f"2020-03-01 15:{row // 60:02}:{row % 60:02};0.5;{row};{float(row > 450)}" for row in range(500)]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "3.csv").write_text("\n".join(["datetime;Pressure;Flow;anomaly", *lines]) + "\n")
    monkeypatch.setenv("SKAB_DATA", str(tmp_path))
    pressure, flow = read_skab()
    assert (pressure.name, flow.name, pressure.asset) == ("3.Pressure", "3.Flow", "3")
    assert flow.values[7] == 7.0
    assert (flow.windows, flow.judged_windows) == ([(451, 499)], [(51, 99)])


def test_a_corpus_that_is_not_there_is_named_with_its_variable_and_the_others_are_read(
    asd, tmp_path, monkeypatch
):
    for variable in ("NAB_DATA", "SKAB_DATA", "SMAP_MSL_DATA"):
        monkeypatch.setenv(variable, str(tmp_path / "nowhere"))
    there, missing = read_there()
    assert list(there) == ["ASD"]
    assert [line.split(":")[0] for line in missing] == ["NAB", "SKAB other", "SMAP and MSL"]
    assert [line for line in missing if "_DATA" not in line] == []


def test_a_use_case_is_watched_as_a_backtest_runs_it():
    values = spiked(2000)
    values[2200:2400] = [12.0] * 200
    watched = watch(Candidate(), "one", values, TIMES_S)
    backtest = Backtest("anomaly", SettingsOfSignals("anomaly", USE_CASES["anomaly"]), "one", ["one"])
    events, scores = [], []
    for part in backtest.parts(zip(TIMES_S, zip(values, strict=True), strict=True)):
        events += [one for one in part.events if one["change"] == "opened"]
        scores += [score for _, score in part.scored]
    models = [one["observations"] - 1 for one in events if "fault" not in one["evidence"]]
    faults = [one["observations"] - 1 for one in events if "fault" in one["evidence"]]
    assert (watched.openings, watched.faults) == (models, faults)
    assert 2000 in watched.openings
    assert watched.faults
    assert watched.scores.tolist() == scores


def test_a_copy_of_a_watch_goes_on_by_itself():
    healthy, faulty = course(), spiked(2000)
    one = Watch("one", USE_CASES["anomaly"])
    one.learn(healthy[:2000], TIMES_S[:2000])
    other = one.copied()
    assert opened_rows(other.learn(faulty[2000:2010], TIMES_S[2000:2010])) == [0]
    assert opened_rows(one.learn(healthy[2000:2010], TIMES_S[2000:2010])) == []
    again = Watch("one", USE_CASES["anomaly"])
    again.learn(healthy[:2010], TIMES_S[:2010])
    assert (again.model, again.health) == (one.model, one.health)


def test_another_use_case_is_given_by_its_file_or_module_and_with_other_parameters(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        textwrap.dedent("""\
        from consumer.detectors.change_point import ChangePoint
        MINE = ChangePoint()
        OTHER = 7
        """)
    )
    assert Candidate(f"{file}:MINE").use_case == USE_CASES["shift"]
    assert Candidate("tests.benchmarks.made_use_cases:SILENT").use_case.distance == 1e9
    assert Candidate(parameters=(("warm_up", 7),)).use_case.warm_up == 7
    for name in (f"{file}:OTHER", f"{file}:NONE", f"{tmp_path}/none.py:MINE", "nothing"):
        with pytest.raises(ConfigurationError):
            _ = Candidate(name).use_case


def test_settings_that_signals_yaml_does_not_have_are_none():
    assert with_settings(Candidate(), no_such_setting=1) is None
    tuned = with_settings(Candidate(), use_cases={"anomaly": {"warm_up": 9}})
    assert tuned.warm_up == 9


def test_a_spike_in_a_window_is_found_and_one_outside_is_false():
    one = score_series(Candidate(), labelled(spiked(2000, 2700), [(1990, 2040)]))
    assert (one.found.windows, one.found.found, one.found.openings, one.found.false) == (1, 1, 2, 1)
    assert [opening.is_true for opening in one.openings] == [True, False]
    assert [opening.at_s for opening in one.openings] == [TIMES_S[2000], TIMES_S[2700]]
    assert one.vus_pr == pytest.approx(0.5, abs=0.45)


def test_what_opens_before_the_judged_part_does_not_count():
    assert score_series(Candidate(), labelled(spiked(2000), [(2500, 2550)], 2100)).found.openings == 0


def test_the_mean_gives_each_corpus_the_same_weight():
    found = labelled(spiked(2000), [(1990, 2040)])
    missed = labelled(course(), [(1990, 2040)])
    others = [dataclasses.replace(missed, corpus="others")] * 3
    score = score_corpora(Candidate(), {"made": [found], "others": others})
    made, other = score.corpora["made"], score.corpora["others"]
    assert (made.found.windows, other.found.windows) == (1, 3)
    assert score.found_less_chance == pytest.approx((made.found.less_chance + 0.0) / 2)
    assert score.found_less_chance == pytest.approx(0.5, abs=0.02)
    assert score.vus_pr == pytest.approx((made.vus_pr + other.vus_pr) / 2)
    assert score.nab_standard is None
    assert (score.false, score.ranking[10]) == (0, 1)


def test_openings_rank_by_how_many_signals_joined_and_then_by_score():
    alone = Opening("b", "b.x", 0.0, 0.99, False)
    joined = [Opening("a", "a.x", 0.0, 0.6, True), Opening("a", "a.y", 3600.0, 0.5, True)]
    later = Opening("a", "a.z", 7201.0, 0.7, False)
    weak = Opening("b", "b.y", 90_000.0, 0.4, True)
    openings = [weak, later, *joined, alone]
    assert ranking_of(openings, (1, 2, 3, 4, 5)) == {1: 1, 2: 2, 3: 2, 4: 2, 5: 3}


def test_tasks_come_back_in_their_order():
    assert each(abs, [-3]) == [3]
    assert each(abs, list(range(-40, 0))) == list(range(40, 0, -1))


def test_the_corpora_beside_the_project_have_windows_in_their_judged_part():
    for read in CORPORA.values():
        try:
            several = read()
        except NoCorpus as error:
            pytest.skip(str(error))
        assert sum(len(series.judged_windows) for series in several) > 30
        assert all(0 <= first <= last < one.judged for one in several for first, last in one.judged_windows)


def test_a_corpus_that_is_left_out_is_scored_with_what_is_best_on_the_others():
    """On one corpus values stray by 10, on the other by 5: neither says how little the other's do."""
    near, far, silent, always = (
        Candidate("tests.benchmarks.made_use_cases:ALARMIST", parameters=(("distance", distance),))
        for distance in (4.0, 8.0, 1e9, -1.0)
    )
    rng = np.random.default_rng(5)

    def strayed(corpus, by):
        values = np.clip(rng.normal(50.0, 1.0, ROWS), 47.0, 53.0)
        values[[1995, 2495]] = 50.0 + by
        return [dataclasses.replace(labelled(values.tolist(), [(1990, 2000), (2490, 2500)]), corpus=corpus)]

    corpora = {"NAB": strayed("NAB", 10.0), "ASD": strayed("ASD", 5.0)}
    left_out = leave_one_out([silent, far, always, near], corpora)
    assert left_out["NAB"].chosen == near
    assert left_out["ASD"].chosen in (near, far)
    assert left_out["NAB"].score.found.less_chance > 0.9
    assert left_out["ASD"].score.found.found == (0 if left_out["ASD"].chosen == far else 2)
    assert leave_one_out([silent, far, near], corpora)["ASD"].chosen == far


def test_what_a_model_raises_is_said_and_ends_the_measurement():
    with pytest.raises(RuntimeError, match="ModelRaised: the model raised"):
        each(raising, list(range(40)))


def raising(task):
    raise ModelRaised(task, "the model raised ZeroDivisionError")
