"""The function's execution environments: child processes that take one invocation at a time, as in Lambda."""

import contextlib
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from local.function.function_logs import new_log, redirect_output

_TIMEOUT_S = 60.0
_EXIT_CODE_OF_A_KILL = 137


class FunctionError(Exception):
    """The invocation raised or its process died: Lambda delivers the batch again."""


class Context:
    """The part of Lambda's context object that the function reads."""

    def __init__(self, request_id: str, timeout_s: float = _TIMEOUT_S) -> None:
        self.aws_request_id = request_id
        self._ends_s = time.monotonic() + timeout_s

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the timeout."""
        return max(0, int((self._ends_s - time.monotonic()) * 1000))


class Function:
    """A function with a concurrency of `environments`; a process that dies is replaced by a cold one.

    Each process writes its output, logs and metrics, to a file of its own in the folder `logs`, named after
    the use case. The processes end with this one.
    """

    def __init__(self, environment: Mapping[str, str], logs: Path, environments: int = 2) -> None:
        self._environment = dict(environment)
        self._logs = logs
        self._idle: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        self._children: list[_Child] = []
        self._lock = threading.Lock()
        self._closed = False
        self.deaths = 0
        for _ in range(environments):
            self._idle.put(None)

    def __enter__(self) -> "Function":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes; invocations in flight, or waiting for a process, raise."""
        with self._lock:
            self._closed = True
            children, self._children = self._children, []
        for child in children:
            child.end()

    def invoke(self, event: dict[str, Any], *, dies_after_publishing: bool = False) -> Any:
        """Run the handler on an event as soon as an environment is free.

        With `dies_after_publishing` the process is killed between publishing an event and the commit.

        Raises: `FunctionError`.
        """
        child = self._idle.get()
        try:
            if child is None:
                child = self._start()
            answer = child.ask(event, dies_after_publishing)
        except EOFError:
            child = None
            self.deaths += 1
            raise FunctionError("the function's process died") from None
        finally:
            self._idle.put(child)
        if "raised" in answer:
            raise FunctionError(answer["raised"])
        return answer["response"]

    def _start(self) -> "_Child":
        with self._lock:
            if self._closed:
                raise FunctionError("the function was closed")
            log = new_log(self._logs, self._environment.get("USE_CASE", "consumer"))
            child = _Child(self._environment, log)
            self._children.append(child)
        return child


class _Child:
    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(theirs, dict(environment), log), daemon=True)
        # Ctrl-C reaches the whole process group: one that is only starting inherits that it is blocked.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()

    def ask(self, event: dict[str, Any], dies_after_publishing: bool) -> dict[str, Any]:
        try:
            self._pipe.send((event, dies_after_publishing))
            answer: dict[str, Any] = self._pipe.recv()
        except OSError:
            raise EOFError from None
        return answer

    def end(self) -> None:
        """Kill the process: the function must survive that at any time."""
        self._process.kill()
        self._process.join()


def _serve(pipe: Connection, environment: dict[str, str], log: Path) -> None:
    """In the child: one invocation after the other, until the parent closes the pipe or is gone."""
    # Ctrl-C reaches the whole process group; the parent ends its children.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(environment)
    redirect_output(log)
    from consumer import handler

    start = handler.start
    with contextlib.suppress(EOFError, OSError):
        for number in range(sys.maxsize):
            event, dies_after_publishing = pipe.recv()
            handler.start = _dying(start) if dies_after_publishing else start
            try:
                pipe.send({"response": handler.handler(event, Context(f"{os.getpid()}-{number}"))})
            except Exception as error:  # whatever the function raises is Lambda's FunctionError
                pipe.send({"raised": f"{type(error).__name__}: {error}"})


def _dying(start: Any) -> Any:
    def start_dying(settings: Any) -> Any:
        pipeline = start(settings)
        return replace(pipeline, bus=_DiesAfterPublishing(pipeline.bus))

    return start_dying


class _DiesAfterPublishing:
    def __init__(self, bus: Any) -> None:
        self._bus = bus

    async def publish(self, events: Any) -> None:
        await self._bus.publish(events)
        os._exit(_EXIT_CODE_OF_A_KILL)
