"""The event loop of an invocation; the next one has it too, unless something was left in it.

A loop of its own for each would add some 7 % to what an invocation of ten records costs.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

_Answer = TypeVar("_Answer")
_idle: list[asyncio.Runner] = []
"""Their loops are open, and have nothing to do. Several only where several threads invoke at once."""


def run(main: Coroutine[Any, Any, _Answer]) -> _Answer:
    """As `asyncio.run`: what `main` leaves running is cancelled, and has ended, before this returns."""
    runner = _idle.pop() if _idle else asyncio.Runner()
    is_idle = False
    try:
        loop = runner.get_loop()
        answer = loop.run_until_complete(main)
        is_idle = not asyncio.all_tasks(loop)
    finally:
        if is_idle:
            _idle.append(runner)
        else:
            runner.close()
    return answer
