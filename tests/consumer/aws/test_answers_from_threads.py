"""Requests run in threads; who waits is told what S3 said, whatever comes together or is given up."""

import asyncio
import threading
from collections import deque

from consumer.aws import s3
from consumer.aws.s3 import Objects
from consumer.errors import Unavailable


class Store:
    """Answers a PUT when it is told to."""

    def __init__(self):
        self.may_answer = threading.Event()
        self.begun = threading.Semaphore(0)
        self.asked = []

    def put(self, key, body, *, mode, use_multipart):
        self.asked.append(key)
        self.begun.release()
        assert self.may_answer.wait(10)
        if key == "refused":
            raise OSError("no route to host")
        return {"e_tag": key}


def begun(store, count):
    for _ in range(count):
        assert store.begun.acquire(timeout=10)


def counted(loop):
    """How often the loop is woken from a thread, from now on."""
    woken, call = [], loop.call_soon_threadsafe

    def wake(*arguments, **options):
        woken.append(arguments)
        return call(*arguments, **options)

    loop.call_soon_threadsafe = wake
    return woken


def test_answers_that_come_together_wake_the_loop_once_and_each_finds_who_asked():
    store = Store()
    objects = Objects(store)

    async def put_all():
        woken = counted(asyncio.get_running_loop())
        keys = [*map(str, range(20)), "refused"]
        puts = [asyncio.create_task(objects.replace(key, b"", None)) for key in keys]
        await asyncio.sleep(0)
        begun(store, 21)
        store.may_answer.set()
        objects._threads.shutdown(wait=True)  # the loop does not come round before all have answered
        return woken, await asyncio.gather(*puts, return_exceptions=True)

    woken, answers = asyncio.run(put_all())
    assert answers[:20] == [*map(str, range(20))]
    assert type(answers[20]) is Unavailable
    assert 1 <= len(woken) <= 3, "two threads may find at the same time that nobody wakes it yet"


def test_one_that_is_given_up_before_it_began_is_not_sent(monkeypatch):
    monkeypatch.setattr(s3, "REQUESTS_IN_FLIGHT_MAX", 1)
    store = Store()
    objects = Objects(store)

    async def give_up():
        first = asyncio.create_task(objects.replace("first", b"", None))
        await asyncio.sleep(0)
        begun(store, 1)
        second = asyncio.create_task(objects.replace("second", b"", None))
        third = asyncio.create_task(objects.replace("third", b"", None))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.sleep(0)
        store.may_answer.set()
        return await asyncio.gather(first, second, third, return_exceptions=True)

    first, second, third = asyncio.run(give_up())
    assert (first, third) == ("first", "third")
    assert isinstance(second, asyncio.CancelledError)
    assert store.asked == ["first", "third"]


def test_one_that_is_given_up_meanwhile_disturbs_nobody():
    store = Store()
    objects = Objects(store)

    async def give_up():
        puts = [asyncio.create_task(objects.replace(key, b"", None)) for key in ("refused", "other", "third")]
        await asyncio.sleep(0)
        begun(store, 3)
        puts[0].cancel()
        puts[1].cancel()
        await asyncio.sleep(0)
        store.may_answer.set()
        return await asyncio.gather(*puts, return_exceptions=True)

    refused, other, third = asyncio.run(give_up())
    assert isinstance(refused, asyncio.CancelledError)
    assert isinstance(other, asyncio.CancelledError)
    assert third == "third"


def test_an_answer_for_a_loop_that_is_closed_is_nobodys_and_the_next_loop_has_its_own():
    store = Store()
    objects = Objects(store)

    async def leave():
        put = asyncio.create_task(objects.replace("left", b"", None))
        await asyncio.sleep(0)
        begun(store, 1)
        put.cancel()

    asyncio.run(leave())
    store.may_answer.set()
    assert asyncio.run(objects.replace("next", b"", None)) == "next"
    objects._threads.shutdown(wait=True)
    assert store.asked == ["left", "next"]


def test_an_answer_that_comes_as_the_last_one_was_handed_over_wakes_the_loop_again():
    async def hand_over():
        loop = asyncio.get_running_loop()
        answers, late = s3._Answers(loop), loop.create_future()

        class Ready(deque):
            """As the loop finds nothing more, a thread adds an answer."""

            def __bool__(self):
                if len(self) == 0 and not late.done() and not comes_late.is_set():
                    comes_late.set()
                    answers._add(late, "late", None)
                    return False
                return len(self) > 0

        comes_late, first = threading.Event(), loop.create_future()
        answers._ready = Ready()
        answers._add(first, "first", None)
        return await asyncio.wait_for(asyncio.gather(first, late), 5)

    assert asyncio.run(hand_over()) == ["first", "late"]


def test_no_answer_is_lost_between_two_that_wake():
    """Answers at any moment: while the loop sleeps, while it is being woken, while it hands others over."""

    class AtOnce:
        def put(self, key, body, *, mode, use_multipart):
            return {"e_tag": key}

    objects = Objects(AtOnce())

    async def put_all():
        for _ in range(200):
            puts = [objects.replace(str(key), b"", None) for key in range(10)]
            assert await asyncio.wait_for(asyncio.gather(*puts), 10) == [*map(str, range(10))]

    asyncio.run(put_all())
