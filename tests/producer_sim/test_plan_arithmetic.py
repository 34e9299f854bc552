"""What a plan computes, worked by hand from round inputs: the numbers are written out."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.emulator.kinesis_event import EventFormat
from local.emulator.stream_source import StreamRecord
from producer_sim.payloads import encoders
from producer_sim.plan.assumptions import Measured, Model, read_assumptions
from producer_sim.plan.bill import read_prices
from producer_sim.plan.limit_usage import limits_of
from producer_sim.plan.load import KB, Load
from producer_sim.plan.plan import Plan
from producer_sim.plan.plan_table import figures_of
from producer_sim.plan.sizing import pages_for, shard_needs, shards_for, sized
from producer_sim.plan.workload import Configuration, Workload

FILE = read_assumptions()
ROUND = replace(
    FILE,
    assumed=msgspec.structs.replace(
        FILE.assumed,
        month_days=30,
        point_bytes=90,
        further_value_bytes=35,
        envelope_bytes=600,
        headroom=0.8,
        get_ms=15,
        put_ms=30,
        s3_mb_per_s=50,
        request_us=300,
        requests_in_flight=64,
        processor_mb=1769,
        processor_speed=0.5,
        warm_share=0.25,
        delivery_s=1,
        old_versions_days=2,
        versions_min=11,
        starts_per_day=24,
        event_bytes=1024,
        log_bytes=4096,
        function_metrics=18,
        mapping_metrics=6,
        shared_alarms=4,
        use_case_alarms=13,
        traced_share=0.05,
    ),
    measured=Measured(
        invocation_us=1000,
        record_us=10,
        observation_us=2,
        signal_us=20,
        page_us=50,
        state_encode_us=5,
        state_decode_us=10,
        state_bytes=100,
        base_mb=150,
        batch_mb=40,
    ),
    models={
        "ADWIN": Model(update_us=1, dump_us=5, load_us=5, page_bytes=900, memory_bytes=2000, warm_bytes=2000),
        "Large": Model(
            update_us=40,
            dump_us=10_000,
            load_us=10_000,
            page_bytes=2**17 - 100,
            memory_bytes=2**20,
            warm_bytes=2**18,
        ),
    },
)
PRICES = read_prices()


def planned(workload, configuration):
    return Plan("by hand", Load(workload, configuration, ROUND), PRICES)


def quantities(plan):
    return {key: line.quantity for key, line in plan.bill.lines.items()}


def multiples(workload, configuration):
    return {limit.name: limit.reached_at for limit in limits_of(Load(workload, configuration, ROUND))}


def test_a_small_plant_with_columns():
    plan = planned(Workload(signals=1000), Configuration(10, "provisioned", 1, memory_mb=1769))
    # 1,000 values a second are 100 records, and in ten seconds 1,000 records of 10,000 values.
    assert (plan.load.records_per_s, plan.load.record_bytes) == (100, 90 + 9 * 35)
    assert (plan.load.window_s, plan.load.records, plan.load.observations) == (10, 1000, 10_000)
    assert (plan.load.signals, plan.load.pages, plan.load.states) == (1000, 16, 1000)
    assert plan.load.cpu_us_with(plan.load.warm) == {
        "invocation": 1000,
        "records": 10_000,
        "observations": 30_000,
        "signals": 20_000,
        "pages": 16 * 350,  # and so each is written, and none read
        "states written": 10_000,
        "states read": 0,  # one environment has written each page last, and 221 MB hold 1 MB of pages
    }
    assert sum(plan.load.cpu_us_with(plan.load.warm).values()) == pytest.approx(76_600)
    # One round of requests, and a million bytes written at 50 MB/s.
    assert plan.load.wait_s_with(plan.load.warm) == pytest.approx(0.030 + 0.019073, abs=1e-6)
    assert plan.load.duration_s == pytest.approx(0.0766 / 0.5 + 0.049073, abs=1e-6)
    assert plan.bill.lines["invocations"].quantity == pytest.approx(0.2592)
    assert plan.bill.lines["s3_puts"].quantity == pytest.approx(4147.2)
    assert plan.bill.lines["s3_gets"].quantity == 0
    assert plan.bill.lines["lambda_gb_s"].quantity == pytest.approx(
        259_200 * 0.202273 * 1769 / 1024, rel=1e-5
    )
    # 17,280 versions of 16 pages, two days' worth, of a million bytes in all.
    assert plan.bill.lines["s3_gb"].quantity == pytest.approx(17_280e6 / 2**30)
    # The window and the nine seconds of gathering, or half of them.
    assert plan.alert_delay_s == pytest.approx((9.5 + 1.202273, 19 + 1.202273), abs=1e-6)


NOTHING = dict.fromkeys(PRICES.prices, 0.0) | {
    "snapstart_gb_s": 2_592_000,  # 1 GB for a month of seconds
    "metrics": 6,
    "alarms": 17,
    "dashboards": 1,
}
MONTHS = {
    "deployed, and nothing is sent": (
        Workload(signals=0),
        Configuration(1, "on-demand", 4),
        NOTHING | {"stream_hours": 720},
    ),
    # Each shard has 2,500 records of 250 signals every ten seconds; each invocation writes four pages of 62.5
    # states. Its CPU is 1 + 25 + 7.5 + 5 + 1.4 + 2.5 = 42.4 ms, on 1,024 / 1,769 / 2 of a processor; it waits
    # 30 ms for the PUTs and 4.8 ms for 250,000 bytes: 181.264 ms.
    "single values on an on-demand stream": (
        Workload(signals=1000),
        Configuration(1, "on-demand", 4),
        NOTHING
        | {
            "stream_hours": 720,
            "stream_gb_in": 2471.92,  # 2,592 million records of 1 KB
            "stream_gb_out": 2471.92,
            "s3_puts": 4147.2,  # 1.6 a second
            "s3_gb": 16.0933,  # a million bytes in 17,280 versions
            "invocations": 1.0368,  # 0.4 a second
            "lambda_gb_s": 187_934,
            "snapstart_gb": 2880,  # four shards, 24 starts a day
            "events": 0.03,
            "events_gb": 0.0286102,
            "mails": 30,
            "logs_gb": 3.95508 + 0.0286102,  # 4 KB an invocation, 1 KB an event
            "metrics": 24,
            "traces": 1.0368,  # no second has two invocations
        },
    ),
    # Each shard has 3,125 records of as many signals every ten seconds, in eight pages of 390.6 states. If
    # each page were read, 3.2 invocations a second would take 1.10 s: so there are four environments, and a
    # quarter of the pages is warm. Its CPU is 1 + 31.25 + 93.75 + 62.5 + 4.6 + 31.25 + 35.156 = 259.506 ms;
    # it waits 41.25 ms for requests and 104.3 ms for their bytes: 1.04217 s.
    "columns on a provisioned stream": (
        Workload(signals=100_000),
        Configuration(10, "provisioned", 32, pages=256),
        NOTHING
        | {
            "shard_hours": 23_040,
            "put_units": 25_920,  # 10,000 records a second
            "s3_puts": 66_355.2,  # 25.6 a second
            "s3_gets": 49_766.4,  # three quarters of them
            "s3_gb": 1609.33,
            "invocations": 8.2944,
            "lambda_gb_s": 8_644_195,
            "snapstart_gb": 23_040,
            "events": 3,
            "events_gb": 2.86102,
            "mails": 3000,
            "logs_gb": 31.6406 + 2.86102,
            "metrics": 24,
            "traces": 2.87712,  # the first of each second, and a twentieth of 2.2 others
        },
    ),
}


@pytest.mark.parametrize("name", MONTHS)
def test_a_whole_month(name):
    workload, configuration, month = MONTHS[name]
    assert quantities(planned(workload, configuration)) == pytest.approx(month, rel=1e-5)


def test_an_object_for_each_signal():
    plan = planned(Workload(signals=1000), Configuration(1, "on-demand", 4, pages=0))
    assert (plan.load.pages, plan.load.states, plan.load.commits_per_s) == (250, 250, 100)
    assert plan.load.page_bytes == 1000
    # 250 requests are four rounds.
    assert plan.load.wait_s_with(plan.load.warm) == pytest.approx(4 * 0.030 + 250_000 / 2**20 / 50)
    assert plan.bill.lines["s3_puts"].quantity == pytest.approx(259_200)
    assert plan.bill.lines["stream_hours"].quantity == 720
    # Each record counts as 1 KB, in and out.
    assert plan.bill.lines["stream_gb_in"].quantity == pytest.approx(2592e6 / 2**20)
    assert plan.bill.lines["stream_gb_out"].quantity == plan.bill.lines["stream_gb_in"].quantity


def test_pages_that_lie_across_shards_are_written_by_both():
    plan = planned(Workload(signals=3000), Configuration(10, "provisioned", 3, pages=16))
    # Sixteen pages and three shards: two borders lie within pages.
    assert plan.load.pages == 6
    assert plan.load.commits_per_s == pytest.approx(1.8)


def test_several_environments_read_what_others_wrote():
    slow = Workload(signals=640, model="Large")
    plan = planned(slow, Configuration(10, "provisioned", 4, memory_mb=1769))
    # Read whole, 160 states of 20 ms and 160 of 128 kB take 6.4 s and 0.8 s: four invocations meet in ten.
    assert plan.load.environments == 3
    # 221 MB hold all 80 MB; one environment in three wrote a page last.
    assert plan.load.warm == pytest.approx(1 / 3)
    assert plan.load.cpu_us_with(plan.load.warm)["states read"] == pytest.approx(160 * 2 / 3 * 10_010)


def test_a_signal_that_comes_rarely_is_an_invocation_of_its_own():
    plan = planned(Workload(signals=1, rate=0.001), Configuration(1, "on-demand", 4))
    assert (plan.load.records, plan.load.pages, plan.load.states) == (1, 1, 1)
    assert plan.load.invocations_per_s == pytest.approx(0.001)


def test_a_full_batch_ends_the_window():
    plan = planned(Workload(signals=100, rate=10), Configuration(1, "provisioned", 1))
    assert plan.load.batch_records_max == pytest.approx(6_291_456 / 720)  # 90 * 4/3 + 600 bytes each
    assert plan.load.window_s == pytest.approx(8.738, abs=0.001)
    assert plan.load.records == pytest.approx(8738.1, abs=0.1)


def test_use_cases_share_the_stream_and_nothing_of_lambda():
    one, two = (
        quantities(planned(Workload(signals=1000, use_cases=count), Configuration(1, "on-demand", 4)))
        for count in (1, 2)
    )
    assert (two["alarms"], two["metrics"]) == (30, 48)
    doubled = ("invocations", "s3_puts", "s3_gb", "lambda_gb_s", "snapstart_gb_s", "snapstart_gb", "traces")
    for key in (*doubled, "stream_gb_out", "events"):
        assert two[key] == pytest.approx(2 * one[key]), key
    for key in ("stream_hours", "stream_gb_in", "dashboards"):
        assert two[key] == one[key], key


def test_aws_iot_counts_messages_by_5_kb():
    plan = planned(Workload(signals=30_000, ingest="iot"), Configuration(300, "provisioned", 1))
    assert plan.load.record_bytes == 10_555
    assert (plan.load.units_of(5 * KB), plan.load.units_of(KB), plan.load.units_of(25 * KB)) == (3, 11, 1)
    # 100 records a second are 259.2 million a month.
    assert plan.bill.lines["iot_rules"].quantity == pytest.approx(259.2)
    assert plan.bill.lines["iot_messages"].quantity == pytest.approx(777.6)
    assert plan.bill.lines["iot_actions"].quantity == pytest.approx(777.6)


def test_dollars_are_the_printed_quantities_times_the_prices():
    bill = planned(Workload(signals=1000), Configuration(1, "on-demand", 4)).bill
    assert bill.lines["stream_hours"].dollars == round(720 * PRICES.prices["stream_hours"].usd, 2)
    assert bill.lines["s3_puts"].dollars == round(4147 * PRICES.prices["s3_puts"].usd, 2)
    assert bill.total == pytest.approx(sum(line.dollars for line in bill.lines.values()))


@given(
    rate=st.floats(0.001, 20),
    faster=st.floats(1, 10),
    use_cases=st.integers(1, 4),
    values=st.integers(1, 50),
    shards=st.sampled_from([1, 2, 4, 16]),
    pages=st.sampled_from([0, 16, 64]),
)
@settings(max_examples=50, deadline=None)
def test_more_of_anything_costs_no_less(rate, faster, use_cases, values, shards, pages):
    workload = Workload(signals=200, rate=rate, use_cases=use_cases)
    configuration = Configuration(values, "provisioned", shards, pages=pages)

    def total(workload, configuration=configuration):
        return planned(workload, configuration).bill.total

    base = total(workload) - 0.05  # cents are rounded line by line
    assert total(replace(workload, rate=rate * faster)) >= base
    assert total(replace(workload, use_cases=use_cases + 1)) >= base
    assert total(replace(workload, events_per_day=2.0)) >= base
    assert total(workload, replace(configuration, batch_window_s=60)) <= base + 0.1


def test_at_which_multiple_of_the_rate_each_limit_is_reached():
    reached = multiples(Workload(signals=1000), Configuration(1, "provisioned", 2))
    assert reached["shard, records in"] == pytest.approx(2, rel=0.001)
    assert reached["shard, bytes in"] == pytest.approx(2 * 2**20 / 90_000, rel=0.001)
    assert reached["shard, bytes out"] == pytest.approx(4 * 2**20 / 90_000, rel=0.001)
    assert reached["batch, 6 MB"] == pytest.approx(8738.1 / 5000, rel=0.001)
    # An event of each signal a day, more as the rate grows: 864 million signals make 10,000 a second.
    assert reached["EventBridge, PutEvents"] == pytest.approx(864_000, rel=0.001)
    assert reached["Lambda, concurrency"] is None  # two shards are two invocations at most


def test_an_object_a_signal_meets_s3s_rate_first():
    workload = Workload(signals=100_000)
    [first, *_] = limits_of(Load(workload, Configuration(10, "provisioned", 64, pages=0), ROUND))
    # 10,000 PUTs a second, one for each record while that is rarer than a window.
    assert first.name == "S3, PUTs"
    assert first.reached_at == pytest.approx(0.35, rel=0.001)


def test_what_is_too_much_at_any_rate_comes_first_and_does_not_hold():
    # A page of two million models is larger than the function's memory, however rarely it is read.
    plan = planned(Workload(signals=2_000_000), Configuration(10, "provisioned", 256, pages=1, memory_mb=512))
    always = {limit.name for limit in plan.limits if limit.reached_at == 0.0}
    assert "Lambda, memory" in always
    assert plan.limits[0].name in always
    assert not plan.holds


def test_an_on_demand_stream_grows_up_to_the_accounts_quota():
    reached = multiples(Workload(signals=1000), Configuration(1, "on-demand", 4))
    assert reached["stream, records in"] == pytest.approx(200, rel=0.001)
    # However many shards it opens, each signal has one: a thousand records a second.
    assert reached["shard, records in"] == pytest.approx(1000, rel=0.001)


def test_a_limit_binds_where_it_is_said_to():
    workload, configuration = Workload(signals=5000), Configuration(1, "provisioned", 8)
    first = planned(workload, configuration).first_limit
    assert first.binding
    below, above = (replace(workload, rate=first.reached_at * times) for times in (0.99, 1.01))
    assert planned(below, configuration).holds
    assert not planned(above, configuration).holds


def test_shards_are_counted_by_what_binds():
    single = planned(Workload(signals=100_000), Configuration(1, "provisioned", 1))
    assert shard_needs(single.load) == {"records": 125, "bytes in": 11, "bytes out": 6}
    assert figures_of(single)["The stream"]["which binds"] == "records"
    assert shards_for(single.load) == 128
    wide = planned(Workload(signals=100_000, use_cases=4), Configuration(100, "provisioned", 1))
    # 1,000 records of 3,555 bytes a second, read four times over.
    assert shard_needs(wide.load) == {"records": 2, "bytes in": 5, "bytes out": 9}
    assert figures_of(wide)["The stream"]["which binds"] == "bytes out"


def test_shards_are_doubled_while_invocations_do_not_keep_up():
    start = Load(Workload(signals=1000, model="Large"), Configuration(10, "provisioned", 1, pages=64), ROUND)
    load = sized(start, sizes_memory=True)
    # On eight, 125 states of up to 20 ms each take 8.6 s of ten on 0.29 of a processor: too near.
    assert load.configuration.shards == 16
    assert load.busy <= 0.8


def test_pages_hold_up_to_500_signals_and_4_mb():
    assert pages_for(Workload(signals=1000), ROUND) == 16
    assert pages_for(Workload(signals=100_000), ROUND) == 256
    assert pages_for(Workload(signals=10_000, model="Large"), ROUND) == 512  # 1,250 MB
    assert pages_for(Workload(signals=10_000_000), ROUND) == 4096


def test_records_are_about_as_large_as_is_assumed():
    for values in (1, 10, 100):
        times = [1_700_000_000.0 + number / 8 for number in range(values)]
        readings = [42.0 + number / 1000 for number in range(values)]
        name = "compressor1.pressure"
        payload = (
            encoders.columns(name, times, readings)
            if values > 1
            else encoders.point(name, readings[0], times[0])
        )
        counted = FILE.assumed.point_bytes + (values - 1) * FILE.assumed.further_value_bytes
        assert len(payload) + len(name) == pytest.approx(counted, rel=0.15)


def test_lambdas_event_is_about_as_large_as_is_assumed():
    arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/KinesisRiver-IngestStream0123456789AB-0123456789ab"
    record = StreamRecord("4" * 56, "compressor1.pressure", b"", 1_700_000_000.123)
    size = EventFormat(arn, "shardId-000000000000").record_bytes(record)
    assert size == pytest.approx(FILE.assumed.envelope_bytes, rel=0.15)
