"""Moves a use case's models to other pages, offline: `python -m ops repage --pages N --placement asset`.

    layout.json says that the models are being moved    # a function that starts now waits
    each old page is fenced, its content kept            # a warm function cannot write it any more
    each new page is written, from the old ones          # fenced too: a function may know them of old
    layout.json says where the models lie now            # the move counts from here on
    each new page's fence is taken away
    each old page's content goes; its fence stays

It can be interrupted anywhere and run again: until `layout.json` says so, the old pages hold everything.

Between placements the keys of the signals change too. What came alone and among the values of a record had
two states by record, and has one by asset: the one that learned more. `ops/state/placing.py` decides that.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from consumer.decode.signal_names import SignalKey
from consumer.errors import ConfigurationError, PageChanged, UnreadablePage
from consumer.learning.state import State
from consumer.pages.codec import AnyStates, PageCodec, coming, moved, unmarked
from consumer.pages.layout import (
    BY_ASSET,
    Layout,
    Recorded,
    being_built,
    layout_at,
    layout_key,
    read_layout,
    record_assets,
    record_layout,
    where_of,
)
from consumer.pages.store import read_page_body
from consumer.ports import ObjectStore
from ops.state.placing import Placing

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Repage:
    """A move of the models under `prefix`; `report` gets a line for each step."""

    objects: ObjectStore
    codec: PageCodec
    prefix: str
    report: Callable[[str], None]

    async def run(self, pages: int | None = None, placing: Placing | None = None) -> int:
        """Move the models to `pages` pages, or to an object per signal or asset if 0; return their number.

        Without `pages` there are as many as before; without `placing` signals stay placed as they are.

        Raises: `ConfigurationError` if there is nothing to move; `Unavailable`, `UnreadablePage`: nothing
            is lost, run it again; `PageChanged`: a function is at work, so disable its mapping, then again.
        """
        recorded, found = await self._recorded()
        version: str | None = found
        old = await layout_at(self.objects, self.prefix, recorded.where)
        placing = placing or Placing(old.assets)
        new = Layout(self.prefix, old.pages if pages is None else pages, placing.assets)
        here, there = where_of(old), where_of(new)
        if recorded == there.recorded():
            signals = sum(map(len, await self._each(new.folder, self._states)))
        else:
            if placing.among:  # what cannot be placed is refused before a function has to wait for it
                for page in await self._each(old.folder, self._states):
                    placing.check(page)
            self.report(f"from {old.name} to {new.name}")
            await record_assets(self.objects, new)
            version = await self._record(here.recorded(there, secrets.token_hex(8)), version)
            if recorded.target is not None and recorded.target not in (here, there):
                # An interrupted move elsewhere: what it has written is in force nowhere, nor will be.
                elsewhere = await layout_at(self.objects, self.prefix, recorded.target)
                await self._replace_each(elsewhere.folder, _given_up, version)
            await self._replace_each(old.folder, _fenced, version)
            self.report("the old pages are fenced")
            replaced = await self._versions(new)  # from here on, whoever writes there makes this move fail
            states = placing.placed(await self._gather(old), old.assets, self.report)
            await self._check_is_own(version)
            await self._write(new, states, replaced)
            version = await self._record(there.recorded(), version)
            self.report("the new pages are in force")
            signals = len(states)
        await self._replace_each(new.folder, _opened, version)
        folders = f"{self.prefix}/pages/", f"{self.prefix}/signals/", f"{self.prefix}/{BY_ASSET}/"
        keys = [key for folder in folders for key in await self.objects.keys(folder)]
        for folder in {key.rpartition("/")[0] + "/" for key in keys} - {new.folder}:
            await self._replace_each(folder, self._emptied, version)
        return signals

    async def _check_is_own(self, version: str | None) -> None:
        """Check that `layout.json` is as this move has left it. Raises: `PageChanged`."""
        _, now = await self._recorded()
        if now != version:
            raise PageChanged("another move has begun meanwhile")

    async def _replace_each(
        self, folder: str, content: Callable[[str, bytes], bytes], version: str | None
    ) -> None:
        """Give the objects of a folder other content, if no other move had begun when all were read.

        One that begins later writes them too, so that this fails, or it does.
        """

        async def change(key: str, e_tag: str, body: bytes) -> tuple[str, bytes, str] | None:
            wanted = content(key, body)
            return None if wanted == body else (key, wanted, e_tag)

        changes = [each for each in await self._each(folder, change) if each is not None]
        if changes:
            await self._check_is_own(version)
        await asyncio.gather(*(self.objects.replace(*each) for each in changes))

    async def _recorded(self) -> tuple[Recorded, str]:
        found = await read_layout(self.objects, self.prefix)
        if found is None:
            raise ConfigurationError(
                f"there is no {layout_key(self.prefix)}: nothing was learned of this use case with this "
                "version of River and these parameters. A function that was deployed from another release "
                "has its models elsewhere: check out that release, and run its `repage`"
            )
        if found[0].upgrade_from:
            raise ConfigurationError(being_built(found[0]))
        return found

    async def _record(self, recorded: Recorded, version: str | None) -> str | None:
        return await record_layout(self.objects, self.prefix, recorded, version)

    async def _each(self, folder: str, do: Callable[[str, str, bytes], Awaitable[_T]]) -> list[_T]:
        """Call `do` with the key, version and content of each object of a folder."""

        async def one(key: str) -> list[_T]:
            found = await read_page_body(self.objects, key)
            return [] if found is None else [await do(key, *found)]

        keys = await self.objects.keys(folder)
        return [done for each in await asyncio.gather(*map(one, keys)) for done in each]

    async def _states(self, key: str, version: str, body: bytes) -> AnyStates:
        content = unmarked(body)
        try:
            return self.codec.decode(content) if content else {}
        except UnreadablePage as error:
            raise UnreadablePage(f"the page {key} cannot be read, and nothing was moved: {error}") from error

    async def _fenced_states(self, key: str, version: str, body: bytes) -> AnyStates:
        if moved(body) != body:
            raise PageChanged(f"{key} was written after the others were fenced")
        return await self._states(key, version, body)

    async def _gather(self, old: Layout) -> AnyStates:
        states: dict[SignalKey, State] = {}
        for page in await self._each(old.folder, self._fenced_states):
            if twice := states.keys() & page.keys():
                raise UnreadablePage(f"two pages of {old.folder} hold the signal {min(twice).signal!r}")
            states |= page
        return states

    async def _versions(self, layout: Layout) -> dict[str, str]:
        async def version(key: str, version: str, body: bytes) -> tuple[str, str]:
            return key, version

        return dict(await self._each(layout.folder, version))

    async def _write(self, new: Layout, states: AnyStates, versions: dict[str, str]) -> None:
        """Write every new page, over what an earlier or an interrupted move has left there."""
        pages: dict[str, AnyStates] = {key: {} for key in versions}
        for key, state in states.items():
            pages.setdefault(new.key_of(key.record_signal), {})[key] = state

        async def write(key: str, page: AnyStates) -> None:
            await self.objects.replace(key, coming(self.codec.encode(page)), versions.get(key))

        await asyncio.gather(*(write(key, page) for key, page in pages.items()))
        self.report(f"{len(pages)} pages are written, with {len(states)} signals")

    def _emptied(self, key: str, body: bytes) -> bytes:
        if body == moved(body):
            return _given_up(key, body)
        self.report(f"skipped, written in a layout that was not in force: {key}")
        return body


def _fenced(_: str, body: bytes) -> bytes:
    return moved(body)


def _opened(_: str, body: bytes) -> bytes:
    return unmarked(body) if body == coming(body) else body


def _given_up(_key: str, _body: bytes) -> bytes:
    return moved(b"")
