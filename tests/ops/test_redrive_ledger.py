"""The ledger of what was sent again is no larger than what it is about, and loses no id."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.decode.lambda_event import decode
from consumer.decode.records import Shard
from consumer.decode.times import TimeLimits
from ops.quarantine.lines import find_lines
from ops.redrive.ledger import RedriveLedger, read_ledger
from ops.redrive.redrive import plan
from tests.consumer.decode.payload_builders import zstandard
from tests.consumer.world import ARN, PREFIX, SHARD, InMemoryObjects, World, record

STEMS = [f"{ARN}/{SHARD}/7/key", f"{ARN}/{SHARD}/7/a/b", f"{ARN}/{SHARD}/8/", f"{ARN}/{SHARD}/9/1-2"]
POSITIONS = st.one_of(
    st.integers(0, 9_999).map(str),
    st.sampled_from(["-1", "10000", "07", "x", "", "0-3", "zlib:x", "99999999"]),
)


def written_and_read(sent: list[str], sending: list[str]) -> tuple[int, list[str], list[str]]:
    objects = InMemoryObjects()

    async def run() -> RedriveLedger:
        ledger = await read_ledger(objects, Shard(ARN, SHARD))
        await ledger.sent(sent, sending)
        return await read_ledger(objects, Shard(ARN, SHARD))

    record = asyncio.run(run()).record
    [(_, body)] = objects.objects.values()
    return len(body), record.sent, record.sending


@given(st.lists(st.tuples(st.sampled_from(STEMS), POSITIONS)), st.sets(st.integers(0, 9_999)))
def test_what_is_read_is_what_was_written(places, sending):
    sent = [f"{stem}/{position}" for stem, position in places]
    doubt = [f"{STEMS[0]}/{position}" for position in sending]
    _, read_sent, read_doubt = written_and_read(sent, doubt)
    # An id that looks as several do stands for these: none of ours does.
    expected = {each for each in sent if not each.endswith("/0-3")}
    assert expected <= set(read_sent)
    assert set(read_sent) - expected <= {
        f"{stem}/{position}" for stem in STEMS for position in range(4)
    } | set(sent)
    assert set(read_doubt) == set(doubt)


@pytest.mark.parametrize("step", [1, 2, 7])
def test_ten_thousand_ids_of_a_record_take_some_hundred_bytes(step):
    ids = [f"{STEMS[0]}/{position}" for position in range(0, 10_000, step)]
    size, sent, _ = written_and_read(ids, [])
    assert sent == ids
    assert size < 600


def test_what_is_planned_to_be_sent_again_of_small_records_is_all_of_their_observations():
    payload = zstandard(b'{"signal":"a","values":[' + b",".join([b"1"] * 10_000) + b"]}")
    world = World(1)
    world.objects.objects[f"{PREFIX}/pages/1/0"] = ('"0"', b"no page")
    world.invoke([record(number, payload) for number in range(1, 4)])
    found = asyncio.run(find_lines(world.objects, "drift", []))
    lines = [line for each in found for line in each.lines]
    assert len(lines) == 30_000
    planned = asyncio.run(plan(world.objects, lines, None, None))
    assert planned.unrepaired == []
    [resends] = planned.resends.values()
    assert [record.payload for resend in resends for record in resend.records] == [payload] * 3
    part = asyncio.run(plan(world.objects, [replace_position(lines, 5)], None, None))
    [[resend]] = part.resends.values()
    assert resend.records[0].payload == b'{"signal": "a", "values": [1.0], "timestamps": [1700000000.0]}'


def test_what_is_planned_goes_by_the_times_that_the_function_believes():
    world = World(1)
    world.objects.objects[f"{PREFIX}/pages/1/0"] = ('"0"', b"no page")
    world.invoke([record(1, {"signal": "a", "value": 1, "timestamp": 3600.0})])
    lines = [line for each in asyncio.run(find_lines(world.objects, "drift", [])) for line in each.lines]
    for times, sent_s in ((TimeLimits(), 1_700_000_000.0), (TimeLimits(0.0), 3600.0)):
        planned = asyncio.run(plan(world.objects, lines, None, None, times))
        [[resend]] = planned.resends.values()
        [batch] = decode({"Records": [record(2, resend.records[0].payload)]})
        assert batch.at_s.tolist() == [sent_s]


def replace_position(lines, position):
    return next(line for line in lines if line.position == position)
