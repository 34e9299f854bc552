"""Changes the states of single signals, by conditional writes, while data keeps arriving."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from consumer.decode.signal_names import SignalKey
from consumer.errors import LayoutChanged, UnreadablePage
from consumer.learning.state import State
from consumer.pages.layout import Layout
from consumer.pages.store import PageStore, commit_with_retries
from consumer.ports import Jitter
from ops.state.pages import Place, read_pages_of

_States = dict[SignalKey, State]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class PageEditor:
    """The pages of one use case, in the layout that is in force."""

    pages: PageStore
    layout: Layout
    jitter: Jitter

    async def places(self, signal: str) -> list[Place]:
        """All states of a signal. Raises: as `read_pages_of`, and `UnreadablePage` if one may be missing."""
        read = await read_pages_of(self.pages, self.layout, signal)
        if read.problems:
            raise UnreadablePage("; ".join(read.problems))
        return read.named(signal)

    async def change(self, page_key: str, change: Callable[[_States], tuple[bool, _T]]) -> _T:
        """Read a page, change its states, and write it; again from the start if somebody else has written it.

        `change` returns whether it changed anything, without which the page is not written, and the outcome.

        Raises: `LayoutChanged` while the models are moved, try again; `UnreadablePage`, `Unavailable`.
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
