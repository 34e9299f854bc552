"""The layout in force: what the first writer recorded, whatever the environment says since."""

from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta

from consumer.core.errors import PageChanged, Unavailable
from consumer.core.layout import Layout
from consumer.edge.objects import Found, Missing, Objects

_BYTES_MAX = 4096


class _Recorded(msgspec.Struct, frozen=True):
    pages: Annotated[int, Meta(ge=0, le=4096)]


class LayoutStore:
    """`layout.json` of one use case and fingerprint, read once."""

    def __init__(self, objects: Objects, wanted: Layout, warn: Callable[[str], None]) -> None:
        self._objects = objects
        self._wanted = wanted
        self._warn = warn
        self._current: Layout | None = None

    async def current(self) -> Layout:
        """The layout recorded, or the one wanted, recorded now.

        Raises: `Unavailable`, also where what is recorded cannot be read: without it no page can be found.
        """
        if self._current is None:
            self._current = await self._read() or await self._record()
            if self._current != self._wanted:
                self._warn(
                    f"MODEL_PAGES is {self._wanted.pages}, but the models lie in {self._current.pages} "
                    "pages, and stay there until they are moved"
                )
        return self._current

    async def _read(self) -> Layout | None:
        found = await self._objects.get(self._key, bytes_max=_BYTES_MAX)
        if isinstance(found, Missing):
            return None
        if not isinstance(found, Found) or found.body is None:
            raise Unavailable(f"{self._key} is no record of a layout")
        try:
            recorded = msgspec.json.decode(found.body, type=_Recorded)
        except msgspec.MsgspecError as error:
            raise Unavailable(f"{self._key} cannot be read: {error}") from error
        return Layout(self._wanted.prefix, recorded.pages)

    async def _record(self) -> Layout:
        try:
            await self._objects.replace(self._key, msgspec.json.encode(_Recorded(self._wanted.pages)), None)
        except PageChanged:
            recorded = await self._read()
            if recorded is None:
                raise Unavailable(f"{self._key} is written and removed at the same time") from None
            return recorded
        return self._wanted

    @property
    def _key(self) -> str:
        return f"{self._wanted.prefix}/layout.json"
