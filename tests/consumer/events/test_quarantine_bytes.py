"""What a record costs in the quarantine is bounded by its own size, whatever it unpacks to."""

import asyncio
import gzip
import json
import random
import tracemalloc

import pytest

from consumer.errors import Unavailable
from consumer.events.quarantine import LINES, RECORD, positions_in, positions_text
from ops.quarantine.lines import find_lines
from tests.consumer.decode.payload_builders import aggregated, zstandard
from tests.consumer.test_failures import POISON, Fussy
from tests.consumer.world import PREFIX, World, record

TIMES, AND_BYTES = 3, 5_000
MIB = 1024 * 1024
MANY = 10_000


def columns(values) -> bytes:
    return f'{{"signal":"a","values":[{",".join(values)}]}}'.encode()


def named(names, value="NaN") -> bytes:
    pairs = ",".join(f"{json.dumps(name)}:{value}" for name in names)
    return f'{{"signal":"a","values":{{{pairs}}}}}'.encode()


def entries(value) -> bytes:
    made = [{"propertyAlias": f"p{n}", "propertyValues": [{"value": value}]} for n in range(MANY)]
    return json.dumps({"entries": made}).encode()


def tqvs(value) -> bytes:
    values = [{"value": value(number)} for number in range(MANY)]
    return json.dumps({"propertyAlias": "p", "propertyValues": values}).encode()


def pairs(count: int, value: str = "1") -> list[bytes]:
    return [f'{{"key":"{number}","body":{value}}}'.encode() for number in range(count)]


rng = random.Random(1)
UNDECODABLE = {
    "NaN": columns(["NaN"] * MANY),
    "each second one": columns(["NaN", "1"] * (MANY // 2)),
    "one in seven, of two reasons": columns(['"x"', "1", "1", "NaN", "1", "1", "1"] * (MANY // 7)),
    "by chance": columns(rng.choice(["NaN", "1", '"x"']) for _ in range(MANY)),
    "a reason for each": columns(f'"x{number}"' for number in range(MANY)),
    "a long reason for each": columns(f'"x{number:070}"' for number in range(MANY)),
    "long names": named(f"{number:0400}" for number in range(MANY)),
    "names too long to be any": named(f"{number:05000}" for number in range(1_500)),
    "one name of megabytes": named(["x" * 7 * MIB]),
    "names that JSON writes longer": named(f"{number}{chr(0x1F600) * 100}" for number in range(MANY)),
    "names with control characters": named(f"\1{number}" for number in range(MANY)),
    "entries": entries({"doubleValue": "NaN"}),
    "entries of no shape": json.dumps({"entries": list(range(MANY))}).encode(),
    "values of a property": tqvs(lambda number: {"doubleValue": f"{number}x"}),
    "values of unknown variants": tqvs(lambda number: {f"{number}": 1}),
}
PACKED = {f"{name}, zstd": zstandard(payload) for name, payload in UNDECODABLE.items()} | {
    f"{name}, gzip": gzip.compress(payload, mtime=0) for name, payload in UNDECODABLE.items()
}
AGGREGATED = {
    "sub-records that are nothing": aggregated(*[b"x"] * MANY),
    "sub-records that differ": aggregated(*(f"x{number}".encode() for number in range(MANY))),
    "bombs in a record": aggregated(*[zstandard(columns(["NaN"] * 1_000))] * 10),
}


def bytes_written(world: World, delivered: list[dict]) -> int:
    written = 0
    write = world.objects.write

    async def counted(key, body):
        nonlocal written
        assert key.startswith("quarantine/")
        written += len(body)
        await write(key, body)

    world.objects.write = counted
    report = world.invoke(delivered)
    assert report.failed == []
    assert report.counts["quarantined"] > 0
    return written


def size_of(delivered: list[dict]) -> int:
    return sum(len(each["kinesis"]["data"]) * 3 // 4 for each in delivered)


@pytest.mark.parametrize("payload", [*PACKED.values(), *AGGREGATED.values()], ids=[*PACKED, *AGGREGATED])
def test_what_cannot_be_decoded_costs_a_small_multiple_of_its_record(payload):
    delivered = [record(1, payload)]
    world = World()
    assert bytes_written(world, delivered) < TIMES * size_of(delivered) + AND_BYTES


def test_a_hundred_records_of_forty_eight_bytes_become_some_hundred_kilobytes():
    delivered = [record(number, PACKED["NaN, zstd"]) for number in range(1, 101)]
    assert size_of(delivered) < 100 * 80
    world = World()
    assert bytes_written(world, delivered) < 150_000
    lines = world.objects.quarantined()
    assert len({line["id"] for line in lines}) == len(lines) == 100 * MANY


@pytest.mark.parametrize(
    ("name", "records"), [("NaN, zstd", 101), ("each second one, zstd", 31), ("a reason for each, zstd", 31)]
)
def test_many_such_records_take_little_memory(name, records):
    delivered = [record(number, PACKED[name]) for number in range(1, records)]
    world = World()
    world.invoke(delivered[:1])
    tracemalloc.start()
    try:
        world.invoke(delivered[1:])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30 * MIB


SHARED = {
    "columns": zstandard(columns(["1"] * MANY)),
    "named values": zstandard(named((f"n{number}" for number in range(MANY)), "1")),
    "entries": zstandard(entries({"doubleValue": 1})),
    "sub-records": aggregated(*pairs(9_000)),
    "sub-records that are skipped": aggregated(*pairs(9_000, "null")),
    "few sub-records": aggregated(*pairs(40)),
}


OBSERVATIONS = {"sub-records": 9_000, "sub-records that are skipped": 9_000, "few sub-records": 40}


@pytest.mark.parametrize("pages", [1, 16])
@pytest.mark.parametrize("name", SHARED)
@pytest.mark.parametrize("why", ["unreadable", "full"])
def test_what_pages_reject_costs_a_small_multiple_of_its_record(name, pages, why):
    """Each page keeps its own: beside the record, a line for each that has a part of it."""
    world = World(pages, signals_max=0 if why == "full" else MANY)
    if why == "unreadable":
        for page in range(pages):
            world.objects.objects[f"{PREFIX}/pages/{pages}/{page}"] = ('"0"', b"no page")
    delivered = [record(1, SHARED[name])]
    written = bytes_written(world, delivered)
    lines = world.objects.quarantined()
    assert len({line["id"] for line in lines}) == len(lines) == OBSERVATIONS.get(name, MANY)
    parts = len([key for key in world.objects.objects if key.endswith(LINES)])
    assert parts <= min(pages, len(lines))
    assert written < TIMES * size_of(delivered) + AND_BYTES * parts


@pytest.mark.parametrize("name", ["columns", "few sub-records"])
def test_what_models_raise_at_costs_a_small_multiple_of_its_record(name):
    innocent = [record(2 + number, {"signal": f"innocent{number}", "value": POISON}) for number in range(50)]
    world = World(1, Fussy(raises_at=frozenset({1.0})))
    written = bytes_written(world, [record(1, SHARED[name]), *innocent])
    assert written < TIMES * size_of([record(1, SHARED[name])]) + AND_BYTES
    lines = world.objects.quarantined()
    assert len({line["id"] for line in lines}) == len(lines) == OBSERVATIONS.get(name, MANY)


def test_a_record_that_pages_share_is_written_once_and_found_by_all_of_its_lines():
    payload = aggregated(*pairs(2_000), b"not read")
    world = World(16, signals_max=0)
    bytes_written(world, [record(1, payload)])
    keys = [key for key in world.objects.objects if key.startswith("quarantine/")]
    [shared] = [key for key in keys if key.endswith(RECORD)]
    assert world.objects.objects[shared][1] == payload
    assert len([key for key in keys if key.endswith(LINES)]) == 17
    found = asyncio.run(find_lines(world.objects, "drift", []))
    lines = [line for each in found for line in each.lines]
    assert sorted(line.position for line in lines) == list(range(2_001))
    assert {line.payload() for line in lines} == {payload}
    one = lines[1_000]
    assert [
        line for each in asyncio.run(find_lines(world.objects, "drift", [one.id])) for line in each.lines
    ] == [one]


def test_the_record_is_written_again_where_its_first_writer_failed():
    payload = aggregated(*pairs(2_000))
    world = World(16, signals_max=0)
    world.faults.plan("before", "put", Unavailable("down"), key=RECORD, times=1)
    report = world.invoke([record(1, payload)])
    assert report.failed == ["1"]
    world.faults.clear()
    world.invoke([record(1, payload)])
    assert len({line["id"] for line in world.objects.quarantined()}) == 2_000


@pytest.mark.parametrize(
    "positions",
    [
        [0],
        [9_999],
        list(range(MANY)),
        list(range(0, MANY, 2)),
        sorted(rng.sample(range(MANY), 5_000)),
        sorted(rng.sample(range(MANY), 30)),
    ],
)
def test_positions_are_read_as_they_were_written(positions):
    assert positions_in(positions_text(positions)) == positions


@pytest.mark.parametrize("text", ["", "x", "3-2", "-1", "0-10000", "0-99999999999", "zlib:x", "zlib:AAAA"])
def test_what_are_no_positions_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        positions_in(text)


def test_each_observation_keeps_its_own_reason_and_signal_while_they_fit():
    world = World()
    world.invoke([record(1, named(["one", "two"], "NaN")), record(2, columns(["NaN", "1", '"x"', "NaN"]))])
    lines = {line["id"].rpartition(":")[2]: line for line in world.objects.quarantined()}
    found = [(line["sequence_number"], line["position"], line["signal"]) for line in lines.values()]
    assert sorted(found) == [
        ("1", 0, "a.one"),
        ("1", 1, "a.two"),
        ("2", 0, "a"),
        ("2", 2, "a"),
        ("2", 3, "a"),
    ]
    of_two = {line["position"]: line["reason"] for line in lines.values() if line["sequence_number"] == "2"}
    assert of_two[0] == of_two[3]
    assert "nan" in of_two[0]
    assert "'x'" in of_two[2]


def test_reasons_do_not_depend_on_what_else_the_batch_holds():
    payload = aggregated(*(f'{{"key":"{n:0300}","body":1}}'.encode() for n in (3, 1, 2, 5, 4)))
    found = []
    for before in ([], pairs(6)):
        world = World(1, signals_max=0)
        world.invoke([*(record(n, each) for n, each in enumerate(before, 1)), record(9, payload)])
        found.append([line for line in world.objects.quarantined() if line["sequence_number"] == "9"])
    assert found[0] == found[1]
