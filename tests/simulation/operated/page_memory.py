"""How many bytes of pages one function holds at once, beside the bound that it is given."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from consumer.pages.store import Page, PageMemory, PageStore

_COPIES = 3
"""As it was read, as it is written, and what is in between take at least that much."""


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
    """Adds a violation where several pages together are larger than the bound; one alone may be."""

    memory: ObservedMemory
    sizes: dict[str, tuple[str, bytes]]
    violations: list[str]

    async def load(self, key: str) -> Page:
        page = await super().load(key)
        e_tag, body = self.sizes.get(key, ("", b""))
        out = self.memory.out
        out[key] = _COPIES * len(body) * (e_tag == page.e_tag)
        if len(out) > 1 and sum(out.values()) > self.memory.bytes_max:
            self.violations.append(f"{len(out)} pages are out at once, of {sum(out.values())} bytes")
        return page
