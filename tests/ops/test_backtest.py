"""A backtest finds what the pipeline would: the same models, one pass, in any parts, no look ahead."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from river import anomaly, drift
from typer.testing import CliRunner

from consumer import use_cases
from consumer.decode.signal_names import SignalKey, seed_of
from consumer.detectors.anomaly import AnomalyUseCase
from consumer.detectors.drift import DriftUseCase
from consumer.settings import signals_yaml
from consumer.settings.signal_settings import SettingsOfSignals
from ops.__main__ import app
from ops.backtest import backtest
from ops.backtest.backtest import Backtest
from producer_sim.cli import app as sending
from tests.consumer.own_model import Wobble, allow_own_modules
from tests.consumer.world import World, record

NAB = Path(__file__).parents[3] / "shared" / "data" / "nab" / "realKnownCause"
ROOT = Path(__file__).parents[2]
START_S = 1_700_000_000.0
ADWIN = DriftUseCase(drift.ADWIN())
# Two signals of one asset: the first rises, the second is missing now and then.
ROWS = [
    (START_S + number, (10.0 + number % 7 + 30.0 * (number > 400), None if number % 5 == 0 else number % 3.0))
    for number in range(1_000)
]
SIGNALS = ("pump.flow", "pump.level")


def run(rows=ROWS, use_case=ADWIN) -> tuple[Backtest, list[dict]]:
    tested = Backtest("drift", SettingsOfSignals("drift", use_case), "pump", SIGNALS)
    return tested, [detail for part in tested.parts(rows) for detail in part.events]


def test_it_finds_what_the_pipeline_does():
    world = World()
    records = [
        record(number, {"signal": "pump", "values": dict(zip(("flow", "level"), values, strict=True))})
        | {"timestamp": at_s}
        for number, (at_s, values) in enumerate(ROWS)
    ]
    world.invoke(records)
    tested, details = run()
    found = [(one["signal"], one["value"], one["observations"], one["evidence"]) for one in details]
    assert found
    told = [json.loads(event.detail) for event in world.bus.events]
    assert found == [(one["signal"], one["value"], one["observations"], one["evidence"]) for one in told]
    states = world.states()
    for signal in SIGNALS:
        assert tested.learner.states[SignalKey("pump", signal)].learned == states[signal].learned


def test_it_is_a_plain_loop():
    detector = ADWIN.create(seed_of("drift", "pump.flow")).detector
    drifts = []
    for at_s, (flow, _) in ROWS:
        detector.update(flow)
        if detector.drift_detected:
            drifts.append(at_s)
    _, details = run()
    assert drifts
    flow = [one for one in details if one["signal"] == "pump.flow"]
    assert [int(one["sequence_number"]) + START_S for one in flow] == drifts


@pytest.mark.parametrize("rows_at_once", [1, 7, 999])
def test_its_parts_do_not_matter(rows_at_once, monkeypatch):
    whole = run()[1]
    monkeypatch.setattr(backtest, "ROWS_AT_ONCE", rows_at_once)
    assert run()[1] == whole


def test_it_does_not_look_ahead():
    whole = run()[1]
    for rows in (100, 440, 800):
        part = run(ROWS[:rows])[1]
        assert part == [one for one in whole if int(one["sequence_number"]) < rows]


class Fussy(Wobble):
    """It cannot learn what is negative."""

    def learn_one(self, x):
        if x["value"] < 0:
            raise ValueError("negative")
        super().learn_one(x)


FUSSY = anomaly.ThresholdFilter(Fussy(), threshold=0.9, protect_anomaly_detector=False)


def test_what_cannot_be_learned_is_counted_with_its_reason_and_the_rest_is_learned(monkeypatch):
    allow_own_modules(monkeypatch, __name__)
    rows = list(ROWS)
    for number in (0, 400):
        rows[number] = (rows[number][0], (-1.0, 0.0))
    rows[500] = (rows[500][0], (1e200, 0.0))
    tested, _ = run(rows, AnomalyUseCase(FUSSY))
    assert tested.learner.rejected == {
        "the model raised ValueError: negative": 2,
        "the value is beyond ±1e+100": 1,
    }
    assert tested.learner.states[SignalKey("pump", "pump.flow")].learned == 1_000 - 3


def csv(folder: Path) -> Path:
    file = folder / "pump.csv"
    lines = ["datetime;flow;level;anomaly"]
    lines += [
        f"2023-11-14 {number // 3600:02}:{number // 60 % 60:02}:{number % 60:02};{flow};"
        f"{'' if level is None else level};0"
        for number, (_, (flow, level)) in enumerate(ROWS)
    ]
    file.write_text("\n".join(lines) + "\n")
    return file


def test_the_command_prints_the_events_and_writes_them(tmp_path):
    out = tmp_path / "events.jsonl"
    ran = CliRunner().invoke(
        app, ["backtest", "--use-case", "drift", str(csv(tmp_path)), "--events", str(out)]
    )
    assert ran.exit_code == 0, ran.output
    details = run()[1]
    written = [json.loads(line) for line in out.read_text().splitlines()]
    assert [one["evidence"] for one in written] == [one["evidence"] for one in details]
    assert written[0]["timestamp"].startswith("2023-11-14T00:0")
    assert ran.stdout.count("Drift Detected on pump.flow") == len(
        [one for one in details if one["signal"] == "pump.flow"]
    )
    assert "1,800 values of 2 signals" in ran.stderr


@pytest.mark.parametrize("use_case", sorted(use_cases.USE_CASES))
def test_the_scores_are_one_for_each_row_in_order_from_0_to_1(use_case, tmp_path):
    out = tmp_path / "scores.csv"
    arguments = ["backtest", "--use-case", use_case, str(csv(tmp_path)), "--scores", str(out)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    header, *rows = [line.split(",") for line in out.read_text().splitlines()]
    assert header == ["timestamp", "value", "anomaly_score"]
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert len(rows) == len(ROWS)
    assert all(0.0 <= float(score) <= 1.0 for _, _, score in rows)
    assert {float(value) for _, value, _ in rows} <= {value for _, values in ROWS for value in values}
    highest = max(rows, key=lambda row: float(row[2]))
    assert use_case == "forecast" or float(highest[2]) > 0.5


def test_a_drift_scores_1_in_its_row_and_a_value_that_cannot_be_learned_0():
    rows = list(ROWS)
    rows[700] = (rows[700][0], (1e200, None))
    tested = Backtest("drift", SettingsOfSignals("drift", ADWIN), "pump", SIGNALS)
    [part] = tested.parts(rows)
    told = {int(detail["sequence_number"]) for detail in part.events}
    assert {row for row, (_, score) in enumerate(part.scored) if score == 1.0} == told
    assert part.scored[700] == (None, 0.0)


def test_the_plot_opens_without_a_network_and_has_all_events(tmp_path):
    out, labels = tmp_path / "plot.html", tmp_path / "windows.json"
    labels.write_text('{"pump.csv": [["2023-11-14 00:06:00", "2023-11-14 00:07:00"]]}')
    arguments = ["--use-case", "drift", str(csv(tmp_path)), "--plot", str(out), "--windows", str(labels)]
    ran = CliRunner().invoke(app, ["backtest", *arguments])
    assert ran.exit_code == 0, ran.output
    page = out.read_text()
    assert "<script src=" not in page
    assert page.count("warning: Drift Detected on pump.flow") == ran.stdout.count(
        "Drift Detected on pump.flow"
    )
    assert "2023-11-14T00:06:00" in page
    assert "orange" in page


def test_the_process_ends_well(tmp_path):
    """What the command's own interpreter does as it ends, no other test here sees."""
    command = [sys.executable, "-m", "ops", "backtest", "--use-case", "drift", str(csv(tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr.count("\n")) == (0, 4), done.stderr


def test_names_in_the_plot_and_on_the_terminal_are_text(tmp_path):
    name, evil = "pump[1] <i>\u202e", "</script><script>alert(1)</script>\u202e[red]"
    (tmp_path / f"{name}.csv").write_text(csv(tmp_path).read_text().replace("flow", evil, 1))
    out = tmp_path / "plot.html"
    ran = CliRunner().invoke(
        app, ["backtest", "--use-case", "drift", str(tmp_path / f"{name}.csv"), "--plot", str(out)]
    )
    assert ran.exit_code == 0, ran.output
    assert "Drift Detected on pump[1] (i)" in ran.stdout
    assert "[red]" in ran.stdout
    assert "pump[1] <i>\\u202e.csv: " in ran.stderr
    assert ran.output.replace("\n", "").isprintable()
    page = out.read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\u202e" not in page.partition("plotly.js v")[0] + page[page.rindex("Plotly.newPlot") :]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["--use-case", "dirft", "pump.csv"],
            "'dirft'; consumer/use_cases.py has anomaly, asset, clusters, drift, forecast, shift",
        ),
        (["--use-case", "drift", "none.csv"], "there is no such file"),
        (["--use-case", "drift", "pump.csv", "--windows", "w.json"], "--windows needs --plot"),
        (
            ["--use-case", "drift", "pump.csv", "--upper", "1"],
            "drift is no forecast: --upper and --lower do not apply",
        ),
        (["--use-case", "forecast", "pump.csv", "--upper", "1", "--lower", "2"], "is not below the upper"),
        (["--use-case", "drift", "pump.csv", "pump.csv", "--plot", "x.html"], "--plot draws one file"),
        (["--use-case", "drift", "pump.csv", "--signals", "power"], "has no column 'power'"),
        (["--use-case", "drift", "pump.csv", "--time", "when"], "has no column 'when'"),
    ],
)
def test_a_mistake_is_answered(arguments, told, tmp_path, monkeypatch):
    csv(tmp_path)
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(app, ["backtest", *arguments])
    assert ran.exit_code == 1
    assert told in ran.stderr


def long_table(folder: Path) -> Path:
    """Two pumps, each with a flow and a level; from row 600 on pump2's no longer move together."""
    lines = ["time,tag,value"]
    for number in range(1_000):
        for pump in ("pump1", "pump2"):
            flow = 10.0 + math.sin(number * 0.7) + (number * 7919 % 13) / 60.0
            level = flow * 2.0 + (number * 104_729 % 17) / 60.0
            if pump == "pump2" and number >= 600:
                level += 20.0 - 4.0 * (flow - 10.0)
            lines += [f"{START_S + number},{pump}.flow,{flow}", f"{START_S + number},{pump}.level,{level}"]
    file = folder / "export.csv"
    file.write_text("\n".join(lines))
    return file


def test_tags_are_signals_by_their_own_names_and_assets_by_what_stands_before(tmp_path):
    out = tmp_path / "events.jsonl"
    for use_case, signals in (("asset", {"pump2"}), ("drift", {"pump2.level"})):
        arguments = ["--use-case", use_case, str(long_table(tmp_path)), "--events", str(out)]
        ran = CliRunner().invoke(app, ["backtest", *arguments])
        assert ran.exit_code == 0, ran.output
        assert "4 signals, by the tags in 'tag'" in ran.stderr
        details = [json.loads(line) for line in out.read_text().splitlines()]
        assert {detail["signal"] for detail in details} == signals
        if use_case == "asset":
            assert details[0]["evidence"]["signals"].keys() <= {"flow", "level"}


class Unkept:
    """A model whose module no plant names: no page may hold it."""

    def score_one(self, x):
        return 0.0

    def learn_one(self, x):
        return None


def test_what_the_function_refuses_at_its_start_a_backtest_refuses_too(tmp_path, monkeypatch):
    monkeypatch.setitem(
        use_cases.USE_CASES, "own", AnomalyUseCase(anomaly.ThresholdFilter(Unkept(), threshold=0.8))
    )
    ran = CliRunner().invoke(app, ["backtest", "--use-case", "own", str(csv(tmp_path))])
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert "cannot be kept in a page" in ran.stderr


def test_a_forecast_takes_a_limit(tmp_path):
    """The signal rises to 46 after 400 seconds."""
    where = ["--use-case", "forecast", str(csv(tmp_path)), "--signals", "flow"]
    crossing = CliRunner().invoke(app, ["backtest", *where, "--upper", "40"])
    assert crossing.exit_code == 0, crossing.output
    assert "Limit Crossing Forecast on pump.flow" in crossing.stdout
    assert '"limit": 40.0' in crossing.stdout
    far = CliRunner().invoke(app, ["backtest", *where, "--upper", "4000", "--lower", "-4000"])
    assert far.stdout == ""


@pytest.mark.parametrize("use_case", sorted(use_cases.USE_CASES))
def test_every_registered_use_case_runs_over_a_real_recording(use_case):
    file = NAB / "machine_temperature_system_failure.csv"
    if not file.exists():
        pytest.skip(f"the recording is not here: {file}")
    ran = CliRunner().invoke(app, ["backtest", "--use-case", use_case, str(file)])
    assert ran.exit_code == 0, ran.output
    assert "22,695 values of 1 signal," in ran.stderr
    assert "; 0 values could not be learned" in ran.stderr


NOTHING = {
    "empty.csv": "",
    "header.csv": "time,v\n",
    "gaps.csv": "time,v\n2024-03-01,NULL\n2024-03-02,\n",
    "bad.csv": "time,v,quality\n2024-03-01,1,Bad\n2024-03-02,2,Bad\n",
    "tags.csv": "time,tag,value\n2024-03-01,a.x,NULL\n2024-03-02,a.x,NULL\n",
    "list.json": "[]",
    "answer.json": '{"MetricDataResults": []}',
    "payloads.jsonl": '{"signal": "a", "value": "x", "timestamp": 1709251200}\n',
}


@pytest.mark.parametrize("name", NOTHING)
def test_a_file_of_which_nothing_is_read_ends_every_command_with_an_error(tmp_path, name):
    path = tmp_path / name
    path.write_text(NOTHING[name])
    backtest = ["backtest", "--use-case", "drift", str(path)]
    run = str(tmp_path / "run")
    for app_of, arguments in (
        (app, backtest),
        (sending, ["replay", "--local", "--run", run, str(path)]),
    ):
        ran = CliRunner().invoke(app_of, arguments)
        assert ran.exit_code == 1, ran.output
        assert name in ran.output.replace("\n", "")
        assert "values of" not in ran.output


def test_a_payload_that_is_refused_says_why_where_nothing_else_is_there(tmp_path):
    path = tmp_path / "payloads.jsonl"
    path.write_text(NOTHING["payloads.jsonl"])
    ran = CliRunner().invoke(app, ["backtest", "--use-case", "drift", str(path)])
    assert "the value 'x' is not a number (row 1)" in ran.output.replace("\n", " ")


def test_what_calendars_keep_from_being_learned_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(signals_yaml, "spans_in", lambda text, zone: [(1_699_920_100.0, 1_699_920_300.0)])
    (tmp_path / "h.ics").write_text("")
    (tmp_path / "own.yaml").write_text("version: 1\ncalendars: [{file: h.ics}]\n")
    given = ["--use-case", "drift", str(csv(tmp_path)), "--settings", str(tmp_path / "own.yaml")]
    ran = CliRunner().invoke(app, ["backtest", *given])
    assert ran.exit_code == 0, ran.output
    assert "1,440 values of 2 signals" in ran.stderr
    assert "; 360 more not learned, during events of calendars; 0 values could not" in ran.stderr
