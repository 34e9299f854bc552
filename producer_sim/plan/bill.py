"""A month's bill: for each price of `prices.toml` how much is used, and what that costs."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from producer_sim.plan.load import DAY_S, KB, Load
from producer_sim.plan.sizing import shards_for
from producer_sim.plan.workload import StreamMode

PRICES_FILE = Path(__file__).with_name("prices.toml")
GB = 2**30
_KINESIS = (
    *("stream_hours", "stream_gb_in", "stream_gb_out"),
    *("advantage_gb_in", "advantage_gb_out"),
    *("shard_hours", "put_units"),
)


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What AWS charges for one unit; `name` is the service and the unit, `source` the page to check it on."""

    name: str
    usd: float
    page: str
    source: str


@dataclass(frozen=True, slots=True)
class PriceTable:
    """All prices by their keys, of one region as known on one day (ISO 8601)."""

    region: str
    date: str
    prices: Mapping[str, Price]


def read_prices(path: Path = PRICES_FILE) -> PriceTable:
    """Read the price table.

    Raises: `msgspec.ValidationError` naming what is missing or unknown.
    """
    return msgspec.convert(tomllib.loads(path.read_text()), PriceTable)


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line: a quantity of what a price is for."""

    name: str
    quantity: float
    unit_price: float

    @property
    def service(self) -> str:
        """The AWS service: what its name has before the comma."""
        return self.name.partition(",")[0]

    @property
    def dollars(self) -> float:
        """Dollars of the quantity as it is printed, so that a reader arrives at the same cents."""
        return round(printed_quantity(self.quantity) * self.unit_price, 2)


@dataclass(frozen=True, slots=True)
class Bill:
    """A month: a line for each price, by its key."""

    lines: Mapping[str, BillLine]

    @property
    def total(self) -> float:
        """Dollars a month."""
        return self.dollars_of(self.lines)

    def dollars_of(self, keys: Iterable[str]) -> float:
        """Dollars a month of some of the lines."""
        return sum(self.lines[key].dollars for key in keys)


def printed_quantity(quantity: float) -> float:
    """A quantity as the bill prints it: whole from 100 up, else with three decimals.

    >>> printed_quantity(4147.2), printed_quantity(0.5184)
    (4147.0, 0.518)
    """
    return float(round(quantity) if quantity >= 100 else round(quantity, 3))


def bill_of(load: Load, prices: PriceTable) -> Bill:
    """The month's bill, in the order of the price table."""
    quantities = _stream(load) | _iot(load) | _functions(load) | _events_and_monitoring(load)
    lines = {key: BillLine(price.name, quantities[key], price.usd) for key, price in prices.prices.items()}
    return Bill(lines)


def stream_dollars(load: Load, mode: StreamMode, prices: PriceTable) -> float:
    """Dollars a month of Kinesis alone, if it were this kind of stream, with as many shards as needed."""
    shards = load.configuration.shards if mode == load.configuration.stream else shards_for(load)
    other = replace(load, configuration=replace(load.configuration, stream=mode, shards=shards))
    return bill_of(other, prices).dollars_of(_KINESIS)


def versions_of_page(load: Load) -> float:
    """Versions of a page that the bucket holds: the old ones of so many days, at least the newest few."""
    pages = load.configuration.pages or load.workload.signals
    commits_per_s = load.commits_per_s / pages if pages else 0.0
    assumed = load.assumptions.assumed
    return max(commits_per_s * assumed.old_versions_days * DAY_S, assumed.versions_min)


def _month_s(load: Load) -> float:
    return load.assumptions.assumed.month_days * DAY_S


def _stream(load: Load) -> dict[str, float]:
    """Kinesis; each use case reads the whole stream, which is free on a provisioned one.

    Source: on-demand counts each record as whole KB, provisioned as units of 25 KB; On-demand Advantage has
    no price for a stream, and bills at least what the account is committed to
    """
    month_s = _month_s(load)
    records = load.records_per_s * month_s
    if load.configuration.stream == "provisioned":
        shard_hours = load.configuration.shards * month_s / 3600
        put_units = records * load.units_of(25 * KB) / 1e6
        return dict.fromkeys(_KINESIS, 0.0) | {"shard_hours": shard_hours, "put_units": put_units}
    gb = records * load.units_of(KB) * KB / GB
    if load.configuration.stream == "advantage":
        committed_gb = load.assumptions.limits.advantage_bytes_per_s * month_s / GB
        return dict.fromkeys(_KINESIS, 0.0) | {
            "advantage_gb_in": max(gb, committed_gb),
            "advantage_gb_out": max(gb * load.workload.use_cases, committed_gb),
        }
    return dict.fromkeys(_KINESIS, 0.0) | {
        "stream_hours": month_s / 3600,
        "stream_gb_in": gb,
        "stream_gb_out": gb * load.workload.use_cases,
    }


def _iot(load: Load) -> dict[str, float]:
    """AWS IoT; a record is one message (in units of 5 KB), triggers one rule and one action."""
    records = load.records_per_s * _month_s(load) / 1e6 * (load.workload.ingest != "kinesis")
    messages = records * load.units_of(5 * KB)
    return {"iot_messages": messages, "iot_rules": records, "iot_actions": messages}


def _functions(load: Load) -> dict[str, float]:
    """All use cases' functions."""
    each = [_function(one) for one in load.of_each_use_case()]
    return {key: sum(quantities[key] for quantities in each) for key in each[0]}


def _function(load: Load) -> dict[str, float]:
    """Lambda with SnapStart, S3 and X-Ray, of one use case; X-Ray traces the first of each second."""
    assumed, month_s = load.assumptions.assumed, _month_s(load)
    memory_gb = load.configuration.memory_mb / 1024
    invocations = load.invocations_per_s * month_s
    commits = load.commits_per_s * month_s
    starts = load.configuration.shards * assumed.starts_per_day * assumed.month_days * bool(load.records)
    all_bytes = load.workload.signals * load.state_bytes
    beyond_first = max(load.invocations_per_s - 1.0, 0.0)
    traces_per_s = min(load.invocations_per_s, 1.0) + assumed.traced_share * beyond_first
    return {
        "s3_puts": commits / 1e3,
        "s3_gets": commits * (1 - load.warm) / 1e3,
        "s3_gb": all_bytes * versions_of_page(load) / GB,
        "invocations": invocations / 1e6,
        "lambda_gb_s": invocations * load.duration_s * memory_gb,
        "snapstart_gb_s": memory_gb * month_s,
        "snapstart_gb": memory_gb * starts,
        "traces": traces_per_s * month_s / 1e6,
    }


def _events_and_monitoring(load: Load) -> dict[str, float]:
    """EventBridge, SNS and CloudWatch; each event is mailed to one address."""
    assumed, workload = load.assumptions.assumed, load.workload
    events = workload.signals * workload.events_per_day * assumed.month_days * workload.use_cases
    event_gb = events * assumed.event_bytes / GB
    invocations = load.invocations_per_s * _month_s(load) * workload.use_cases
    function_metrics = assumed.function_metrics * bool(load.records)
    return {
        "events": events / 1e6,
        "events_gb": event_gb,
        "mails": events / 1e3,
        "logs_gb": invocations * assumed.log_bytes / GB + event_gb,
        "metrics": (function_metrics + assumed.mapping_metrics) * workload.use_cases,
        "alarms": assumed.shared_alarms + assumed.use_case_alarms * workload.use_cases,
        "dashboards": 1.0,
    }
