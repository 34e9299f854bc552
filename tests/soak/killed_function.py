"""A function with several environments of Lambda's own runtime client, which may be killed at any time."""

import os
import queue
import random
import signal
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from local.function.execution_environment import FunctionError
from local.function.function_logs import new_log
from local.function.lambda_runtime import FunctionDied, LambdaRuntime

_TWICE = 0.1
"""The share of batches delivered to two environments at once, as after a timeout that it survives."""


class KilledFunction:
    """A context manager; `invoke` is what the event source mapping calls.

    Each environment writes its output, logs and metrics, to a file of its own in `logs`.
    """

    def __init__(
        self, asset: Path, environment: Mapping[str, str], logs: Path, environments: int, seed: int
    ) -> None:
        self._asset, self._environment, self._logs = asset, environment, logs
        self._idle: queue.LifoQueue[LambdaRuntime | None] = queue.LifoQueue()
        self._at_work: set[LambdaRuntime] = set()
        self._lock = threading.Lock()
        self._rng = random.Random(seed)
        self._closed = False
        self._second = ThreadPoolExecutor(environments, thread_name_prefix="second")
        self.deaths = 0
        """Environments that were killed during an invocation, not at the end."""
        self.deliveries_to_two = 0
        for _ in range(environments):
            self._idle.put(None)

    def __enter__(self) -> "KilledFunction":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
        self._second.shutdown(cancel_futures=True)

    def close(self) -> None:
        """End all environments; invocations in flight raise."""
        self._closed = True
        with self._lock:
            for runtime in self._at_work:
                os.kill(runtime.pid, signal.SIGKILL)
        while not self._idle.empty():
            runtime = self._idle.get_nowait()
            if runtime is not None:
                runtime.__exit__(None, None, None)

    def invoke(self, event: dict[str, Any]) -> Any:
        """Run the handler on an event when an environment is free; sometimes on a second one as well.

        Raises: `FunctionError`.
        """
        with self._lock:
            twice = self._rng.random() < _TWICE
            self.deliveries_to_two += twice
        if twice:
            self._second.submit(self._invoke, event)
        return self._invoke(event)

    def kill_one(self) -> None:
        """Kill an environment during an invocation, if there is one."""
        with self._lock:
            if self._at_work:
                os.kill(self._rng.choice(sorted(self._at_work, key=lambda one: one.pid)).pid, signal.SIGKILL)

    def _invoke(self, event: dict[str, Any]) -> Any:
        runtime = self._idle.get()
        try:
            runtime = runtime or self._start()
            with self._lock:
                self._at_work.add(runtime)
            return runtime.invoke(event).response
        except FunctionDied:
            self.deaths += not self._closed
            raise
        finally:
            runtime = self._after(runtime)
            self._idle.put(runtime)

    def _after(self, runtime: LambdaRuntime | None) -> LambdaRuntime | None:
        """The environment, to be used again; None where it is no more."""
        if runtime is None:
            return None
        with self._lock:
            self._at_work.discard(runtime)
        if runtime.is_alive and not self._closed:
            return runtime
        runtime.__exit__(None, None, None)
        return None

    def _start(self) -> LambdaRuntime:
        with self._lock:
            if self._closed:
                raise FunctionError("the function was closed")
            log = new_log(self._logs, "environment")
        return LambdaRuntime(self._asset, self._environment, log, timeout_s=30.0).__enter__()
