"""Ctrl-C and SIGTERM while records are on their way: the sender stops in order instead of anywhere.

Only the main thread receives signals: on any other thread these context managers change nothing.
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any


def interruptible(on_interrupt: Callable[[], None]) -> contextlib.AbstractContextManager[None]:
    """Call `on_interrupt` at the first Ctrl-C in the `with` block; a second one raises KeyboardInterrupt."""

    def interrupted(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        on_interrupt()

    return _handled(signal.SIGINT, interrupted)


def interrupts_ignored() -> contextlib.AbstractContextManager[None]:
    """Ignore Ctrl-C; processes started in the block inherit that, so that only their parent stops them."""
    return _handled(signal.SIGINT, signal.SIG_IGN)


def sigterm_as_ctrl_c() -> contextlib.AbstractContextManager[None]:
    """Have SIGTERM raise KeyboardInterrupt in the `with` block."""
    return _handled(signal.SIGTERM, signal.default_int_handler)


@contextlib.contextmanager
def _handled(number: signal.Signals, handler: Any) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)
