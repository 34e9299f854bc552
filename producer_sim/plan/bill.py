"""What a month takes of all that has a price, and dollars."""

from collections.abc import Mapping
from dataclasses import dataclass

from producer_sim.plan.assumptions import Assumptions
from producer_sim.plan.flow import Flow
from producer_sim.plan.learning import Learning, state_bytes
from producer_sim.plan.prices import PriceTable
from producer_sim.plan.workload import Configuration, Workload

DAY_S = 86_400
GB = 2**30


@dataclass(frozen=True, slots=True)
class Bill:
    """A month: quantities by the prices' keys, and what each costs, rounded to cents."""

    days: float
    quantities: Mapping[str, float]
    dollars: Mapping[str, float]

    @property
    def total(self) -> float:
        """Dollars a month."""
        return sum(self.dollars.values())

    def dollars_of(self, *keys: str) -> float:
        """Dollars of some of its items."""
        return sum(self.dollars[key] for key in keys)


def bill_of(
    workload: Workload,
    configuration: Configuration,
    flow: Flow,
    learning: Learning,
    assumptions: Assumptions,
    prices: PriceTable,
) -> Bill:
    """The month's bill, in the order of the price table."""
    quantities = (
        _stream(workload, configuration, flow, assumptions)
        | _iot(workload, flow, assumptions)
        | _learning(workload, configuration, flow, learning, assumptions)
        | _telling(workload, flow, assumptions)
    )
    # A quantity counts as the documents write it, so that a reader finds the same cents.
    dollars = {key: round(written(quantities[key]) * price.usd, 2) for key, price in prices.prices.items()}
    return Bill(assumptions.assumed.month_days, {key: quantities[key] for key in prices.prices}, dollars)


def stream_dollars(
    workload: Workload,
    configuration: Configuration,
    flow: Flow,
    assumptions: Assumptions,
    prices: PriceTable,
) -> float:
    """What Kinesis alone costs a month with this configuration's kind of stream."""
    quantities = _stream(workload, configuration, flow, assumptions)
    return sum(round(written(of) * prices.prices[key].usd, 2) for key, of in quantities.items())


def written(quantity: float) -> float:
    """A quantity as tables write it: whole from a hundred up, else with three decimals.

    >>> written(4147.2), written(0.5184)
    (4147.0, 0.518)
    """
    return float(round(quantity) if quantity >= 100 else round(quantity, 3))


def versions_of(
    flow: Flow, configuration: Configuration, workload: Workload, assumptions: Assumptions
) -> float:
    """Versions of a page that the bucket holds: the old ones of so many days, or the newest few."""
    pages = configuration.pages or workload.signals
    written_per_s = flow.commits_per_s / pages if pages else 0.0
    days = assumptions.assumed.old_versions_days
    return max(written_per_s * days * DAY_S, assumptions.assumed.versions_min)


def events_per_month(workload: Workload, assumptions: Assumptions) -> float:
    """Events of all signals and use cases."""
    return workload.signals * workload.events_per_day * assumptions.assumed.month_days * workload.use_cases


def _month_s(assumptions: Assumptions) -> float:
    return assumptions.assumed.month_days * DAY_S


def _stream(
    workload: Workload, configuration: Configuration, flow: Flow, assumptions: Assumptions
) -> dict[str, float]:
    """Kinesis: each use case reads all of the stream, and reading is free of a provisioned one."""
    month_s = _month_s(assumptions)
    records = flow.records_per_s * month_s
    gb = records * flow.record_kb * 1024 / GB
    on_demand = configuration.stream == "on-demand"
    return {
        "stream_hours": month_s / 3600 if on_demand else 0.0,
        "stream_gb_in": gb if on_demand else 0.0,
        "stream_gb_out": gb * workload.use_cases if on_demand else 0.0,
        "shard_hours": 0.0 if on_demand else configuration.shards * month_s / 3600,
        "put_units": 0.0 if on_demand else records * flow.put_units / 1e6,
    }


def _iot(workload: Workload, flow: Flow, assumptions: Assumptions) -> dict[str, float]:
    """AWS IoT: a record is one message, triggers one rule, whose action puts it on the stream."""
    records = flow.records_per_s * _month_s(assumptions) / 1e6 * (workload.ingest != "kinesis")
    units = records * flow.iot_units
    return {"iot_messages": units, "iot_rules": records, "iot_actions": units}


def _learning(
    workload: Workload,
    configuration: Configuration,
    flow: Flow,
    learning: Learning,
    assumptions: Assumptions,
) -> dict[str, float]:
    """Lambda, SnapStart, S3 and X-Ray, of all use cases."""
    assumed, month_s, use_cases = assumptions.assumed, _month_s(assumptions), workload.use_cases
    gb = configuration.memory_mb / 1024
    invocations = flow.invocations_per_s * month_s * use_cases
    commits = flow.commits_per_s * month_s * use_cases
    starts = configuration.shards * assumed.starts_per_day * assumed.month_days * bool(flow.records)
    kept = workload.signals * state_bytes(workload, assumptions)
    each_s = flow.invocations_per_s
    traced = min(each_s, 1.0) + assumed.traced_share * max(each_s - 1.0, 0.0)
    return {
        "s3_puts": commits / 1e3,
        "s3_gets": commits * (1 - learning.warm) / 1e3,
        "s3_gb": kept * versions_of(flow, configuration, workload, assumptions) * use_cases / GB,
        "invocations": invocations / 1e6,
        "lambda_gb_s": invocations * learning.duration_s * gb,
        "snapstart_gb_s": gb * month_s * use_cases,
        "snapstart_gb": gb * starts * use_cases,
        "traces": traced * month_s * use_cases / 1e6,
    }


def _telling(workload: Workload, flow: Flow, assumptions: Assumptions) -> dict[str, float]:
    """EventBridge, SNS and CloudWatch."""
    assumed, use_cases = assumptions.assumed, workload.use_cases
    events = events_per_month(workload, assumptions)
    event_gb = events * assumed.event_bytes / GB
    invocations = flow.invocations_per_s * _month_s(assumptions) * use_cases
    of_function = assumed.function_metrics * bool(flow.records)
    return {
        "events": events / 1e6,
        "events_gb": event_gb,
        "mails": events / 1e3,
        "logs_gb": invocations * assumed.log_bytes / GB + event_gb,
        "metrics": (of_function + assumed.mapping_metrics) * use_cases,
        "alarms": assumed.shared_alarms + assumed.use_case_alarms * use_cases,
        "dashboards": 1.0,
    }
