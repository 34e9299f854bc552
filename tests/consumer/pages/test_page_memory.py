"""The pages of an invocation share the memory: some wait until others are done, and none waits for ever."""

import asyncio
import dataclasses
import gc
import random
import tracemalloc

import pytest

from consumer.errors import MoreMemoryNeeded
from consumer.pages.codec import PageCodec, memory_bytes_for
from consumer.pages.store import PageMemory
from tests.consumer.seasonal import seasonal_anomaly
from tests.consumer.world import World, points

PAGES, SIGNALS = 16, 1_600
MIB = 2**20


def batch(first: int, count: int = SIGNALS) -> list[dict]:
    """A value of each signal."""
    return points([(f"line{number}.pressure", float(number % 7)) for number in range(count)], first)


def filled(**settings) -> World:
    """A bucket with pages that hold a hundred signals each."""
    world = World(PAGES, use_case=seasonal_anomaly(), **settings)
    assert world.invoke(batch(1)).failed == []
    return world


def sizes(world: World) -> list[int]:
    """What each page says that it takes."""
    objects = world.objects.objects.items()
    return [memory_bytes_for(body) for key, (_, body) in objects if "/pages/" in key]


def watched(memory: PageMemory) -> list[int]:
    """Notes how much is taken, whenever a page gets room."""
    taken, check = [], memory.check

    def checked(key: str, needed: int) -> None:
        taken.append(memory._current().taken)
        check(key, needed)

    memory.check = checked
    return taken


@pytest.mark.parametrize("pages_at_once", [1, 2, 5])
def test_pages_that_do_not_fit_together_are_learned_one_after_the_other(pages_at_once):
    world = filled()
    world.memory_bytes_max = (pages_at_once + 1) * max(sizes(world))
    function = world.cold()
    taken = watched(function.pages.memory)
    report = world.invoke(batch(10_000), function)
    assert report.failed == []
    assert report.counts["observations_learned"] == SIGNALS
    assert 0 < max(taken) <= world.memory_bytes_max
    assert sum(sizes(world)) > world.memory_bytes_max
    # Warm, and of known sizes.
    again = world.invoke(batch(20_000), function)
    assert (again.failed, again.counts["observations_learned"]) == ([], SIGNALS)
    assert max(taken) <= world.memory_bytes_max
    assert {state.learned for state in world.states().values()} == {3}


def peak_of(memory_bytes_max: int, writes_at_once: int) -> int:
    """How much memory an invocation takes over what was there before, if so many pages wait for S3."""
    world = filled()
    world.memory_bytes_max = memory_bytes_max
    function, delivered = world.cold(), batch(10_000)
    function.pages._warm_bytes_max = 0  # warm pages have their own part of the memory
    replace = world.objects.replace

    waiting = []

    async def slow(key, body, e_tag):
        waiting.append(key)
        while len(waiting) < writes_at_once:
            await asyncio.sleep(0)
        return await replace(key, body, e_tag)

    world.objects.replace = slow
    gc.collect()
    tracemalloc.start()
    report = world.invoke(delivered, function)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.counts["observations_learned"] == SIGNALS
    return peak


def test_a_batch_over_many_full_pages_takes_less_memory_than_they_take_together():
    takes = max(sizes(filled()))
    assert peak_of(2 * takes, 1) < 0.6 * peak_of(2**30, PAGES)


def test_small_pages_are_read_at_the_same_time():
    world = World(PAGES, memory_bytes_max=64 * MIB)
    world.invoke(batch(1))
    function, reading = world.cold(), []
    get = world.objects.get

    async def counted(key, **options):
        reading.append(1)
        at_once.append(len(reading))
        found = await get(key, **options)
        reading.pop()
        return found

    at_once = []
    world.objects.get = counted
    assert world.invoke(batch(10_000), function).failed == []
    assert max(at_once) >= PAGES


def test_a_page_larger_than_the_room_for_unknown_ones_gets_all_that_it_needs():
    memory, held = PageMemory(160), []

    async def learn(key: str, needed: int) -> None:
        while True:
            try:
                async with memory.room(key):
                    memory.check(key, needed)
                    held.append((key, memory.of(key)))
                    await asyncio.sleep(0)
                    return
            except MoreMemoryNeeded:
                continue

    async def all_of_them() -> None:
        await asyncio.gather(*(learn(f"p{number}", 1_000) for number in range(20)), learn("small", 3))

    asyncio.run(asyncio.wait_for(all_of_them(), 10))
    assert dict(held) == {f"p{number}": 160 for number in range(20)} | {"small": 10}


def test_what_was_cut_short_holds_no_room_in_the_next_invocation():
    memory = PageMemory(100)

    async def cut_short() -> None:
        memory._known["a"] = memory._current().taken = 100  # and nobody is left to give it back

    async def whole() -> None:
        async with memory.room("a"):
            assert memory.of("a") == 100

    asyncio.run(cut_short())
    asyncio.run(asyncio.wait_for(whole(), 1))


def test_small_pages_of_known_sizes_wait_for_s3_at_the_same_time():
    """With an object for each signal there are thousands of them."""
    memory, out, most = PageMemory(256 * MIB), set(), 0

    async def learn(key: str) -> None:
        nonlocal most
        async with memory.room(key):
            memory.note(key, 1_000)
            out.add(key)
            most = max(most, len(out))
            await asyncio.sleep(0.001)
            out.remove(key)

    async def batch_of_all() -> None:
        await asyncio.gather(*(learn(f"p{number}") for number in range(200)))

    asyncio.run(batch_of_all())
    assert most == 16, "while nobody knew how large they are"
    asyncio.run(batch_of_all())
    assert most == 200


def test_a_large_page_is_not_overtaken_for_ever():
    memory, came = PageMemory(160), []

    async def learn(key: str) -> None:
        async with memory.room(key):
            came.append(key)
            await asyncio.sleep(0)
        if key != "large" and "large" not in came:
            await learn(key)

    async def all_of_them() -> None:
        memory.note("large", 160)
        await asyncio.gather(*map(learn, ["a", "b", "large", "c", "d"]))

    asyncio.run(asyncio.wait_for(all_of_them(), 10))
    assert came.index("large") == 2


@pytest.mark.parametrize("is_admitted", [False, True])
def test_a_page_that_is_given_up_while_it_waits_holds_no_room(is_admitted):
    memory = PageMemory(160)

    async def learn(key: str) -> None:
        async with memory.room(key):
            await asyncio.sleep(0)

    async def given_up() -> None:
        memory.note("large", 160)
        async with memory.room("large"):
            waits = asyncio.create_task(learn("a"))
            await asyncio.sleep(0)
            if not is_admitted:
                waits.cancel()
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        assert memory._current().taken == 0
        await learn("large")

    asyncio.run(asyncio.wait_for(given_up(), 10))


def test_not_every_page_there_ever_was_is_remembered():
    memory = PageMemory(10**9)
    for number in range(20_000):
        memory.note(f"p{number % 15_000}", 1)
    assert len(memory._known) == 10_000
    assert "p4999" in memory._known


def test_pages_that_learned_together_are_all_encoded_before_the_first_is_sent():
    """What sends them in threads would fight for the interpreter with what encodes the others."""
    world, did = filled(memory_bytes_max=2**33, warm_bytes_max=2**30), []  # so that all are warm
    function = world.function
    encode, replace = function.pages.encode, world.objects.replace

    def encoded(page) -> None:
        did.append("encoded")
        encode(page)

    async def sent(key, body, e_tag):
        did.append("sent")
        return await replace(key, body, e_tag)

    function.pages.encode, world.objects.replace = encoded, sent
    assert world.invoke(batch(10_000), function).failed == []
    assert did.count("sent") == PAGES
    assert "encoded" not in did[did.index("sent") :]


def test_pages_stay_warm_by_what_they_take_in_arrays_and_not_as_objects():
    """Copies and objects are there at most while they learn: counted so all along, few pages would stay."""
    world = filled(warm_bytes_max=36 * 2**20)
    assert sum(sizes(world)) > 3 * 36 * 2**20
    read = []
    get = world.objects.get

    async def counted(key, **settings):
        read.append(key)
        return await get(key, **settings)

    world.objects.get = counted
    assert world.invoke(batch(10_000)).failed == []
    assert [key for key in read if "/pages/" in key] == []


KNOWN_SIGNALS = 1_000


def known_well() -> World:
    """A page of signals of which the model knows all that it can: its samples are full."""
    use_case = seasonal_anomaly()
    world, rows = (
        World(1, use_case),
        [(f"line{number}", float(number % 7)) for number in range(KNOWN_SIGNALS)],
    )
    assert world.invoke(points(rows, 1)).failed == []
    model, draw = use_case.create(1), random.Random(1)
    use_case.learn(model, [draw.gauss(0.0, 1.0) for _ in range(400)], [60.0 * at for at in range(400)])
    [(key, (e_tag, body))] = [one for one in world.objects.objects.items() if "/pages/" in one[0]]
    states = PageCodec().decode(body)
    numbers = states.models.numbers_of(model)
    states.models.put(range(KNOWN_SIGNALS), [numbers] * KNOWN_SIGNALS)
    world.objects.objects[key] = e_tag, PageCodec().encode(states)
    return world


@pytest.mark.parametrize("few", [1, 10**9], ids=["in arrays", "one by one"])
def test_a_page_of_signals_that_are_known_well_takes_no_more_memory_than_it_says(few):
    world = known_well()
    [says] = sizes(world)
    world.function = dataclasses.replace(world.cold(), few=few)
    delivered = batch_of_known(10_000)
    gc.collect()
    tracemalloc.start()
    report = world.invoke(delivered)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.counts["observations_learned"] == KNOWN_SIGNALS
    [(_, body)] = [one for key, one in world.objects.objects.items() if "/pages/" in key]
    assert peak < says + 3 * len(body)


def batch_of_known(first: int) -> list[dict]:
    """A usual value of each of the signals that are known well."""
    return points([(f"line{number}", number % 7 / 10.0) for number in range(KNOWN_SIGNALS)], first)


def test_a_page_has_room_for_ten_thousand_signals_of_anomaly_in_a_function_of_a_gibibyte():
    """Half of its memory is for pages: as objects, so many states would take nearly twice as much."""
    world = known_well()
    [says] = sizes(world)
    assert 10_000 / KNOWN_SIGNALS * says < 2**30 / 2
