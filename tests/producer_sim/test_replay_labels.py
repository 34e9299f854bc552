"""Labels of recordings become faults of the truth, over all signals of their file."""

import json
from pathlib import Path

import pytest

from clients.recordings.columns import ReadOptions
from clients.recordings.refusal import ReplayRefused
from producer_sim.replay.options import ReplayOptions, prepare
from producer_sim.replay.replay import faults
from tests.producer_sim.recordings import START, write_csv

FIRST_S = START.timestamp()
SKAB = Path(__file__).parents[3] / "shared" / "data" / "skab" / "other"


def windows_of(path, **named):
    return [
        (first - FIRST_S, last - FIRST_S)
        for first, last in prepare(ReplayOptions([path], **named)).windows[0]
    ]


def test_lone_ones_are_changepoints(tmp_path):
    path = write_csv(tmp_path / "1.csv", changes=(12, 40))
    assert windows_of(path, read=ReadOptions(labels="changepoint")) == [(12, 12), (40, 40)]


def test_runs_of_ones_are_windows(tmp_path):
    assert windows_of(write_csv(tmp_path / "1.csv"), read=ReadOptions(labels="anomaly")) == [(20, 29)]


def test_a_run_can_be_taken_for_its_first_row(tmp_path):
    path = write_csv(tmp_path / "1.csv")
    assert windows_of(path, read=ReadOptions(labels="anomaly"), label_kind="changepoints") == [(20, 20)]


def test_labels_at_the_last_row_and_true_or_false_count_too(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        "time,v,bad\n"
        + "".join(f"2020-03-01 12:00:0{n},{n},{'true' if n > 7 else 'false'}\n" for n in range(10))
    )
    assert windows_of(path, read=ReadOptions(labels="bad"), label_kind="windows") == [(8, 9)]


def test_a_label_that_is_none_is_refused_with_its_row(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("time,v,bad\n2020-03-01 12:00:00,1,0\n2020-03-01 12:00:01,1,perhaps\n")
    with pytest.raises(ReplayRefused, match=r"row 2, column 'bad': 'perhaps' is not a label"):
        windows_of(path, read=ReadOptions(labels="bad"))


def test_windows_of_a_benchmark_are_found_by_the_files_name(tmp_path):
    path = write_csv(tmp_path / "1.csv")
    windows = tmp_path / "windows.json"
    windows.write_text(
        json.dumps({"rig/1.csv": [["2020-03-01 12:00:10.000000", "2020-03-01 12:00:20"]], "rig/2.csv": []})
    )
    assert windows_of(path, windows=windows) == [(10, 20)]


@pytest.mark.parametrize("content", ['{"2.csv": []}', "[]", '{"1.csv": [["yesterday", "today"]]}', ""])
def test_windows_that_cannot_be_used_are_refused_with_their_form(tmp_path, content):
    windows = tmp_path / "windows.json"
    windows.write_text(content)
    with pytest.raises(ReplayRefused, match=r"first"):
        windows_of(write_csv(tmp_path / "1.csv"), windows=windows)


def test_an_event_on_any_signal_meets_a_label():
    (fault,) = faults([(10.0, 20.0)], ["1.a", "1.b"], period_s=2.0, shift_s=100.0)
    assert (fault.signals, fault.kind, fault.expected) == (("1.a", "1.b"), "changepoint", "alert")
    assert (fault.first_s, fault.last_s, fault.period_s) == (110.0, 120.0, 2.0)


@pytest.mark.skipif(not SKAB.is_dir(), reason=f"the runs of the water rig are not at {SKAB}")
def test_the_runs_of_the_water_rig_have_their_labelled_changes():
    files = [SKAB / f"{number}.csv" for number in (1, 3, 8, 11)]
    replay = prepare(ReplayOptions(files, read=ReadOptions(labels="changepoint")))
    assert [len(recording.signals) for recording in replay.recordings] == [8, 8, 8, 8]
    assert [len(windows) for windows in replay.windows] == [2, 4, 3, 4]
    assert all(first == last for windows in replay.windows for first, last in windows)
    assert [recording.survey.period_s for recording in replay.recordings] == [1.0] * 4
