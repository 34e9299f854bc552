"""Pages in the bucket: read and written with conditions, so that all that must agree is one PUT."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from consumer.errors import MoreMemoryNeeded, PageChanged, Unavailable, UnreadablePage
from consumer.pages.codec import PageCodec, States, memory_bytes_for, warm_bytes_of
from consumer.ports import Found, Jitter, Missing, ObjectStore, Unchanged

PAGE_BYTES_MAX = 256 * 1024 * 1024
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
    encoded: tuple[bytes, bool] | None = None
    """As it is to be written, and whether it is nearly full then; None: not encoded yet."""


def check_page_size(key: str, size: int) -> None:
    """Raise `UnreadablePage` for an object larger than any page: reading it would fill the memory."""
    if size > PAGE_BYTES_MAX:
        raise UnreadablePage(f"the page {key} has {size} bytes; the consumer writes none that large")


async def read_page_body(objects: ObjectStore, key: str) -> tuple[str, bytes] | None:
    """The version and the content of a page, not decoded; None if there is none.

    Raises: `UnreadablePage` if it is too large; `Unavailable`.
    """
    found = await objects.get(key, bytes_max=PAGE_BYTES_MAX)
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
        if tried:
            await asyncio.sleep(jitter.uniform(0, _BACKOFF_S * 2**tried))
        try:
            return await attempt()
        except PageChanged:
            continue
    raise Unavailable(f"{what} was changed by others, {COMMIT_TRIES} times in a row: try again later")


_ROOMS = 16
"""Pages of unknown size that may be read at the same time; they share the memory."""
_ROOMS_MAX = 256
"""Pages of known size, however small: what a batch adds to them has to have room too."""
_KNOWN_MAX = 10_000
"""Pages whose size is remembered."""
_COPIES = 3
"""Of a page's bytes, beside its states: as they were read, of models not read yet, as they are written."""


@dataclass(slots=True)
class _Rooms:
    """What is taken of the memory for pages, in one event loop."""

    loop: asyncio.AbstractEventLoop
    taken: int = 0
    waiting: deque[tuple[int, asyncio.Future[None]]] = field(default_factory=deque)
    """What is needed, in the order in which it was asked for."""
    of_pages: dict[str, int] = field(default_factory=dict)

    def admit(self, bytes_max: int) -> None:
        """Take the room for those that wait, as far as it goes: a large page is not overtaken for ever."""
        while self.waiting:
            needed, turn = self.waiting[0]
            if not turn.cancelled():
                if self.taken and self.taken + needed > bytes_max:
                    return
                self.taken += needed
                turn.set_result(None)
            self.waiting.popleft()


@dataclass(slots=True)
class _Room:
    """Room for a page, held within an `async with`."""

    rooms: _Rooms
    key: str
    needed: int
    bytes_max: int
    turn: asyncio.Future[None] = field(init=False)

    async def __aenter__(self) -> None:
        rooms = self.rooms
        self.turn = rooms.loop.create_future()
        rooms.waiting.append((self.needed, self.turn))
        rooms.admit(self.bytes_max)
        if not self.turn.done():  # who need not wait goes on at once
            try:
                await self.turn
            except BaseException:
                self._leave()
                raise
        rooms.of_pages[self.key] = self.needed

    async def __aexit__(self, *_: object) -> None:
        self._leave()

    def _leave(self) -> None:
        if not self.turn.cancelled():
            self.rooms.taken -= self.needed
        self.rooms.of_pages.pop(self.key, None)
        self.rooms.admit(self.bytes_max)


class PageMemory:
    """How much memory the pages of an invocation may take together: some wait until others are done.

    No page waits while it holds room, so none waits for ever. Each invocation starts with all of the memory:
    one that was cut short has given up its event loop, and its pages.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._known: dict[str, int] = {}
        """What pages need, those noted last at the end."""
        self._rooms: _Rooms | None = None

    def room(self, key: str) -> "_Room":
        """Wait for room for a page, and hold it."""
        return _Room(self._current(), key, self._known.get(key, self._bytes_max // _ROOMS), self._bytes_max)

    def of(self, key: str) -> int | None:
        """The room that is held for a page; None: nobody asked for any."""
        return self._current().of_pages.get(key)

    def check(self, key: str, needed: int) -> None:
        """Note what a page needs. Raises: `MoreMemoryNeeded` if that is more than is held for it."""
        needed = self.note(key, needed)
        held = self.of(key)
        if held is not None and needed > held:
            raise MoreMemoryNeeded(f"the page {key} needs {needed} bytes of memory, and has {held}")

    def note(self, key: str, needed: int) -> int:
        """Note what a page needs, for the next time; of more than there is, all that there is."""
        needed = min(needed, self._bytes_max)
        self._known.pop(key, None)
        self._known[key] = max(needed, self._bytes_max // _ROOMS_MAX)
        if len(self._known) > _KNOWN_MAX:
            del self._known[next(iter(self._known))]
        return needed

    def _current(self) -> _Rooms:
        loop = asyncio.get_running_loop()
        if self._rooms is None or self._rooms.loop is not loop:
            self._rooms = _Rooms(loop)
        return self._rooms


class _Warm(NamedTuple):
    page: Page
    memory_bytes: int


class PageStore:
    """Pages by their keys.

    Warm pages, which take `warm_bytes_max` of memory at most, are handed out without asking S3: the
    conditional PUT detects a newer version, and `confirm` does so earlier. A page leaves the warm ones when
    it is handed out, and returns only after its commit: changes that were not committed are never seen.
    """

    def __init__(
        self, objects: ObjectStore, codec: PageCodec, warm_bytes_max: int, memory: PageMemory | None = None
    ) -> None:
        self._objects = objects
        self._codec = codec
        self._warm: OrderedDict[str, _Warm] = OrderedDict()
        self._warm_bytes = 0
        self._warm_bytes_max = warm_bytes_max
        self.memory = memory or PageMemory(PAGE_BYTES_MAX)

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
        held = self.memory.of(key)
        found = await self._objects.get(
            key,
            bytes_max=PAGE_BYTES_MAX if held is None else min(held, PAGE_BYTES_MAX),
            unless=known.e_tag if known else None,
        )
        if isinstance(found, Unchanged):
            assert known is not None  # only if a version was named
            known.is_confirmed = True
            return known
        if isinstance(found, Missing):
            return Page(key, None, States())
        if found.body is None:  # nor was more read than there is room for
            self.memory.check(key, _COPIES * found.size)
            raise UnreadablePage(f"the page {key} has {found.size} bytes, more than there is memory for")
        body = _body_of(key, found)
        self.memory.check(key, memory_bytes_for(body) + _COPIES * len(body))
        try:
            states = States.of(self._codec.decode(body))
        except UnreadablePage as error:
            raise UnreadablePage(f"the page {key} cannot be read: {error}") from error
        return Page(key, found.e_tag, states, self._codec.is_nearly_full(body))

    def encode(self, page: Page) -> None:
        """Encode the page, if it is not yet: its states must not be changed any more then.

        Raises: `UnwritableModels` for models that no page can hold; `UnreadablePage` if it would take too
            much memory.
        """
        if page.encoded is None:
            page.encoded = self._codec.encode_measured(page.states)

    async def commit(self, page: Page) -> int:
        """Write the page unless somebody else has since it was loaded; return its size in bytes.

        Raises: `PageChanged` if somebody has, or if two writes met: load the page and learn again;
            `Unavailable` if it is unknown whether it was written; `UnreadablePage` if it was not written,
            because it could not be read again; `UnwritableModels`.
        """
        self.encode(page)
        assert page.encoded is not None
        (body, page.is_full), page.encoded = page.encoded, None
        # Pages that learned together are all encoded before the first is sent: whatever sends them in threads
        # would fight for the interpreter with what encodes the others.
        await asyncio.sleep(0)
        page.e_tag = await self._objects.replace(page.key, body, page.e_tag)
        memory_bytes = memory_bytes_for(body)
        self.memory.note(page.key, memory_bytes + _COPIES * len(body))
        if page.e_tag is not None:
            self._keep_warm(page, warm_bytes_of(States.of(page.states), memory_bytes))
        return len(body)

    def _take_warm(self, key: str) -> _Warm | None:
        warm = self._warm.pop(key, None)
        if warm is not None:
            self._warm_bytes -= warm.memory_bytes
        return warm

    def _keep_warm(self, page: Page, memory_bytes: int) -> None:
        self._take_warm(page.key)
        self._warm[page.key] = _Warm(page, memory_bytes)
        self._warm_bytes += memory_bytes
        while self._warm and self._warm_bytes > self._warm_bytes_max:
            _, oldest = self._warm.popitem(last=False)
            self._warm_bytes -= oldest.memory_bytes
