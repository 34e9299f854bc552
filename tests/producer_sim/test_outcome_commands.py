"""`score` and `report` on folders of runs, and the summary that scripts read."""

import json
import re
from dataclasses import replace

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from producer_sim.commands.report import report_command
from producer_sim.commands.score import score_command
from producer_sim.report.mistakes import mistakes
from producer_sim.report.report import render_report
from producer_sim.report.summary import read_outcome, write_summary
from producer_sim.report.verdict import verdict
from producer_sim.run_folder import RunFolder, Sample, SignalSeries, Truth
from tests.producer_sim.run_folders import MadeUp, make_run_folder

SUMMARY = (
    "rate_target",
    "rate_achieved",
    "observations_sent",
    "observations_learned",
    "skipped",
    "quarantined",
    "lag_p50_s",
    "lag_p99_s",
    "put_to_alert_p50_s",
    "put_to_alert_p99_s",
    "detected",
    "missed",
    "false_alarms",
    "lost",
)

SMALL = MadeUp(signals=20, seconds=200)

app = typer.Typer()
app.command("score")(score_command)
app.command("report")(report_command)


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def texts(page):
    """The page without its scripts."""
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def test_the_summary_has_exactly_the_figures_that_were_agreed(tmp_path):
    folder = make_run_folder(tmp_path, SMALL)
    write_summary(folder)
    summary = json.loads((tmp_path / "summary.json").read_bytes())
    assert tuple(summary) == SUMMARY
    assert summary["observations_sent"] == 1_000_000
    assert (summary["detected"], summary["missed"], summary["false_alarms"], summary["lost"]) == (9, 1, 3, 0)
    assert 1.0 < summary["lag_p50_s"] < summary["lag_p99_s"] < 5.0
    assert 0.5 < summary["put_to_alert_p50_s"] <= summary["put_to_alert_p99_s"] < 10.0


def test_score_counts_kinds_in_a_table(tmp_path):
    make_run_folder(tmp_path, SMALL)
    result = run("score", "--run", tmp_path)
    assert result.exit_code == 0, result.output
    assert "Detected 9 of 10 faults within 400 observations; 3 false alarms." in result.output
    assert "To quarantine: 11; counted: 11." in result.output


def test_score_as_json_holds_the_kinds(tmp_path):
    make_run_folder(tmp_path, SMALL)
    scored = json.loads(run("score", "--run", tmp_path, "--json").output)
    assert (scored["injected"], scored["detected"], scored["missed"]) == (10, 9, 1)
    assert sum(scored["false_alarms_by_family"].values()) == scored["false_alarms"] == 3
    assert {kind["kind"] for kind in scored["kinds"]} == {"step", "ramp", "variance", "stuck", "drop-out"}
    assert [line["agrees"] for line in scored["kept"]] == [True, True]


def test_score_reads_a_truth_and_events_of_their_own(tmp_path):
    make_run_folder(tmp_path, SMALL)
    files = ("--truth", tmp_path / "truth.json", "--events", tmp_path / "events.jsonl")
    scored = json.loads(run("score", *files, "--json").output)
    assert (scored["detected"], scored["kept"][0]["agrees"]) == (9, None)


def test_fewer_observations_detect_less(tmp_path):
    make_run_folder(tmp_path, replace(SMALL, miss_every=0))
    scored = json.loads(run("score", "--run", tmp_path, "--within", "1", "--json").output)
    assert scored["within_observations"] == 1
    assert scored["detected"] < 10


def test_truth_without_events_is_refused():
    assert "go together" in run("score", "--truth", "truth.json").output


@pytest.mark.parametrize("command", ["score", "report"])
def test_a_folder_without_a_run_says_which_command_writes_it(tmp_path, command):
    result = run(command, "--run", tmp_path)
    assert result.exit_code == 1
    assert "python -m producer_sim simulate" in result.output


def test_report_writes_one_file_where_it_is_told(tmp_path):
    make_run_folder(tmp_path, SMALL)
    out = tmp_path / "deep" / "run.html"
    result = run("report", "--run", tmp_path, "--out", out)
    assert result.exit_code == 0, result.output
    page = out.read_text()
    assert "Held 5,000 observations a second, lost nothing, detected 9 of 10 faults" in texts(page)
    assert "shardId-000000000003" in page
    assert "factory.yaml" in page


def test_a_report_names_no_address_that_a_browser_would_fetch(tmp_path):
    page = texts(render_report(read_outcome(make_run_folder(tmp_path, SMALL))))
    assert not re.findall(r"(?:src|href)\s*=|url\(|@import", page)


def test_names_and_evidence_are_texts_in_the_report(tmp_path):
    evil = "</script><script>alert(1)</script>"
    folder = make_run_folder(tmp_path, replace(SMALL, evil_name=evil))
    events = folder.events
    events[-1].detail["evidence"] = {evil: evil}
    (tmp_path / "events.jsonl").unlink()
    folder.append("events", events)
    page = render_report(read_outcome(folder))
    assert evil not in page
    assert "<script>alert" not in page
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in page


def test_what_was_lost_is_the_first_thing_one_sees(tmp_path):
    outcome = read_outcome(make_run_folder(tmp_path, replace(SMALL, lost=1234)))
    assert verdict(outcome).level == "bad"
    assert "lost 1,234 observations" in verdict(outcome).sentence


def test_a_run_in_which_all_went_well_is_green(tmp_path):
    outcome = read_outcome(make_run_folder(tmp_path, replace(SMALL, miss_every=0, false_alarms=0)))
    assert verdict(outcome).level == "good"


def test_a_run_of_which_nothing_but_the_sending_is_known_says_so(tmp_path):
    folder = RunFolder.fresh(tmp_path)
    make_run_folder(tmp_path / "whole", SMALL)
    sent = RunFolder(tmp_path / "whole").run
    unknown = {"learned": None, "skipped": None, "quarantined": None, "shards": (), "rate_target": None}
    folder.write("run", msgspec.structs.replace(sent, **unknown))
    outcome = read_outcome(folder)
    page = texts(render_report(outcome))
    assert verdict(outcome).level == "plain"
    assert verdict(outcome).sentence == "The records were sent; the pipeline was not observed."
    for text in (
        "No samples were taken",
        "No alert of this",
        "that should alert",
        "recorded no values of signals",
        "did not observe how many were learned",
    ):
        assert text in page
    assert outcome.summary["lost"] is None


def test_what_was_sent_to_a_stream_alone_is_not_said_to_be_missed(tmp_path):
    folder = make_run_folder(tmp_path, SMALL)
    for name in ("events", "alerts", "samples"):
        (tmp_path / f"{name}.jsonl").unlink()
    folder.write("run", msgspec.structs.replace(folder.run, learned=None, skipped=None, quarantined=None))
    outcome = read_outcome(folder)
    assert [outcome.summary[name] for name in ("detected", "missed", "false_alarms")] == [None] * 3
    assert verdict(outcome).sentence == "Held 5,000 observations a second."
    assert "not observed; 10 were injected" in render_report(outcome)
    assert mistakes(outcome) == []


def test_an_interrupted_run_is_never_green(tmp_path):
    folder = make_run_folder(tmp_path, replace(SMALL, miss_every=0, false_alarms=0))
    folder.write("run", msgspec.structs.replace(folder.run, interrupted=True))
    assert verdict(read_outcome(folder)).level == "fair"
    assert verdict(read_outcome(folder)).sentence.startswith("Was interrupted")


def test_a_large_run_makes_no_larger_report(tmp_path):
    folder = make_run_folder(tmp_path, MadeUp(signals=80, seconds=4000))
    folder.write("truth", Truth(folder.truth.signals * 20, folder.truth.faults))
    small = len(render_report(read_outcome(make_run_folder(tmp_path / "small", SMALL))))
    page = render_report(read_outcome(folder))
    assert "24 of 42 recorded signals" in page
    assert len(page) - small < 1_000_000


def test_drawn_values_keep_their_extremes_and_gaps(tmp_path):
    from producer_sim.report.signal_charts import drawn_points

    values = [float(n % 7) for n in range(20_000)]
    values[7_777], values[12_345] = 99.0, -99.0
    values[15_000:15_500] = [None] * 500
    points = drawn_points(SignalSeries("a", [float(n) for n in range(20_000)], values))
    times, kept = zip(*points, strict=True)
    assert len(times) < 1200
    assert {99.0, -99.0} <= set(kept)
    assert all(value is None for at, value in zip(times, kept, strict=True) if 15_100 < at < 15_400)
    assert list(times) == sorted(times)


def test_samples_before_the_start_are_not_drawn(tmp_path):
    folder = make_run_folder(tmp_path, SMALL)
    folder.append("samples", [Sample(folder.run.started_s - 5, 0, 0, 0, 0, 0)])
    assert "data-chart" in render_report(read_outcome(folder))
