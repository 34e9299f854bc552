"""Which page holds a signal, and under which key."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from consumer.decode.batch import Batch
from consumer.decode.signal_names import SignalKey, page_of, placed
from consumer.decode.sorting import Runs
from consumer.errors import ConfigurationError, LayoutChanged, PageChanged, Unavailable
from consumer.events.quarantine import quoted
from consumer.learning.page_parts import PagePart
from consumer.ports import InvocationLock, Missing, ObjectStore, Unchanged
from consumer.settings.assets import Assets, read_assets

_SEGMENT_BYTES_MAX = 600


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the pages of a use case and fingerprint lie: in `pages` objects, or one per signal if 0.

    With `assets`, a signal lies on the page of its asset: its key's `record_signal` is its asset.
    """

    prefix: str
    pages: int
    assets: Assets | None = None
    """None: a signal lies on the page of its record signal."""

    def placed(self, key: SignalKey) -> SignalKey:
        """The key by which the state of a signal is known here."""
        return placed(key, self.assets)

    def key_of(self, record_signal: str) -> str:
        """The key of the page that holds the signals with this `record_signal` in their keys."""
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
        if self.assets is not None:
            # Other rules put signals on other pages, so that a move between them has folders to move between.
            return f"{self.prefix}/{BY_ASSET}/{self.assets.id}/{self.pages or 'assets'}/"
        return f"{self.prefix}/pages/{self.pages}/" if self.pages else f"{self.prefix}/signals/"

    @property
    def name(self) -> str:
        """For messages."""
        if self.assets is not None:
            return f"{self.pages} pages by asset" if self.pages else "an object per asset"
        return f"{self.pages} pages" if self.pages else "an object per signal"


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


BY_ASSET = "by-asset"
"""The folder of all pages that are placed by asset."""
_BYTES_MAX = 4096
_ASSETS_BYTES_MAX = 16 * 1024 * 1024
_Count = Annotated[int, Meta(ge=0, le=4096)]
_AssetsId = Annotated[str, Meta(pattern=r"\A[0-9a-f]{16}\Z")]


class ByAsset(msgspec.Struct, frozen=True):
    """Pages by asset: how many, and by which rules a signal is of an asset: `Assets.id`."""

    pages: _Count
    assets: _AssetsId


class Recorded(msgspec.Struct, frozen=True, omit_defaults=True):
    """The content of `layout.json`: where the models lie, and where they are being moved, if so.

    One of `pages` and `by_asset` is given. A function from before there was a placement by asset cannot read
    the latter, and so learns nothing: it would look for the models on other pages.
    """

    pages: _Count | None = None
    moving_to: _Count | None = None
    move: str = ""
    """Distinguishes one move from another: the same text would have the same ETag."""
    upgrade_from: str = ""
    """While these models are built: the fingerprint of those they replace. No function learns meanwhile."""
    upgrade_begun_s: float = 0.0
    """When building began, in seconds since 1970."""
    by_asset: ByAsset | None = None
    moving_to_assets: _AssetsId | None = None
    """With `moving_to`, if the models are being moved to pages by asset."""

    def __post_init__(self) -> None:
        if (self.pages is None) is (self.by_asset is None):
            raise ValueError("allowed: `pages` or `by_asset`")

    @property
    def where(self) -> "Where":
        """Where the models lie, or lay before they were moved."""
        if self.by_asset is not None:
            return Where(self.by_asset.pages, self.by_asset.assets)
        return Where(self.pages or 0)

    @property
    def target(self) -> "Where | None":
        """Where they are being moved."""
        return None if self.moving_to is None else Where(self.moving_to, self.moving_to_assets)


@dataclass(frozen=True, slots=True)
class Where:
    """A layout as it is recorded."""

    pages: int
    assets: str | None = None
    """The id of the rules that say the asset of a signal; None: by record signal."""

    def recorded(
        self,
        to: "Where | None" = None,
        move: str = "",
        upgrade_from: str = "",
        upgrade_begun_s: float = 0.0,
    ) -> Recorded:
        """The content of `layout.json` if the models lie here."""
        return Recorded(
            self.pages if self.assets is None else None,
            None if to is None else to.pages,
            move,
            upgrade_from,
            upgrade_begun_s,
            None if self.assets is None else ByAsset(self.pages, self.assets),
            None if to is None else to.assets,
        )


def where_of(layout: Layout) -> Where:
    """The layout, as it is recorded."""
    return Where(layout.pages, None if layout.assets is None else layout.assets.id)


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


def _assets_key(prefix: str, assets_id: str) -> str:
    """The key of the rules by which signals are of assets: other ones have other keys."""
    return f"{prefix}/assets-{assets_id}.json"


async def record_assets(objects: ObjectStore, layout: Layout) -> None:
    """Keep the rules by which a layout places signals, before it is recorded. Raises: `Unavailable`."""
    if layout.assets is None:
        return
    written = layout.assets.written()
    if len(written) > _ASSETS_BYTES_MAX:
        raise ConfigurationError(
            f"the assets of the settings take {len(written):,} bytes, of {_ASSETS_BYTES_MAX:,} at most: "
            "match more signals by one pattern"
        )
    with suppress(PageChanged):  # the same ones are there
        await objects.replace(_assets_key(layout.prefix, layout.assets.id), written, None)


async def layout_at(objects: ObjectStore, prefix: str, where: Where, known: Assets | None = None) -> Layout:
    """The layout that is recorded so; its rules are read unless they are `known`. Raises: `Unavailable`."""
    if where.assets is None or (known is not None and known.id == where.assets):
        return Layout(prefix, where.pages, None if where.assets is None else known)
    key = _assets_key(prefix, where.assets)
    found = await objects.get(key, bytes_max=_ASSETS_BYTES_MAX)
    if isinstance(found, Missing | Unchanged) or found.body is None:
        raise Unavailable(f"{key} cannot be read: it says by which assets the models are placed")
    try:
        assets = read_assets(found.body)
    except ConfigurationError as error:
        raise Unavailable(f"{key} cannot be read: {error}") from error
    if assets.id != where.assets:
        raise Unavailable(f"{key} was altered: it has the rules {assets.id}, and its name says others")
    return Layout(prefix, where.pages, assets)


async def layout_in_force(objects: ObjectStore, prefix: str, known: Assets | None = None) -> Layout | None:
    """Where the models lie; None if nothing was learned yet. Rules of assets that are `known` are not read.

    Raises: `LayoutChanged` while they are being moved, or built by an upgrade; `Unavailable`.
    """
    found = await read_layout(objects, prefix)
    if found is None:
        return None
    recorded, _ = found
    if (to := recorded.target) is not None:
        by_asset = "" if to.assets is None else " by asset"
        raise LayoutChanged(
            f"the models are being moved to {to.pages} pages{by_asset}: {layout_key(prefix)}; "
            "try again when that is done"
        )
    if recorded.upgrade_from:
        raise LayoutChanged(f"{being_built(recorded)}: {layout_key(prefix)}")
    return await layout_at(objects, prefix, recorded.where, known)


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
            prefix, wanted = self._wanted.prefix, self._wanted.assets
            self._current = await layout_in_force(self._objects, prefix, wanted) or await self._record()
            for difference in _differences(self._wanted, self._current):
                self._warn(difference)
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
                    self._answer = await layout_in_force(
                        self._objects, self._wanted.prefix, None if known is None else known.assets
                    )
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
        prefix, wanted = self._wanted.prefix, self._wanted
        try:
            await record_assets(self._objects, wanted)
            await record_layout(self._objects, prefix, where_of(wanted).recorded(), None)
        except PageChanged:
            recorded = await layout_in_force(self._objects, prefix, wanted.assets)
            if recorded is None:
                key = layout_key(prefix)
                raise Unavailable(f"{key} is written and removed at the same time") from None
            return recorded
        return self._wanted


def _differences(wanted: Layout, current: Layout) -> list[str]:
    """What the environment and the settings say other than what is recorded, which is in force."""
    found = []
    if wanted.pages != current.pages:
        found.append(
            f"MODEL_PAGES is {wanted.pages}, but the models lie in {current.pages} "
            "pages, and stay there until they are moved"
        )
    if (wanted.assets is None) is not (current.assets is None):
        asked, are = ("record", "asset") if wanted.assets is None else ("asset", "record")
        found.append(
            f"PLACEMENT is {asked}, but the models are placed by {are}, and stay so until they are moved: "
            f"python -m ops repage --placement {asked}"
        )
    elif wanted.assets != current.assets:
        found.append(
            "the settings say the assets of signals otherwise than the models are placed by, and these stay "
            "where they are until they are moved: python -m ops repage --placement asset"
        )
    return found
