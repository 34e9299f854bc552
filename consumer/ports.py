"""What the pipeline needs of the world: `edge` gives it with AWS, the tests in memory."""

from collections.abc import Sequence
from typing import Any, Protocol

from consumer.decode.signal_names import SignalKey
from consumer.events.event import Event
from consumer.learning.state import State
from consumer.pages.layout import Layout


class Jitter(Protocol):
    """Where randomness comes from: a `random.Random`."""

    def uniform(self, a: float, b: float) -> float:
        """A number from `a` to `b`."""


class Page(Protocol):
    """A page that was handed out: its states are changed in place, then it is committed or dropped."""

    @property
    def states(self) -> dict[SignalKey, State]:
        """The states it holds."""

    @property
    def e_tag(self) -> str | None:
        """The version that was read; None: there is none yet."""

    @property
    def is_full(self) -> bool:
        """Whether no new signal may come, for the memory's sake."""

    @property
    def is_confirmed(self) -> bool:
        """Whether it was this version when it was handed out, for sure; to commit it finds out as well."""


class Pages(Protocol):
    """Where pages are kept."""

    async def load(self, key: str) -> Page:
        """The page: as it is now, or as this function left it, unconfirmed.

        Raises: `Unavailable`, `UnreadablePage`.
        """

    async def confirm(self, page: Any) -> Page:
        """The page itself, if it is still as it was; else the page as it is now. Raises: as `load`."""

    async def keys(self, folder: str, before_s: float | None) -> list[str]:
        """Of the pages that lie there; if asked, of those that were last written before that time.

        Raises: `Unavailable`.
        """

    async def commit(self, page: Any) -> int:
        """Write a page that `load` gave, unless it has changed since, and give its size in bytes.

        Raises: `PageChanged`, `Unavailable`; `UnreadablePage` where it could not be read again.
        """


class Layouts(Protocol):
    """Where the layout is kept."""

    async def current(self) -> Layout:
        """The layout that is in force. Raises: `Unavailable`."""

    async def confirm(self) -> None:
        """Make sure that it still is. Raises: `LayoutChanged`, `Unavailable`."""

    def forget(self) -> None:
        """Have it read again next time."""


class Bus(Protocol):
    """Where events are told."""

    async def publish(self, events: Sequence[Event]) -> None:
        """Have all events taken. Raises: `Unavailable` unless all were."""


class Mutes(Protocol):
    """Which signals' events go to no alert for a time."""

    async def marked(self, events: Sequence[Event]) -> Sequence[Event]:
        """The events, those of muted signals marked so; where that cannot be found out, as they are."""


class NothingMuted:
    """Where nobody mutes."""

    async def marked(self, events: Sequence[Event]) -> Sequence[Event]:
        """The events as they are."""
        return events


class Quarantine(Protocol):
    """Where is kept what can never be learned."""

    async def write(self, key: str, body: bytes) -> None:
        """Keep it under this key, whatever was there. Raises: `Unavailable`."""


class TimeLeft(Protocol):
    """How long the invocation may still take."""

    def is_short(self) -> bool:
        """Whether to learn no more, and to commit what is learned."""

    def seconds_to_answer(self) -> float | None:
        """How long effects under way may be waited for; None: for ever."""
