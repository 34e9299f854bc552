"""What a plan counts, worked by hand: the numbers are written out, of round inputs."""

from dataclasses import replace

import msgspec
import pytest

from local.emulator.kinesis_event import EventFormat
from local.emulator.stream_source import StreamRecord
from producer_sim.payloads import encoders
from producer_sim.plan.assumptions import Measured, Model, read_assumptions
from producer_sim.plan.limits import limits_of
from producer_sim.plan.plan import plan_of
from producer_sim.plan.prices import read_prices
from producer_sim.plan.sizing import pages_for, shard_needs, sized
from producer_sim.plan.workload import Configuration, Wishes, Workload

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
        warm_share=0.125,
        delivery_s=1,
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
        "ADWIN": Model(update_us=1, dump_us=5, load_us=5, pickle_bytes=900, memory_bytes=2000),
        "Large": Model(
            update_us=40, dump_us=10_000, load_us=10_000, pickle_bytes=2**17 - 100, memory_bytes=2**20
        ),
    },
)
PRICES = read_prices()


def planned(workload, configuration):
    return plan_of("by hand", workload, configuration, ROUND, PRICES)


def multiples(workload, configuration):
    return {limit.use.name: limit.multiple for limit in limits_of(workload, configuration, ROUND)}


def test_a_small_plant_with_columns():
    plan = planned(Workload(signals=1000), Configuration(10, "provisioned", 1, memory_mb=1769))
    # 1,000 values a second are 100 records, and in ten seconds 1,000 records of 10,000 values.
    assert (plan.flow.records_per_s, plan.flow.record_bytes) == (100, 90 + 9 * 35)
    assert (plan.flow.window_s, plan.flow.records, plan.flow.observations) == (10, 1000, 10_000)
    assert (plan.flow.signals, plan.flow.pages, plan.flow.states) == (1000, 16, 1000)
    assert plan.learning.cpu_us == {
        "invocation": 1000,
        "records": 10_000,
        "observations": 30_000,
        "signals": 20_000,
        "pages": 16 * 350,  # and so each is written, and none read
        "states written": 10_000,
        "states read": 0,  # one environment has written each page last, and 221 MB hold 1 MB of pages
    }
    assert plan.learning.cpu_s == pytest.approx(0.0766)
    # One round of requests, and a million bytes written at 50 MB/s.
    assert plan.learning.wait_s == pytest.approx(0.030 + 0.019073, abs=1e-6)
    assert plan.learning.duration_s == pytest.approx(0.0766 / 0.5 + 0.049073, abs=1e-6)
    assert plan.bill.quantities["invocations"] == pytest.approx(0.2592)
    assert plan.bill.quantities["s3_puts"] == pytest.approx(4147.2)
    assert plan.bill.quantities["s3_gets"] == 0
    assert plan.bill.quantities["lambda_gb_s"] == pytest.approx(259_200 * 0.202273 * 1769 / 1024, rel=1e-5)
    # 17,280 versions of 16 pages, two days' worth, of a million bytes in all.
    assert plan.bill.quantities["s3_gb"] == pytest.approx(17_280e6 / 2**30)
    # The window and the nine seconds of gathering, or half of them.
    assert plan.alert_delay_s(1) == pytest.approx((9.5 + 1.202273, 19 + 1.202273), abs=1e-6)


def test_an_object_for_each_signal():
    plan = planned(Workload(signals=1000), Configuration(1, "on-demand", 4, pages=0))
    assert (plan.flow.pages, plan.flow.states, plan.flow.commits_per_s) == (250, 250, 100)
    assert plan.learning.page_bytes == 1000
    assert plan.learning.wait_s == pytest.approx(4 * 0.030 + 250_000 / 2**20 / 50)  # 250 are four rounds
    assert plan.bill.quantities["s3_puts"] == pytest.approx(259_200)
    assert plan.bill.quantities["stream_hours"] == 720
    # Each record counts as 1 KB, in and out.
    assert plan.bill.quantities["stream_gb_in"] == pytest.approx(2592e6 / 2**20)
    assert plan.bill.quantities["stream_gb_out"] == plan.bill.quantities["stream_gb_in"]


def test_pages_that_lie_across_shards_are_written_by_both():
    plan = planned(Workload(signals=3000), Configuration(10, "provisioned", 3, pages=16))
    # Sixteen pages and three shards: two borders lie within pages.
    assert plan.flow.pages == 6
    assert plan.flow.commits_per_s == pytest.approx(1.8)


def test_several_environments_read_what_others_wrote():
    slow = Workload(signals=640, model="Large")
    plan = planned(slow, Configuration(10, "provisioned", 4, memory_mb=1769))
    # Read whole, 160 states of 20 ms and 160 of 128 kB take 6.4 s and 0.8 s: four invocations meet in ten.
    assert plan.learning.environments == 3
    # 221 MB hold all 80 MB; one environment in three wrote a page last.
    assert plan.learning.warm == pytest.approx(1 / 3)
    assert plan.learning.cpu_us["states read"] == pytest.approx(160 * 2 / 3 * 10_010)


def test_a_signal_that_comes_rarely_is_an_invocation_of_its_own():
    plan = planned(Workload(signals=1, rate=0.001), Configuration(1, "on-demand", 4))
    assert (plan.flow.records, plan.flow.pages, plan.flow.states) == (1, 1, 1)
    assert plan.flow.invocations_per_s == pytest.approx(0.001)


def test_a_full_batch_ends_the_window():
    plan = planned(Workload(signals=100, rate=10), Configuration(1, "provisioned", 1))
    assert plan.flow.batch_records == pytest.approx(6_291_456 / 720)  # 90 * 4/3 + 600 bytes each
    assert plan.flow.window_s == pytest.approx(8.738, abs=0.001)
    assert plan.flow.records == pytest.approx(8738.1, abs=0.1)


def test_use_cases_share_the_stream_and_nothing_of_lambda():
    one, two = (
        planned(Workload(signals=1000, use_cases=count), Configuration(1, "on-demand", 4)).bill.quantities
        for count in (1, 2)
    )
    assert (two["alarms"], two["metrics"]) == (28, 44)
    doubled = ("invocations", "s3_puts", "s3_gb", "lambda_gb_s", "snapstart_gb_s", "snapstart_gb", "traces")
    for key in (*doubled, "stream_gb_out", "events"):
        assert two[key] == pytest.approx(2 * one[key]), key
    for key in ("stream_hours", "stream_gb_in", "dashboards"):
        assert two[key] == one[key], key


def test_aws_iot_counts_messages_by_5_kb():
    plan = planned(Workload(signals=30_000, ingest="iot"), Configuration(300, "provisioned", 1))
    assert plan.flow.record_bytes == 10_555
    assert (plan.flow.iot_units, plan.flow.record_kb, plan.flow.put_units) == (3, 11, 1)
    # 100 records a second are 259.2 million a month.
    assert plan.bill.quantities["iot_rules"] == pytest.approx(259.2)
    assert plan.bill.quantities["iot_messages"] == pytest.approx(777.6)
    assert plan.bill.quantities["iot_actions"] == pytest.approx(777.6)


def test_dollars_are_the_written_quantities_times_the_prices():
    bill = planned(Workload(signals=1000), Configuration(1, "on-demand", 4)).bill
    assert bill.dollars["stream_hours"] == round(720 * PRICES.prices["stream_hours"].usd, 2)
    assert bill.dollars["s3_puts"] == round(4147 * PRICES.prices["s3_puts"].usd, 2)
    assert bill.total == pytest.approx(sum(bill.dollars.values()))


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
    [first, *_] = limits_of(workload, Configuration(10, "provisioned", 64, pages=0), ROUND)
    # 10,000 PUTs a second, one for each record while that is rarer than a window.
    assert first.use.name == "S3, PUTs"
    assert first.multiple == pytest.approx(0.35, rel=0.001)


def test_what_is_too_much_at_any_rate_comes_first_and_does_not_hold():
    # A page of two million models is larger than the function's memory, however rarely it is read.
    plan = planned(Workload(signals=2_000_000), Configuration(10, "provisioned", 256, pages=1, memory_mb=512))
    always = {limit.use.name for limit in plan.limits if limit.multiple == 0.0}
    assert "Lambda, memory" in always
    assert plan.limits[0].use.name in always
    assert not plan.holds


def test_an_on_demand_stream_grows_up_to_the_accounts_quota():
    reached = multiples(Workload(signals=1000), Configuration(1, "on-demand", 4))
    assert reached["stream, records in"] == pytest.approx(200, rel=0.001)
    # However many shards it opens, each signal has one: a thousand records a second.
    assert reached["shard, records in"] == pytest.approx(1000, rel=0.001)


def test_a_limit_binds_where_it_is_said_to():
    workload, configuration = Workload(signals=5000), Configuration(1, "provisioned", 8)
    first = planned(workload, configuration).first_limit
    assert first.use.binding
    below, above = (replace(workload, rate=first.multiple * times) for times in (0.99, 1.01))
    assert planned(below, configuration).holds
    assert not planned(above, configuration).holds


def test_shards_are_counted_by_what_binds():
    single = shard_needs(Workload(signals=100_000), 1, ROUND)
    assert (single.by_records, single.by_bytes_in, single.by_bytes_out) == (125, 11, 6)
    assert (single.most, single.binding) == (125, "records")
    wide = shard_needs(Workload(signals=100_000, use_cases=4), 100, ROUND)
    # 1,000 records of 3,555 bytes a second, read four times over.
    assert (wide.by_records, wide.by_bytes_in, wide.by_bytes_out) == (2, 5, 9)
    assert wide.binding == "bytes out"


def test_shards_are_doubled_while_invocations_do_not_keep_up():
    workload = Workload(signals=1000, model="Large")
    configuration = sized(workload, Wishes(), "provisioned", 64, 10, ROUND)
    # On eight, 125 states of up to 20 ms each take 8.6 s of ten on 0.29 of a processor: too near.
    assert configuration.shards == 16
    assert planned(workload, configuration).learning.busy <= 0.8


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
