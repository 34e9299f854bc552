"""docs/costs.md adds up, by an arithmetic of its own, and says what the stack and the consumer do.

Nothing here calls what `producer_sim.planning` computes: quantities come of the document's tables alone.
"""

import json
import math
import re
import tomllib
from pathlib import Path

import pytest

from consumer.aws.observability import emit
from consumer.aws.s3 import REQUESTS_IN_FLIGHT_MAX
from consumer.learning.outcome import InvocationReport
from consumer.settings.environment import Settings
from stack.config import PlantConfig
from tests.stack.synthesis import of_type, template

ROOT = Path(__file__).parents[2]
COSTS = (ROOT / "docs" / "costs.md").read_text()
PLANNING = ROOT / "producer_sim" / "planning"
DAY_S = 86_400
GB = 2**30


def table(heading, number_of=0):
    """A table under a heading: its header, and its rows by their first cell."""
    text = COSTS.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    tables = [lines for lines in re.split(r"\n(?!\|)", text) if "\n|" in lines]
    rows = [line for line in tables[number_of].splitlines() if line.startswith("|")]
    header, _, *rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in rows]
    return header, {name: cells for name, *cells in rows}


def number(cell):
    return float(cell.replace(",", ""))


def columns(heading, read=number):
    header, rows = table(heading)
    return {
        name: {row: read(cells[position]) for row, cells in rows.items()}
        for position, name in enumerate(header[1:])
    }


def a_case_cell(cell):
    return cell if cell in {"on-demand", "provisioned"} else number(cell)


def figures(heading):
    return {name: number(cells[0]) for name, cells in table(heading)[1].items()}


ASSUMED = figures("What is assumed")
LIMITS = figures("The limits")
MEASURED = figures("What was measured")
ADWIN = dict(
    zip(
        table("What was measured", 1)[0][1:],
        map(number, table("What was measured", 1)[1]["ADWIN"]),
        strict=True,
    )
)
CASES = columns("The cases", a_case_cell)
PRICES = {name: number(cells[0]) for name, cells in table("Prices")[1].items()}
QUANTITIES = columns("What a month takes")
DOLLARS = columns("What a month costs, in dollars")
STATE_BYTES = MEASURED["state_bytes"] + ADWIN["pickle_bytes"]


def an_invocation(case):
    """Of a shard: its window, how much is in it, and its seconds."""
    shards, pages = case["shards"], case["pages"] or case["signals"]
    record_bytes = ASSUMED["point_bytes"] + (case["values a record"] - 1) * ASSUMED["further_value_bytes"]
    records_per_s = case["signals"] * case["values a second of each"] / case["values a record"]
    full = min(
        LIMITS["batch_records"],
        LIMITS["batch_bytes"] / (record_bytes * 4 / 3 + ASSUMED["envelope_bytes"]),
    )
    window_s = min(case["batch_window_s"], full * shards / records_per_s)
    records = records_per_s / shards * window_s
    signals = min(case["signals"] / shards, records)
    of_shard = (pages + shards - math.gcd(int(pages), int(shards))) / shards if case["pages"] else signals
    of_shard = min(of_shard, signals)
    states = of_shard * case["signals"] / pages

    def seconds(warm):
        us = MEASURED["invocation_us"] + records * MEASURED["record_us"]
        us += (
            records * case["values a record"] * MEASURED["observation_us"]
            + records * case["values a record"] * ADWIN["update_us"]
        )
        us += signals * MEASURED["signal_us"] + of_shard * MEASURED["page_us"]
        us += of_shard * ASSUMED["request_us"] + (1 - warm) * of_shard * ASSUMED["request_us"]
        us += states * MEASURED["state_encode_us"] + states * ADWIN["dump_us"]
        us += states * (1 - warm) * (MEASURED["state_decode_us"] + ADWIN["load_us"])
        processor = min(case["memory_mb"], ASSUMED["processor_mb"]) / ASSUMED["processor_mb"]
        waits = math.ceil(of_shard / ASSUMED["requests_in_flight"])
        moved_mb = states * STATE_BYTES * (1 + 1 - warm) / 2**20
        return (
            us / 1e6 / processor / ASSUMED["processor_speed"]
            + waits * ((1 - warm) * ASSUMED["get_ms"] + ASSUMED["put_ms"]) / 1000
            + moved_mb / ASSUMED["s3_mb_per_s"]
        )

    environments = max(1, math.ceil(seconds(0) * shards / window_s))
    warm = case["memory_mb"] * 2**20 * ASSUMED["warm_share"] / (case["signals"] * STATE_BYTES)
    at_hand = min(1, warm) / environments
    return window_s, record_bytes, of_shard, seconds(at_hand), at_hand


def quantities(case):
    """What a month takes of all that has a price."""
    month_s = ASSUMED["month_days"] * DAY_S
    gb = case["memory_mb"] / 1024
    use_cases = case["use cases"]
    on_demand = case["stream"] == "on-demand"
    busy = case["signals"] > 0
    idle = (1, 1, 0, 0, 0)
    window_s, record_bytes, pages_of_shard, seconds, warm = an_invocation(case) if busy else idle
    records = case["signals"] * case["values a second of each"] / case["values a record"] * month_s
    stream_gb = records * math.ceil(record_bytes / 1024) * 1024 / GB
    each_second = case["shards"] / window_s * busy
    invocations = each_second * month_s * use_cases
    commits = invocations * pages_of_shard
    pages = case["pages"] or case["signals"]
    versions = each_second * pages_of_shard / pages * ASSUMED["old_versions_days"] * DAY_S
    events = case["signals"] * ASSUMED["month_days"] * use_cases  # one of each signal in a day
    event_gb = events * ASSUMED["event_bytes"] / GB
    starts = case["shards"] * ASSUMED["starts_per_day"] * ASSUMED["month_days"] * busy * use_cases
    traced = min(each_second, 1) + ASSUMED["traced_share"] * max(each_second - 1, 0)
    return {
        "Kinesis, hours of a stream": month_s / 3600 * on_demand,
        "Kinesis, GB in": stream_gb * on_demand,
        "Kinesis, GB out": stream_gb * on_demand * use_cases,
        "Kinesis, hours of shards": case["shards"] * month_s / 3600 * (not on_demand),
        "Kinesis, million PUT units": records * (not on_demand) / 1e6,
        "AWS IoT, million messages": 0,
        "AWS IoT, million rules triggered": 0,
        "AWS IoT, million actions": 0,
        "S3, thousand PUTs": commits / 1e3,
        "S3, thousand GETs": commits * (1 - warm) / 1e3,
        "S3, GB kept": case["signals"]
        * STATE_BYTES
        * max(versions, ASSUMED["versions_min"])
        * use_cases
        / GB,
        "Lambda, million invocations": invocations / 1e6,
        "Lambda, GB-seconds": invocations * seconds * gb,
        "SnapStart, GB-seconds kept": gb * month_s * use_cases,
        "SnapStart, GB restored": gb * starts,
        "EventBridge, million events": events / 1e6,
        "EventBridge, GB archived": event_gb,
        "SNS, thousand mails": events / 1e3,
        "CloudWatch, GB of logs": invocations * ASSUMED["log_bytes"] / GB + event_gb,
        "CloudWatch, metrics of its own": use_cases
        * (ASSUMED["function_metrics"] * busy + ASSUMED["mapping_metrics"]),
        "CloudWatch, alarms": ASSUMED["shared_alarms"] + use_cases * ASSUMED["use_case_alarms"],
        "CloudWatch, dashboards": 1,
        "X-Ray, million traces": traced * month_s * use_cases / 1e6,
    }


def written(quantity):
    """As the document writes a quantity: whole from a hundred up, else with three decimals."""
    return round(quantity) if quantity >= 100 else round(quantity, 3)


def dollars(case):
    """What it costs, item by item, from quantities as they are written: a reader finds the same."""
    return {name: round(written(quantity) * PRICES[name], 2) for name, quantity in quantities(case).items()}


def test_the_figures_are_those_that_the_plan_counts_with():
    content = tomllib.loads((PLANNING / "assumptions.toml").read_text())
    for name, shown in {"assumed": ASSUMED, "limits": LIMITS, "measured": MEASURED}.items():
        assert shown == {figure: entry["value"] for figure, entry in content[name].items()}
    assert ADWIN.items() <= content["models"]["ADWIN"].items()
    prices = tomllib.loads((PLANNING / "prices.toml").read_text())["prices"]
    assert {price["name"]: price["usd"] for price in prices.values()} == PRICES


def test_every_item_has_a_price_with_the_page_of_aws_that_says_so():
    _, rows = table("Prices")
    assert list(rows) == list(quantities(CASES["default"]))
    for _, source in rows.values():
        assert re.fullmatch(r"\[.+\]\(https://aws\.amazon\.com/\S+/pricing/\)", source), source


@pytest.mark.parametrize("name", CASES)
def test_the_quantities_come_of_the_assumptions(name):
    expected = {item: written(quantity) for item, quantity in quantities(CASES[name]).items()}
    assert QUANTITIES[name] == pytest.approx(expected, rel=1e-6, abs=0.0011)


def test_the_sums_come_of_the_quantities_and_the_prices():
    for name, quantity in QUANTITIES.items():
        cost = {item: round(amount * PRICES[item], 2) for item, amount in quantity.items()}
        assert DOLLARS[name] == pytest.approx(cost | {"**all**": sum(cost.values())}, abs=0.001), name


def test_the_case_by_hand_is_the_arithmetic_above():
    _, rows = table("One case by hand")
    case = CASES["provisioned"]
    window_s, record_bytes, pages, seconds, _ = an_invocation(case)
    shown = {
        "bytes of a record": record_bytes,
        "window, s": window_s,
        "pages": pages,
        "duration, s": seconds,
        "value to alert, s, mean": window_s / 2 + seconds + ASSUMED["delivery_s"],
        "value to alert, s, at most": window_s + seconds + ASSUMED["delivery_s"],
    }
    assert {name: number(rows[name][0]) for name in shown} == pytest.approx(shown, rel=0.005)


def test_the_default_case_is_what_the_stack_does_unless_told_otherwise():
    plant = PlantConfig()
    use_case = plant.use_cases["drift"]
    for name in ("idle", "default"):
        case = CASES[name]
        assert case["stream"] == plant.stream.mode
        assert case["use cases"] == len(plant.use_cases)
        for field in ("pages", "batch_window_s", "memory_mb"):
            assert case[field] == getattr(use_case, field)
    assert CASES["default"]["signals"] == 1000
    assert use_case.snap_start
    assert not use_case.enhanced_fan_out
    assert use_case.batch_size == LIMITS["batch_records"]


def test_the_alarms_and_metrics_are_those_that_are_deployed(capsys):
    for use_cases in (("drift",), ("drift", "steps")):
        plant = {"use_cases": {name: {} for name in use_cases}}
        alarms = of_type(template(plant, use_cases), "AWS::CloudWatch::Alarm")
        assert len(alarms) == ASSUMED["shared_alarms"] + len(use_cases) * ASSUMED["use_case_alarms"]
    emit(InvocationReport(page_bytes=[1], oldest_arrived_s=0.0), "Costs", "drift", 1.0)
    embedded = json.loads(capsys.readouterr().out.splitlines()[0])
    [directive] = embedded["_aws"]["CloudWatchMetrics"]
    assert ASSUMED["function_metrics"] == len(directive["Metrics"])
    assert len(directive["Dimensions"]) == 1


def test_the_consumer_asks_and_keeps_as_is_assumed():
    assert ASSUMED["requests_in_flight"] == REQUESTS_IN_FLIGHT_MAX
    settings = Settings("bucket", "bus", aws_lambda_function_memory_size=1024)
    assert settings.warm_bytes_max == ASSUMED["warm_share"] * 1024 * 2**20


def test_what_a_change_costs():
    _, rows = table("What makes it dear, what makes it cheap")
    assert len(rows) >= 5
    for change, (name, cost) in rows.items():
        case = dict(CASES[name])
        for field, value in re.findall(r"`?(\b[\w ]+)` ([\w.-]+)", change):
            assert field in case
            case[field] = a_case_cell(value)
        assert case != CASES[name]
        assert number(cost) == pytest.approx(sum(dollars(case).values()), abs=0.51), change


def test_where_on_demand_becomes_the_cheaper_one():
    stream = sum(cost for item, cost in DOLLARS["default"].items() if item.startswith("Kinesis"))
    put_units = DOLLARS["provisioned"]["Kinesis, million PUT units"]
    shard = 30 * 24 * PRICES["Kinesis, hours of shards"]
    [shards] = re.findall(r"peaks need (\d+) shards", COSTS)
    assert int(shards) == math.ceil((stream - put_units) / shard)


def test_when_a_batch_is_full():
    [records] = re.findall(r"([\d,]+) records of one value fill it", COSTS)
    [seconds] = re.findall(r"250 records a second on each shard that is after (\d+) seconds", COSTS)
    event_bytes = ASSUMED["point_bytes"] * 4 / 3 + ASSUMED["envelope_bytes"]
    assert number(records) == int(LIMITS["batch_bytes"] / event_bytes)
    assert int(seconds) == round(number(records) / 250)


def test_its_first_lines_say_what_the_tables_do():
    in_short = COSTS.partition("In short: ")[2].partition("\n<!--")[0]
    sums = [DOLLARS["idle"]["Kinesis, hours of a stream"]]
    sums += [DOLLARS[name]["**all**"] for name in ("idle", "default", "provisioned", "columns")]
    assert {f"${cost:.0f}" for cost in sums} == set(re.findall(r"\$\d+", in_short))
