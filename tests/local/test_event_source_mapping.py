import asyncio
import json
import random
import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.emulator.clock import Pace, RealClock
from local.emulator.delivery import halves
from local.emulator.event_source_mapping import EventSourceMapping, MappingConfig, MappingStopped, in_thread
from local.emulator.progress import Checkpoint
from local.emulator.stream_source import StreamRecord
from tests.local.fake_stream import (
    FIRST_SHARD,
    START,
    FakeBucket,
    FakeFunction,
    FakeStream,
    a_mapping,
    failed,
    raise_for,
    run_until_done,
    simulate,
)


def a_stream(*numbers: int, **of_each) -> FakeStream:
    stream = FakeStream()
    for number in numbers:
        stream.put(number=number, **of_each)
    return stream


def a_run(script, numbers=(8, 9, 10, 11), **config):
    """Run a stream of these sequence numbers through a function: (function, mapping, bucket)."""
    function = FakeFunction(always=script) if callable(script) else FakeFunction(*script)
    bucket = FakeBucket()
    return function, run_until_done(a_stream(*numbers), function, bucket=bucket, **config), bucket


def given_up(bucket: FakeBucket) -> list[dict]:
    return [json.loads(body) for body in bucket.objects.values()]


def numbers_in(invocation_record: dict) -> list[str]:
    records = json.loads(invocation_record["payload"])["Records"]
    return [record["kinesis"]["sequenceNumber"] for record in records]


# What a response means


@pytest.mark.parametrize("response", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_an_empty_answer_is_success(response):
    function, mapping, _ = a_run([response])
    assert function.batches == [["8", "9", "10", "11"]]
    assert mapping.progress.records_delivered == 4


@pytest.mark.parametrize("named", [["9", "10"], ["10", "9"], ["11", "9", "10"]])
def test_everything_from_the_lowest_number_on_comes_again_also_what_succeeded(named):
    function, _, _ = a_run([failed(*named)])
    assert function.batches == [["8", "9", "10", "11"], ["9", "10", "11"]]


def test_sequence_numbers_are_compared_as_integers():
    function, _, _ = a_run([failed("100", "9")], numbers=(8, 9, 100))
    assert function.batches[1] == ["9", "100"]


@pytest.mark.parametrize(
    "response",
    [
        failed(""),
        failed(None),
        failed("12"),
        failed("9", "12"),
        failed("9", ""),
        failed(9),
        failed(["9"]),
        {"batchItemFailures": [{"ItemIdentifier": "9"}]},
        {"batchItemFailures": [{}]},
        {"batchItemFailures": [None]},
        {"batchItemFailures": ["9"]},
        {"batchItemFailures": "9"},
        {"batchItemFailures": {"itemIdentifier": "9"}},
        "all fine",
        [],
        True,
    ],
)
def test_an_answer_that_cannot_be_used_fails_the_whole_batch(response):
    function, _, _ = a_run([response])
    assert function.batches == [["8", "9", "10", "11"]] * 2


def test_without_report_batch_item_failures_the_answer_is_ignored():
    function, _, _ = a_run([failed("9")], report_batch_item_failures=False)
    assert function.batches == [["8", "9", "10", "11"]]


def test_without_report_batch_item_failures_an_exception_still_fails_the_batch():
    function, _, _ = a_run([ValueError()], report_batch_item_failures=False)
    assert function.batches == [["8", "9", "10", "11"]] * 2


def test_records_that_share_the_checkpoints_number_all_come_again():
    stream, function = FakeStream(), FakeFunction(failed("9"))
    stream.put(key="a", number=8)
    stream.put(key="b", number=9)
    stream.put(key="c", number=9)
    stream.put(key="d", number=10)
    run_until_done(stream, function, bisect_on_error=True)
    assert function.keys[4:] == ["b", "c", "d"]


# Failures without bisect


def test_a_function_error_brings_the_whole_batch_again_before_any_later_one():
    function, mapping, _ = a_run([ValueError(), ValueError()], batch_size=2)
    assert function.batches == [["8", "9"], ["8", "9"], ["8", "9"], ["10", "11"]]
    assert mapping.progress.retries == 2
    assert mapping.progress.bisections == 0


def test_a_batch_is_given_up_after_its_first_invocation_and_its_retries_and_the_shard_goes_on():
    function, mapping, bucket = a_run(raise_for("9"), batch_size=2, maximum_retry_attempts=3)
    assert function.batches == [["8", "9"]] * 4 + [["10", "11"]]
    assert [numbers_in(record) for record in given_up(bucket)] == [["8", "9"]]
    assert mapping.progress.records_delivered == 2
    assert mapping.progress.records_given_up == 2
    assert mapping.progress.batches_stored == 1
    assert mapping.checkpoints == {FIRST_SHARD: "11"}


def test_with_no_retries_allowed_the_first_failure_is_the_last():
    function, _, bucket = a_run(raise_for("9"), maximum_retry_attempts=0)
    assert function.sizes == [4]
    assert len(bucket.objects) == 1


def test_a_partial_responses_rest_uses_the_quota():
    function, _, bucket = a_run([failed("9"), failed("10"), failed("11")], maximum_retry_attempts=2)
    assert function.batches == [["8", "9", "10", "11"], ["9", "10", "11"], ["10", "11"]]
    assert [numbers_in(record) for record in given_up(bucket)] == [["11"]]


def test_without_a_limit_retries_go_on_until_the_function_succeeds():
    _, mapping, bucket = a_run([ValueError()] * 2_000)
    assert mapping.progress.retries == 2_000
    assert mapping.progress.records_delivered == 4
    assert bucket.objects == {}


def test_without_a_destination_the_shard_goes_on_too():
    function = FakeFunction(always=raise_for("9"))
    mapping = run_until_done(a_stream(8, 9, 10), function, batch_size=1, maximum_retry_attempts=1)
    assert function.batches == [["8"], ["9"], ["9"], ["10"]]
    assert mapping.progress.records_given_up == 1
    assert mapping.progress.batches_stored == 0


def test_retries_back_off_twice_as_long_each_time_up_to_a_cap():
    pace = Pace(backoff_first_s=1, backoff_cap_s=10)
    function, _, _ = a_run([ValueError()] * 8, pace=pace)
    waits = [
        later - earlier for earlier, later in zip(function.invoked_at, function.invoked_at[1:], strict=False)
    ]
    for wait, longest in zip(waits, [1, 2, 4, 8, 10, 10, 10, 10], strict=True):
        assert longest / 2 <= wait <= longest
    assert len(set(waits)) == len(waits)


def test_the_backoff_starts_anew_after_progress():
    function, _, _ = a_run([ValueError()] * 5 + [failed("9")], pace=Pace(backoff_first_s=1))
    assert function.invoked_at[6] - function.invoked_at[5] <= 1
    assert function.batches[6] == ["9", "10", "11"]


# Failures with bisect


def test_a_function_error_halves_the_batch_and_the_first_half_is_finished_before_the_second():
    function, mapping, _ = a_run(raise_for("9"), bisect_on_error=True, maximum_retry_attempts=1)
    assert function.batches == [["8", "9", "10", "11"], ["8", "9"], ["8"], ["9"], ["9"], ["10", "11"]]
    assert mapping.progress.bisections == 2


def test_bisecting_isolates_the_one_record_that_fails():
    _, mapping, bucket = a_run(
        raise_for("50"), numbers=range(1, 101), bisect_on_error=True, maximum_retry_attempts=2
    )
    assert [numbers_in(record) for record in given_up(bucket)] == [["50"]]
    assert mapping.progress.records_delivered == 99
    assert mapping.progress.retries == 2


def test_an_answer_that_cannot_be_used_halves_the_batch_too():
    function, _, _ = a_run([failed("")], bisect_on_error=True)
    assert function.batches == [["8", "9", "10", "11"], ["8", "9"], ["10", "11"]]


def test_splits_use_no_quota():
    function, mapping, bucket = a_run(
        [failed("9"), failed("10"), failed("11")], bisect_on_error=True, maximum_retry_attempts=0
    )
    assert function.batches == [["8", "9", "10", "11"], ["9", "10", "11"], ["10", "11"], ["11"]]
    assert bucket.objects == {}
    assert mapping.progress.retries == 0
    assert mapping.progress.bisections == 3


def test_naming_the_first_record_splits_nothing_and_uses_the_quota():
    function, mapping, bucket = a_run(
        [failed("8"), failed("8"), failed("8")], bisect_on_error=True, maximum_retry_attempts=2
    )
    assert function.batches == [["8", "9", "10", "11"]] * 3
    assert [numbers_in(record) for record in given_up(bucket)] == [["8", "9", "10", "11"]]
    assert mapping.progress.bisections == 0


def test_a_batch_made_by_a_split_has_a_quota_of_its_own():
    function, _, bucket = a_run(
        [failed("8"), failed("10"), failed("10")], bisect_on_error=True, maximum_retry_attempts=1
    )
    assert function.sizes == [4, 4, 2, 2]
    assert bucket.objects == {}


def test_a_batch_of_one_sequence_number_is_retried_for_it_cannot_be_halved():
    stream, function, bucket = FakeStream(), FakeFunction(ValueError(), ValueError()), FakeBucket()
    stream.put(key="a", number=9)
    stream.put(key="b", number=9)
    mapping = run_until_done(stream, function, bucket=bucket, bisect_on_error=True, maximum_retry_attempts=1)
    assert function.sizes == [2, 2]
    assert mapping.progress.bisections == 0
    assert [numbers_in(record) for record in given_up(bucket)] == [["9", "9"]]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=12).map(sorted))
def test_halves_lose_nothing_and_never_separate_records_that_share_a_number(numbers):
    batch = tuple(StreamRecord(str(n), f"key-{i}", b"", START) for i, n in enumerate(numbers))
    parts = halves(batch)
    if parts is None:
        assert len(set(numbers)) == 1
    else:
        first, second = parts
        assert first + second == batch
        assert first[-1].sequence_number != second[0].sequence_number


# Age


def test_records_that_are_too_old_are_never_invoked_with():
    stream, function, bucket = FakeStream(), FakeFunction(), FakeBucket()
    stream.put(number=8, arrived=START - 61)
    stream.put(number=9, arrived=START - 60)
    stream.put(number=10, arrived=START)
    mapping = run_until_done(stream, function, bucket=bucket, maximum_record_age_s=60)
    assert function.batches == [["9", "10"]]
    (record,) = given_up(bucket)
    assert record["requestContext"]["condition"] == "RecordAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert numbers_in(record) == ["8"]
    assert mapping.progress.records_delivered == 2


def test_records_that_grow_too_old_between_retries_are_given_up_and_the_younger_go_on():
    stream, bucket = FakeStream(), FakeBucket()
    function = FakeFunction(always=raise_for("8"))
    stream.put(number=8, arrived=START)
    stream.put(number=9, arrived=START + 5000)
    mapping = run_until_done(stream, function, bucket=bucket, maximum_record_age_s=60)
    assert function.batches[0] == ["8", "9"]
    assert function.batches[-1] == ["9"]
    (record,) = given_up(bucket)
    assert numbers_in(record) == ["8"]
    assert record["requestContext"]["condition"] == "RecordAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == len(function.batches) - 1
    assert 60 <= function.invoked_at[-1] <= 66
    assert mapping.progress.records_done == 2


def test_without_a_limit_no_record_is_too_old():
    function = FakeFunction()
    run_until_done(a_stream(8, arrived=0.0), function)
    assert function.batches == [["8"]]


# The on-failure destination


def test_the_invocation_record_is_lambdas_with_the_whole_event_in_it():
    stream, bucket = FakeStream(), FakeBucket()
    function = FakeFunction(ValueError(), ValueError())
    stream.put(number=8, arrived=START - 1.5)
    stream.put(number=9, arrived=START - 0.25)
    mapping = run_until_done(
        stream, function, bucket=bucket, maximum_retry_attempts=1, pace=Pace(backoff_first_s=1), seed=1
    )
    ((key, body),) = bucket.objects.items()
    record = json.loads(body)
    assert json.loads(record.pop("payload")) == function.events[0]
    request_id = record["requestContext"].pop("requestId")
    timestamp = record.pop("timestamp")
    assert timestamp.startswith("2023-11-14T22:13:20.")
    assert timestamp.endswith("Z")
    assert record == {
        "requestContext": {
            "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:local",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 2,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "KinesisBatchInfo": {
            "shardId": "shardId-000000000000",
            "startSequenceNumber": "8",
            "endSequenceNumber": "9",
            "approximateArrivalOfFirstRecord": "2023-11-14T22:13:18.500Z",
            "approximateArrivalOfLastRecord": "2023-11-14T22:13:19.750Z",
            "batchSize": 2,
            "streamArn": "arn:aws:kinesis:eu-west-1:123456789012:stream/plant",
        },
    }
    folder, _, name = key.rpartition("/")
    assert folder == f"aws/lambda/{mapping.mapping_id}/shardId-000000000000/2023/11/14"
    assert name.startswith("2023-11-14T22.13.20-")
    assert len({mapping.mapping_id, request_id, name[20:]}) == 3
    assert {len(mapping.mapping_id), len(request_id), len(name[20:])} == {36}


def test_a_function_that_answered_has_no_function_error():
    _, _, bucket = a_run([ValueError(), failed("8")], maximum_retry_attempts=1)
    assert "functionError" not in given_up(bucket)[0]["responseContext"]


def test_a_destination_that_fails_is_tried_again():
    bucket = FakeBucket(faults=4)
    stream = a_stream(8)
    mapping = run_until_done(stream, FakeFunction(ValueError()), bucket=bucket, maximum_retry_attempts=0)
    assert len(bucket.objects) == 1
    assert mapping.progress.batches_stored == 1
    assert mapping.progress.destination_failures == 0


def test_a_destination_that_keeps_failing_is_counted_and_logged_and_the_shard_goes_on(caplog):
    bucket = FakeBucket(faults=5)
    function = FakeFunction(ValueError())
    mapping = run_until_done(a_stream(8, 9), function, bucket=bucket, batch_size=1, maximum_retry_attempts=0)
    assert function.batches == [["8"], ["9"]]
    assert bucket.objects == {}
    assert mapping.progress.destination_failures == 1
    assert mapping.progress.batches_stored == 0
    assert "its batch is lost" in caplog.text


# Running, stopping, watching


def test_stopping_finishes_the_batch_under_way_with_its_retries_and_starts_no_other():
    stream = a_stream(*range(1, 101))
    function = FakeFunction(ValueError(), takes_s=10)

    async def main():
        mapping = a_mapping(stream, function, batch_size=10)
        running = asyncio.create_task(mapping.run())
        await asyncio.sleep(5)
        mapping.stop()
        await running
        return mapping

    mapping = simulate(main())
    assert function.sizes == [10, 10]
    assert mapping.progress.records_delivered == 10
    assert mapping.checkpoints == {FIRST_SHARD: "10"}


def test_stopping_does_not_wait_for_a_window_or_a_poll():
    async def main():
        mapping = a_mapping(a_stream(8), FakeFunction(), batching_window_s=300)
        running = asyncio.create_task(mapping.run())
        await asyncio.sleep(5)
        mapping.stop()
        await running
        assert asyncio.get_running_loop().time() == 5
        assert mapping.progress.records_delivered == 0

    simulate(main())


def test_a_mapping_stopped_before_it_runs_reads_nothing():
    async def main():
        mapping = a_mapping(a_stream(8), FakeFunction())
        mapping.stop()
        await mapping.run()
        assert mapping.progress.records_read == 0

    simulate(main())


def test_cancelling_ends_at_once():
    async def main():
        mapping = a_mapping(a_stream(8), FakeFunction(takes_s=1000))
        running = asyncio.create_task(mapping.run())
        await asyncio.sleep(5)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert asyncio.get_running_loop().time() == 5
        assert len(asyncio.all_tasks()) == 1

    simulate(main())


def test_who_waits_for_more_than_comes_is_told_when_the_mapping_ends():
    async def main():
        mapping = a_mapping(a_stream(8), FakeFunction())
        running = asyncio.create_task(mapping.run())
        waiting = asyncio.create_task(mapping.progress.wait_until_done(2))
        await mapping.progress.wait_until_done(1)
        await mapping.progress.wait_until_done(1)
        mapping.stop()
        await running
        with pytest.raises(MappingStopped, match="1 of 2"):
            await waiting
        with pytest.raises(MappingStopped, match="1 of 2"):
            await mapping.progress.wait_until_done(2)

    simulate(main())


def test_every_counter_counts():
    _, mapping, _ = a_run(raise_for("9"), bisect_on_error=True, maximum_retry_attempts=1)
    progress = mapping.progress
    assert (progress.records_read, progress.records_delivered, progress.records_given_up) == (4, 3, 1)
    assert (progress.invocations, progress.retries, progress.bisections) == (6, 1, 2)
    assert (progress.batches_stored, progress.destination_failures) == (1, 0)


def test_the_checkpoint_waits_for_the_slowest_lane_and_for_all_that_share_a_number():
    checkpoint = Checkpoint()
    a, b, c, d = (
        StreamRecord(str(n), key, b"", START) for n, key in ((8, "a"), (9, "b"), (9, "c"), (10, "d"))
    )
    for record in (a, b, c, d):
        checkpoint.read(record)
    seen = []
    for done in ([d], [b], [a], [c]):
        checkpoint.done(done)
        seen.append(checkpoint.sequence_number)
    assert seen == [None, None, "8", "10"]


def test_the_same_seed_runs_the_same_again():
    def run(seed):
        stream, bucket = FakeStream(), FakeBucket()
        for i in range(50):
            stream.put(key=f"signal-{i % 7}")
        dice = random.Random(5)
        function = FakeFunction(always=lambda batch: dice.choice([None, failed(batch[-1]), ValueError()]))
        run_until_done(
            stream, function, bucket=bucket, seed=seed, parallelization_factor=3, maximum_retry_attempts=2
        )
        return function.batches, function.invoked_at, bucket.objects

    assert run(1) == run(1)
    assert run(1)[1] != run(2)[1]


def test_a_plain_function_runs_in_a_thread_and_time_may_be_real():
    threads = []

    def function(event):
        threads.append(threading.current_thread())
        return {"batchItemFailures": []}

    async def main():
        mapping = EventSourceMapping(a_stream(8, 9), in_thread(function), MappingConfig(), RealClock())
        running = asyncio.create_task(mapping.run())
        await mapping.progress.wait_until_done(2)
        mapping.stop()
        await running

    asyncio.run(main())
    assert threading.main_thread() not in threads
    assert len(threads) == 1


def test_the_machine_needs_no_aws_library():
    program = (
        "import sys, local.emulator.event_source_mapping; print([m for m in sys.modules if 'boto' in m])"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "[]"


# Whatever happens


@st.composite
def worlds(draw):
    """Records of few partition keys, some sharing a sequence number, and any settings that come to an end."""
    steps = draw(st.lists(st.integers(0, 3), min_size=1, max_size=25))
    number, used, stream = 9, set(), FakeStream()
    for i, step in enumerate(steps):
        key = f"signal-{draw(st.integers(0, 4))}"
        # A number is unique for its partition key.
        number += step if step or (number, key) not in used else 1
        used.add((number, key))
        stream.put(key=key, number=number, data=str(i).encode())
    config = {
        "batch_size": draw(st.sampled_from([1, 2, 3, 7, 100])),
        "parallelization_factor": draw(st.integers(1, 4)),
        "bisect_on_error": draw(st.booleans()),
        "maximum_retry_attempts": draw(st.integers(-1, 3)),
        "batching_window_s": draw(st.sampled_from([0, 5])),
    }
    return stream, config, draw(st.integers(0, 2**32))


def any_answer(dice: random.Random, batch: list[str]) -> object:
    named = dice.choices(batch, k=dice.randint(1, 3))
    return dice.choice([None, {}, failed(*named), failed(*named), failed("unknown"), "?", ValueError()])


def taken(answer: object, records: list[dict]) -> list[dict]:
    """Tell which records a function knows it took, said anew and independently of the code under test."""
    if answer is None or answer == {}:
        return records
    try:
        lowest = min(int(failure["itemIdentifier"]) for failure in answer["batchItemFailures"])
    except (TypeError, ValueError):
        return []
    return [record for record in records if int(record["kinesis"]["sequenceNumber"]) < lowest]


@settings(deadline=None)
@given(worlds())
def test_whatever_the_function_answers_each_record_is_delivered_in_order_or_stored(world):
    stream, config, seed = world
    dice, bucket, first_taken = random.Random(seed), FakeBucket(), {}

    async def function(event):
        batch = [record["kinesis"]["sequenceNumber"] for record in event["Records"]]
        answer = any_answer(dice, batch)
        for record in taken(answer, event["Records"]):
            first_taken.setdefault(record["kinesis"]["data"], record["kinesis"])
        if isinstance(answer, Exception):
            raise answer
        return answer

    mapping = run_until_done(stream, function, bucket=bucket, pace=Pace(read_limit=4), **config)
    put = stream.records[FIRST_SHARD]
    stored = {
        record["kinesis"]["data"]
        for given_up_batch in given_up(bucket)
        for record in json.loads(given_up_batch["payload"])["Records"]
    }
    assert len(stored | set(first_taken)) == len(put)
    assert not stored & set(first_taken)
    assert mapping.progress.records_delivered == len(first_taken)
    assert mapping.progress.records_given_up == len(stored)
    assert mapping.checkpoints == {FIRST_SHARD: put[-1].sequence_number}
    for key in {record.partition_key for record in put}:
        order = [
            int(taken["sequenceNumber"]) for taken in first_taken.values() if taken["partitionKey"] == key
        ]
        assert order == sorted(order)
