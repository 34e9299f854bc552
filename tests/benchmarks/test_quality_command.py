"""`python -m benchmarks.quality` says which bars do not hold, and its tables are those of the documents."""

import json
import re
from dataclasses import asdict
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.quality import __main__ as command
from benchmarks.quality.document import plot, write
from benchmarks.quality.parts import PARTS, Outcome, bar
from benchmarks.quality.tables import table

ROOT = Path(__file__).parents[2]
QUALITY = ROOT / "benchmarks" / "quality"
GOOD = bar("finds", 0.7, "at least", 0.6)
BAD = bar("is false", 3.0, "at most", 2.0, "alerts")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "RESULTS", tmp_path / "quality" / "results.json")

    def run(words="", **outcomes):
        parts = {name: (lambda candidate, one=one: one) for name, one in outcomes.items()}
        for name, part in parts.items():
            part.__doc__ = f"Made up: {name}."
        monkeypatch.setattr(command, "PARTS", parts)
        code = command.main(words.split())
        return code, capsys.readouterr().out

    return run


def test_all_bars_that_hold_are_success(run):
    code, out = run(one=Outcome([], [GOOD]), other=Outcome([], [GOOD]))
    assert code == 0
    assert "All 2 bars hold" in out


def test_a_bar_that_does_not_hold_is_named_with_its_figure(run):
    code, out = run(one=Outcome([], [GOOD, BAD]))
    assert code == 1
    assert "MISSED  is false: 3 alerts (at most 2)" in out
    assert "1 of 2 bars do not hold" in out


def test_what_cannot_be_measured_is_named_and_no_success(run):
    code, out = run(one=Outcome([], [GOOD], {}, ["there is no NAB: set NAB_DATA"]))
    assert code == 1
    assert "Not measured: one: there is no NAB: set NAB_DATA" in out


def test_one_part_alone_is_run_and_the_results_of_the_others_are_kept(run):
    made = table("made", ("of", "figure"), [("one", 1)])
    run(one=Outcome([made], [GOOD], {"figure": 1}), other=Outcome([], [BAD], {"figure": 2}))
    code, out = run("--only one", one=Outcome([made], [GOOD], {"figure": 3}), other=Outcome([], [BAD]))
    assert code == 0
    assert "Measuring one" in out
    assert "Measuring other" not in out
    results = json.loads(command.RESULTS.read_text())
    assert (results["one"]["results"], results["other"]["results"]) == ({"figure": 3}, {"figure": 2})
    assert results["one"]["tables"]["made"] == "| of | figure |\n| --- | ---: |\n| one | 1 |"


def test_another_use_case_is_measured_and_leaves_the_results_of_the_shipped_ones(run):
    run(one=Outcome([], [GOOD], {"figure": 1}))
    code, _ = run("--use-case shift --set window=8", one=Outcome([], [GOOD], {"figure": 2}))
    assert code == 2
    code, _ = run("--use-case shift", one=Outcome([], [GOOD], {"figure": 2}))
    assert code == 0
    assert json.loads(command.RESULTS.read_text())["one"]["results"] == {"figure": 1}


def test_a_use_case_that_does_not_exist_is_named(run):
    code, out = run("--use-case nothing", one=Outcome())
    assert code == 2
    assert "nothing" in out


def test_each_part_says_what_it_measures():
    assert all(part.__doc__ for part in PARTS.values())
    assert {
        "shipped",
        "corpora",
        "scenarios",
        "cold-start",
        "steps",
        "lasting",
        "assets",
        "modes",
        "clock-changes",
        "load",
    } == set(PARTS)


MARK = re.compile(r"<!-- measured: (.+?) -->")


@pytest.fixture
def results():
    """Results with a text for each mark of the document."""
    names = MARK.findall((ROOT / "docs" / "alerts.md").read_text())
    scored = {"spike": 0.5, "burst": 0.25, "step": 1.0, "false a week": 3.0}
    summary = {"kinds": {"white <noise>": scored}, "periods": {"first day": scored}}
    return {
        "scenarios": {
            "results": {"anomaly": summary},
            "tables": {name: f"the table of {name}" for name in names if name != "bars"},
            "bars": [asdict(GOOD), asdict(BAD)],
            "missing": ["there is no `mode`"],
        }
    }


def test_the_document_gets_the_tables_the_bars_and_the_plots(results, tmp_path):
    (tmp_path / "docs" / "images").mkdir(parents=True)
    document = tmp_path / "docs" / "alerts.md"
    document.write_text((ROOT / "docs" / "alerts.md").read_text())
    written = write(results, tmp_path, date(2026, 2, 3))
    text = document.read_text()
    for name in results["scenarios"]["tables"]:
        assert f"<!-- measured: {name} -->\nthe table of {name}\n<!-- end -->" in text
    assert "Measured on 2026-02-03:" in text
    assert "| finds | 0.7 | at least 0.6 |  |\n| is false | 3 alerts | at most 2 | missed |" in text
    assert "| there is no `mode` | | | not measured |" in text
    for plotted in written[1:]:
        drawn = ElementTree.fromstring((tmp_path / plotted).read_text())
        assert drawn.tag.endswith("svg")
        assert f"]({plotted.relative_to('docs')})" in text


def test_a_plot_draws_shares_to_scale_and_no_bar_beyond_its_edge(results):
    drawn = plot("Title", {"anomaly": results["scenarios"]["results"]["anomaly"]["kinds"]})
    widths = [float(width) for width in re.findall(r'width="([\d.]+)" height="4"', drawn)]
    assert widths == pytest.approx([348.0, 174.0, 696.0, 696.0])
    assert "white &lt;noise&gt;" in drawn


def test_a_part_that_was_not_measured_is_named(results, tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "alerts.md").write_text((ROOT / "docs" / "alerts.md").read_text())
    del results["scenarios"]["tables"]["nab"]
    with pytest.raises(KeyError, match="nab"):
        write(results, tmp_path, date(2026, 2, 3))


def test_each_table_of_the_document_is_of_a_part():
    """Each mark is the name of a table that `tables` makes."""
    made = set(re.findall(r'table\(\s*f?"([^"]+?)(?: \{name\})?"', (QUALITY / "tables.py").read_text()))
    marks = MARK.findall((ROOT / "docs" / "alerts.md").read_text())
    assert {re.sub(r" (anomaly|shift)$", "", mark) for mark in marks} <= made | {"bars"}
    assert len(marks) == len(set(marks))
