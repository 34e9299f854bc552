"""A labelled recording through the whole pipeline on this machine, as `replay --local` sends it."""

import json

import pytest
import typer
from typer.testing import CliRunner

from producer_sim.commands.replay import replay_command

pytest.importorskip("producer_sim.observe.observer", reason="no pipeline to replay through")


def recording(path, rows=1200, change=700):
    """A flow that falls at one row, with a swing that repeats, at 1 Hz."""
    lines = ["datetime;Flow;Voltage;changepoint"]
    for row in range(rows):
        flow = 76.0 + row * 7 % 5 - (20.0 if row >= change else 0.0)
        at = f"2020-03-01 15:{row // 60:02}:{row % 60:02}"
        lines.append(f"{at};{flow};{230 + row * 11 % 7};{float(row == change)}")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_labelled_change_is_told_and_nothing_is_lost(tmp_path):
    app = typer.Typer()
    app.command("replay")(replay_command)
    arguments = (recording(tmp_path / "rig.csv"), "--local", "--labels", "changepoint", "--shape", "columns")
    pace = ("--speed", "flat-out", "--run", tmp_path / "run", "--json")
    result = CliRunner().invoke(app, [str(argument) for argument in arguments + pace])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["observations_sent"] == summary["observations_learned"] == 2400
    assert (summary["detected"], summary["missed"], summary["false_alarms"], summary["lost"]) == (1, 0, 0, 0)
    assert summary["put_to_alert_p50_s"] > 0
    assert "Replay through the pipeline local" in (tmp_path / "run" / "report.html").read_text()
