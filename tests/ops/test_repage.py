"""Models move between layouts offline: nothing is lost, wherever it is interrupted."""

import asyncio
import hashlib
import itertools
import json
import threading

import pytest

from consumer.errors import ConfigurationError, PageChanged, Unavailable
from consumer.pages.codec import PageCodec
from consumer.pages.layout import Layout
from ops.state.repage import Repage
from tests.consumer.world import (
    PREFIX,
    Crash,
    InMemoryObjects,
    World,
    assert_exact,
    interleaved,
    points,
    step,
)

SIGNALS = [f"s{number}" for number in range(12)]
STREAM = points(interleaved(*(step(signal, at=60 + 5 * n) for n, signal in enumerate(SIGNALS))))
HALF = len(STREAM) // 2
MOVES = pytest.mark.parametrize(("before", "after"), [(16, 64), (16, 0), (0, 16), (8, 1)])


def move(world: World, pages: int):
    return asyncio.run(Repage(world.objects, PageCodec(), PREFIX, lambda line: None).run(pages))


def layout(world: World) -> dict:
    return json.loads(world.objects.objects[f"{PREFIX}/layout.json"][1])


@MOVES
def test_a_stream_whose_pages_are_changed_half_way_gives_the_references_events(before, after):
    world = World(before)
    world.invoke(STREAM[:HALF])
    assert move(world, after) == len(SIGNALS)
    assert layout(world) == {"pages": after}
    world.invoke(STREAM[HALF:], world.cold(before))
    assert_exact(world, STREAM)


def test_there_and_back_and_there_again_loses_nothing():
    world = World(16)
    part = len(STREAM) // 4
    for number, pages in enumerate([0, 16, 64, 64]):
        world.invoke(STREAM[number * part : (number + 1) * part], world.cold())
        move(world, pages)
        assert layout(world) == {"pages": pages}
    assert_exact(world, STREAM)


@MOVES
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", ["put", "get", "list"])
def test_it_can_be_interrupted_at_every_step_and_run_again(before, after, when, call):
    for step_number in range(1, 100):
        world = World(before)
        world.invoke(STREAM[:HALF])
        world.faults.plan_nth(when, call, Crash(), step_number)
        try:
            move(world, after)
        except Crash:
            world.faults.clear()
            assert move(world, after) == len(SIGNALS)
        else:
            break
        finally:
            world.faults.clear()
        assert layout(world) == {"pages": after}
        world.invoke(STREAM[HALF:], world.cold())
        assert_exact(world, STREAM)
    assert step_number > 2, "it was interrupted"


@MOVES
def test_an_interrupted_move_can_be_taken_back(before, after):
    for step_number in range(1, 100):
        world = World(before)
        world.invoke(STREAM[:HALF])
        world.faults.plan_nth("before", "put", Crash(), step_number)
        try:
            move(world, after)
        except Crash:
            world.faults.clear()
        else:
            break
        move(world, before)
        assert layout(world) == {"pages": before}
        world.invoke(STREAM[HALF:], world.cold())
        assert_exact(world, STREAM)


@MOVES
def test_a_warm_function_that_knows_the_old_layout_writes_nothing_there_and_finds_the_new_one(before, after):
    world = World(before)
    world.invoke(STREAM[:HALF])
    move(world, after)
    moved = dict(world.objects.objects)
    report = world.invoke(STREAM[HALF:])
    assert report.failed == [STREAM[HALF]["kinesis"]["sequenceNumber"]]
    assert world.objects.objects == moved, "it wrote nothing"
    assert world.invoke(STREAM[HALF:]).failed == []
    assert_exact(world, STREAM)


@MOVES
def test_a_warm_function_makes_no_new_page_in_the_old_layout(before, after):
    world = World(before)
    world.invoke(STREAM[:1])
    assert Layout(PREFIX, before).key_of("another") not in world.objects.objects
    move(world, after)
    new = points(step("another"), first=10**6)
    assert world.invoke(new).failed == [new[0]["kinesis"]["sequenceNumber"]]
    assert world.invoke(new).failed == []
    assert set(world.states()) == {"s0", "another"}


@MOVES
@pytest.mark.parametrize("when", ["before", "after"])
def test_what_a_new_page_takes_while_the_models_move_is_learned_where_they_lie_now(before, after, when):
    world = World(before)
    world.invoke(STREAM[:1])
    new = points(step("another"), first=10**6)
    page = Layout(PREFIX, before).key_of("another")
    assert page not in world.objects.objects
    world.faults.plan(when, "put", in_another_thread(lambda: move(world, after)), key=page, times=1)
    assert world.invoke(new).failed == [new[0]["kinesis"]["sequenceNumber"]]
    assert layout(world) == {"pages": after}
    if when == "before":
        world.objects.objects.pop(page)  # in a layout that is not in force
    assert world.invoke(new).failed == []
    assert_exact(world, STREAM[:1] + new)


def refuse_to_put_it_in_force(world: World) -> None:
    """The first PUT of layout.json says that the models are being moved, the second that they were."""
    puts = itertools.count(1)

    def refuse():
        if next(puts) == 2:
            raise Unavailable("503")

    world.faults.plan("before", "put", refuse, key="layout.json")


@MOVES
def test_a_warm_function_that_knows_a_layout_from_before_learns_nothing_there_until_it_is_in_force(
    before, after
):
    world = World(before)
    world.invoke(STREAM[:HALF])  # and this function hears of no move
    move(world, after)
    refuse_to_put_it_in_force(world)
    with pytest.raises(Unavailable):
        move(world, before)
    world.faults.clear()
    left = dict(world.objects.objects)
    assert world.invoke(STREAM[HALF:]).failed == [STREAM[HALF]["kinesis"]["sequenceNumber"]]
    assert world.objects.objects == left
    move(world, before)
    assert world.invoke(STREAM[HALF:]).failed == []
    assert_exact(world, STREAM)


@MOVES
def test_interrupted_before_all_new_pages_are_open_functions_wait_for_the_next_run(before, after):
    world = World(before)
    world.invoke(STREAM[:HALF])
    opened = Layout(PREFIX, after).key_of("s0")
    world.faults.plan("after", "get", Unavailable("503"), key=opened)
    with pytest.raises(Unavailable):
        move(world, after)
    world.faults.clear()
    assert layout(world) == {"pages": after}
    assert world.invoke(STREAM[HALF:], world.cold()).failed
    assert move(world, after) == len(SIGNALS)
    world.invoke(STREAM[HALF:], world.cold())
    assert_exact(world, STREAM)


@MOVES
def test_a_page_that_was_made_in_the_old_layout_too_late_misleads_no_warm_function(before, after):
    """Of an invocation that was given up long ago, a PUT may arrive at any time."""
    new = points(step("another"), first=10**6)
    late = World(before)
    late.invoke(new[:50])
    page = Layout(PREFIX, before).key_of("another")
    world = World(before)
    world.invoke(STREAM[:1])
    move(world, after)
    world.objects.objects[page] = ('"late"', late.objects.objects[page][1])
    assert world.invoke(new).failed == [new[0]["kinesis"]["sequenceNumber"]]
    assert world.invoke(new).failed == []
    assert world.objects.objects.pop(page)[0] == '"late"'
    assert_exact(world, STREAM[:1] + new)


def in_another_thread(do):
    """For what runs a loop of its own."""

    def run():
        thread = threading.Thread(target=do)
        thread.start()
        thread.join()

    return run


@pytest.mark.parametrize("after", [0, 64])
def test_a_function_that_starts_during_the_move_waits(after):
    world = World(16)
    world.invoke(STREAM[:HALF])
    world.faults.plan_nth("before", "put", Crash(), 3)
    with pytest.raises(Crash):
        move(world, after)
    world.faults.clear()
    for function in (world.cold(), world.function):
        report = world.invoke(STREAM[HALF:], function)
        assert report.failed == [STREAM[HALF]["kinesis"]["sequenceNumber"]]
        assert world.objects.quarantined() == []
    move(world, after)
    world.invoke(STREAM[HALF:], world.function)
    assert_exact(world, STREAM)


def test_where_nothing_was_learned_there_is_nothing_to_move():
    with pytest.raises(ConfigurationError, match="nothing was learned"):
        move(World(), 64)


def test_s3_down_is_told_and_the_next_run_ends_it():
    world = World(16)
    world.invoke(STREAM[:HALF])
    world.faults.plan_nth("before", "put", Unavailable("503"), 4)
    with pytest.raises(Unavailable):
        move(world, 64)
    world.faults.clear()
    move(world, 64)
    world.invoke(STREAM[HALF:], world.cold())
    assert_exact(world, STREAM)


def test_what_lies_in_a_layout_that_is_not_in_force_is_told_and_left_alone():
    world = World(16)
    world.invoke(STREAM[:HALF])
    stray = f"{PREFIX}/pages/8/3"
    world.objects.objects[stray] = ('"x"', PageCodec().encode({}))
    told = []
    asyncio.run(Repage(world.objects, PageCodec(), PREFIX, told.append).run(64))
    assert any(stray in line for line in told)
    assert world.objects.objects[stray][0] == '"x"'


class Meanwhile:
    """A bucket in which others do something just before a call that `when` picks, once."""

    def __init__(self, objects, when, do):
        self.objects, self.when, self.do = objects, when, do

    def happen(self, call, key):
        if self.do is not None and self.when(call, key):
            do, self.do = self.do, None
            in_another_thread(do)()

    async def get(self, key, *, bytes_max, unless=None):
        self.happen("write" if bytes_max == 0 else "read", key)
        return await self.objects.get(key, bytes_max=bytes_max, unless=unless)

    async def replace(self, key, body, e_tag):
        self.happen("put", key)
        return await self.objects.replace(key, body, e_tag)

    async def keys(self, prefix):
        self.happen("list", prefix)
        return await self.objects.keys(prefix)


def before_the_new_pages_are_written():
    """The move reads layout.json a third time when it knows what it will write."""
    return before_it_asks(2)


def before_it_asks(times: int):
    """Before it reads layout.json, after so many times."""
    reads = itertools.count()
    return lambda call, key: call == "read" and key.endswith("layout.json") and next(reads) == times


def move_beside(objects, pages: int):
    return asyncio.run(Repage(objects, PageCodec(), PREFIX, lambda line: None).run(pages))


def interrupted(world: World, pages: int, number: int) -> None:
    world.faults.plan_nth("before", "put", Crash(), number)
    with pytest.raises(Crash):
        move(world, pages)
    world.faults.clear()


@pytest.mark.parametrize(
    "when",
    [
        pytest.param(lambda call, key: call == "put" and key.endswith("layout.json"), id="before it begins"),
        pytest.param(lambda call, key: call == "list" and "/pages/32/" in key, id="when it has begun"),
    ],
)
def test_a_move_elsewhere_does_not_give_up_pages_that_another_has_put_in_force_meanwhile(when):
    world = World(16)
    world.invoke(STREAM[:HALF])
    interrupted(world, 32, 9)

    def the_other_ends():
        move(world, 32)
        assert world.invoke(STREAM[HALF:], world.cold()).failed == []

    beside = Meanwhile(world.objects, when, the_other_ends)
    with pytest.raises(PageChanged):
        move_beside(beside, 64)
    assert layout(world) == {"pages": 32}
    assert_exact(world, STREAM)


def test_a_move_that_is_taken_back_is_fenced_too():
    world = World(16)
    world.invoke(STREAM[:HALF])
    interrupted(world, 64, 2)
    failed = []
    one_each = [
        [delivered for delivered in STREAM if delivered["kinesis"]["partitionKey"] == s] for s in SIGNALS
    ]
    beside = Meanwhile(
        world.objects,
        before_the_new_pages_are_written(),
        lambda: failed.extend(world.invoke(records).failed for records in one_each),
    )
    move_beside(beside, 16)
    assert failed
    assert all(failed), "a warm function is refused"
    world.invoke(STREAM, world.cold())
    assert_exact(world, STREAM)


class AsS3(InMemoryObjects):
    """A bucket whose ETags are of the content, as S3's: the same text has the same one again."""

    def _store(self, key, body):
        self.objects[key] = (f'"{hashlib.md5(body).hexdigest()}"', body)
        return self.objects[key][0]


@pytest.mark.parametrize("objects", [InMemoryObjects, AsS3])
@pytest.mark.parametrize(
    "when",
    [
        pytest.param(lambda: before_it_asks(1), id="before it fences"),
        pytest.param(lambda: before_the_new_pages_are_written(), id="before it asks whether it is alone"),
        pytest.param(
            lambda: lambda call, key: call == "put" and "/pages/64/" in key, id="after it has asked"
        ),
    ],
)
def test_of_two_moves_at_once_the_one_that_comes_too_late_changes_nothing(objects, when):
    world = World(16, objects=objects())
    world.invoke(STREAM[:HALF])

    def another_moves_and_functions_go_on():
        move(world, 64)
        assert world.invoke(STREAM[HALF:], world.cold()).failed == []

    beside = Meanwhile(world.objects, when(), another_moves_and_functions_go_on)
    with pytest.raises(PageChanged):
        move_beside(beside, 64)
    assert layout(world) == {"pages": 64}
    assert_exact(world, STREAM)


def test_a_page_that_is_made_after_the_fences_stops_the_move():
    pages = [Layout(PREFIX, 16).key_of(signal) for signal in SIGNALS]
    page = next(page for page in pages if pages.count(page) == 1)
    signal = SIGNALS[pages.index(page)]
    world = World(16)
    world.invoke([one for one in STREAM[:HALF] if one["kinesis"]["partitionKey"] != signal])
    late = [one for one in STREAM if one["kinesis"]["partitionKey"] == signal][:50]
    other = World(16, objects=InMemoryObjects())
    other.invoke(late)
    body = other.objects.objects[page][1]
    beside = Meanwhile(
        world.objects,
        lambda call, key: call == "list" and "/pages/64/" in key,
        lambda: asyncio.run(world.objects.replace(page, body, None)),
    )
    with pytest.raises(PageChanged, match="fenced"):
        move_beside(beside, 64)
    assert layout(world)["pages"] == 16


@pytest.mark.parametrize("moved", [0, 4, 16])
@pytest.mark.parametrize("is_whole", [True, False], ids=["whole", "interrupted"])
def test_a_move_that_another_has_overtaken_ends_and_writes_no_page(is_whole, moved):
    """The old pages are empty by then: what it would write over the new ones is nothing."""
    world, said = World(8), []
    world.invoke(STREAM[:HALF])

    def report(line: str) -> None:
        said.append(line)
        if line == "the old pages are fenced":
            if not is_whole:
                refuse_to_put_it_in_force(world)
            in_another_thread(lambda: overtake(world, moved, is_whole))()

    with pytest.raises(PageChanged, match="another move"):
        asyncio.run(Repage(world.objects, PageCodec(), PREFIX, report).run(4))
    if not is_whole:
        world.faults = type(world.faults)()
        world.objects.faults = world.faults
        move(world, moved)
    assert layout(world) == {"pages": moved}
    world.invoke(STREAM[HALF:], world.cold())
    assert_exact(world, STREAM)


def overtake(world: World, pages: int, is_whole: bool) -> None:
    if is_whole:
        move(world, pages)
    else:
        with pytest.raises(Unavailable):
            move(world, pages)


def test_a_move_is_told_from_another_of_the_same_words():
    """The models went there and back while it slept, and somebody has just begun to move them there again."""
    world, part = World(8, objects=AsS3()), len(STREAM) // 4
    world.invoke(STREAM[:part])
    move(world, 4)
    move(world, 8)
    asked = itertools.count(1)

    def dies_once_fenced(line: str) -> None:
        if line == "the old pages are fenced":
            raise Crash

    def there_and_back() -> None:
        move(world, 4)
        world.invoke(STREAM[part : 2 * part], world.cold())
        move(world, 8)
        world.invoke(STREAM[2 * part : 3 * part], world.cold())
        with pytest.raises(Crash):
            asyncio.run(Repage(world.objects, PageCodec(), PREFIX, dies_once_fenced).run(4))

    def sleep() -> None:
        if next(asked) == 2:  # it has read the old pages, and looks whether the move is still its own
            in_another_thread(there_and_back)()

    world.faults.plan("before", "get", sleep, key="layout.json")
    with pytest.raises(PageChanged):
        move(world, 4)
    move(world, 4)
    world.invoke(STREAM[3 * part :], world.cold())
    assert_exact(world, STREAM)
