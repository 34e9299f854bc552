"""Time, passed in: the same sending runs in real time and, in a test, in no time."""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Epoch seconds that never jump back, and a way to let them pass."""

    def now(self) -> float:
        """Tell the time in epoch seconds."""
        ...

    def wait(self, answered: threading.Event | None, seconds: float) -> None:
        """Return when `answered` is set or that much time has passed; None if no answer can come."""
        ...


class WallClock:
    """The time when it was made, and what has passed since: it keeps its pace when the wall clock is set."""

    def __init__(self) -> None:
        self._offset_s = time.time() - time.monotonic()

    def now(self) -> float:
        """Tell the time in epoch seconds."""
        return time.monotonic() + self._offset_s

    def wait(self, answered: threading.Event | None, seconds: float) -> None:
        """Return when `answered` is set or that much time has passed."""
        if answered is None:
            time.sleep(seconds)
        else:
            answered.wait(seconds)
