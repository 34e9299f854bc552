"""Pages in the bucket: read and written with conditions, so that all that must agree is one PUT."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from consumer.errors import PageChanged, Unavailable, UnreadablePage
from consumer.pages.codec import PageCodec, States
from consumer.ports import Found, Jitter, Missing, ObjectStore, Unchanged

_PAGE_BYTES_MAX = 256 * 1024 * 1024
COMMIT_TRIES = 6
_BACKOFF_S = 0.05
_Outcome = TypeVar("_Outcome")


@dataclass(slots=True)
class Page:
    """A page that was handed out: its states may be changed, then it is committed or dropped."""

    key: str
    e_tag: str | None
    """The version that was read; None: there is none yet."""
    states: States
    is_full: bool = False
    """True if no new signal fits, because of memory."""
    is_confirmed: bool = True
    """True if S3 has confirmed this version since the page was handed out."""


def check_page_size(key: str, size: int) -> None:
    """Raise `UnreadablePage` for an object larger than any page: reading it would fill the memory."""
    if size > _PAGE_BYTES_MAX:
        raise UnreadablePage(f"the page {key} has {size} bytes; the consumer writes none that large")


async def read_page_body(objects: ObjectStore, key: str) -> tuple[str, bytes] | None:
    """The version and the content of a page, not decoded; None if there is none.

    Raises: `UnreadablePage` if it is too large; `Unavailable`.
    """
    found = await objects.get(key, bytes_max=_PAGE_BYTES_MAX)
    return (found.e_tag, _body_of(key, found)) if isinstance(found, Found) else None


def _body_of(key: str, found: Found) -> bytes:
    check_page_size(key, found.size)
    assert found.body is not None  # only larger objects come without
    return found.body


async def commit_with_retries(
    what: str, jitter: Jitter, attempt: Callable[[], Awaitable[_Outcome]]
) -> _Outcome:
    """Load, change and commit by calling `attempt`, again after each `PageChanged`, with backoff.

    Raises: `Unavailable` if others changed it each time; whatever else `attempt` raises.
    """
    for tried in range(COMMIT_TRIES):
        await asyncio.sleep(tried and jitter.uniform(0, _BACKOFF_S * 2**tried))
        try:
            return await attempt()
        except PageChanged:
            continue
    raise Unavailable(f"{what} was changed by others, {COMMIT_TRIES} times in a row: try again later")


class _Warm(NamedTuple):
    page: Page
    size: int


class PageStore:
    """Pages by their keys.

    Warm pages, at most `warm_bytes_max` as written, are handed out without asking S3: the conditional PUT
    detects a newer version, and `confirm` does so earlier. A page leaves the warm ones when it is handed out,
    and returns only after its commit: changes that were not committed are never seen.
    """

    def __init__(self, objects: ObjectStore, codec: PageCodec, warm_bytes_max: int) -> None:
        self._objects = objects
        self._codec = codec
        self._warm: OrderedDict[str, _Warm] = OrderedDict()
        self._warm_bytes = 0
        self._warm_bytes_max = warm_bytes_max

    async def load(self, key: str) -> Page:
        """The page as this function last wrote it, unconfirmed; or else as it is in S3 now.

        Raises: `Unavailable`, `UnreadablePage`.
        """
        warm = self._take_warm(key)
        if warm is not None:
            warm.page.is_confirmed = False
            return warm.page
        return await self._read(key, None)

    async def confirm(self, page: Page) -> Page:
        """The page itself if S3 still has its version; else the page as S3 has it now.

        Raises: `Unavailable`, `UnreadablePage`.
        """
        return page if page.is_confirmed else await self._read(page.key, page)

    async def keys(self, folder: str, before_s: float | None = None) -> list[str]:
        """The keys of a folder's pages; with `before_s`, only of pages last written before then.

        Raises: `Unavailable`.
        """
        return await self._objects.keys(folder, before_s)

    async def _read(self, key: str, known: Page | None) -> Page:
        found = await self._objects.get(key, bytes_max=_PAGE_BYTES_MAX, unless=known.e_tag if known else None)
        if isinstance(found, Unchanged):
            assert known is not None  # only if a version was named
            known.is_confirmed = True
            return known
        if isinstance(found, Missing):
            return Page(key, None, {})
        body = _body_of(key, found)
        try:
            states = self._codec.decode(body)
        except UnreadablePage as error:
            raise UnreadablePage(f"the page {key} cannot be read: {error}") from error
        return Page(key, found.e_tag, states, self._codec.is_nearly_full(body))

    async def commit(self, page: Page) -> int:
        """Write the page unless somebody else has since it was loaded; return its size in bytes.

        Raises: `PageChanged` if somebody has, or if two writes met: load the page and learn again;
            `Unavailable` if it is unknown whether it was written; `UnreadablePage` if it was not written,
            because it could not be read again.
        """
        body, page.is_full = self._codec.encode_measured(page.states)
        page.e_tag = await self._objects.replace(page.key, body, page.e_tag)
        if page.e_tag is not None:
            self._keep_warm(page, len(body))
        return len(body)

    def _take_warm(self, key: str) -> _Warm | None:
        warm = self._warm.pop(key, None)
        if warm is not None:
            self._warm_bytes -= warm.size
        return warm

    def _keep_warm(self, page: Page, size: int) -> None:
        self._take_warm(page.key)
        self._warm[page.key] = _Warm(page, size)
        self._warm_bytes += size
        while self._warm and self._warm_bytes > self._warm_bytes_max:
            _, oldest = self._warm.popitem(last=False)
            self._warm_bytes -= oldest.size
