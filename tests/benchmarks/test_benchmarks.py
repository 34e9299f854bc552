"""The benchmarks compare like with like, and say so when a bar does not hold."""

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks import bare_loop, document, figures, footprint, handler_vs_loop, persistence, stages
from benchmarks.alternatives import SeedHandler
from benchmarks.measuring import Figure, Pair, Spread, alternately, spread, wall_s
from benchmarks.warm_function import GET_S, FakeS3, function
from benchmarks.workloads import column_batches, point_batches

ROOT = Path(__file__).parents[2]


def test_the_handler_and_the_loop_learn_the_same():
    """`handler_vs_loop` itself asserts equal models and as many events as drifts."""
    assert handler_vs_loop.points(100, rounds=2).ratio.median > 0
    assert handler_vs_loop.columns(20, rounds=2).ratio.median > 0
    assert handler_vs_loop.points(100, rounds=2, from_bytes=True).ratio.median > 0
    assert handler_vs_loop.columns(20, rounds=2, from_bytes=True).ratio.median > 0


def test_the_seed_and_the_loop_learn_the_same():
    seed, event, models = SeedHandler(0.0, 0.0), next(point_batches(3, records=30)), bare_loop.new_models()
    seed.learn(event)
    bare_loop.learn_points(event, models)
    assert len(seed._stored) == len(models) == 3


def test_columns_hold_what_the_loop_reads():
    models = bare_loop.new_models()
    bare_loop.learn_columns(next(column_batches(2, 50, 4)), models)
    assert [model.width for model in models.values()] == [100, 100]


def test_ratios_are_of_the_same_round_and_each_is_first_in_turn():
    order = []

    def next_pair():
        return lambda: order.append("ours"), lambda: order.append("theirs")

    pair = alternately(4, wall_s, iter(next_pair, None))
    assert order == ["ours", "theirs", "theirs", "ours"] * 2
    assert len(pair.ours_s) == len(pair.theirs_s) == 4
    assert Pair([2.0, 6.0, 1.0], [1.0, 2.0, 1.0]).ratio == Spread(1.5, 2.0, 2.5)


@pytest.mark.parametrize(
    ("bound", "median", "holds"), [("at most", 1.5, True), ("at most", 1.6, False), ("at least", 1.5, True)]
)
def test_a_bar_is_met_by_the_median(bound, median, holds):
    assert Figure("figure", spread([median]), "x", bound, 1.5).holds is holds
    assert Figure("figure", spread([median])).holds


def test_an_unknown_figure_is_refused_by_name():
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks", "handler"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert all(name in ran.stderr.replace("\n", "") for name in ("handler_vs_loop", "scaling"))


def test_every_bar_that_was_set_is_among_the_figures():
    source = (ROOT / "benchmarks" / "figures.py").read_text()
    for bar in ("1.5", "6.0", "5_000", '"at least", 2,', "120", "1.0", "1.8", "4_000", "400 / 1.048576"):
        assert bar in source
    assert set(figures.measured()) >= {
        "handler_vs_loop",
        "handler_vs_seed",
        "handler_vs_bytewax",
        "cold_start",
    }


def test_a_warm_batch_without_events_costs_one_put_a_page():
    traffic = footprint.s3_traffic(pages=4)
    assert 4 / 10_000 <= traffic.requests / 1e6 <= 4.5 / 10_000


def test_latencies_are_slept():
    with function(FakeS3(GET_S, 0.0), pages=1) as ours:
        pairs = iter([(lambda: ours.invoke(next(point_batches(1, 1))), lambda: None)])
        seconds = alternately(1, wall_s, pairs)
    assert seconds.ours_s[0] >= GET_S


def test_what_a_model_costs_to_keep_is_measured_as_a_page_keeps_it():
    kept = persistence.persist_vs_learn("ADWIN")
    assert 100 < kept.bytes_each < 3000


def test_what_was_measured_is_written_between_the_marks_and_nowhere_else(tmp_path):
    names = [
        "handler_vs_loop, 1,000 signals",
        "handler_vs_loop, columns of 100 values, 1,000 signals",
        "handler_vs_seed",
        "handler_vs_bytewax",
        "S3 requests per million observations, 16 pages",
        "peak memory, 10,000 ADWINs",
    ]
    measured = [
        asdict(Figure(name, spread([at + 0.25]), "x", "at most", 3.0, "a note"))
        for at, name in enumerate(names)
    ]
    results = {
        "measured_at": "2026-11-26T12:00:00+00:00",
        "machine": "x86_64",
        "python": "3.11.7",
        "figures": [figure | {"holds": figure["measured"][1] <= 3.0} for figure in measured],
    }
    file = tmp_path / "costs.md"
    file.write_text(
        "before <!-- measured: figures -->\nold\n<!-- end --> <!-- measured: in short -->\n<!-- end -->"
    )
    document.write(results, "stages", [file])
    text = file.read_text()
    assert text.startswith("before ")
    assert "old" not in text
    assert "| handler_vs_seed | 2.25 x | 2.25 to 2.25 | at most 3.00 | a note |" in text
    assert "| handler_vs_bytewax | 3.25 x | 3.25 to 3.25 | at most 3.00 ✗ | a note |" in text
    assert "takes 0.25 times" in text
    assert "10,000 signals take 5.25 MiB" in text


def test_the_stages_of_an_invocation_add_up_to_it():
    found = stages.stages(50)
    assert found.keys() == {*stages._PARTS, stages._REST, stages._LOOP}
    assert all(milliseconds > 0 for milliseconds in found.values())
