"""docs/costs.md adds up: quantities come of assumptions and the stack's defaults, sums of prices."""

import json
import math
import re
from pathlib import Path

import pytest

from consumer.core.report import Report
from consumer.edge.telemetry import tell
from stack.config import PlantConfig
from tests.stack.synthesis import of_type, template

COSTS = (Path(__file__).parents[2] / "docs" / "costs.md").read_text()
DAY_S = 86_400
GB = 2**30


def table(heading):
    """The first table under a heading: its header, and its rows by their first cell."""
    text = COSTS.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    header, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    return header, {name: cells for name, *cells in rows}


def number(cell):
    return float(cell.replace(",", ""))


def columns(heading, read=number):
    header, rows = table(heading)
    return {
        name: {row: read(cells[position]) for row, cells in rows.items()}
        for position, name in enumerate(header[1:])
    }


def a_scenario_cell(cell):
    return cell if cell in {"on-demand", "provisioned"} else number(cell)


def written(quantity):
    """A quantity as the document writes it: whole from a hundred up, else with three decimals."""
    return f"{quantity:,.0f}" if quantity >= 100 else f"{quantity:,.3f}"


ASSUMED = {name: number(cells[0]) for name, cells in table("What is assumed")[1].items()}
SCENARIOS = columns("The cases", a_scenario_cell)
PRICES = {name: number(cells[0]) for name, cells in table("Prices")[1].items()}
QUANTITIES = columns("What a month takes")
DOLLARS = columns("What a month costs, in dollars")


def quantities(case):
    """What a month takes of all that has a price."""
    month_s = ASSUMED["days of a month"] * DAY_S
    gb = case["memory_mb"] / 1024
    on_demand = case["stream"] == "on-demand"
    busy = case["signals"] > 0
    records = case["signals"] * case["values a second of each"] / case["values a record"] * month_s
    record_kb = math.ceil(ASSUMED["bytes of a record"] / 1024)
    stream_gb = records * record_kb * 1024 / GB
    windows = month_s / case["batch_window_s"] * busy
    commits = windows * (case["pages"] or case["signals"])
    invocations = windows * case["shards"]
    each_second = invocations / month_s
    versions = ASSUMED["days that old versions stay"] * DAY_S / case["batch_window_s"]
    events = case["signals"] * ASSUMED["events of a signal in a day"] * ASSUMED["days of a month"]
    event_gb = events * ASSUMED["bytes of an event"] / GB
    starts = case["shards"] * ASSUMED["starts for a shard in a day"] * ASSUMED["days of a month"] * busy
    traced = min(each_second, 1) + 0.05 * max(each_second - 1, 0)
    return {
        "Kinesis, hours of a stream": month_s / 3600 * on_demand,
        "Kinesis, GB in": stream_gb * on_demand,
        "Kinesis, GB out": stream_gb * on_demand,
        "Kinesis, hours of shards": case["shards"] * month_s / 3600 * (not on_demand),
        "Kinesis, million PUT units": records * (not on_demand) / 1e6,
        "S3, thousand PUTs": commits / 1e3,
        "S3, thousand GETs": commits / 1e3,
        "S3, GB kept": case["signals"] * ASSUMED["bytes of a model in its page"] * versions / GB,
        "Lambda, million invocations": invocations / 1e6,
        "Lambda, GB-seconds": invocations * case["seconds of an invocation"] * gb,
        "SnapStart, GB-seconds kept": gb * month_s,
        "SnapStart, GB restored": gb * starts,
        "EventBridge, million events": events / 1e6,
        "EventBridge, GB archived": event_gb,
        "SNS, thousand mails": events / 1e3,
        "CloudWatch, GB of logs": invocations * ASSUMED["bytes of log of an invocation"] / GB + event_gb,
        "CloudWatch, metrics of its own": ASSUMED["metrics of the function"] * busy
        + ASSUMED["metrics of the mapping"],
        "CloudWatch, alarms": ASSUMED["alarms"],
        "CloudWatch, dashboards": 1,
        "X-Ray, million traces": traced * month_s / 1e6,
    }


def dollars(case):
    """What it costs, item by item, from quantities as they are written: a reader finds the same."""
    return {
        name: round(number(written(quantity)) * PRICES[name], 2)
        for name, quantity in quantities(case).items()
    }


def test_every_item_has_a_price_with_the_page_of_aws_that_says_so():
    _, rows = table("Prices")
    assert list(rows) == list(quantities(SCENARIOS["default"]))
    for _, source in rows.values():
        assert re.fullmatch(r"\[.+\]\(https://aws\.amazon\.com/\S+/pricing/\)", source), source


def test_the_quantities_come_of_the_assumptions():
    for name, case in SCENARIOS.items():
        expected = {item: number(written(quantity)) for item, quantity in quantities(case).items()}
        assert QUANTITIES[name] == expected, name


def test_the_sums_come_of_the_quantities_and_the_prices():
    for name, quantity in QUANTITIES.items():
        cost = {item: round(amount * PRICES[item], 2) for item, amount in quantity.items()}
        assert DOLLARS[name] == pytest.approx(cost | {"**all**": sum(cost.values())}, abs=0.001), name


def test_the_default_case_is_what_the_stack_does_unless_told_otherwise():
    plant = PlantConfig()
    use_case = plant.use_cases["drift"]
    for name in ("idle", "default"):
        case = SCENARIOS[name]
        assert case["stream"] == plant.stream.mode
        for field in ("pages", "batch_window_s", "memory_mb"):
            assert case[field] == getattr(use_case, field)
    assert SCENARIOS["default"]["signals"] == 1000
    assert use_case.snap_start
    assert not use_case.enhanced_fan_out


def test_the_alarms_and_metrics_are_those_that_are_deployed(capsys):
    assert ASSUMED["alarms"] == len(of_type(template(), "AWS::CloudWatch::Alarm"))
    tell(Report(page_bytes=[1], oldest_arrived_s=0.0), "Costs", "drift", 1.0)
    embedded = json.loads(capsys.readouterr().out.splitlines()[0])
    [directive] = embedded["_aws"]["CloudWatchMetrics"]
    assert ASSUMED["metrics of the function"] == len(directive["Metrics"])
    assert len(directive["Dimensions"]) == 1


def test_what_a_change_costs():
    _, rows = table("What makes it dear, what makes it cheap")
    assert len(rows) >= 5
    for change, (name, cost) in rows.items():
        case = dict(SCENARIOS[name])
        for field, value in re.findall(r"`(.+?)` ([\w.-]+)", change):
            assert field in case
            case[field] = a_scenario_cell(value)
        assert number(cost) == round(sum(dollars(case).values())), change


def test_where_on_demand_becomes_the_cheaper_one():
    stream = sum(cost for item, cost in DOLLARS["default"].items() if item.startswith("Kinesis"))
    put_units = DOLLARS["provisioned"]["Kinesis, million PUT units"]
    shard = 30 * 24 * PRICES["Kinesis, hours of shards"]
    [shards] = re.findall(r"peaks need (\d+) shards", COSTS)
    assert int(shards) == math.ceil((stream - put_units) / shard)


def test_its_first_lines_say_what_the_tables_do():
    in_short = COSTS.partition("In short: ")[2].partition("\n\n")[0]
    sums = [DOLLARS["idle"]["Kinesis, hours of a stream"]]
    sums += [DOLLARS[name]["**all**"] for name in ("idle", "default", "provisioned")]
    assert {f"${cost:.0f}" for cost in sums} == set(re.findall(r"\$\d+", in_short))
