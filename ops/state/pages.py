"""The models of a use case as they lie in the bucket, read and not written."""

import asyncio
import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

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
class ReadPages:
    """All pages of a use case that could be read, and what is wrong with the others."""

    pages: list[Page] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def states(self) -> Iterator[tuple[Page, SignalKey, State]]:
        """Each signal with its page, by name."""
        found = [(page, key, state) for page in self.pages for key, state in page.states.items()]
        return iter(sorted(found, key=lambda one: (one[1].signal, one[1].record_signal)))


async def layout_of(where: Target, objects: Objects) -> Layout:
    """The layout that is in force.

    Raises: `NothingLearned`; `ConfigurationError` where others than what is installed here have learned;
        `LayoutChanged` while the models are moved or built; `Unavailable`.
    """
    prefix = where.prefix()
    layout = await layout_in_force(objects, prefix)
    if layout is not None:
        return layout
    folder = prefix.rpartition("/")[0]
    others = await objects.folders(f"{folder}/")
    if not others:
        raise NothingLearned(f"{where.use_case} has learned nothing in {where.name} yet")
    raise ConfigurationError(
        f"{where.name} has no models of River {versions()['river']} and the line of {where.use_case} in "
        f"consumer/use_cases.py, as they are installed here, but others: {folder}/{{{','.join(others)}}}. "
        "Check out what is deployed, and install its consumer/requirements.lock"
    )


async def read_pages(where: Target) -> ReadPages:
    """All pages. Raises: as `layout_of`."""
    objects = where.objects()
    layout = await layout_of(where, objects)
    store = PageStore(objects, PageCodec(), 0)
    keys = sorted(await store.keys(layout.folder))
    answers = await asyncio.gather(*map(store.load, keys), return_exceptions=True)
    read = ReadPages()
    for answer in answers:
        if isinstance(answer, UnreadablePage):
            read.problems.append(str(answer))
        elif isinstance(answer, BaseException):
            raise answer
        elif answer.e_tag is not None:  # else it was removed since it was listed
            read.pages.append(answer)
    return read


async def find_signal(where: Target, signal: str) -> tuple[Page, SignalKey, State]:
    """The signal's state, and the page that holds it.

    Raises: `ConfigurationError` where there is no such signal, with those that are called much the same;
        where its page cannot be read, `UnreadablePage`.
    """
    objects = where.objects()
    layout = await layout_of(where, objects)
    page = await PageStore(objects, PageCodec(), 0).load(layout.key_of(signal))
    own = SignalKey(signal, signal)
    if own in page.states:
        return page, own, page.states[own]
    read = await read_pages(where)
    found = [one for one in read.states() if one[1].signal == signal]
    if found:
        return max(found, key=lambda one: one[2].learned)
    if read.problems:
        raise UnreadablePage(f"{signal} is in no page that can be read: {'; '.join(read.problems)}")
    known = {key.signal for _, key, _ in read.states()}
    raise ConfigurationError(no_such_signal(f"{where.use_case} in {where.name}", signal, known))


def no_such_signal(place: str, signal: str, known: Iterable[str]) -> str:
    """What to say of a signal, or a pattern, that nobody knows there."""
    names = sorted(known)
    part = signal.strip("*?").lower()
    near = [name for name in names if part and part in name.lower()]
    near += difflib.get_close_matches(signal, names, _NEAREST, 0.5)
    nearest = ", ".join(dict.fromkeys(near[:_NEAREST] or names[:_NEAREST]))
    such = f"; most like it: {nearest}" if near else f"; there are {len(names)}, such as {nearest}"
    return f"there is no signal {signal} of {place}{such if names else ''}"
