"""An operator's command, as it is, in a thread of its own that takes turns with the world.

Only one of the two ever runs: a command runs until it asks something of the world, a request, the time or the
operator, and the world goes on meanwhile until it has the answer. So what a seed does is the same each time.
"""

import asyncio
import queue
import selectors
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import typer

from consumer.use_cases import USE_CASES
from tests.local.fake_stream import START
from tests.simulation.chance import Chance
from tests.simulation.functions import Died

_HERE = threading.local()


class Console:
    """One command. `use_case` is that of the checkout in which it runs."""

    def __init__(self, chance: Chance, use_case: Any) -> None:
        self.chance, self.use_case = chance, use_case
        self.said: list[str] = []
        self.is_dead = False
        self.asked = 0
        self._loop = asyncio.get_running_loop()
        self._requests: queue.SimpleQueue[Callable[[], Awaitable[Any]] | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    async def run(self, command: Callable[[], object]) -> None:
        """Have the command run to its end; raises what it raises, but for an exit."""
        raised: list[BaseException] = []

        def main() -> None:
            _HERE.console = self
            try:
                command()
            except (Died, typer.Exit):
                pass
            except BaseException as error:
                raised.append(error)
            self._requests.put(None)

        USE_CASES["drift"] = self.use_case
        threading.Thread(target=main, daemon=True).start()
        while (request := self._requests.get()) is not None:
            try:
                answer = await request(), None
            except BaseException as error:
                self.is_dead |= isinstance(error, Died | asyncio.CancelledError)
                answer = None, Died() if self.is_dead else error
            USE_CASES["drift"] = self.use_case
            self._answers.put(answer)
        if raised:
            raise raised[0]

    def call(self, request: Callable[[], Awaitable[Any]]) -> Any:
        """What the world answers, from the command's thread."""
        if self.is_dead:
            raise Died
        self._requests.put(request)
        answer, error = self._answers.get()
        if error is not None:
            raise error
        return answer

    def now(self) -> float:
        """Seconds since the world began."""
        return self._loop.time()

    def may_die(self) -> None:
        """Die here, perhaps."""
        if self.chance.happens("an operator's command is killed", 0.01):
            self.is_dead = True
            raise Died

    def confirm(self, *_: object, **__: object) -> bool:
        """The operator thinks about it for a while, in which others act."""
        rng = self.chance.rng("answers")
        self.asked += 1
        self.chance.exercised["an operator is asked"] += 1
        self.call(lambda: asyncio.sleep(rng.choice([0.1, 1.0, 5.0, 40.0, 200.0])))
        return not self.chance.happens("an operator says no", 0.1)


class _WaitsInTheWorld(selectors.DefaultSelector):
    """Where a command's own loop would wait, the world goes on."""

    def select(self, timeout: float | None = None) -> Any:
        if ready := super().select(0):
            return ready
        if timeout is None:
            raise AssertionError("every task of the command waits for another")
        _HERE.console.call(lambda: asyncio.sleep(max(timeout, 0.0)))
        return []


def _run(main: Any) -> Any:
    if not _is_here():
        return _REAL_RUN(main)
    loop = asyncio.SelectorEventLoop(_WaitsInTheWorld())
    loop.set_exception_handler(lambda *_: None)
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main)
    finally:  # without the rest of what `run` does: of a command that was killed, nothing goes on
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        asyncio.set_event_loop(None)
        loop.close()


_REAL_SUBMIT = ThreadPoolExecutor.submit
_REAL_RUN, _REAL_TIME, _REAL_MONOTONIC, _REAL_SLEEP = asyncio.run, time.time, time.monotonic, time.sleep


def _is_here() -> bool:
    return hasattr(_HERE, "console")


def console() -> Console:
    """That of the command which runs now."""
    found: Console = _HERE.console
    return found


def _sleep(seconds: float) -> None:
    if _is_here():
        console().call(lambda: asyncio.sleep(seconds))
    else:
        _REAL_SLEEP(seconds)


def _submit(executor: Any, function: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """A command's other threads, for which it waits, are of the same console."""
    if not _is_here():
        return _REAL_SUBMIT(executor, function, *given, **named)
    here = console()

    def carried() -> Any:
        _HERE.console = here
        try:
            return function(*given, **named)
        finally:
            del _HERE.console

    return _REAL_SUBMIT(executor, carried)


def _echo(text: object = "", **_: object) -> None:
    console().said.append(str(text))


@contextmanager
def installed(**more: Any) -> Iterator[None]:
    """Commands in a console meet the world's time and operators; `more` is patched too, by its path."""
    with ExitStack() as stack:
        for path, stand_in in {
            "time.time": lambda: START + console().now() if _is_here() else _REAL_TIME(),
            "time.monotonic": lambda: console().now() if _is_here() else _REAL_MONOTONIC(),
            "time.sleep": _sleep,
            "asyncio.run": _run,
            "concurrent.futures.thread.ThreadPoolExecutor.submit": _submit,
            "typer.confirm": lambda *given, **named: console().confirm(),
            "typer.echo": _echo,
            **more,
        }.items():
            stack.enter_context(patch(path, stand_in))
        before = USE_CASES["drift"]
        try:
            yield
        finally:
            USE_CASES["drift"] = before
