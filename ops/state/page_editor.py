"""The states of single signals, changed through the page's protocol while data keeps arriving."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from consumer.aws.s3 import Found, Missing, Unchanged
from consumer.decode.signal_names import SignalKey
from consumer.errors import ConfigurationError, LayoutChanged, PageChanged, Unavailable, UnreadablePage
from consumer.learning.state import State
from consumer.pages.layout import Layout, being_built, layout_key, recorded_in
from consumer.pages.store import PageStore
from consumer.pipeline import COMMIT_TRIES
from consumer.ports import Jitter
from ops.state.pages import Place, read_pages_of

_BYTES_MAX = 4096
_BACKOFF_S = 0.05
_States = dict[SignalKey, State]
_T = TypeVar("_T")


class Readable(Protocol):
    """What of a bucket is needed to find the layout."""

    async def get(
        self, key: str, *, bytes_max: int, unless: str | None = None
    ) -> Found | Missing | Unchanged:
        """Read an object."""


async def layout_in_force(objects: Readable, prefix: str) -> Layout:
    """Where the models lie; unlike the function, an operator's command records nothing.

    Raises: `ConfigurationError` where nothing was learned; `LayoutChanged` while the models are being moved;
        `Unavailable`.
    """
    key = layout_key(prefix)
    found = await objects.get(key, bytes_max=_BYTES_MAX)
    if not isinstance(found, Found) or found.body is None:
        raise ConfigurationError(
            f"there is no {key}: nothing was learned under this use case, with these versions of River, "
            "numpy and scipy and these parameters"
        )
    recorded = recorded_in(key, found.body)
    if recorded.moving_to is not None:
        raise LayoutChanged("the models are being moved to other pages: try again when that is done")
    if recorded.upgrade_from:
        raise LayoutChanged(being_built(recorded))
    return Layout(prefix, recorded.pages)


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
        """Read a page, change its states, and write it unless somebody else has; then do it again.

        `change` says whether it changed anything, and what came of it: a page is not written for nothing.

        Raises: `LayoutChanged`: the models are being moved, try again; `UnreadablePage`, `Unavailable`.
        """
        for tried in range(COMMIT_TRIES):
            await asyncio.sleep(tried and self.jitter.uniform(0, _BACKOFF_S * 2**tried))
            try:
                page = await self.pages.load(page_key)
                is_changed, outcome = change(page.states)
                if is_changed:
                    await self.pages.commit(page)
            except PageChanged:
                continue
            except LayoutChanged as error:
                raise LayoutChanged(f"{error}; try again when they are moved") from error
            return outcome
        raise Unavailable(
            f"the page {page_key} was changed by others, {COMMIT_TRIES} times in a row: try again"
        )
