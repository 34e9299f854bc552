"""The pages of a use case, read from the bucket, and where in them a signal's state lies."""

import asyncio
import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from clients.terminal import printable
from consumer.aws.s3 import Objects
from consumer.decode.signal_names import SignalKey
from consumer.errors import ConfigurationError, UnreadablePage
from consumer.learning.state import State
from consumer.pages.codec import PageCodec, versions
from consumer.pages.layout import Layout, layout_in_force
from consumer.pages.store import Page, PageStore
from ops.target import Target

_NEAREST = 5


class NothingLearned(ConfigurationError):
    """There are no models yet."""


@dataclass(frozen=True, slots=True)
class Place:
    """A signal's state as it was read, and the page that holds it."""

    page: Page
    key: SignalKey
    state: State


@dataclass(frozen=True, slots=True)
class ReadPages:
    """The pages that could be read, and what is wrong with the others."""

    pages: list[Page] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def places(self) -> list[Place]:
        """All states, by the names of their signals."""
        places = [Place(page, key, state) for page in self.pages for key, state in page.states.items()]
        return sorted(places, key=lambda place: (place.key.signal, place.key.record_signal))

    def named(self, signal: str) -> list[Place]:
        """The states of that signal: it may come in records of its own, and in those of other signals."""
        return [place for place in self.places() if place.key.signal == signal]


async def layout_of(target: Target, objects: Objects) -> Layout:
    """The layout that is in force.

    Raises: `NothingLearned`; `ConfigurationError` if only versions other than those installed here have
        learned; `LayoutChanged` while the models are moved or built; `Unavailable`.
    """
    prefix = target.prefix()
    layout = await layout_in_force(objects, prefix)
    if layout is not None:
        return layout
    folder = prefix.rpartition("/")[0]
    others = await objects.folders(f"{folder}/")
    if not others:
        raise NothingLearned(f"nothing was learned yet: {target.name} has no models of {target.use_case}")
    if prefix != target.own_prefix():
        raise ConfigurationError(
            f"{target.name} has learned nothing yet in {prefix}, where its function keeps its models, but in "
            f"others: {folder}/{{{','.join(others)}}}"
        )
    said = target.said_fingerprint()
    if said:
        raise ConfigurationError(
            f"{target.name} has learned nothing yet in {prefix}, where its function keeps its models. Those "
            f"of a release before it are in {folder}/{{{','.join(others)}}}: to go on from them, "
            "`python -m ops upgrade build`, before it learns"
        )
    if said == "":
        raise ConfigurationError(
            f"the function of {target.name} does not say which models it has, as one of an older release, "
            f"and there are none in {prefix}, but in {folder}/{{{','.join(others)}}}. Work with the checkout "
            "that it was deployed from; or go over to this one: `python -m ops upgrade build`, then deploy"
        )
    raise ConfigurationError(
        f"{target.name} has no models of River {versions()['river']} and {target.use_case} as use_cases.py "
        f"has it here, but others: {folder}/{{{','.join(others)}}}. "
        "Check out what is deployed, and install its consumer/requirements.lock"
    )


async def read_pages(target: Target) -> ReadPages:
    """All pages. Raises: as `layout_of`."""
    objects = target.objects()
    layout = await layout_of(target, objects)
    store = PageStore(objects, PageCodec(), 0)
    return await _read(store, sorted(await store.keys(layout.folder)))


async def _read(store: PageStore, keys: Iterable[str]) -> ReadPages:
    read = ReadPages()
    for answer in await asyncio.gather(*map(store.load, keys), return_exceptions=True):
        if isinstance(answer, UnreadablePage):
            read.problems.append(str(answer))
        elif isinstance(answer, BaseException):
            raise answer
        else:
            read.pages.append(answer)
    return read


async def read_pages_of(store: PageStore, layout: Layout, signal: str) -> ReadPages:
    """The pages that hold the signal: those that its name suggests; all, if it is in none of these.

    Raises: `ConfigurationError` if no page holds it, with similar names; `UnreadablePage` if one that cannot
        be read may; `Unavailable`.
    """
    read = await _read(store, dict.fromkeys(map(layout.key_of, _record_signals(layout, signal))))
    if read.named(signal):
        return read
    read = await _read(store, sorted(await store.keys(layout.folder)))
    if read.named(signal):
        return read
    if read.problems:
        raise UnreadablePage(f"{signal} is in no page that can be read: {'; '.join(read.problems)}")
    known = {place.key.signal for place in read.places()}
    raise ConfigurationError(no_such_signal(layout.prefix, signal, known))


def _record_signals(layout: Layout, signal: str) -> Iterator[str]:
    """What the key of this signal may have for record signal: by asset, its asset, or itself as an asset.

    By record, the signals whose records may bring it: itself, then `a` and `a.b` for `a.b.c`.
    """
    if layout.assets is not None:
        yield layout.assets.of(signal)
        yield signal
        return
    yield signal
    for end, letter in enumerate(signal):
        if letter == "." and 0 < end < len(signal) - 1:
            yield signal[:end]


async def find_signal(target: Target, signal: str) -> Place:
    """The signal's state: of several the one from records of its own, else the one that learned most.

    Raises: as `layout_of` and `read_pages_of`.
    """
    objects = target.objects()
    layout = await layout_of(target, objects)
    read = await read_pages_of(PageStore(objects, PageCodec(), 0), layout, signal)
    return max(read.named(signal), key=lambda place: (place.key.record_signal == signal, place.state.learned))


def no_such_signal(place: str, signal: str, known: Iterable[str]) -> str:
    """The message for a signal, or a pattern, that matches nothing."""
    names = sorted(known)
    part = signal.strip("*?").lower()
    near = [name for name in names if part and part in name.lower()]
    near += difflib.get_close_matches(signal, names, _NEAREST, 0.5)
    nearest = ", ".join(dict.fromkeys(near[:_NEAREST] or names[:_NEAREST]))
    such = f"; similar: {nearest}" if near else f"; there are {len(names)}, such as {nearest}"
    return printable(f"{place} has no signal {signal!r}{such if names else ''}")
