"""How much memory the pages that one function holds at once need, beside the bound that it is given."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from consumer.pages.codec import memory_bytes_for
from consumer.pages.store import Page, PageMemory, PageStore

_COPIES = 3
"""Of a page's bytes, beside its states: as it was read, as it is written, and what is in between."""


class ObservedMemory(PageMemory):
    """Notes the pages that are out, by their keys, as long as there is room for them."""

    def __init__(self, bytes_max: int) -> None:
        super().__init__(bytes_max)
        self.bytes_max = bytes_max
        self.out: dict[str, int] = {}

    @asynccontextmanager
    async def room(self, key: str) -> AsyncIterator[None]:
        async with super().room(key):
            try:
                yield
            finally:
                self.out.pop(key, None)


class ObservedStore(PageStore):
    """Adds a violation where several pages together need more than the bound; one alone may.

    Warm ones lie in memory anyway, within a bound of their own.
    """

    memory: ObservedMemory
    sizes: dict[str, tuple[str, bytes]]
    violations: list[str]

    async def load(self, key: str) -> Page:
        page = await super().load(key)
        e_tag, body = self.sizes.get(key, ("", b""))
        out = self.memory.out
        is_read = page.is_confirmed and e_tag == page.e_tag
        out[key] = memory_bytes_for(body) + _COPIES * len(body) if is_read else 0
        if sum(map(bool, out.values())) > 1 and sum(out.values()) > self.memory.bytes_max:
            self.violations.append(f"{len(out)} pages are out at once, and need {sum(out.values())} bytes")
        return page
