"""The event source mapping of the template drives Lambda's rules: what `cdk.json` says is what is delivered.

The mapping's properties become the settings of `local`'s mapping, which runs in simulated time.
"""

import asyncio
import json

import pytest

from consumer.errors import Unavailable
from local.emulator.clock import Pace
from local.emulator.event_source_mapping import EventSourceMapping
from local.emulator.mapping_config import InvalidMappingConfig, MappingConfig
from tests.consumer.world import NoHurry, World
from tests.local.fake_stream import (
    FIRST_SHARD,
    START,
    FakeBucket,
    FakeFunction,
    FakeStream,
    SimulatedClock,
    failed,
    raise_for,
    simulate,
)
from tests.stack.synthesis import template, the

HOUR_S = 3600


def properties(**use_case) -> dict:
    """Of the mapping that `cdk.json` makes with this under `use_cases.drift`."""
    plant = {"use_cases": {"drift": use_case}}
    return the(template(plant), "AWS::Lambda::EventSourceMapping")


def config(**use_case) -> MappingConfig:
    return MappingConfig.from_cloudformation(properties(**use_case))


def a_stream(*numbers: int) -> FakeStream:
    stream = FakeStream()
    for number in numbers:
        stream.put(number=number)
    return stream


def run(stream, function, bucket=None, **use_case) -> EventSourceMapping:
    """Run the template's mapping until all records are delivered or given up."""

    async def main():
        # Lambda does not document how long it waits between retries; a minute at most makes days of them.
        pace = Pace(backoff_first_s=1.0, backoff_cap_s=60.0)
        mapping = EventSourceMapping(
            stream, function, config(**use_case), SimulatedClock(), bucket, pace=pace
        )
        running = asyncio.create_task(mapping.run())
        await mapping.progress.wait_until_done(len(stream.records[FIRST_SHARD]))
        mapping.stop()
        await running
        return mapping

    return simulate(main(), at_most_s=10 * 24 * HOUR_S)


def stored(bucket: FakeBucket) -> list[tuple[str, list[str]]]:
    """What lies at the on-failure destination: why, and the sequence numbers."""
    records = [json.loads(body) for body in bucket.objects.values()]
    return [
        (
            record["requestContext"]["condition"],
            [one["kinesis"]["sequenceNumber"] for one in json.loads(record["payload"])["Records"]],
        )
        for record in records
    ]


# What is written in cdk.json arrives.


def test_by_default_it_batches_for_ten_seconds_bisects_and_ends_an_hour_before_the_retention():
    assert config() == MappingConfig(
        batch_size=10_000,
        batching_window_s=10,
        parallelization_factor=1,
        report_batch_item_failures=True,
        bisect_on_error=True,
        maximum_retry_attempts=10_000,
        maximum_record_age_s=23 * HOUR_S,
        starting_position="TRIM_HORIZON",
    )


def test_what_cdk_json_says_of_a_use_case_arrives_in_its_mapping():
    told = config(
        batch_size=123, batch_window_s=7, retries=5, maximum_age_s=600, pages=0, parallelization_factor=4
    )
    assert told == MappingConfig(
        batch_size=123,
        batching_window_s=7,
        parallelization_factor=4,
        report_batch_item_failures=True,
        bisect_on_error=True,
        maximum_retry_attempts=5,
        maximum_record_age_s=600,
        starting_position="TRIM_HORIZON",
    )


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"TumblingWindowInSeconds": 30}, "TumblingWindowInSeconds is not emulated.*allowed: BatchSize"),
        ({"FilterCriteria": {"Filters": []}, "Enabled": False}, "Enabled, FilterCriteria is not emulated"),
        ({"FunctionResponseTypes": ["Report"]}, "FunctionResponseTypes is .*allowed: .*ReportBatchItemFail"),
        ({"BatchSize": {"Ref": "Size"}}, "batch_size is .*allowed"),
        ({"BisectBatchOnFunctionError": "true"}, "bisect_on_error is 'true'.*allowed"),
        ({"StartingPosition": "EARLIEST"}, "starting_position is 'EARLIEST'.*allowed"),
    ],
)
def test_a_property_that_would_be_ignored_here_is_refused_by_name(changed, named):
    with pytest.raises(InvalidMappingConfig, match=named):
        MappingConfig.from_cloudformation(properties() | changed)


def test_a_mapping_of_a_stream_without_a_starting_position_is_refused():
    without = {name: value for name, value in properties().items() if name != "StartingPosition"}
    with pytest.raises(InvalidMappingConfig, match="StartingPosition is missing"):
        MappingConfig.from_cloudformation(without)


def test_what_a_template_leaves_out_is_as_cloudformation_has_it():
    assert MappingConfig.from_cloudformation({"StartingPosition": "LATEST"}) == MappingConfig(
        starting_position="LATEST", report_batch_item_failures=False
    )


# How it delivers.


def test_what_was_sent_before_the_mapping_existed_is_learned():
    world, stream = World(), FakeStream()
    for number in range(100):
        stream.put(key="pump", data=json.dumps({"signal": "pump", "value": number % 3}).encode())
    run(stream, on_the_pipeline(world))
    assert {signal: state.learned for signal, state in world.states().items()} == {"pump": 100}


def on_the_pipeline(world: World):
    """The consumer's own pipeline, as the mapping's function."""

    async def invoke(event):
        report = await world.function.consume(event, NoHurry())
        return failed(*report.failed)

    return invoke


def test_records_are_gathered_for_the_window_of_cdk_json():
    stream, function = a_stream(8, 9), FakeFunction()
    run(stream, function, batch_window_s=7)
    assert function.sizes == [2]
    assert function.invoked_at == [7.0]


def test_a_batch_has_no_more_records_than_cdk_json_says():
    stream, function = a_stream(*range(1, 301)), FakeFunction()
    run(stream, function, batch_size=123)
    assert function.sizes == [123, 123, 54]


def test_a_batch_item_failure_brings_back_the_rest_alone():
    function = FakeFunction(failed("10"))
    run(a_stream(8, 9, 10, 11), function)
    assert function.batches == [["8", "9", "10", "11"], ["10", "11"]]


def test_a_page_that_s3_refuses_comes_back_and_each_record_is_learned_once():
    world, stream = World(pages=0), FakeStream()
    for signal in ("a", "b", "a", "b"):
        stream.put(key=signal, data=json.dumps({"signal": signal, "value": 1.0}).encode())
    world.faults.plan("before", "put", Unavailable("503"), key="signals/b", times=1)
    mapping = run(stream, on_the_pipeline(world))
    assert {signal: state.learned for signal, state in world.states().items()} == {"a": 2, "b": 2}
    assert mapping.progress.invocations == 2
    assert mapping.progress.records_given_up == 0


def test_a_poison_record_that_raises_is_found_by_halving_and_the_others_are_delivered():
    bucket = FakeBucket()
    mapping = run(a_stream(*range(1, 101)), FakeFunction(always=raise_for("50")), bucket=bucket, retries=3)
    assert stored(bucket) == [("RetryAttemptsExhausted", ["50"])]
    assert mapping.progress.records_delivered == 99
    assert mapping.checkpoints == {FIRST_SHARD: "100"}


def test_a_batch_whose_retries_run_out_lands_whole_at_the_destination():
    bucket, function = FakeBucket(), FakeFunction(always=lambda batch: failed(batch[0]))
    run(a_stream(8, 9, 10), function, bucket=bucket, retries=4)
    assert stored(bucket) == [("RetryAttemptsExhausted", ["8", "9", "10"])]
    assert function.sizes == [3] * 5
    assert all(key.startswith("aws/lambda/") for key in bucket.objects), "the role may write there alone"


def test_a_batch_that_grows_too_old_lands_whole_at_the_destination():
    bucket, function = FakeBucket(), FakeFunction(always=lambda batch: failed(batch[0]))
    run(a_stream(8, 9, 10), function, bucket=bucket, maximum_age_s=600)
    assert stored(bucket) == [("RecordAgeExceeded", ["8", "9", "10"])]
    assert 540 <= function.invoked_at[-1] <= 600


def test_a_failing_function_can_be_mended_for_almost_as_long_as_the_stream_keeps_a_record():
    mended_at = 22 * HOUR_S

    async def function(event):
        if SimulatedClock().now() < START + mended_at:
            raise RuntimeError("a bad deployment")

    bucket = FakeBucket()
    mapping = run(a_stream(8, 9, 10), function, bucket=bucket)
    assert bucket.objects == {}
    assert mapping.progress.records_delivered == 3
