"""The schedule on which a function looks for silent signals: every few minutes, in a thread of its own."""

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from consumer.staleness_sweep import VISIT
from local.function.execution_environment import FunctionError


class SweepSchedule:
    """A context manager: calls `invoke` every `every_s` seconds inside the `with` block.

    As in the cloud, nobody waits for a sweep, and the next one makes up for one that fails.
    """

    def __init__(self, invoke: Callable[[dict[str, Any]], Any], every_s: float) -> None:
        self._invoke, self._every_s = invoke, every_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeps", daemon=True)

    def __enter__(self) -> "SweepSchedule":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            with contextlib.suppress(FunctionError):
                self._invoke({VISIT: True})
