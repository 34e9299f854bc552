"""`producer_sim plan` prints what an architect can check, and a cdk.json that the stack takes."""

import json
from pathlib import Path

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from producer_sim.commands.plan import plan
from producer_sim.plan.advice import fragment_of, plans_of, recommended, use_case_names
from producer_sim.plan.assumptions import read_assumptions
from producer_sim.plan.document import DOCUMENT, MarksMissing, documented
from producer_sim.plan.plan_table import lines_of
from producer_sim.plan.prices import read_prices
from producer_sim.plan.workload import Wishes, Workload
from stack.context import read_plants

APP = typer.Typer()
APP.command()(plan)
ASSUMPTIONS, PRICES = read_assumptions(), read_prices()


def run(*arguments):
    return CliRunner().invoke(APP, list(arguments))


def as_json(*arguments):
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_large_plant_is_planned_line_by_line():
    done = run("--signals", "100000", "--rate", "1")
    assert done.exit_code == 0
    for line in (
        "100,000 signals at 1 Hz",
        "not read off AWS",
        "shards by records",
        "Which configuration",
        "pages, columns, on a provisioned stream",
        "does not hold: S3, PUTs is passed",
        '"shards": 16',
    ):
        assert line in done.stdout, line
    assert len(max(done.stdout.splitlines(), key=len)) <= 160


def test_every_line_says_how_it_comes_about():
    plans = plans_of(Workload(1000), Wishes(), ASSUMPTIONS, PRICES)
    lines = lines_of(plans, ASSUMPTIONS, PRICES)
    assert all(line.how and len(line.values) == 4 for line in lines)
    for price in PRICES.prices.values():
        assert [line.section for line in lines if line.name == price.name] == ["A month", "Dollars a month"]


def test_both_kinds_of_stream_are_priced():
    of_mode = {
        mode: lines_of(
            plans_of(Workload(1000), Wishes(stream=mode), ASSUMPTIONS, PRICES), ASSUMPTIONS, PRICES
        )
        for mode in ("on-demand", "provisioned")
    }
    shown = [
        {line.name: line.values for line in lines if line.name.startswith("Kinesis, if")}
        for lines in of_mode.values()
    ]
    assert shown[0] == shown[1]
    # 720 hours and 2,472 GB in and out; two shards for 720 hours and 2,592 million units.
    single = {name: values[2] for name, values in shown[0].items()}
    hour, gb_in, gb_out, shard, unit = (
        PRICES.prices[key].usd
        for key in ("stream_hours", "stream_gb_in", "stream_gb_out", "shard_hours", "put_units")
    )
    assert single["Kinesis, if on-demand"] == pytest.approx(720 * hour + 2472 * (gb_in + gb_out), abs=0.01)
    assert single["Kinesis, if provisioned"] == pytest.approx(1440 * shard + 2592 * unit, abs=0.01)


def test_the_json_says_the_same_as_the_table():
    told = as_json("--signals", "1000")
    assert list(told["plans"]) == [
        "an object a signal, single values",
        "an object a signal, columns",
        "pages, single values",
        "pages, columns",
    ]
    best = told["plans"][told["recommended"]]
    assert best["holds"]
    assert best["cdk_json"] == told["cdk_json"]
    assert best["dollars_a_month"] == min(one["dollars_a_month"] for one in told["plans"].values())
    shown = run("--signals", "1000").stdout
    assert f"${best['dollars_a_month']:,.0f} a month" in shown


def test_what_the_user_decides_is_kept():
    told = as_json(
        *("--signals", "500", "--stream", "on-demand", "--pages", "32", "--batch-window", "30"),
        *("--memory", "2048", "--ingest", "sitewise"),
    )
    assert told["cdk_json"] == {
        "stream": {"mode": "on-demand"},
        "ingest": {"sitewise": True},
        "use_cases": {"drift": {"pages": 32, "batch_window_s": 30, "memory_mb": 2048}},
    }


def test_where_nothing_holds_it_says_so():
    told = as_json("--signals", "100000000", "--rate", "10", "--values-per-record", "2")
    assert not told["plans"][told["recommended"]]["holds"]
    assert any("NONE of the four holds" in reason for reason in told["reasons"])


def test_use_cases_that_are_still_to_be_written_are_named():
    def told(use_cases):
        return [
            reason
            for reason in as_json("--signals", "1000", "--use-cases", use_cases)["reasons"]
            if "use_cases.py yet" in reason
        ]

    assert told("1") == []
    assert told("2")[0].startswith("Not in consumer/use_cases.py yet: use-case-2. ")
    assert told("5")[0].startswith("Not in consumer/use_cases.py yet: use-case-2 to use-case-5. ")


def test_one_fast_signal_fills_one_shard_however_many_there_are():
    plans = plans_of(Workload(1, rate=1000.0), Wishes(), ASSUMPTIONS, PRICES)
    reached = {one.name: one.first_limit.multiple for one in plans}
    assert reached["pages, single values"] == pytest.approx(1, rel=0.001)
    assert reached["pages, columns"] == pytest.approx(10, rel=0.001)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--signals", "10", "--model", "Oracle"), "measured: ADWIN"),
        (("--signals", "-1"), "--signals"),
        (("--signals", "10", "--rate", "inf"), "--rate"),
        (("--signals", "10", "--events-per-day", "inf"), "--events-per-day"),
        (("--signals", "10", "--batch-window", "301"), "--batch-window"),
        (("--signals", "10", "--ingest", "carrier-pigeon"), "sitewise"),
    ],
)
def test_a_mistake_is_answered_with_what_is_allowed(arguments, words):
    done = run(*arguments)
    assert done.exit_code == 2
    assert words in done.output.replace("\n", " ")


def test_it_recommends_pages_where_they_cost_no_more():
    for arguments in (("--signals", "0"), ("--signals", "8", "--rate", "0.1")):
        assert as_json(*arguments)["recommended"].startswith("pages"), arguments
    assert as_json("--signals", "0")["recommended"] == "pages, single values"


@settings(max_examples=20, deadline=None)
@given(
    workload=st.builds(
        Workload,
        signals=st.integers(0, 2_000_000),
        rate=st.floats(0.001, 50),
        use_cases=st.integers(1, 4),
        model=st.sampled_from(sorted(ASSUMPTIONS.models)),
        ingest=st.sampled_from(["kinesis", "iot", "sitewise"]),
    ),
    wishes=st.builds(
        Wishes,
        values_per_record=st.integers(2, 200),
        batch_window_s=st.integers(0, 300),
        pages=st.none() | st.integers(1, 4096),
        memory_mb=st.none() | st.integers(512, 10_240),
        stream=st.sampled_from([None, "on-demand", "provisioned"]),
    ),
)
def test_the_stack_takes_every_fragment(workload, wishes):
    plans = plans_of(workload, wishes, ASSUMPTIONS, PRICES)
    for one in plans:
        fragment = json.loads(json.dumps(fragment_of(one)))
        [plant] = read_plants({"North": fragment}, use_case_names(workload.use_cases)).values()
        configured = plant.use_cases["drift"]
        assert (configured.pages, configured.memory_mb) == (
            one.configuration.pages,
            one.configuration.memory_mb,
        )
        assert configured.timeout_s == one.configuration.timeout_s
        assert one.bill.total > 0
        assert 0 <= one.learning.warm <= 1
    best = recommended(plans)
    assert best.holds or not any(one.holds for one in plans)


def test_the_document_is_what_the_files_say_now():
    """Where this fails: `python -m producer_sim.plan.document`."""
    assert documented(DOCUMENT.read_text()) == DOCUMENT.read_text()


def test_a_document_without_a_mark_is_not_written():
    with pytest.raises(MarksMissing, match="in short"):
        documented("# What it costs\n")


def test_prices_say_of_what_day_they_are_and_that_nobody_read_them_off():
    text = (Path(plan.__code__.co_filename).parents[1] / "planning" / "prices.toml").read_text()
    assert "not read off AWS" in text
    assert PRICES.region == "us-east-1"
    assert all(price.source.startswith("https://aws.amazon.com/") for price in PRICES.prices.values())
