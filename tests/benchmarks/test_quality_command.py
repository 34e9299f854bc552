"""`python -m benchmarks.quality` says which bars do not hold, and its tables are those of the documents."""

import json

import pytest

from benchmarks.quality import __main__ as command
from benchmarks.quality.parts import PARTS, Outcome, bar
from benchmarks.quality.tables import table

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
        "modes",
        "clock-changes",
        "load",
    } == set(PARTS)
