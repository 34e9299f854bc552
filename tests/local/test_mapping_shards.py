import asyncio

import pytest

from local.emulator.event_source_mapping import MappingStopped
from tests.local.fake_stream import (
    FIRST_SHARD,
    START,
    THROTTLED,
    FakeFunction,
    FakeStream,
    a_mapping,
    raise_for,
    run_until_done,
    simulate,
)

PARENT, LEFT, RIGHT = "shard-parent", "shard-left", "shard-right"


def while_running(stream, function, script, **config):
    """Run a mapping while `script(mapping)` runs, then stop it."""

    async def main():
        mapping = a_mapping(stream, function, **config)
        running = asyncio.create_task(mapping.run())
        await script(mapping)
        mapping.stop()
        await running
        return mapping

    return simulate(main())


# Parents and children


def test_a_parent_is_finished_before_its_children_start():
    stream, function = FakeStream(PARENT), FakeFunction(ValueError(), ValueError(), takes_s=20)
    stream.put_many(4, shard=PARENT)
    stream.reshard([PARENT], [LEFT, RIGHT])
    stream.put(shard=LEFT)
    stream.put(shard=RIGHT)
    run_until_done(stream, function, batch_size=2)
    assert function.shards == [PARENT] * 4 + [LEFT, RIGHT]
    assert function.batches[2:4] == [["9", "10"], ["11", "12"]]


def test_children_wait_for_every_lane_of_their_parent():
    stream = FakeStream(PARENT)
    for i in range(20):
        stream.put(key=f"signal-{i}", shard=PARENT)
    stream.reshard([PARENT], [LEFT])
    stream.put(shard=LEFT)
    function = FakeFunction(ValueError(), takes_s=20)
    run_until_done(stream, function, parallelization_factor=4)
    assert function.shards[-1] == LEFT
    assert function.shards.count(LEFT) == 1


def test_the_child_of_a_merge_waits_for_both_its_parents():
    stream, function = FakeStream(LEFT, RIGHT), FakeFunction(takes_s=20)
    stream.put(shard=LEFT)
    stream.put_many(5, shard=RIGHT)
    stream.reshard([LEFT, RIGHT], ["shard-merged"])
    stream.put(shard="shard-merged")
    run_until_done(stream, function, batch_size=1)
    assert function.shards[-1] == "shard-merged"
    assert function.shards.count("shard-merged") == 1


def test_a_shard_that_is_split_while_it_is_read_is_followed_by_its_children():
    stream, function = FakeStream(PARENT), FakeFunction()

    async def script(mapping):
        stream.put(shard=PARENT)
        await asyncio.sleep(33)
        stream.reshard([PARENT], [LEFT, RIGHT])
        stream.put(shard=LEFT)
        stream.put(shard=RIGHT)
        await mapping.progress.wait_until_done(3)
        # The end of the parent is read within a second, and its children are not left to the next listing.
        assert asyncio.get_running_loop().time() <= 35

    while_running(stream, function, script)
    assert function.shards == [PARENT, LEFT, RIGHT]


def test_a_parent_never_listed_holds_nothing_back():
    stream, function = FakeStream(PARENT), FakeFunction()
    stream.reshard([PARENT], [LEFT])
    stream.unlisted.add(PARENT)
    stream.put(shard=LEFT)
    run_until_done(stream, function)
    assert function.shards == [LEFT]


def test_a_parent_no_longer_listed_holds_its_children_back_until_it_is_finished():
    stream, function = FakeStream(PARENT), FakeFunction(*[ValueError()] * 20)
    stream.put(shard=PARENT)

    async def script(mapping):
        await asyncio.sleep(1)
        stream.reshard([PARENT], [LEFT])
        stream.unlisted.add(PARENT)
        stream.put(shard=LEFT)
        await mapping.progress.wait_until_done(2)

    while_running(stream, function, script)
    assert function.shards == [PARENT] * 21 + [LEFT]


def test_a_shard_that_vanishes_unread_does_not_hold_its_children_back_for_ever(caplog):
    stream, function = FakeStream(PARENT), FakeFunction()

    async def script(mapping):
        await asyncio.sleep(5)
        stream.reshard([PARENT], [LEFT])
        stream.gone.add(PARENT)
        stream.unlisted.add(PARENT)
        stream.put(shard=LEFT)
        await mapping.progress.wait_until_done(1)

    while_running(stream, function, script)
    assert function.shards == [LEFT]
    assert "shard-parent is gone" in caplog.text


def test_a_shard_that_is_stopped_before_its_end_lets_no_child_start():
    stream, function = FakeStream(PARENT), FakeFunction(takes_s=50)
    stream.put_many(4, shard=PARENT)
    stream.reshard([PARENT], [LEFT])
    stream.put(shard=LEFT)

    async def script(mapping):
        await asyncio.sleep(10)

    mapping = while_running(stream, function, script, batch_size=2)
    assert function.shards == [PARENT]
    assert list(mapping.checkpoints) == [PARENT]


# Where a shard is read from


@pytest.mark.parametrize(
    ("config", "read"),
    [
        ({"starting_position": "TRIM_HORIZON"}, ["old", "recent", "new"]),
        ({"starting_position": "LATEST"}, ["new"]),
        ({"starting_position": "AT_TIMESTAMP", "starting_timestamp": START - 10}, ["recent", "new"]),
    ],
)
def test_a_shard_is_read_from_the_starting_position(config, read):
    stream, function = FakeStream(), FakeFunction()
    stream.put(key="old", arrived=START - 60)
    stream.put(key="recent", arrived=START - 10)

    async def script(mapping):
        await asyncio.sleep(5)
        stream.put(key="new", arrived=START + 5)
        await mapping.progress.wait_until_done(len(read))

    while_running(stream, function, script, **config)
    assert function.keys == read


@pytest.mark.parametrize(
    "config",
    [
        {"starting_position": "TRIM_HORIZON"},
        {"starting_position": "LATEST"},
        {"starting_position": "AT_TIMESTAMP", "starting_timestamp": START},
    ],
)
def test_a_child_made_after_the_start_is_read_from_its_start_whatever_the_starting_position(config):
    stream, function = FakeStream(PARENT), FakeFunction()

    async def script(mapping):
        await asyncio.sleep(5)
        stream.reshard([PARENT], [LEFT])
        # The stream's clock is behind ours.
        stream.put(key="unseen", shard=LEFT, arrived=START - 1)
        await mapping.progress.wait_until_done(1)

    while_running(stream, function, script, **config)
    assert function.keys == ["unseen"]


def test_with_latest_a_child_that_waited_for_its_parent_misses_nothing_that_came_meanwhile():
    stream, function = FakeStream(PARENT), FakeFunction()
    stream.reshard([PARENT], [LEFT])
    stream.put(key="old", shard=LEFT, arrived=START - 1)
    # The parent's end is seen only after its reads were throttled for a while.
    stream.read_faults = [THROTTLED] * 10

    async def script(mapping):
        await asyncio.sleep(2)
        stream.put(key="meanwhile", shard=LEFT, arrived=START + 2)
        await mapping.progress.wait_until_done(1)

    while_running(stream, function, script, starting_position="LATEST")
    assert function.keys == ["meanwhile"]


# What goes wrong with reading


def test_after_an_expired_iterator_reading_goes_on_after_the_last_record_read():
    stream, function = FakeStream(), FakeFunction()

    async def script(mapping):
        for _ in range(5):
            stream.put_many(3)
            await asyncio.sleep(10)
            stream.expire_iterators()
        await mapping.progress.wait_until_done(15)

    while_running(stream, function, script)
    assert function.numbers == [record.sequence_number for record in stream.records[FIRST_SHARD]]
    kinds = [position.kind for _, position in stream.positions]
    assert kinds == ["TRIM_HORIZON"] + ["AFTER_SEQUENCE_NUMBER"] * (len(kinds) - 1)
    assert len(kinds) > 2


def test_with_latest_an_iterator_that_expires_before_it_reads_anything_misses_nothing():
    stream, function = FakeStream(), FakeFunction()
    stream.put(key="old", arrived=START - 1)

    async def script(mapping):
        await asyncio.sleep(5)
        stream.put(key="new", arrived=START + 5)
        stream.expire_iterators()
        await mapping.progress.wait_until_done(1)

    async def late_script(mapping):
        await asyncio.sleep(0.5)
        await script(mapping)

    while_running(stream, function, late_script, starting_position="LATEST")
    assert function.keys == ["new"]


def test_throttled_calls_are_made_again_after_a_growing_wait():
    stream, function = FakeStream(), FakeFunction()
    stream.put_many(3)
    stream.list_faults = [THROTTLED] * 3
    stream.read_faults = [THROTTLED] * 3
    run_until_done(stream, function)
    assert function.sizes == [3]
    # Three waits of up to 0.1, 0.2 and 0.4 s for the listing, and again for the shard.
    assert 0.7 <= function.invoked_at[0] <= 1.4


def test_an_error_that_no_retry_heals_ends_the_mapping_and_tells_who_waits():
    stream, function = FakeStream(), FakeFunction()
    stream.put()
    stream.read_faults = [PermissionError("kinesis:GetRecords is not allowed")]

    async def main():
        mapping = a_mapping(stream, function)
        running = asyncio.create_task(mapping.run())
        with pytest.raises(MappingStopped):
            await mapping.progress.wait_until_done(1)
        with pytest.raises(ExceptionGroup) as raised:
            await running
        assert raised.group_contains(PermissionError, match="GetRecords")

    simulate(main())


def test_a_poisoned_shard_does_not_hold_up_another():
    stream, function = FakeStream(LEFT, RIGHT), FakeFunction(always=raise_for("9"))
    stream.put(shard=LEFT)
    stream.put_many(5, shard=RIGHT)

    async def script(mapping):
        await mapping.progress.wait_until_done(5)
        assert mapping.checkpoints == {LEFT: None, RIGHT: "14"}
        function.always = None

    while_running(stream, function, script, batch_size=1)
