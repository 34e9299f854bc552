"""An event source mapping in a thread of its own, for callers without an event loop."""

import asyncio
import contextlib
import threading
from collections.abc import Callable

from local.emulator.event_source_mapping import EventSourceMapping
from local.emulator.progress import Progress

_GRACE_S = 10.0


class MappingFailed(Exception):
    """The mapping ended and nothing more is learned; the text says why."""


class MappingThread:
    """A context manager: the mapping runs inside the `with` block.

    After the block the batches in flight have some seconds to finish. If the block raises, or they take
    longer, `abort` is called, which has to make the invocations in flight return.
    """

    def __init__(self, mapping: EventSourceMapping, abort: Callable[[], None]) -> None:
        self._mapping = mapping
        self._abort = abort
        self._running = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="event-source-mapping", daemon=True)

    @property
    def progress(self) -> Progress:
        """The mapping's counters; read them at any time."""
        return self._mapping.progress

    def check(self) -> None:
        """Raises: `MappingFailed` if the mapping has ended by itself."""
        if self._error is not None:
            raise MappingFailed(
                f"The event source mapping has stopped: {_first_cause(self._error)}. Start it again"
            ) from self._error

    def __enter__(self) -> "MappingThread":
        self._thread.start()
        self._running.wait()
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is None:
            self._on_loop(self._mapping.stop)
            self._thread.join(_GRACE_S)
        self._abort()
        if self._thread.is_alive() and self._task is not None:
            self._on_loop(self._task.cancel)
        self._thread.join()
        if kind is None:
            self.check()

    def _on_loop(self, call: Callable[[], object]) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: the mapping has ended
                self._loop.call_soon_threadsafe(call)

    def _run(self) -> None:
        try:
            asyncio.run(self._until_stopped())
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # `check` raises it for whoever waits for the mapping
            self._error = error
        finally:
            self._running.set()

    async def _until_stopped(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._running.set()
        await self._mapping.run()


def _first_cause(error: BaseException) -> str:
    """The first cause in a group of errors, as text."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
