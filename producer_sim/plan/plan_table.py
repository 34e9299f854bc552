"""The lines of a plan, each with how it comes of the lines above it, the assumptions and the prices."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from producer_sim.plan.assumptions import Assumptions, Model
from producer_sim.plan.bill import stream_dollars, versions_of
from producer_sim.plan.learning import state_bytes
from producer_sim.plan.month import month_hows
from producer_sim.plan.plan import Plan
from producer_sim.plan.prices import PriceTable
from producer_sim.plan.sizing import shard_needs
from producer_sim.plan.workload import StreamMode

MB = 2**20
Value = float | str


@dataclass(frozen=True, slots=True)
class Line:
    """One line for several plans side by side; `how` can be followed by hand."""

    section: str
    name: str
    how: str
    values: list[Value]


Read = Callable[[Plan], Value]
_Row = tuple[str, str, Read]


def lines_of(plans: Sequence[Plan], assumptions: Assumptions, prices: PriceTable) -> list[Line]:
    """All lines, in the order in which they build on each other."""
    model = assumptions.models[plans[0].workload.model]
    sections = {
        "What is set up": _set_up(),
        "The stream": _stream(assumptions),
        "An invocation": _invocation(assumptions),
        "Its processor, in ms": _processor(assumptions, model),
        "Its time and memory": _time(assumptions, model),
        "S3": _s3(assumptions),
        "A month": _month(assumptions, prices),
        "Dollars a month": _dollars(assumptions, prices),
        "How soon": _delay(assumptions),
    }
    return [
        Line(section, name, how, [read(plan) for plan in plans])
        for section, rows in sections.items()
        for name, how, read in rows
    ]


def _set_up() -> Iterator[_Row]:
    yield "values a record", "as asked", lambda p: p.configuration.values_per_record
    yield "stream", "as asked, else the cheaper", lambda p: p.configuration.stream
    yield "shards", "see the next lines", lambda p: p.configuration.shards
    yield "pages", "as asked, else ≤ 500 signals and 4 MB in each", lambda p: p.configuration.pages or "none"
    yield "batch_window_s", "as asked", lambda p: p.configuration.batch_window_s
    yield "memory_mb", "as asked, else what fits", lambda p: p.configuration.memory_mb


def _stream(a: Assumptions) -> Iterator[_Row]:
    room = f"{a.assumed.headroom:.0%} of"
    point, further = a.assumed.point_bytes, a.assumed.further_value_bytes
    yield "observations/s", "signals * rate", lambda p: p.workload.observations_per_s
    yield "records/s", "observations/s / values a record", lambda p: p.flow.records_per_s
    record_how = f"{point:.0f} + {further:.0f} * (values - 1)"
    yield "bytes of a record", record_how, lambda p: p.flow.record_bytes
    yield "MB/s", "records/s * bytes / 2^20", lambda p: p.flow.bytes_per_s / MB

    def needs(plan: Plan) -> tuple[int, int, int, str]:
        found = shard_needs(plan.workload, plan.configuration.values_per_record, a)
        return found.by_records, found.by_bytes_in, found.by_bytes_out, found.binding

    yield "shards by records", f"records/s / {room} 1,000, up", lambda p: needs(p)[0]
    yield "shards by bytes in", f"MB/s / {room} 1 MB, up", lambda p: needs(p)[1]
    yield "shards by bytes out", f"MB/s * use cases / {room} 2 MB, up", lambda p: needs(p)[2]
    yield "which binds", "the most of them", lambda p: needs(p)[3]
    shards_how = "next power of 2; doubled while busy > headroom; on-demand: 2 * need, at least 4"
    yield "shards taken", shards_how, lambda p: p.configuration.shards


def _invocation(a: Assumptions) -> Iterator[_Row]:
    in_event = f"min(10,000, 6 MB / (bytes * 4/3 + {a.assumed.envelope_bytes:.0f}))"
    yield "records in a batch at most", in_event, lambda p: p.flow.batch_records
    yield "window, s", "batch_window_s, or batch / (records/s / shards)", lambda p: p.flow.window_s
    yield "records", "records/s / shards * window", lambda p: p.flow.records
    yield "observations", "records * values a record", lambda p: p.flow.observations
    yield "signals", "signals / shards, at most its records", lambda p: p.flow.signals
    pages = "(pages + shards - gcd) / shards, or its signals"
    yield "pages", pages, lambda p: p.flow.pages
    yield "invocations/s", "records/s / records, of each use case", lambda p: p.flow.invocations_per_s
    yield "states written", "pages * signals / pages of all", lambda p: p.flow.states


def _processor(a: Assumptions, model: Model) -> Iterator[_Row]:
    m = a.measured
    hows = {
        "invocation": f"{m.invocation_us:g} µs",
        "records": f"records * {m.record_us:g} µs",
        "observations": f"observations * ({m.observation_us:g} + {model.update_us:g} µs)",
        "signals": f"signals * {m.signal_us:g} µs",
        "pages": f"pages * ({m.page_us:g} + (2 - warm share) * {a.assumed.request_us:g} µs)",
        "states written": f"states * ({m.state_encode_us:g} + {model.dump_us:g} µs)",
        "states read": f"states * (1 - warm share) * ({m.state_decode_us:g} + {model.load_us:g} µs)",
    }
    for part, how in hows.items():
        yield f"for {part}", how, lambda p, part=part: p.learning.cpu_us[part] / 1000  # type: ignore[misc]
    yield "CPU s", "sum of these / 1,000", lambda p: p.learning.cpu_s


def _time(a: Assumptions, model: Model) -> Iterator[_Row]:
    m, assumed = a.measured, a.assumed
    share = f"min(1, memory_mb / {assumed.processor_mb:g}) * {assumed.processor_speed:g}"
    yield "processor", share, lambda p: p.learning.processor
    asked = f"((1 - warm share) * {assumed.get_ms:g} + {assumed.put_ms:g}) ms"
    turns = f"pages / {assumed.requests_in_flight}, up, * {asked}"
    moved = f"pages * MB of a page * (2 - warm share) / {assumed.s3_mb_per_s:g}"
    yield "waiting for S3, s", f"{turns} + {moved}", lambda p: p.learning.wait_s
    yield "duration, s", "CPU s / processor + waiting", lambda p: p.learning.duration_s
    yield "concurrency", "invocations/s * duration", lambda p: p.learning.concurrency
    yield "busy share of a shard's time", "concurrency / shards", lambda p: p.learning.busy
    warm = f"min(signals, states written + {assumed.warm_share:g} * memory / bytes of a state)"
    yield "states in memory", warm, lambda p: p.learning.states_in_memory
    memory = (
        f"{m.base_mb:g} + {m.batch_mb:g} * records / 10,000 "
        f"+ states in memory * {model.memory_bytes:,.0f} bytes "
        f"+ MB of up to {assumed.requests_in_flight} pages"
    )
    yield "memory needed, MB", memory, lambda p: p.learning.memory_mb


def _s3(a: Assumptions) -> Iterator[_Row]:
    yield "PUT/s", "invocations/s * pages", lambda p: p.flow.commits_per_s
    yield "GET/s", "PUT/s * (1 - warm share)", lambda p: p.flow.commits_per_s * (1 - p.learning.warm)
    whole = "concurrency if every page were read, up"
    yield "environments", whole, lambda p: p.learning.environments
    share = f"min(1, {a.assumed.warm_share:g} * memory / bytes of all states) / environments"
    yield "warm share of pages", share, lambda p: p.learning.warm
    yield "bytes of a state", "its model's pickle + its checkpoint", lambda p: state_bytes(p.workload, a)
    yield "MB of a page", "states written / pages * bytes of a state", lambda p: p.learning.page_bytes / MB
    days, least = a.assumed.old_versions_days, a.assumed.versions_min
    yield (
        "versions of a page",
        f"PUT/s / pages of all * {days:g} days, at least {least:g}",
        lambda p: versions_of(p.flow, p.configuration, p.workload, a),
    )


def _month(a: Assumptions, table: PriceTable) -> Iterator[_Row]:
    hows = month_hows(a)
    for key, price in table.prices.items():
        yield price.name, hows[key], lambda p, key=key: p.bill.quantities[key]  # type: ignore[misc]


def _dollars(a: Assumptions, table: PriceTable) -> Iterator[_Row]:
    for key, price in table.prices.items():
        how = f"* ${price.usd:.10f}".rstrip("0").rstrip(".")
        yield price.name, how, lambda p, key=key: p.bill.dollars[key]  # type: ignore[misc]
    yield "all", "sum", lambda p: p.bill.total
    modes: tuple[StreamMode, ...] = ("provisioned", "on-demand")
    for mode in modes:

        def of_mode(plan: Plan, mode: StreamMode = mode) -> float:
            shards = plan.configuration.shards
            if mode != plan.configuration.stream:
                shards = shard_needs(plan.workload, plan.configuration.values_per_record, a).rounded
            other = replace(plan.configuration, stream=mode, shards=shards)
            return stream_dollars(plan.workload, other, plan.flow, a, table)

        yield f"Kinesis, if {mode}", "its lines above, for that kind of stream", of_mode
    yield (
        "for a million observations",
        "all / (observations/s * seconds of a month) * 1,000,000",
        lambda p: p.bill.total / p.observations_per_month * 1e6 if p.observations_per_month else 0.0,
    )


def _delay(a: Assumptions) -> Iterator[_Row]:
    delivery_s = a.assumed.delivery_s
    mean = f"(window + (values - 1) / rate) / 2 + duration + {delivery_s:g}"
    yield "value to alert, s, mean", mean, lambda p: p.alert_delay_s(delivery_s)[0]
    most = f"window + (values - 1) / rate + duration + {delivery_s:g}"
    yield "value to alert, s, at most", most, lambda p: p.alert_delay_s(delivery_s)[1]
