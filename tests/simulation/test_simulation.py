"""The simulation keeps what it promises, and sees where a promise is broken."""

import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.simulation import mutants, play
from tests.simulation.chance import Chance
from tests.simulation.plan import Outcome, Plan
from tests.simulation.play import simulate
from tests.simulation.shrink import shrunk

ROOT = Path(__file__).parents[2]
SEEDS = 100


@cache
def played(seed: int) -> Outcome:
    return simulate(Plan(seed))


@pytest.mark.parametrize("first", range(0, SEEDS, 10))
def test_no_promise_is_broken_whatever_fails(first):
    for seed in range(first, first + 10):
        outcome = played(seed)
        assert not outcome.violations, f"{outcome.violations}; again: {outcome.plan.command}"


def test_much_learns_in_columns_and_some_of_it_leaves_them():
    reached = sum((played(seed).coverage for seed in range(SEEDS)), Counter())
    for kind in ("anomaly", "drift", "shift"):
        assert reached[f"observation of {kind} learned in columns"] > 100, reached
    for kind in ("anomaly", "shift"):
        assert reached[f"signal of {kind} that left the columns"] > 5, reached
        assert reached[f"{kind} opened"], reached
        assert reached[f"{kind} cleared"], reached


def test_a_zone_of_the_process_changes_nothing(monkeypatch):
    traces = []
    for zone in (None, "America/St_Johns"):
        monkeypatch.setattr(play, "ZONES", (zone,))
        outcomes = [simulate(Plan(seed), is_traced=True) for seed in range(200, 206)]
        traces.append([(outcome.violations, outcome.trace) for outcome in outcomes])
    assert not any(violations for violations, _ in traces[0])
    assert traces[0] == traces[1]


def test_a_seed_gives_the_same_world_again():
    one, same = (simulate(Plan(5), is_traced=True) for _ in range(2))
    assert one.trace == same.trace
    assert one.exercised == same.exercised
    assert one.trace != simulate(Plan(6), is_traced=True).trace


def test_what_is_left_out_does_not_happen_and_changes_no_other_decision():
    calm = Chance(1, frozenset({"GET fails"}))
    wild = Chance(1)
    drawn = [(wild.happens("GET fails", 0.5), wild.happens("split", 0.5)) for _ in range(50)]
    found = [(calm.happens("GET fails", 0.5), calm.happens("split", 0.5)) for _ in range(50)]
    assert any(first for first, _ in drawn)
    assert not any(first for first, _ in found)
    assert [second for _, second in drawn] == [second for _, second in found]


def test_a_failing_plan_shrinks_to_what_it_needs():
    def play(plan: Plan) -> Outcome:
        exercised = {"split", "merge", "repage"} - plan.without
        violations = ["broken"] if (plan.records or 100) >= 7 and "split" in exercised else []
        return Outcome(plan, violations, exercised, plan.records or 100)

    smallest = shrunk(play(Plan(3)), play)
    assert smallest.plan == Plan(3, 7, frozenset({"merge", "repage"}))
    assert smallest.plan.command == (
        'python -m tests.simulation --seed 3 --records 7 --without "merge" --without "repage"'
    )


@pytest.mark.parametrize("name", mutants.MUTANTS)
def test_each_mistake_is_one_in_the_source_as_it_is_now(name):
    mutant = mutants.MUTANTS[name]
    source = (ROOT / (mutant.module.replace(".", "/") + ".py")).read_text()
    changed = mutants.mutated(name, source)
    assert changed != source
    compile(changed, mutant.module, "exec")


def test_a_mistake_is_seen_and_told_with_how_to_play_it_again():
    name = "the page is warm before it is written"
    command = [sys.executable, "-m", "tests.simulation", "--seeds", "75", "--mutant", name]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "again: python -m tests.simulation --seed" in ran.stdout
