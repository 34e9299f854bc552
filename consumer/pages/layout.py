"""Which page holds a signal, and under which key."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from consumer.decode.batch import Batch
from consumer.decode.signal_names import SignalKey, page_of
from consumer.decode.sorting import Runs
from consumer.errors import LayoutChanged, PageChanged, Unavailable
from consumer.events.quarantine import quoted
from consumer.learning.page_parts import PagePart
from consumer.ports import InvocationLock, Missing, ObjectStore, Unchanged

_SEGMENT_BYTES_MAX = 600


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the pages of a use case and fingerprint lie: in `pages` objects, or one per signal if 0."""

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
        """The prefix of the keys of its pages, and of nothing else."""
        return f"{self.prefix}/pages/{self.pages}/" if self.pages else f"{self.prefix}/signals/"


def parts_by_page(batch: Batch, layout: Layout) -> dict[str, PagePart]:
    """What a batch holds for each page, by the pages' keys, in the order of their first records."""
    if batch.is_regrouped or not layout.pages:
        return {
            page_key: PagePart(batch, apart=keys) for page_key, keys in layout.grouped(batch.signals).items()
        }
    pages = batch.numbering.pages(layout.pages)
    runs = batch.observed.by_signal(pages)
    rows = np.searchsorted(pages[runs.numbers], np.arange(layout.pages + 1))
    ends = np.concatenate([[0], np.cumsum(runs.counts)])[rows]
    of_skipped = pages[np.asarray(batch.skipped_numbers, np.int64)]
    skipped_pages = set(of_skipped.tolist())
    parts, nothing = {}, of_skipped[:0]
    for page in skipped_pages.union((rows[1:] > rows[:-1]).nonzero()[0].tolist()):
        own, places = slice(rows[page], rows[page + 1]), slice(ends[page], ends[page + 1])
        observed = Runs(runs.numbers[own], runs.counts[own], runs.places[places])
        skipped = (of_skipped == page).nonzero()[0] if page in skipped_pages else nothing
        parts[page] = PagePart(batch, observed, skipped)
    ordered = sorted(parts.items(), key=lambda one: one[1].first_record)
    return {f"{layout.folder}{page}": part for page, part in ordered}


def prefix_of(use_case: str, fingerprint: str) -> str:
    """The prefix of all that was learned under this use case and fingerprint."""
    return f"models/{quoted(use_case)}/{fingerprint}"


def _segment(record_signal: str) -> str:
    """The quoted name; a very long one ends in its hash, for S3's keys have at most 1,024 bytes."""
    name = quoted(record_signal)
    if len(name) <= _SEGMENT_BYTES_MAX:
        return name
    return f"{name[:_SEGMENT_BYTES_MAX]}~{sha256(record_signal.encode()).hexdigest()}"


_BYTES_MAX = 4096


class Recorded(msgspec.Struct, frozen=True, omit_defaults=True):
    """The content of `layout.json`: where the models lie, and where they are being moved, if so."""

    pages: Annotated[int, Meta(ge=0, le=4096)]
    moving_to: Annotated[int, Meta(ge=0, le=4096)] | None = None
    move: str = ""
    """Distinguishes one move from another: the same text would have the same ETag."""
    upgrade_from: str = ""
    """While these models are built: the fingerprint of those they replace. No function learns meanwhile."""
    upgrade_begun_s: float = 0.0
    """When building began, in seconds since 1970."""


def layout_key(prefix: str) -> str:
    """The key of the record of where the pages under `prefix` lie."""
    return f"{prefix}/layout.json"


def recorded_in(key: str, body: bytes) -> Recorded:
    """Parse the content of `layout.json`. Raises: `Unavailable` if it cannot be read."""
    try:
        return msgspec.json.decode(body, type=Recorded)
    except msgspec.MsgspecError as error:
        raise Unavailable(f"{key} cannot be read: {error}") from error


async def read_layout(objects: ObjectStore, prefix: str) -> tuple[Recorded, str] | None:
    """What is recorded of the layout, and the version of the object; None if there is none.

    Raises: `Unavailable`, also if it cannot be read: without it no page can be found.
    """
    key = layout_key(prefix)
    found = await objects.get(key, bytes_max=_BYTES_MAX)
    if isinstance(found, Missing):
        return None
    if isinstance(found, Unchanged) or found.body is None:
        raise Unavailable(f"{key} cannot be read: it is too large for the record of a layout")
    return recorded_in(key, found.body), found.e_tag


async def record_layout(
    objects: ObjectStore, prefix: str, recorded: Recorded, e_tag: str | None
) -> str | None:
    """Write `layout.json` if it still has that version; return the new one. Raises: as `replace`."""
    return await objects.replace(layout_key(prefix), msgspec.json.encode(recorded), e_tag)


async def layout_in_force(objects: ObjectStore, prefix: str) -> Layout | None:
    """Where the models lie; None if nothing was learned yet.

    Raises: `LayoutChanged` while they are being moved, or built by an upgrade; `Unavailable`.
    """
    found = await read_layout(objects, prefix)
    if found is None:
        return None
    recorded, _ = found
    if recorded.moving_to is not None:
        raise LayoutChanged(
            f"the models are being moved to {recorded.moving_to} pages: {layout_key(prefix)}; "
            "try again when that is done"
        )
    if recorded.upgrade_from:
        raise LayoutChanged(f"{being_built(recorded)}: {layout_key(prefix)}")
    return Layout(prefix, recorded.pages)


def being_built(recorded: Recorded) -> str:
    """The message for models that an upgrade has not activated yet."""
    return (
        f"the models are being built beside those of {recorded.upgrade_from}; "
        "`python -m ops upgrade finish` activates them"
    )


class LayoutStore:
    """`layout.json` of one use case and fingerprint: read once, and again after `forget`."""

    def __init__(self, objects: ObjectStore, wanted: Layout, warn: Callable[[str], None]) -> None:
        self._objects = objects
        self._wanted = wanted
        self._warn = warn
        self._current: Layout | None = None
        self._asked = self._answered = 0
        self._answer: Layout | Unavailable | None = None
        self._turns = InvocationLock()

    async def current(self) -> Layout:
        """The recorded layout, or the wanted one, which is recorded now.

        Raises: `Unavailable`, also if the record cannot be read: without it no page can be found.
            `LayoutChanged` while the models are being moved, or built by an upgrade.
        """
        if self._current is None:
            self._current = await layout_in_force(self._objects, self._wanted.prefix) or await self._record()
            if self._current != self._wanted:
                self._warn(
                    f"MODEL_PAGES is {self._wanted.pages}, but the models lie in {self._current.pages} "
                    "pages, and stay there until they are moved"
                )
        return self._current

    async def confirm(self) -> None:
        """Check that the current layout is still in force.

        One request answers all callers that came before it was sent: no answer is older than its question.

        Raises: `LayoutChanged` if it is not; `Unavailable`.
        """
        known = self._current
        self._asked += 1
        question = self._asked
        async with self._turns.current():
            if self._answered < question:
                answered = self._asked
                try:
                    self._answer = await layout_in_force(self._objects, self._wanted.prefix)
                except Unavailable as error:
                    self._answer = error
                self._answered = answered
            answer = self._answer
        if isinstance(answer, Unavailable):
            raise answer
        if answer != known:
            raise LayoutChanged(
                f"{layout_key(self._wanted.prefix)} has changed since this function read it; "
                "it is read again next time"
            )

    def forget(self) -> None:
        """Read it again next time."""
        self._current = None

    async def _record(self) -> Layout:
        try:
            await record_layout(self._objects, self._wanted.prefix, Recorded(self._wanted.pages), None)
        except PageChanged:
            recorded = await layout_in_force(self._objects, self._wanted.prefix)
            if recorded is None:
                key = layout_key(self._wanted.prefix)
                raise Unavailable(f"{key} is written and removed at the same time") from None
            return recorded
        return self._wanted
