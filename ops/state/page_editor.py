"""The states of single signals, changed through the page's protocol while data keeps arriving."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from consumer.decode.signal_names import SignalKey
from consumer.errors import ConfigurationError, LayoutChanged
from consumer.learning.state import State
from consumer.pages.layout import Layout
from consumer.pages.store import PageStore, commit_with_retries
from consumer.ports import Jitter

_States = dict[SignalKey, State]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a signal's state lies, and how it was when it was looked for."""

    page_key: str
    key: SignalKey
    state: State


@dataclass(frozen=True, slots=True)
class PageEditor:
    """The pages of one use case, in the layout that is in force."""

    pages: PageStore
    layout: Layout
    jitter: Jitter

    async def places(self, signal: str) -> list[Place]:
        """Where the states of that name lie: alone, or with the other values of the signal that carries it.

        Raises: `ConfigurationError` where there is none; `UnreadablePage`, `Unavailable`.
        """
        places = []
        for page_key in dict.fromkeys(map(self.layout.key_of, _record_signals(signal))):
            page = await self.pages.load(page_key)
            places += [
                Place(page_key, key, state) for key, state in page.states.items() if key.signal == signal
            ]
        if not places:
            raise ConfigurationError(
                f"there is no model of the signal {signal!r}; `signals` lists those there are"
            )
        return places

    async def change(self, page_key: str, change: Callable[[_States], tuple[bool, _T]]) -> _T:
        """Read a page, change its states, and write it unless somebody else has; then do it again.

        `change` says whether it changed anything, and what came of it: a page is not written for nothing.

        Raises: `LayoutChanged`: the models are being moved, try again; `UnreadablePage`, `Unavailable`.
        """

        async def attempt() -> _T:
            page = await self.pages.load(page_key)
            is_changed, outcome = change(page.states)
            if is_changed:
                await self.pages.commit(page)
            return outcome

        try:
            return await commit_with_retries(f"the page {page_key}", self.jitter, attempt)
        except LayoutChanged as error:
            raise LayoutChanged(f"{error}; try again when they are moved") from error


def _record_signals(signal: str) -> Iterator[str]:
    """Whose records may bring the signal: its own, or those of `a.b`, `a` where it is `a.b.c`."""
    yield signal
    for end, letter in enumerate(signal):
        if letter == "." and 0 < end < len(signal) - 1:
            yield signal[:end]
