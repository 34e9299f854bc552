"""docs/costs.md prints what `producer_sim plan` prints, and the plan assumes what is deployed and done."""

import json
import math
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from consumer.aws.observability import emit
from consumer.aws.s3 import REQUESTS_IN_FLIGHT_MAX
from consumer.learning.outcome import InvocationReport
from consumer.settings.environment import Settings
from producer_sim.commands.plan import plan
from producer_sim.plan.assumptions import read_assumptions
from producer_sim.plan.bill import read_prices
from producer_sim.plan.document import documented
from producer_sim.plan.workload import Configuration
from stack.config import PlantConfig
from tests.stack.synthesis import of_type, template

ROOT = Path(__file__).parents[2]
COSTS = (ROOT / "docs" / "costs.md").read_text()
COMMAND = "python -m producer_sim plan"
FILE = read_assumptions()
ASSUMED, LIMITS = FILE.assumed, FILE.limits
PRICES = read_prices().prices
APP = typer.Typer()
APP.command()(plan)


@cache
def printed(options):
    """What `plan` prints with these options."""
    done = CliRunner().invoke(APP, shlex.split(options))
    assert done.exit_code == 0, done.output
    return done.stdout


def planned(options, way):
    """A plan of `plan --json`: its dollars a month, and its lines by section and name."""
    found = json.loads(printed(f"{options} --json"))["plans"][way]
    lines = {(line["section"], line["name"]): line["value"] for line in found["lines"]}
    return found["dollars_a_month"], lines


def examples():
    """Each command that the document shows with its output: its options, and pieces of the output."""
    for block in re.findall(r"```console\n(.*?)```", COSTS, flags=re.DOTALL):
        command, _, output = block.partition("\n")
        yield command.removeprefix(f"$ {COMMAND} "), re.split(r"^\.\.\.\n", output, flags=re.MULTILINE)


def table():
    """Rows of the table of plants: options of `plan`, the way, dollars."""
    rows = re.findall(r"^\| `(--signals .+?)` \| (.+?) \| ([\d,]+) \|$", COSTS, flags=re.MULTILINE)
    return [(options, way, float(dollars.replace(",", ""))) for options, way, dollars in rows]


def test_the_examples_are_what_the_command_prints():
    """Where this fails: `python -m producer_sim.plan.document`."""
    shown = {"--signals 100000 --rate 1": 80, "--signals 1000": 10}
    assert [options for options, _ in examples()] == [*shown]
    for options, pieces in examples():
        output = "\n".join(line.rstrip() for line in printed(options).splitlines())
        assert sum(piece.count("\n") for piece in pieces) > shown[options]
        position = 0
        for piece in pieces:
            position = output.find(piece.rstrip("\n"), position)
            assert position >= 0, piece


def test_the_document_is_what_its_own_command_writes():
    assert documented(COSTS, printed) == COSTS
    stale = re.sub(r"(?m)^( all +)[\d,.]+$", r"\g<1>1.00", COSTS)
    stale = re.sub(r"(?m)^(\| `--signals 1000` .* \|) \d+ \|$", r"\g<1> 1 |", stale)
    stale = re.sub(r"\| `anomaly` \|.*", "| `anomaly` | 1 |", stale)
    stale = re.sub(r"(In short, .*?): \$\d+", r"\1: $1", stale)
    assert sum(old != new for old, new in zip(COSTS.splitlines(), stale.splitlines(), strict=True)) >= 5
    assert documented(stale, printed) == COSTS


def test_an_example_of_what_is_no_longer_printed_is_an_error():
    with pytest.raises(ValueError, match="Five ways"):
        documented(COSTS.replace("Four ways to set it up", "...\nFive ways to set it up"), printed)


def test_the_shipped_use_cases_are_those_that_the_planner_has_measured():
    cdk = json.loads((ROOT / "cdk.json").read_text())
    shipped = [*cdk["context"]["plants"]["KinesisRiver"]["use_cases"]]
    assert shipped == [*FILE.use_cases]
    assert " ".join(f"--use-case {name}" for name in shipped) in COSTS


def test_the_command_of_the_first_lines_is_that_of_the_readme():
    [options] = re.findall(rf"^{COMMAND} (.+)$", COSTS, flags=re.MULTILINE)
    assert f"`plan {options}`" in (ROOT / "README.md").read_text()
    printed(options)


def test_the_table_of_plants_says_what_the_command_says():
    assert len(table()) >= 10
    for options, way, dollars in table():
        assert planned(options, way)[0] == pytest.approx(dollars, abs=0.51), (options, way)


def test_one_change_at_a_time_makes_it_dearer_or_cheaper():
    """What the text says of the table: columns, pages, windows and a provisioned stream are cheaper."""
    cost = {(options, way): dollars for options, way, dollars in table()}
    single, columns = "pages, single values", "pages, columns"
    default = "--signals 1000 --stream on-demand"
    assert cost[default, "an object a signal, single values"] > 4 * cost[default, single]
    assert cost[f"{default} --batch-window 1", single] > cost[default, single]
    assert cost[f"{default} --batch-window 30", single] < cost[default, single]
    assert cost[default, columns] < cost[default, single] / 3
    assert cost["--signals 1000", single] < cost[default, single] / 3
    assert cost["--signals 1000 --use-case drift", columns] < cost["--signals 1000", columns]
    assert cost["--signals 100000 --pages 64", columns] < cost["--signals 100000", columns]


SHIPPED_OPTIONS = "--use-case anomaly --use-case shift"


def test_the_first_lines_say_what_the_command_says():
    """Of what `cdk.json` ships, and not of one use case alone."""
    in_short = COSTS.partition("In short, for the two use cases that `cdk.json` has: ")[2].partition(
        "\n<!--"
    )[0]
    idle, lines = planned(f"--signals 0 --stream on-demand {SHIPPED_OPTIONS}", "pages, single values")
    sums = [lines["Dollars a month", "Kinesis, stream hours"], idle]
    on_demand, lines = planned(f"--signals 1000 --stream on-demand {SHIPPED_OPTIONS}", "pages, single values")
    kinesis = sum(
        dollars
        for (section, name), dollars in lines.items()
        if section == "Dollars a month" and name.startswith("Kinesis, ")
    )
    provisioned, lines = planned(f"--signals 1000 {SHIPPED_OPTIONS}", "pages, single values")
    assert lines["Settings", "shards"] == 2
    sums += [on_demand, provisioned]
    sums.append(planned(f"--signals 1000 {SHIPPED_OPTIONS}", "pages, columns")[0])
    assert {f"${cost:.0f}" for cost in sums} == set(re.findall(r"\$\d+", in_short))
    assert f"{kinesis / on_demand:.0%} is Kinesis" in in_short
    assert kinesis < on_demand
    assert min(sums[2:]) == sums[4], "what the text calls the cheapest"


def test_the_lines_after_them_are_of_one_use_case():
    text = COSTS.partition("Of one use case, `drift`, ")[2].partition("\n<!--")[0]
    drift = "--signals 1000 --use-case drift"
    sums = [planned(f"{drift} --stream on-demand", "pages, single values")[0]]
    sums += [planned(drift, way)[0] for way in ("pages, single values", "pages, columns")]
    assert {f"${cost:.0f}" for cost in sums} == set(re.findall(r"\$\d+", text))


def test_the_default_plant_is_what_the_stack_does_unless_told_otherwise():
    plant, default = PlantConfig(), Configuration(1, "on-demand", ASSUMED.on_demand_shards_min)
    use_case = plant.use_cases["drift"]
    _, lines = planned("--signals 1000 --stream on-demand", "pages, single values")
    assert plant.stream.mode == default.stream
    assert len(plant.use_cases) == 1
    for field in ("pages", "batch_window_s", "memory_mb"):
        assert getattr(use_case, field) == getattr(default, field) == lines["Settings", field]
    assert use_case.timeout_s == default.timeout_s
    assert use_case.snap_start
    assert not use_case.enhanced_fan_out
    assert use_case.batch_size == LIMITS.batch_records


def test_the_alarms_and_metrics_are_those_that_are_deployed(capsys):
    for use_cases in (("drift",), ("drift", "steps"), ("anomaly", "shift")):
        plant = {"use_cases": {name: {} for name in use_cases}}
        alarms = of_type(template(plant, use_cases), "AWS::CloudWatch::Alarm").values()
        # Of an alarm that is calculated, each metric is charged.
        metrics = [
            sum("MetricStat" in query for query in alarm["Properties"].get("Metrics", [])) or 1
            for alarm in alarms
        ]
        checks_sensors = use_cases.count("anomaly")
        assert sum(metrics) == (
            ASSUMED.shared_alarms + len(use_cases) * ASSUMED.use_case_alarms + checks_sensors
        )
    emit(InvocationReport(page_bytes=[1], oldest_arrived_s=0.0), "Costs", "drift", 1.0)
    embedded = json.loads(capsys.readouterr().out.splitlines()[0])
    [directive] = embedded["_aws"]["CloudWatchMetrics"]
    assert ASSUMED.function_metrics == len(directive["Metrics"])
    assert len(directive["Dimensions"]) == 1


def test_the_consumer_asks_and_keeps_as_is_assumed():
    assert ASSUMED.requests_in_flight == REQUESTS_IN_FLIGHT_MAX
    settings = Settings("bucket", "bus", aws_lambda_function_memory_size=1024)
    assert settings.warm_bytes_max == ASSUMED.warm_share * 1024 * 2**20


def test_where_on_demand_becomes_the_cheaper_one():
    _, lines = planned("--signals 1000 --stream on-demand", "pages, single values")
    on_demand, put_units = (
        sum(lines["Dollars a month", f"Kinesis, {name}"] for name in ("stream hours", "GB in", "GB out")),
        planned("--signals 1000", "pages, single values")[1][
            "Dollars a month", "Kinesis, million PUT payload units"
        ],
    )
    shard = 30 * 24 * PRICES["shard_hours"].usd
    [shards] = re.findall(r"peaks need (\d+) shards", COSTS)
    assert int(shards) == math.ceil((on_demand - put_units) / shard)
    assert f"A provisioned shard costs ${shard:.2f} a month" in COSTS
    assert f"the on-demand stream costs\n${30 * 24 * PRICES['stream_hours'].usd:.2f} and" in COSTS


def test_when_a_batch_is_full():
    [records] = re.findall(r"([\d,]+) records of one value fill it", COSTS)
    [seconds] = re.findall(r"250 records a second on each shard, that is after (\d+) seconds", COSTS)
    event_bytes = ASSUMED.point_bytes * 4 / 3 + ASSUMED.envelope_bytes
    full = int(records.replace(",", ""))
    assert full == int(LIMITS.batch_bytes / event_bytes)
    assert int(seconds) == round(full / 250)
