"""What the pipeline needs of the world: `consumer.aws` provides it on AWS, the tests in memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

_Event_contra = TypeVar("_Event_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Found:
    """An object, and the version by which it can be replaced; `body` is None if larger than asked for."""

    e_tag: str
    size: int
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Missing:
    """S3 said 404: there is no such object."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """S3 said 304: the object still has the version that was named."""


class ObjectStore(Protocol):
    """What is needed of a bucket."""

    async def get(
        self, key: str, *, bytes_max: int, unless: str | None = None
    ) -> Found | Missing | Unchanged:
        """Read an object; no body if it still has the version `unless` or is larger than `bytes_max`.

        Raises: `Unavailable` for any answer but the object, 404 and 304: no other says that there is none.
        """

    async def replace(self, key: str, body: bytes, e_tag: str | None) -> str | None:
        """Write an object if it still has version `e_tag`, or, if `e_tag` is None, if there is none yet.

        Returns: its new version, if S3 names it.
        Raises: `PageChanged` if it has another version (412, 404) or two writes met (409); `Unavailable` if
            it is unknown whether it was written.
        """

    async def write(self, key: str, body: bytes) -> None:
        """Write an object, whatever was there. Raises: `Unavailable`."""

    async def keys(self, prefix: str, before_s: float | None = None) -> list[str]:
        """List keys by prefix; with `before_s`, only of objects last written before then (since 1970).

        Raises: `Unavailable`.
        """


class EventBus(Protocol[_Event_contra]):
    """Where events are published."""

    async def publish(self, events: Sequence[_Event_contra]) -> None:
        """Publish all events. Raises: `Unavailable` unless the bus accepted all of them."""


class Jitter(Protocol):
    """Where randomness comes from: a `random.Random`."""

    def uniform(self, a: float, b: float) -> float:
        """A number from `a` to `b`."""


class TimeLeft(Protocol):
    """How long the invocation may still take."""

    def is_short(self) -> bool:
        """Whether to stop learning and commit what was learned."""

    def seconds_to_answer(self) -> float | None:
        """How long to wait for effects under way; None: without limit."""


class InvocationLock:
    """A lock of what outlives invocations: what an event loop that was given up left locked is no matter."""

    def __init__(self) -> None:
        self._of_loop: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    def current(self) -> asyncio.Lock:
        """The lock of the running event loop."""
        loop = asyncio.get_running_loop()
        if self._of_loop is None or self._of_loop[0] is not loop:
            self._of_loop = loop, asyncio.Lock()
        return self._of_loop[1]
