"""Mutes: for some time, events of the signals are published with a mark that keeps them from alerts.

Learning and the events' ids do not depend on them.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from consumer.decode.timestamps import seconds
from consumer.decode.values import shortened
from consumer.errors import ConfigurationError, Unavailable, Unlearnable
from consumer.events.event import Event
from consumer.ports import InvocationLock, Missing, ObjectStore, Unchanged

MUTES_KEY = "mutes.json"
"""Of the object that has them, in the bucket of the models: for all use cases."""
MUTES_BYTES_MAX = 1024 * 1024
TEXT_MAX = 512
"""Characters in a text of a mute."""

_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
_FLAT_OBJECT = re.compile(rb'\{\s*+(?:"(?:[^"\\]|\\.)*+"[^{}"]*+)++\}', re.DOTALL)
"""A JSON object without another one in it, as an entry is."""


class Mute(msgspec.Struct, frozen=True, rename={"from_": "from"}, omit_defaults=True):
    """What matches `pattern` is muted from one time until another, both ISO 8601.

    A mute is checked when it is made, by whoever makes it: what can be written can be read.

    Raises: `ValueError` that says what is wrong.
    """

    pattern: str
    """Names of signals; `*` stands for any text, `?` for a character, `[ab]` for one of them."""
    from_: str
    until: str
    reason: str = ""
    by: str = ""
    use_case: str | None = None
    """None: all of them."""

    def __post_init__(self) -> None:
        if not self.pattern:
            raise ValueError("the pattern is empty: give a signal's name, or * for all signals")
        for name, text in (
            ("pattern", self.pattern),
            ("time", self.from_),
            ("time", self.until),
            ("reason", self.reason),
            ("name of who mutes", self.by),
            ("use case", self.use_case or ""),
        ):
            if len(text) > TEXT_MAX:
                raise ValueError(f"the {name} has {len(text)} characters: shorten it to {TEXT_MAX} at most")
            try:
                text.encode()
            except UnicodeEncodeError:
                raise ValueError(f"the {name} is not valid Unicode: {shortened(text)}") from None
        try:
            seconds(self.from_), seconds(self.until)
        except Unlearnable as error:
            raise ValueError(str(error)) from None

    @property
    def from_s(self) -> float:
        """In seconds since 1970, as `until_s`."""
        return seconds(self.from_)

    @property
    def until_s(self) -> float:
        """When it ends."""
        return seconds(self.until)

    def is_on(self, at_s: float | None) -> bool:
        """True if that time lies within the mute."""
        return at_s is not None and self.from_s <= at_s < self.until_s

    def matches(self, use_case: str, signal: str) -> bool:
        """True if it mutes this signal in this use case.

        >>> Mute("line1.*", "2026-01-01", "2026-01-02").matches("drift", "line1.pressure")
        True
        """
        return self.use_case in (None, use_case) and fnmatchcase(signal, self.pattern)


class MutesFile(msgspec.Struct, frozen=True):
    """The content of the object."""

    mutes: tuple[Mute, ...] = ()


class _Entries(msgspec.Struct, frozen=True):
    mutes: tuple[msgspec.Raw, ...] = ()


@dataclass(frozen=True, slots=True)
class UnreadableEntry:
    """An entry of the object that is no mute: its JSON, and why."""

    content: bytes
    reason: str


def mutes_in(content: bytes | None) -> tuple[Mute, ...]:
    """The mutes of the object; None: it is larger than `MUTES_BYTES_MAX`.

    Raises: `ConfigurationError`.
    """
    try:
        if content is None:
            raise ValueError(f"it has more than {MUTES_BYTES_MAX:,} bytes")
        return msgspec.json.decode(content, type=MutesFile).mutes
    except _UNREADABLE as error:
        raise ConfigurationError(
            f"{MUTES_KEY} cannot be read: {error}; repair it with `python -m ops unmute --repair`"
        ) from error


def readable_entries(content: bytes) -> tuple[tuple[Mute, ...], tuple[UnreadableEntry, ...]]:
    """The entries of an object that cannot be read as a whole: those that can be read, and the others."""
    try:
        entries = [bytes(entry) for entry in msgspec.json.decode(content, type=_Entries).mutes]
    except _UNREADABLE:  # such as a comma too many: what looks like an entry is tried
        entries = _FLAT_OBJECT.findall(content)
    mutes, unreadable = [], []
    for entry in entries:
        try:
            mutes.append(msgspec.json.decode(entry, type=Mute))
        except _UNREADABLE as error:
            unreadable.append(UnreadableEntry(entry, str(error)))
    return tuple(mutes), tuple(unreadable)


def marked(events: Sequence[Event], mutes: Iterable[Mute], now_s: float) -> list[Event]:
    """The events, those of muted signals marked so.

    An event is muted if its record arrived during the mute, however late it is learned, or if it is published
    during the mute.
    """
    mutes = tuple(mutes)
    return [_marked(event, mutes, now_s) for event in events] if mutes else list(events)


def _marked(event: Event, mutes: Sequence[Mute], now_s: float) -> Event:
    detail = msgspec.json.decode(event.detail)
    arrived_at = detail.get("arrived_at")
    times = [now_s] if arrived_at is None else [now_s, seconds(arrived_at)]
    on = [mute for mute in mutes if any(map(mute.is_on, times))]
    if detail.get("muted") or not all(
        any(mute.matches(detail["use_case"], signal) for mute in on) for signal in _signals(detail)
    ):
        return event
    return replace(event, detail=msgspec.json.encode(detail | {"muted": True}).decode())


def _signals(detail: dict[str, Any]) -> list[str]:
    """The signals of an event; one that is for many names some of them."""
    return [detail["signal"], *detail["evidence"].get("such_as", ())]


_READ_EVERY_S = 60.0
_RETRY_AFTER_S = 10.0
"""After a read that failed."""
_ANSWER_WITHIN_S = 3.0


class MuteStore:
    """The mutes of a plant, read at most once a minute, or sooner if they could not be read.

    They never hold an event back. If they cannot be read, `warn` is called, and the mutes read last stay in
    force; before any were read, the entries that can be read are in force.
    """

    def __init__(self, objects: ObjectStore, now_s: Callable[[], float], warn: Callable[[str], None]) -> None:
        self._objects = objects
        self._now_s = now_s
        self._warn = warn
        self._mutes: tuple[Mute, ...] = ()
        self._e_tag: str | None = None
        self._were_read = False
        self._next_read_s = 0.0
        self._read_s = 0.0
        self._turns = InvocationLock()

    async def marked(self, events: Sequence[Event]) -> Sequence[Event]:
        """The events, those of muted signals marked so."""
        async with self._turns.current():  # whoever comes meanwhile waits for the same read
            if not self._read_s <= self._now_s() < self._next_read_s:
                await self._refresh()
        return marked(events, self._mutes, self._now_s())

    async def _refresh(self) -> None:
        try:
            await asyncio.wait_for(self._read(), _ANSWER_WITHIN_S)
            every_s = _READ_EVERY_S
        except (ConfigurationError, Unavailable, TimeoutError) as error:
            self._warn(f"{self._in_force()}: {error or f'{MUTES_KEY} cannot be read: no answer in time'}")
            every_s = _RETRY_AFTER_S
        self._read_s = self._now_s()
        self._next_read_s = self._read_s + every_s

    async def _read(self) -> None:
        found = await self._objects.get(MUTES_KEY, bytes_max=MUTES_BYTES_MAX, unless=self._e_tag)
        if isinstance(found, Unchanged):
            return
        if isinstance(found, Missing):
            self._mutes, self._e_tag = (), None
        else:
            try:
                self._mutes, self._e_tag = mutes_in(found.body), found.e_tag
            except ConfigurationError:
                if not self._were_read and found.body is not None:
                    self._mutes, _ = readable_entries(found.body)
                raise
        self._were_read = True

    def _in_force(self) -> str:
        if not self._mutes:
            return "nothing is muted"
        return "the mutes read last stay in force" if self._were_read else "only some mutes are in force"
