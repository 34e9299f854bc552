"""Which page holds a signal, and under which key."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta

from consumer.aws.s3 import Found, Missing, Objects
from consumer.decode.signal_names import SignalKey, page_of
from consumer.errors import LayoutChanged, PageChanged, Unavailable
from consumer.events.quarantine import quoted

_SEGMENT_BYTES_MAX = 600


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the pages of a use case and fingerprint lie: in `pages` objects, or one a signal if 0."""

    prefix: str
    pages: int

    def key_of(self, record_signal: str) -> str:
        """The key of the page that holds the signals which `record_signal`'s records bring."""
        if self.pages == 0:
            return f"{self.folder}{_segment(record_signal)}"
        return f"{self.folder}{page_of(record_signal, self.pages)}"

    def grouped(self, keys: Iterable[SignalKey]) -> dict[str, list[SignalKey]]:
        """The signals by the keys of their pages."""
        groups: defaultdict[str | int, list[SignalKey]] = defaultdict(list)
        if self.pages == 0:
            for key in keys:
                groups[key.record_signal].append(key)
        else:
            for key in keys:
                groups[page_of(key.record_signal, self.pages)].append(key)
        return {self.key_of(group[0].record_signal): group for group in groups.values()}

    @property
    def folder(self) -> str:
        """What the keys of all its pages begin with, and no other."""
        return f"{self.prefix}/pages/{self.pages}/" if self.pages else f"{self.prefix}/signals/"


def prefix_of(use_case: str, fingerprint: str) -> str:
    """Where all that was learned under this use case and fingerprint lies."""
    return f"models/{quoted(use_case)}/{fingerprint}"


def _segment(record_signal: str) -> str:
    """The quoted name; a very long one ends in its hash, for S3's keys have at most 1,024 bytes."""
    name = quoted(record_signal)
    if len(name) <= _SEGMENT_BYTES_MAX:
        return name
    return f"{name[:_SEGMENT_BYTES_MAX]}~{sha256(record_signal.encode()).hexdigest()}"


_BYTES_MAX = 4096


class Recorded(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `layout.json` says: where the models lie, and where they are being moved to, if they are."""

    pages: Annotated[int, Meta(ge=0, le=4096)]
    moving_to: Annotated[int, Meta(ge=0, le=4096)] | None = None
    move: str = ""
    """Tells one move from another: S3's ETag of the same text is the same."""
    upgrade_from: str = ""
    """The fingerprint whose models these take the place of, while they are built: nobody learns meanwhile."""
    upgrade_begun_s: float = 0.0
    """When that began."""


class LayoutStore:
    """`layout.json` of one use case and fingerprint: read once, and again where a page says it is another."""

    def __init__(self, objects: Objects, wanted: Layout, warn: Callable[[str], None]) -> None:
        self._objects = objects
        self._wanted = wanted
        self._warn = warn
        self._current: Layout | None = None
        self._asked = self._answered = 0
        self._answer: Layout | Unavailable | None = None
        self._turns: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    async def current(self) -> Layout:
        """The layout recorded, or the one wanted, recorded now.

        Raises: `Unavailable`, also where what is recorded cannot be read: without it no page can be found.
            `LayoutChanged` while the models are being moved, or built by an upgrade.
        """
        if self._current is None:
            self._current = await self._read() or await self._record()
            if self._current != self._wanted:
                self._warn(
                    f"MODEL_PAGES is {self._wanted.pages}, but the models lie in {self._current.pages} "
                    "pages, and stay there until they are moved"
                )
        return self._current

    async def confirm(self) -> None:
        """Make sure that the layout given is still in force.

        One request answers all who asked before it was sent: no answer is older than its question.

        Raises: `LayoutChanged` where it is not; `Unavailable`.
        """
        known = self._current
        self._asked += 1
        question = self._asked
        async with self._turn():
            if self._answered < question:
                answered = self._asked
                try:
                    self._answer = await self._read()
                except Unavailable as error:
                    self._answer = error
                self._answered = answered
            answer = self._answer
        if isinstance(answer, Unavailable):
            raise answer
        if answer != known:
            raise LayoutChanged(f"{self._key} is another than this function knew: it is read again next time")

    def _turn(self) -> asyncio.Lock:
        """Each invocation has an event loop of its own, and so a lock of its own."""
        loop = asyncio.get_running_loop()
        if self._turns is None or self._turns[0] is not loop:
            self._turns = loop, asyncio.Lock()
        return self._turns[1]

    def forget(self) -> None:
        """Read it again next time."""
        self._current = None

    async def _read(self) -> Layout | None:
        found = await self._objects.get(self._key, bytes_max=_BYTES_MAX)
        if isinstance(found, Missing):
            return None
        if not isinstance(found, Found) or found.body is None:
            raise Unavailable(f"{self._key} is no record of a layout")
        recorded = recorded_in(self._key, found.body)
        if recorded.moving_to is not None:
            raise LayoutChanged(f"the models are being moved to {recorded.moving_to} pages: {self._key}")
        if recorded.upgrade_from:
            raise LayoutChanged(f"{being_built(recorded)}: {self._key}")
        return Layout(self._wanted.prefix, recorded.pages)

    async def _record(self) -> Layout:
        try:
            await self._objects.replace(self._key, msgspec.json.encode(Recorded(self._wanted.pages)), None)
        except PageChanged:
            recorded = await self._read()
            if recorded is None:
                raise Unavailable(f"{self._key} is written and removed at the same time") from None
            return recorded
        return self._wanted

    @property
    def _key(self) -> str:
        return layout_key(self._wanted.prefix)


def layout_key(prefix: str) -> str:
    """Where the layout of what lies under `prefix` is recorded."""
    return f"{prefix}/layout.json"


def being_built(recorded: Recorded) -> str:
    """What to say of models that an upgrade has not put in force yet."""
    return (
        f"the models are being built beside those of {recorded.upgrade_from}; "
        "`python -m consumer upgrade finish` puts them in force"
    )


def recorded_in(key: str, body: bytes) -> Recorded:
    """What it says.

    Raises: `Unavailable` where it cannot be read.
    """
    try:
        return msgspec.json.decode(body, type=Recorded)
    except msgspec.MsgspecError as error:
        raise Unavailable(f"{key} cannot be read: {error}") from error
