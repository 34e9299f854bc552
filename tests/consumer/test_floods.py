"""What no producer can do: grow a page, or an invocation, without end. What is refused is kept."""

import base64
import gzip
import json
import tracemalloc
from collections import Counter

import pytest

from consumer.decode import batch as batches
from consumer.decode.lambda_event import decode, decode_all
from consumer.decode.unpacking import UNPACKED_BYTES_MAX
from consumer.pages.codec import opened
from tests.consumer.decode.payload_builders import zstd
from tests.consumer.world import SHARD, World, assert_exact, points, record, step

KNOWN = points(step("known", 120, at=60))


def invented(count: int, first: int = 10_000) -> list[dict]:
    return points([(f"made.up.{number}", float(number)) for number in range(first, first + count)], first)


def deliver(world: World, records: list[dict]) -> int:
    """Lambda's way; gives the number of invocations."""
    for tried in range(1, 1_000):
        report = world.invoke(records, world.cold())
        if not report.failed:
            return tried
        [lowest] = map(int, report.failed)
        assert lowest > int(records[0]["kinesis"]["sequenceNumber"]), "it gets on, record by record"
        records = [one for one in records if int(one["kinesis"]["sequenceNumber"]) >= lowest]
    raise AssertionError("it never ends")


@pytest.mark.parametrize("invocations", [1, 4])
def test_a_flood_of_signals_cannot_grow_a_page_and_the_known_ones_go_on(invocations):
    world = World(pages=1, signals_max=5)
    world.invoke(KNOWN[:40])
    flood = invented(400)
    counts = Counter()
    for number in range(invocations):
        known = KNOWN[40 + number * 80 // invocations : 40 + (number + 1) * 80 // invocations]
        report = world.invoke(known + flood[number * 400 // invocations : (number + 1) * 400 // invocations])
        assert report.failed == []
        counts += report.counts
    assert_exact(world, KNOWN + flood[:4])
    assert counts["signals_refused"] == counts["quarantined"] == 396
    lines = world.objects.quarantined()
    assert {line["signal"] for line in lines} == {f"made.up.{number}" for number in range(10_004, 10_400)}
    assert {line["reason"] for line in lines} == {"the signal is new, and its page is full"}
    for line in lines:
        assert json.loads(base64.b64decode(line["data"]))["signal"] == line["signal"]


def test_a_refused_signals_skipped_observations_are_kept_too():
    world = World(pages=1, signals_max=1)
    world.invoke(KNOWN[:1])
    report = world.invoke([record(900, {"signal": "other", "values": [1.0, None, 2.0]}, key="other")])
    assert report.failed == []
    assert sorted(line["position"] for line in world.objects.quarantined()) == [0, 1, 2]


def test_what_is_refused_twice_has_the_same_lines():
    world = World(pages=1, signals_max=1)
    world.invoke(KNOWN[:1])
    for _ in range(2):
        world.invoke(invented(3), world.cold())
    assert len({line["id"] for line in world.objects.quarantined()}) == 3


def test_a_limit_that_was_raised_lets_new_signals_in():
    world = World(pages=1, signals_max=1)
    world.invoke(KNOWN[:1])
    world.invoke(invented(1))
    world.signals_max = 2
    world.invoke(invented(1, 10_001), world.cold())
    assert world.states().keys() == {"known", "made.up.10001"}


def test_named_values_of_one_carrier_count_where_each_carrier_has_an_object():
    world = World(pages=0, signals_max=3)
    report = world.invoke([record(1, {"signal": "asset", "values": {f"n{n}": 1.0 for n in range(10)}})])
    assert report.failed == []
    assert len(world.states()) == 3
    assert report.counts["signals_refused"] == 7


def test_a_page_that_nearly_fills_the_memory_takes_no_new_signal_and_the_known_ones_go_on():
    """Its models may grow; what comes would make it a page that cannot be read again."""
    world = World(pages=1)
    first = points([(f"known.{number}", float(number)) for number in range(100)])
    world.invoke(first)
    [page] = [body for key, (_, body) in world.objects.objects.items() if "/pages/" in key]
    world.memory_bytes_max = int(opened(page)[0].memory_bytes / 0.9)
    again = points([(f"known.{number}", 1.0) for number in range(100)], 1_000)
    world.function = world.cold()
    report = world.invoke(again + invented(50))
    assert report.failed == []
    assert report.counts["signals_refused"] == report.counts["quarantined"] == 50
    report = world.invoke(points([(f"known.{number}", 2.0) for number in range(100)], 20_000) + invented(1))
    assert report.counts["signals_refused"] == 1, "a warm page is as full"
    assert {state.learned for state in world.states().values()} == {3}
    assert len(world.states()) == 100


def test_what_would_not_fit_into_the_memory_is_not_written():
    world = World(pages=1, memory_bytes_max=2**20)
    world.invoke(points([("known", 1.0)]))
    before = dict(world.objects.objects)
    report = world.invoke(invented(3_000))
    assert report.failed == []
    assert report.counts["pages_unreadable"] == 1
    assert {key: before[key] for key in before} == {key: world.objects.objects[key] for key in before}
    assert "give the function more" in world.objects.quarantined()[0]["reason"]
    world.invoke(points([("known", 2.0)], 50_000), world.cold())
    assert world.states()["known"].learned == 2


# What a batch unpacks to.

COLUMN = json.dumps({"signal": "wide", "values": [1.0] * 10_000}).encode()


@pytest.mark.parametrize("extra", [[], [record(10**6, b'{"signal": "b", "value": true}', key="b")]])
def test_a_batch_that_holds_too_much_is_learned_in_parts(monkeypatch, extra):
    monkeypatch.setattr(batches, "OBSERVATIONS_PER_BATCH_MAX", 30_000)
    packed = zstd.compress(COLUMN)
    delivered = [record(number, packed, key="wide") for number in range(1, 11)] + extra
    world = World()
    report = world.invoke(delivered)
    assert report.failed == ["4"]
    assert report.counts["records"] == 3
    assert "the others come again" in report.problems[0]
    assert deliver(world, delivered) == 4
    assert world.states()["wide"].learned == 100_000
    assert world.objects.quarantined() == []


def test_plain_columns_that_hold_too_much_are_learned_in_parts(monkeypatch):
    monkeypatch.setattr(batches, "OBSERVATIONS_PER_BATCH_MAX", 25_000)
    delivered = [record(number, COLUMN, key="wide") for number in range(1, 6)]
    [batch] = decode({"Records": delivered})
    assert batch.unread_from == 3
    world = World()
    assert deliver(world, delivered) == 2
    assert world.states()["wide"].learned == 50_000


def test_all_records_are_decoded_batch_by_batch_and_none_twice(monkeypatch):
    """Two shards, mixed, and records that share a sequence number where a batch is full."""
    monkeypatch.setattr(batches, "OBSERVATIONS_PER_BATCH_MAX", 2)
    delivered = [
        record(number, {"signal": f"{shard}{key}", "value": 1.0}, key=key, shard=shard)
        for number in (3, 1, 2)
        for key in "ab"
        for shard in (SHARD, "shardId-000000000001")
    ]
    merged = []
    read = list(decode_all(delivered, lambda batch: merged.append(batch) or 0))
    assert len(read) == 6
    assert merged == read
    found = Counter(
        (key.signal, batch.records[index].sequence_number)
        for batch in read
        for key, columns in batch.signals.items()
        for index in columns.records
    )
    wanted = {
        (f"{shard}{key}", number)
        for shard in (SHARD, "shardId-000000000001")
        for key in "ab"
        for number in (1, 2, 3)
    }
    assert found == Counter(wanted)


def test_records_that_share_a_sequence_number_are_read_together(monkeypatch):
    """What is reported is a sequence number: all records that have it come again."""
    monkeypatch.setattr(batches, "OBSERVATIONS_PER_BATCH_MAX", 1)
    delivered = [record(7, {"signal": name, "value": 1.0}, key=name) for name in "abc"]
    later = [record(8, {"signal": "d", "value": 1.0}, key="d")]
    world = World()
    assert world.invoke(delivered + later).failed == ["8"]
    assert world.states().keys() == set("abc")


def test_bombs_are_refused_a_few_at_a_time(monkeypatch):
    """Each unpacks to more than a record may: to find that out takes time, which a batch has a bound of."""
    monkeypatch.setattr(batches, "UNPACKED_BYTES_PER_BATCH_MAX", 4 * 1024 * 1024)
    bomb = gzip.compress(bytes(UNPACKED_BYTES_MAX + 1))
    delivered = [record(number, bomb) for number in range(1, 31)]
    world = World()
    assert 3 <= deliver(world, delivered) <= 5
    assert len(world.objects.quarantined()) == 30


def test_a_batch_of_the_most_values_that_compression_can_hide_takes_bounded_memory():
    packed = zstd.compress(json.dumps({"signal": "wide", "values": [0.5] * 10_000}).encode(), 19)
    delivered = [record(number, packed, key="wide") for number in range(1, 2_001)]
    assert sum(len(one["kinesis"]["data"]) for one in delivered) < 6 * 1024 * 1024
    tracemalloc.start()
    [batch] = decode({"Records": delivered})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert batch.unread_from == 100, "a million values of the twenty million"
    assert peak < 200 * 1024 * 1024
    assert batch.shard.shard_id == SHARD


# Lambda's limits, all of them in one batch.

RECORDS_MAX, EVENT_BYTES_MAX = 10_000, 6 * 1024 * 1024


def test_a_batch_at_all_of_lambdas_limits_is_learned_once():
    """10,000 records in 6 MB, among them records of as many observations as one may hold, and one of more."""
    wide = [f"wide.{number}" for number in range(8)]
    columns = [{"signal": name, "values": [float(n % 7) for n in range(10_000)]} for name in wide]
    packed = [
        (name, zstd.compress(json.dumps(each).encode())) for name, each in zip(wide, columns, strict=True)
    ]
    packed.append(("over", zstd.compress(json.dumps({"signal": "over", "values": [1.0] * 10_001}).encode())))
    delivered = points([(f"s{n % 100}", float(n % 13)) for n in range(RECORDS_MAX - len(packed))])
    delivered += [record(10**6 + n, data, key=name) for n, (name, data) in enumerate(packed)]
    room = EVENT_BYTES_MAX - len(json.dumps({"Records": delivered}))
    filler = json.dumps({"signal": "s0", "value": 1.0, "note": "x" * (room * 3 // 4 - 100)}).encode()
    delivered[RECORDS_MAX - len(packed) - 1] = record(10**6 - 1, filler, key="s0")
    assert len(delivered) == RECORDS_MAX
    assert 0.99 * EVENT_BYTES_MAX < len(json.dumps({"Records": delivered})) <= EVENT_BYTES_MAX
    world = World()
    report = world.invoke(delivered)
    assert report.failed == []
    assert report.counts["observations_learned"] == RECORDS_MAX - len(packed) + 80_000
    states = world.states()
    assert {states[name].learned for name in wide} == {10_000}
    assert sum(states[f"s{n}"].learned for n in range(100)) == RECORDS_MAX - len(packed)
    assert [line["signal"] for line in world.objects.quarantined()] == [None]
    again = world.invoke(delivered, world.cold())
    assert (again.failed, again.counts["observations_learned"]) == ([], 0)
    assert {key: state.learned for key, state in world.states().items()} == {
        key: state.learned for key, state in states.items()
    }
