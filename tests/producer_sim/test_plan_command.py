"""`producer_sim plan` prints what an architect can check, and a cdk.json that the stack takes."""

import json
import re

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from producer_sim.commands.plan import plan
from producer_sim.plan.advice import fragment_of, plans_of, reasons_of, recommended, use_case_names
from producer_sim.plan.assumptions import read_assumptions
from producer_sim.plan.bill import PRICES_FILE, read_prices
from producer_sim.plan.load import Load
from producer_sim.plan.plan import Plan
from producer_sim.plan.plan_table import figures_of
from producer_sim.plan.workload import Choices, Configuration, Workload
from stack.context import read_plants

APP = typer.Typer()
APP.command()(plan)
ASSUMPTIONS, PRICES = read_assumptions(), read_prices()
CONFIGURATION = Configuration(10, "provisioned", 1, pages=64)


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
        "does not hold: it exceeds 'S3, PUTs'",
        '"shards": 32',
        "cdk.json as it is, on an on-demand stream, with single values",
    ):
        assert line in done.stdout, line
    assert len(max(done.stdout.splitlines(), key=len)) <= 100


def test_every_line_of_the_bill_is_a_quantity_times_a_price():
    """A reader who multiplies what is printed finds the printed cents."""
    for arguments in (
        ("--signals", "100000"),
        ("--signals", "500", "--stream", "on-demand", "--ingest", "iot"),
    ):
        bill = run(*arguments).stdout.partition("The bill of ")[2].partition("The limits of ")[0]
        printed = [re.split(r"\s{2,}", line.strip()) for line in bill.splitlines()]
        [*lines, (_, total)] = [cells for cells in printed if len(cells) > 1 and cells[-1][0].isdigit()]
        assert len(lines) >= 15
        cents = 0
        for name, *cells in lines:
            quantity, price, dollars = (float(cell.replace(",", "")) for cell in cells)
            assert dollars == pytest.approx(quantity * price, abs=0.00501), name
            cents += round(dollars * 100)
        assert cents == round(float(total.replace(",", "")) * 100)


def test_the_json_has_every_price_with_its_quantity_and_dollars():
    for planned in as_json("--signals", "100000")["plans"].values():
        values = {(line["section"], line["name"]): line["value"] for line in planned["lines"]}
        assert len(values) == len(planned["lines"])
        total = 0.0
        for price in PRICES.prices.values():
            quantity, unit_price, dollars = (
                values[section, price.name]
                for section in ("A month", "Unit prices in dollars", "Dollars a month")
            )
            assert unit_price == price.usd
            assert dollars == pytest.approx(quantity * unit_price, rel=0.005, abs=0.00501)
            total += dollars
        services = {price.name.partition(",")[0] for price in PRICES.prices.values()}
        assert sum(values["Dollars by service", service] for service in services) == pytest.approx(total)
        assert values["Dollars by service", "all"] == pytest.approx(total)
        assert planned["dollars_a_month"] == pytest.approx(total)


def test_both_kinds_of_stream_are_priced():
    shown = []
    for mode in ("on-demand", "provisioned", "advantage"):
        plans = plans_of(Workload(1000), Choices(stream=mode), ASSUMPTIONS, PRICES)
        figures = [figures_of(one)["Dollars by service"] for one in plans]
        shown.append([{name: of[name] for name in of if name.startswith("Kinesis, if")} for of in figures])
    assert shown[0] == shown[1] == shown[2]
    # 720 hours and 2,472 GB in and out; two shards for 720 hours and 2,592 million units.
    single = shown[0][2]
    hour, gb_in, gb_out, shard, unit = (
        PRICES.prices[key].usd
        for key in ("stream_hours", "stream_gb_in", "stream_gb_out", "shard_hours", "put_units")
    )
    assert single["Kinesis, if on-demand"] == pytest.approx(720 * hour + 2472 * (gb_in + gb_out), abs=0.01)
    assert single["Kinesis, if provisioned"] == pytest.approx(1440 * shard + 2592 * unit, abs=0.01)
    # 25 MiB/s for 720 hours, in and out: more than comes.
    gb_in, gb_out = (PRICES.prices[f"advantage_gb_{way}"].usd for way in ("in", "out"))
    assert single["Kinesis, if advantage"] == pytest.approx(63_281 * (gb_in + gb_out), abs=0.01)


def test_what_is_more_than_the_commitment_of_advantage_is_billed_as_it_comes():
    plans = plans_of(Workload(100_000, use_cases=2), Choices(stream="advantage"), ASSUMPTIONS, PRICES)
    lines = plans[2].bill.lines
    # 100,000 records of up to 1 KB a second, read by two use cases.
    assert lines["advantage_gb_in"].quantity == pytest.approx(100_000 * 1024 * 2_592_000 / 2**30)
    assert lines["advantage_gb_out"].quantity == 2 * lines["advantage_gb_in"].quantity
    assert lines["stream_hours"].quantity == lines["shard_hours"].quantity == 0
    assert fragment_of(plans[2])["stream"] == {"mode": "on-demand"}
    assert any("update-account-settings" in reason for reason in reasons_of(plans[2], plans))


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
        *("--memory", "2048", "--ingest", "sitewise", "--use-case", "drift"),
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
            for reason in as_json("--signals", "1000", "--use-case", "drift", "--use-cases", use_cases)[
                "reasons"
            ]
            if "use_cases.py yet" in reason
        ]

    assert told("1") == []
    assert told("2")[0].startswith("Not in consumer/use_cases.py yet: use-case-2. ")
    assert told("5")[0].startswith("Not in consumer/use_cases.py yet: use-case-2 to use-case-5. ")


def test_the_shipped_use_cases_are_planned_by_name():
    named = "--use-case", "anomaly", "--use-case", "shift"
    told = as_json("--signals", "1000", *named)
    settings = {"pages": 16, "batch_window_s": 10, "memory_mb": 1024}
    assert told["cdk_json"]["use_cases"] == {"anomaly": settings, "shift": settings}
    assert not any("use_cases.py" in reason for reason in told["reasons"])
    assert "2 use cases: anomaly, shift, a month" in run("--signals", "1000", *named).stdout
    more = as_json("--signals", "1000", *named, "--use-cases", "3")["reasons"]
    assert any("use_cases.py yet: use-case-3." in reason for reason in more)


def test_the_bill_has_each_use_case_as_it_was_measured():
    def dollars(*named, use_cases=None):
        workload = Workload(1000, named=named, use_cases=use_cases or len(named))
        bill = Plan("", Load(workload, CONFIGURATION, ASSUMPTIONS), PRICES).bill
        return bill.dollars_of(["lambda_gb_s", "s3_gb", "s3_puts", "snapstart_gb_s"])

    anomaly, shift, both = dollars("anomaly"), dollars("shift"), dollars("anomaly", "shift")
    assert shift < anomaly
    assert both == pytest.approx(anomaly + shift, abs=0.05)
    assert dollars("shift", "anomaly", use_cases=3) == pytest.approx(both + anomaly, abs=0.05)


def test_several_use_cases_are_planned_as_the_dearest():
    anomaly, shift, both = (
        Load(Workload(1000, named=named), CONFIGURATION, ASSUMPTIONS)
        for named in (("anomaly",), ("shift",), ("shift", "anomaly"))
    )
    assert both.model.update_us == max(anomaly.model.update_us, shift.model.update_us)
    assert both.state_bytes == max(anomaly.state_bytes, shift.state_bytes)
    assert both.duration_s >= max(anomaly.duration_s, shift.duration_s)


def test_what_a_model_counts_in_memory_decides_how_much_stays_warm():
    """A warm function keeps fewer states of `anomaly` than ADWINs."""
    adwin, anomaly = (
        Load(Workload(100_000, named=named), CONFIGURATION, ASSUMPTIONS)
        for named in (("drift",), ("anomaly",))
    )
    assert anomaly.warm_states_max < adwin.warm_states_max
    of_adwin = ASSUMPTIONS.use_cases["anomaly"].warm_bytes / ASSUMPTIONS.models["ADWIN"].warm_bytes
    assert adwin.warm_states_max / anomaly.warm_states_max == pytest.approx(of_adwin)
    warm_bytes_max = ASSUMPTIONS.assumed.warm_share * 1024 * 2**20
    assert anomaly.warm_states_max == warm_bytes_max / ASSUMPTIONS.use_cases["anomaly"].warm_bytes


def test_one_fast_signal_fills_one_shard_however_many_there_are():
    plans = plans_of(Workload(1, rate=1000.0), Choices(), ASSUMPTIONS, PRICES)
    reached = {one.name: one.first_limit.reached_at for one in plans}
    assert reached["pages, single values"] == pytest.approx(1, rel=0.001)
    assert reached["pages, columns"] == pytest.approx(10, rel=0.001)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--signals", "10", "--model", "Oracle"), "measured: ADWIN"),
        (("--signals", "10", "--model", "anomaly"), "measured: ADWIN"),
        (("--signals", "10", "--use-case", "asset"), "asset was not measured"),
        (("--signals", "10", "--use-case", "anomaly", "--model", "KSWIN"), "drift does"),
        (
            ("--signals", "10", "--use-case", "anomaly", "--use-case", "shift", "--use-cases", "1"),
            "2 are named",
        ),
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
    choices=st.builds(
        Choices,
        values_per_record=st.integers(2, 200),
        batch_window_s=st.integers(0, 300),
        pages=st.none() | st.integers(1, 4096),
        memory_mb=st.none() | st.integers(512, 10_240),
        stream=st.sampled_from([None, "on-demand", "provisioned", "advantage"]),
    ),
)
def test_the_stack_takes_every_fragment(workload, choices):
    plans = plans_of(workload, choices, ASSUMPTIONS, PRICES)
    for one in plans:
        fragment = json.loads(json.dumps(fragment_of(one)))
        [configuration] = read_plants({"North": fragment}, use_case_names(workload.use_cases)).values()
        configured = configuration.use_cases["drift"]
        assert (configured.pages, configured.memory_mb) == (
            one.load.configuration.pages,
            one.load.configuration.memory_mb,
        )
        assert configured.timeout_s == one.load.configuration.timeout_s
        assert one.bill.total > 0
        assert 0 <= one.load.warm <= 1
    best = recommended(plans)
    assert best.holds or not any(one.holds for one in plans)


def test_prices_say_of_what_day_they_are_and_that_nobody_read_them_off():
    assert "not read off AWS" in PRICES_FILE.read_text()
    assert PRICES.region == "us-east-1"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", PRICES.date)
    for price in PRICES.prices.values():
        assert re.fullmatch(r"https://aws\.amazon\.com/\S+/pricing/", price.source), price.name


def test_without_a_name_the_use_cases_are_those_of_cdk_json_which_is_priced_as_it_is():
    told = as_json("--signals", "1000")
    both = ("--signals", "1000", "--use-case", "anomaly", "--use-case", "shift")
    named = as_json(*both)
    assert told["plans"] == named["plans"]
    now = told["cdk_json_now"]
    assert "cdk_json_now" not in named
    on_demand = as_json(
        "--signals", "1000", "--use-case", "anomaly", "--use-case", "shift", "--stream", "on-demand"
    )
    assert now["dollars_a_month"] == on_demand["plans"]["pages, single values"]["dollars_a_month"]
    [kinesis] = [reason for reason in told["reasons"] if reason.startswith("Kinesis is 8")]
    provisioned, mode = re.search(r"it is \$(\d+) on a (\w+) stream", kinesis).groups()
    assert mode == "provisioned"
    assert int(provisioned) < now["dollars_a_month"] / 5
    shown = run("--signals", "1000").stdout
    assert "2 use cases of cdk.json: anomaly, shift" in shown
    assert f"${now['dollars_a_month']:,.0f} a month" in shown
    assert len(max(shown.splitlines(), key=len)) <= 100


@pytest.fixture
def plant_of_ours(tmp_path, monkeypatch):
    """Writes `context.plants` of a plant's folder."""

    def write(plants):
        (tmp_path / "cdk.json").write_text(json.dumps({"context": {"plants": plants}}))
        monkeypatch.setenv("PLANT", str(tmp_path))

    return write


def test_a_plant_of_ones_own_is_planned_as_its_file_says(plant_of_ours):
    plant_of_ours(
        {
            "North": {
                "stream": {"mode": "provisioned", "shards": 8},
                "use_cases": {
                    "anomaly": {"batch_window_s": 30, "memory_mb": 2048},
                    "steps": {"batch_window_s": 60, "pages": 64},
                },
            },
            "South": {"stream": {"arn": "arn:aws:kinesis:eu-west-1:123456789012:stream/telemetry"}},
        }
    )
    told = as_json("--signals", "1000")
    settings = {
        line["name"]: line["value"] for line in told["cdk_json_now"]["lines"] if line["section"] == "Settings"
    }
    assert settings == {
        "values a record": 1,
        "stream": "provisioned",
        "shards": 8,
        "pages": 64,
        "batch_window_s": 30,
        "memory_mb": 2048,
    }
    assert {name: of["batch_window_s"] for name, of in told["cdk_json"]["use_cases"].items()} == {
        "anomaly": 30,
        "steps": 30,
    }
    reasons = " ".join(told["reasons"])
    assert "Not measured, and planned as ADWIN: steps; --model names another." in reasons
    assert "several settings for its use cases" in reasons
    heavy = as_json("--signals", "1000", "--plant", "North", "--model", "HalfSpaceTrees")
    assert heavy["cdk_json_now"]["dollars_a_month"] > told["cdk_json_now"]["dollars_a_month"]
    south = as_json("--signals", "1000", "--plant", "South")
    assert "existing stream" in " ".join(south["reasons"])
    assert [*south["cdk_json"]["use_cases"]] == ["drift"]
    provisioned = as_json("--signals", "1000", "--plant", "South", "--stream", "provisioned")
    assert provisioned["cdk_json_now"]["dollars_a_month"] < south["cdk_json_now"]["dollars_a_month"]


@pytest.mark.parametrize(
    ("plants", "arguments", "words"),
    [
        ({"North": {}}, ("--plant", "West"), "'West' is no plant of cdk.json, which has: North"),
        ({}, (), "is no plant of cdk.json, which has: none"),
        ({"North": {"use_cases": {"drift": {"pages": "many"}}}}, (), "North: cannot plan with pages 'many'"),
        ({"North": {"stream": {"mode": "fast", "shards": "2"}}}, (), "stream.mode 'fast', stream.shards '2'"),
        ({"North": {"use_cases": ["drift"]}}, (), "has no `context.plants` that can be read"),
        ({"North": {"use_cases": {}}}, (), "has no `context.plants` that can be read"),
        ([], (), "is no plant of cdk.json, which has: none"),
        ({"North": []}, (), "has no `context.plants` that can be read"),
    ],
)
def test_a_cdk_json_that_cannot_be_planned_says_why(plant_of_ours, plants, arguments, words):
    plant_of_ours(plants)
    done = run("--signals", "10", *arguments)
    assert done.exit_code == 2
    assert words in re.sub(r"[\s│]+", " ", done.output)
