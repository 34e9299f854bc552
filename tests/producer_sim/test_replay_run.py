"""A replay: what is sent, when, in which shape, and what is left in the run's folder."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
import typer
from typer.testing import CliRunner

from clients.recordings.columns import ReadOptions
from clients.recordings.refusal import ReplayRefused
from producer_sim.commands import replay as replay_module
from producer_sim.commands.replay import replay_command
from producer_sim.observe import observer as observer_module
from producer_sim.replay.chart_series import ChartSeries
from producer_sim.replay.options import ReplayOptions, prepare, speed_of
from producer_sim.replay.replay import run_replay
from producer_sim.replay.shapes import scheduled_records
from producer_sim.report.mistakes import mistakes
from producer_sim.report.report import render_report
from producer_sim.report.score import score
from producer_sim.report.summary import read_outcome
from producer_sim.report.verdict import verdict
from producer_sim.run_folder import RunFolder
from tests.producer_sim.recordings import (
    START,
    MemoryObserver,
    MemoryPipeline,
    SteppedClock,
    observing,
    write_csv,
    write_jsonl,
)

FIRST_S = START.timestamp()
SHAPES = ("points", "columns", "several-values")


def replayed(tmp_path, files, observer=None, **asked):
    pipeline, folder = MemoryPipeline(), RunFolder.fresh(tmp_path / "run")
    replay = prepare(ReplayOptions(files, **asked))
    run = run_replay(replay, pipeline, observing(observer), folder, clock=SteppedClock())
    return pipeline.stream, run, folder


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_read_by_the_consumer_to_the_same_observations(tmp_path, shape):
    path = write_csv(tmp_path / "rig.csv")
    stream, run, _ = replayed(tmp_path, [path], shape=shape, times="kept", speed=float("inf"))
    assert stream.observations() == {
        "rig.Pressure": [(FIRST_S + row, 0.25 * row) for row in range(60)],
        "rig.Volume Flow": [(FIRST_S + row, 76.5 - row) for row in range(60)],
    }
    assert run.observations_sent == 120


@pytest.mark.parametrize(
    ("shape", "records", "key"),
    [
        ("points", 120, "rig.Pressure"),
        ("columns", 2, "rig.Pressure"),
        ("auto", 2, "rig.Pressure"),
        ("several-values", 60, "rig"),
    ],
)
def test_records_are_keyed_by_signal_or_by_asset(tmp_path, shape, records, key):
    stream, run, _ = replayed(tmp_path, [write_csv(tmp_path / "rig.csv")], shape=shape, speed=float("inf"))
    assert run.records_sent == len(stream.records) == records
    assert key in {key for key, _ in stream.records}


def due(path, shape="points", **asked):
    (recording,) = prepare(ReplayOptions([path], shape=shape, **asked)).recordings
    return [plan.due_s for plan in scheduled_records(recording, recording.rows(0.0), shape, 10)]


def test_rows_are_due_as_they_were_recorded_or_faster_or_at_once(tmp_path):
    path = write_csv(tmp_path / "rig.csv", rows=4)
    assert due(path) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert due(path, speed=4.0) == [0, 0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75]
    assert due(path, speed=float("inf")) == [0] * 8


def test_columns_are_due_with_their_last_row(tmp_path):
    assert due(write_csv(tmp_path / "rig.csv", rows=15), "columns") == [9, 9, 14, 14]


def test_a_row_whose_time_goes_backwards_is_due_with_the_one_before_it(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("time,v\n" + "".join(f"2020-03-01 12:00:0{n},{n}\n" for n in (0, 5, 3, 6)))
    assert due(path) == [0, 5, 5, 6]


def test_cells_without_a_number_are_not_sent(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("time,v,w\n2020-03-01 12:00:00,1,nan\n2020-03-01 12:00:01,,\n2020-03-01 12:00:02,2,3\n")
    for shape in SHAPES:
        stream, run, _ = replayed(tmp_path, [path], shape=shape, times="kept", speed=float("inf"))
        assert stream.observations() == {
            "a.v": [(FIRST_S, 1.0), (FIRST_S + 2, 2.0)],
            "a.w": [(FIRST_S + 2, 3.0)],
        }
        assert run.observations_sent == 3


def test_it_takes_as_long_as_it_was_recorded_and_observations_carry_when_they_were_due(tmp_path):
    stream, run, _ = replayed(tmp_path, [write_csv(tmp_path / "rig.csv")])
    assert 59.0 <= run.ended_s - run.started_s < 62.0
    assert run.rate_target == pytest.approx(120 / 59)
    times = [at for at, _ in stream.observations()["rig.Pressure"]]
    assert times == [pytest.approx(run.started_s + row, abs=1e-5) for row in range(60)]


def test_several_files_start_together_and_each_is_an_asset(tmp_path):
    files = [write_csv(tmp_path / "1.csv"), write_jsonl(tmp_path / "2.jsonl")]
    stream, run, _ = replayed(tmp_path, files)
    assert set(stream.observations()) == {"1.Pressure", "1.Volume Flow", "2.a", "2.b"}
    assert run.observations_sent == 240
    first_half = {key for key, _ in stream.records[:120]}
    assert first_half == {"1.Pressure", "1.Volume Flow", "2.a", "2.b"}


def test_the_folder_holds_truth_and_values_at_the_times_that_were_sent(tmp_path):
    path = write_csv(tmp_path / "rig.csv", changes=(30,))
    _, run, folder = replayed(tmp_path, [path], read=ReadOptions(labels="changepoint"), speed=10.0)
    (fault,) = folder.truth.faults
    assert fault.signals == ("rig.Pressure", "rig.Volume Flow")
    assert fault.first_s == fault.last_s == pytest.approx(run.started_s + 30)
    assert [series.signal for series in folder.series] == list(fault.signals)
    assert fault.first_s in [pytest.approx(at) for at in folder.series[0].timestamps_s]
    assert folder.run.configuration["timestamps"] == "ahead"


@pytest.mark.parametrize(
    ("labels", "false_alarms", "said"), [("anomaly", 1, "1 false alarm"), (None, None, "raised 1 alerts")]
)
def test_an_alert_is_false_only_where_there_are_labels(tmp_path, labels, false_alarms, said):
    """One second after the start nothing is labelled; where nobody has labelled, nobody knows."""
    path = write_csv(tmp_path / "rig.csv")
    asked = {"read": ReadOptions(labels=labels)} if labels else {}
    _, run, folder = replayed(tmp_path, [path], MemoryObserver(), **asked)
    at = datetime.fromtimestamp(run.started_s + 1, UTC).isoformat()
    detail = {"id": "1", "signal": "rig.Pressure", "timestamp": at, "value": 0.25, "evidence": {}}
    (folder.path / "events.jsonl").write_text(
        json.dumps({"received_s": run.ended_s, "detail_type": "Drift Detected", "detail": detail}) + "\n"
    )
    outcome = read_outcome(folder, within=1)
    assert outcome.summary["false_alarms"] == false_alarms
    assert said in verdict(outcome).sentence
    page = render_report(outcome)
    assert ("There are no labels" in page) == (labels is None)
    assert len(mistakes(outcome)) == (2 if labels else 0)  # the window of labels was missed
    scored = score(folder.truth, folder.events, 1)
    assert (len(scored.false_alarms), scored.is_labelled) == (1, True) if labels else (0, False)


def test_the_observer_hears_what_is_due_and_acknowledged(tmp_path):
    observer = MemoryObserver()
    _, run, _ = replayed(tmp_path, [write_csv(tmp_path / "rig.csv")], observer)
    assert observer.told_acknowledged == sorted(observer.told_acknowledged)
    assert observer.told_acknowledged[-1] == observer.told_due[-1] == run.learned == 120
    assert run.lost == 0


def test_where_nobody_looks_nothing_is_said_of_what_was_learned(tmp_path):
    _, run, _ = replayed(tmp_path, [write_csv(tmp_path / "rig.csv")])
    assert (run.learned, run.lost) == (None, None)


def test_few_values_of_a_long_recording_are_kept_to_draw_with_their_extremes(tmp_path):
    (recording,) = prepare(ReplayOptions([write_csv(tmp_path / "rig.csv", rows=9000)])).recordings
    drawn = ChartSeries(recording)
    for _ in drawn.watch(recording.rows(0.0)):
        pass
    pressure = drawn.series()[0]
    assert len(pressure.values) <= 2000
    assert (min(pressure.values), max(pressure.values)) == (0.0, 0.25 * 8999)


@pytest.mark.parametrize("text", ["fast", "0", "-3", "nan", "inf", ""])
def test_a_speed_that_is_none_is_refused(text):
    with pytest.raises(ReplayRefused, match="'recorded', 'flat-out' or a factor"):
        speed_of(text)


def test_two_files_of_one_name_are_refused_unless_their_assets_are_named(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    files = [write_csv(tmp_path / "a" / "1.csv"), write_csv(tmp_path / "b" / "1.csv")]
    with pytest.raises(ReplayRefused, match="--asset"):
        prepare(ReplayOptions(files))
    assert [one.asset for one in prepare(ReplayOptions(files, assets=["a", "b"])).recordings] == ["a", "b"]
    with pytest.raises(ReplayRefused, match="2 files"):
        prepare(ReplayOptions(files, assets=["a"]))


def test_a_person_hears_what_is_not_sent(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        "time,v,anomaly\n2020-03-01 12:00:01,,0\n2020-03-01 12:00:00,2,1\n2020-03-01 12:00:02,3,0\n"
    )
    heard = []
    prepare(ReplayOptions([path]), heard.append)
    text = "\n".join(heard)
    for part in (
        "1 signal (v), 3 rows",
        "1 cell without",
        "1 row is earlier",
        "Named like labels, so not sent: anomaly",
    ):
        assert part in text


@pytest.fixture
def commands(monkeypatch):
    """The command, with a pipeline in memory where the real one would be opened."""
    opened = MemoryPipeline()

    @contextmanager
    def open_pipeline(stack, local, stream, region, endpoint_url):
        opened.models = () if stream else ("drift",)
        yield opened

    monkeypatch.setattr(replay_module, "open_pipeline", open_pipeline)
    monkeypatch.setattr(observer_module, "observe", lambda *given: observing(MemoryObserver()))
    app = typer.Typer()
    app.command("replay")(replay_command)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_leaves_a_summary_and_a_report(tmp_path, commands):
    path = write_csv(tmp_path / "rig.csv", changes=(30,))
    run = tmp_path / "run"
    arguments = ("--local", "--labels", "changepoint", "--speed", "flat-out", "--run", run, "--json")
    result = commands(path, *arguments)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["observations_sent"], summary["missed"], summary["lost"]) == (120, 1, 0)
    assert json.loads((run / "summary.json").read_bytes()) == summary
    assert "labelled" in (run / "report.html").read_text()
    assert "0 of 1 labelled changes" in result.stderr


def test_the_command_sends_to_a_stream_alone_without_looking(tmp_path, commands):
    result = commands(
        write_csv(tmp_path / "rig.csv"),
        "--stream",
        "a",
        "--speed",
        "1000",
        "--run",
        tmp_path / "run",
        "--no-report",
    )
    assert result.exit_code == 0, result.output
    assert not (tmp_path / "run" / "report.html").exists()
    assert json.loads((tmp_path / "run" / "summary.json").read_bytes())["observations_learned"] is None


def test_the_command_refuses_before_it_opens_a_pipeline(tmp_path, commands):
    result = commands(write_csv(tmp_path / "rig.csv"), "--time", "nope", "--run", tmp_path / "run")
    assert result.exit_code == 1
    assert "has no column 'nope'" in result.output
    assert not (tmp_path / "run").exists()


class Impatient(MemoryObserver):
    """Somebody presses Ctrl-C as soon as there is only waiting."""

    def wait_until_settled(self, observations, timeout_s):
        raise KeyboardInterrupt


def test_ctrl_c_while_it_waits_leaves_what_was_sent_and_counts_nothing_as_lost(tmp_path):
    _, run, folder = replayed(tmp_path, [write_csv(tmp_path / "rig.csv")], Impatient(), speed=float("inf"))
    assert (run.observations_sent, run.learned, run.lost) == (120, None, None)
    assert run.interrupted
    assert folder.run == run
