import asyncio
import json

import pytest

from local.emulator.clock import Pace
from local.emulator.kinesis_event import PAYLOAD_BYTES_MAX, EventFormat, as_json
from local.emulator.lane import lane_of
from local.emulator.mapping_config import InvalidMappingConfig, MappingConfig
from local.emulator.stream_source import StreamRecord
from tests.local.fake_stream import (
    FIRST_SHARD,
    START,
    FakeFunction,
    FakeStream,
    a_mapping,
    run_until_done,
    simulate,
)


@pytest.mark.parametrize(
    ("field", "allowed", "refused"),
    [
        ("batch_size", [1, 10_000], [0, 10_001, 2.5, True]),
        ("batching_window_s", [0, 300], [-1, 301]),
        ("parallelization_factor", [1, 10], [0, 11]),
        ("maximum_retry_attempts", [-1, 0, 10_000], [-2, 10_001]),
        ("maximum_record_age_s", [-1, 60, 604_800], [-2, 0, 59, 604_801]),
        ("starting_position", ["TRIM_HORIZON", "LATEST"], ["EARLIEST", None]),
    ],
)
def test_a_setting_that_lambda_refuses_is_refused_by_name_with_what_is_allowed(field, allowed, refused):
    for value in allowed:
        assert getattr(MappingConfig(**{field: value}), field) == value
    for value in refused:
        with pytest.raises(InvalidMappingConfig, match=rf"{field} is {value!r}.*allowed"):
            MappingConfig(**{field: value})


def test_a_timestamp_goes_with_at_timestamp_and_with_nothing_else():
    MappingConfig(starting_position="AT_TIMESTAMP", starting_timestamp=START)
    with pytest.raises(InvalidMappingConfig, match="starting_timestamp"):
        MappingConfig(starting_position="AT_TIMESTAMP")
    with pytest.raises(InvalidMappingConfig, match="starting_timestamp"):
        MappingConfig(starting_timestamp=START)


def test_the_defaults_are_lambdas():
    assert MappingConfig() == MappingConfig(
        batch_size=100,
        batching_window_s=0,
        parallelization_factor=1,
        bisect_on_error=False,
        maximum_retry_attempts=-1,
        maximum_record_age_s=-1,
    )


def test_the_event_is_lambdas():
    stream, function = FakeStream(), FakeFunction()
    stream.put(key="pump", data=b"Hello, this is a test.", number=12, arrived=1545084650.987)
    run_until_done(stream, function)
    assert function.events == [
        {
            "Records": [
                {
                    "kinesis": {
                        "kinesisSchemaVersion": "1.0",
                        "partitionKey": "pump",
                        "sequenceNumber": "12",
                        "data": "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
                        "approximateArrivalTimestamp": 1545084650.987,
                    },
                    "eventSource": "aws:kinesis",
                    "eventVersion": "1.0",
                    "eventID": "shardId-000000000000:12",
                    "eventName": "aws:kinesis:record",
                    "invokeIdentityArn": "arn:aws:iam::123456789012:role/local-event-source-mapping",
                    "awsRegion": "eu-west-1",
                    "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/plant",
                }
            ]
        }
    ]


@pytest.mark.parametrize("key", ["pump", 'a "quoted" key\n', "Wärmetauscher 🔥"])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 1000])
def test_the_payload_is_counted_to_the_byte(key, size):
    form = EventFormat(FakeStream.stream_arn, FIRST_SHARD)
    records = [StreamRecord("12345", key, bytes(size), 1545084650.987), StreamRecord("9", "b", b"x", START)]
    counted = form.envelope_bytes + sum(map(form.record_bytes, records))
    assert counted == len(as_json(form.event(records)).encode())
    assert json.loads(as_json(form.event(records))) == form.event(records)


def test_a_batch_closes_at_the_batch_size():
    stream, function = FakeStream(), FakeFunction()
    stream.put_many(7)
    run_until_done(stream, function, batch_size=3)
    assert function.sizes == [3, 3, 1]


def test_a_batch_closes_before_its_payload_passes_six_megabytes():
    stream, function = FakeStream(), FakeFunction()
    stream.put_many(15, data=bytes(1_000_000))
    run_until_done(stream, function, batch_size=100)
    payloads = [len(as_json(event).encode()) for event in function.events]
    assert function.sizes == [4, 4, 4, 3]
    assert all(payload <= PAYLOAD_BYTES_MAX for payload in payloads)
    assert payloads[0] + 1_333_333 > PAYLOAD_BYTES_MAX


def test_a_payload_may_be_six_megabytes_to_the_byte_and_no_more():
    form = EventFormat(FakeStream.stream_arn, FIRST_SHARD)
    empty = form.record_bytes(StreamRecord("10", "pump", b"", START))
    first = form.record_bytes(StreamRecord("9", "pump", b"", START))
    # What is left for the second record's bytes: base64 makes four characters of three bytes.
    left = PAYLOAD_BYTES_MAX - form.envelope_bytes - empty - first
    padding = left % 4
    for more, sizes in ((0, [2]), (1, [1, 1])):
        stream, function = FakeStream(), FakeFunction()
        stream.put(number=9, key="pump" + "x" * (padding + more), data=b"")
        stream.put(number=10, data=bytes(left // 4 * 3))
        run_until_done(stream, function)
        assert function.sizes == sizes


def test_a_record_larger_than_any_payload_goes_alone():
    stream, function = FakeStream(), FakeFunction()
    stream.put()
    stream.put(data=bytes(8_000_000))
    stream.put_many(2)
    run_until_done(stream, function)
    assert function.sizes == [1, 1, 2]


def test_without_a_window_a_batch_goes_as_soon_as_there_is_a_record():
    stream, function = FakeStream(), FakeFunction()
    stream.put()
    run_until_done(stream, function)
    assert function.invoked_at == [0.0]


def test_a_batch_waits_for_its_window_from_its_first_record_on():
    stream, function = FakeStream(), FakeFunction()

    async def main():
        mapping = a_mapping(stream, function, batching_window_s=30)
        running = asyncio.create_task(mapping.run())
        for _ in range(3):
            await asyncio.sleep(9.5)
            stream.put()
        await mapping.progress.wait_until_done(3)
        mapping.stop()
        await running

    simulate(main())
    # The first record is put at 9.5 s and read at 10 s.
    assert function.sizes == [3]
    assert function.invoked_at == [pytest.approx(40.0)]


def test_a_full_batch_does_not_wait_for_its_window():
    stream, function = FakeStream(), FakeFunction()
    stream.put_many(5)
    run_until_done(stream, function, batch_size=2, batching_window_s=300, records=4)
    assert function.sizes == [2, 2]
    assert function.invoked_at == [0.0, 0.0]


def test_a_full_payload_does_not_wait_for_its_window():
    stream, function = FakeStream(), FakeFunction()
    stream.put_many(6, data=bytes(1_000_000))
    run_until_done(stream, function, batching_window_s=300, records=4)
    assert function.sizes == [4]
    assert function.invoked_at == [0.0]


def test_the_last_batch_of_a_closed_shard_does_not_wait_for_its_window():
    stream, function = FakeStream(), FakeFunction()
    stream.put()
    stream.close(FIRST_SHARD)
    run_until_done(stream, function, batching_window_s=300)
    assert function.invoked_at == [0.0]


def test_one_batch_at_a_time_is_under_way_in_a_shard():
    stream, function = FakeStream(), FakeFunction(takes_s=5)
    for _ in range(10):
        stream.put()
    run_until_done(stream, function, batch_size=2)
    assert function.running_max == 1
    assert function.numbers == [record.sequence_number for record in stream.records[FIRST_SHARD]]


def test_shards_do_not_wait_for_each_other():
    stream, function = FakeStream("shard-a", "shard-b"), FakeFunction(takes_s=5)
    stream.put(shard="shard-a")
    stream.put(shard="shard-b")
    run_until_done(stream, function)
    assert function.running_max == 2


def test_lanes_run_side_by_side_and_each_keeps_its_partition_keys_in_order():
    stream, function = FakeStream(), FakeFunction(takes_s=5)
    for i in range(60):
        stream.put(key=f"signal-{i % 12}")
    run_until_done(stream, function, batch_size=3, parallelization_factor=4)
    assert function.running_max == 4
    seen: dict[str, list[int]] = {}
    for event in function.events:
        keys = {record["kinesis"]["partitionKey"] for record in event["Records"]}
        assert len({lane_of(key, 4) for key in keys}) == 1
        for record in event["Records"]:
            seen.setdefault(record["kinesis"]["partitionKey"], []).append(
                int(record["kinesis"]["sequenceNumber"])
            )
    assert sum(map(len, seen.values())) == 60
    assert all(numbers == sorted(numbers) for numbers in seen.values())


def test_partition_keys_of_one_shard_spread_over_all_lanes():
    assert {lane_of(f"signal-{i}", 10) for i in range(200)} == set(range(10))


def test_the_reader_stays_at_most_one_read_ahead_of_a_slow_function():
    stream, function = FakeStream(), FakeFunction(takes_s=1000)
    stream.put_many(1000)

    async def main():
        pace = Pace(read_limit=25)
        mapping = a_mapping(stream, function, batch_size=10, pace=pace)
        running = asyncio.create_task(mapping.run())
        await asyncio.sleep(999)
        assert mapping.progress.records_read == 25
        await asyncio.sleep(1002)
        assert mapping.progress.records_read == 50
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    simulate(main())


def test_a_full_page_is_followed_at_once_and_an_empty_shard_is_asked_once_a_second():
    stream, function = FakeStream(), FakeFunction()
    stream.put_many(100)

    async def main():
        mapping = a_mapping(stream, function, batch_size=10, pace=Pace(read_limit=10))
        running = asyncio.create_task(mapping.run())
        await mapping.progress.wait_until_done(100)
        assert asyncio.get_running_loop().time() == 0
        issued = stream._issued
        await asyncio.sleep(100)
        assert stream._issued - issued == pytest.approx(100, abs=2)
        mapping.stop()
        await running

    simulate(main())
