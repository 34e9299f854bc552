"""An invocation's event loop: the next one goes on in it, and with nothing that was left behind."""

import asyncio
import threading

import pytest

from consumer import event_loop


async def current():
    return asyncio.get_running_loop()


def test_the_next_invocation_has_the_same_loop():
    assert event_loop.run(current()) is event_loop.run(current())


def test_what_an_invocation_leaves_has_ended_before_it_answers_and_the_next_begins_anew():
    log = []

    async def hang():
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            log.append("ended")

    async def invocation():
        step = asyncio.create_task(hang())
        await asyncio.sleep(0)
        return asyncio.get_running_loop(), step

    loop, step = event_loop.run(invocation())
    assert log == ["ended"]
    assert step.cancelled()
    assert event_loop.run(current()) is not loop


def test_what_raises_leaves_nothing_for_the_next():
    left = []

    async def invocation():
        left.append(asyncio.create_task(asyncio.sleep(60)))
        raise ValueError("no answer")

    with pytest.raises(ValueError, match="no answer"):
        event_loop.run(invocation())
    assert left[0].cancelled()
    assert event_loop.run(asyncio.sleep(0, "an answer")) == "an answer"


def test_threads_that_invoke_at_once_do_not_share_a_loop():
    both, loops = threading.Barrier(2), []

    async def invocation():
        loops.append(asyncio.get_running_loop())
        await asyncio.to_thread(both.wait, 10)

    threads = [threading.Thread(target=event_loop.run, args=[invocation()]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loops[0] is not loops[1]
