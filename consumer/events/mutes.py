"""Mutes: for some time, events of the signals are published with a mark that keeps them from alerts.

Learning and the events' ids do not depend on them.
"""

import asyncio
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

import msgspec

from consumer.decode.times import seconds_of
from consumer.decode.values import shortened
from consumer.errors import ConfigurationError, Unavailable, Unlearnable
from consumer.events.event import Event
from consumer.ports import InvocationLock, Missing, ObjectStore, Unchanged
from consumer.settings.patterns import is_wild, matcher, matches

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
    """Names of signals; `*` stands for any text, `?` for a character, `[ab]` for one of them, `[[]` for [."""
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
            seconds_of(self.from_), seconds_of(self.until)
        except Unlearnable as error:
            raise ValueError(str(error)) from None

    @property
    def from_s(self) -> float:
        """In seconds since 1970, as `until_s`."""
        return seconds_of(self.from_)

    @property
    def until_s(self) -> float:
        """When it ends."""
        return seconds_of(self.until)

    def is_on(self, at_s: float | None) -> bool:
        """True if that time lies within the mute."""
        return at_s is not None and self.from_s <= at_s < self.until_s

    def matches(self, use_case: str, signal: str) -> bool:
        """True if it mutes this signal in this use case.

        >>> Mute("line1.*", "2026-01-01", "2026-01-02").matches("drift", "line1.pressure")
        True
        """
        return self.use_case in (None, use_case) and matches(self.pattern, signal)


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
    """The events, those of muted signals marked so, as `MuteIndex.marked`."""
    return _index_of(tuple(mutes)).marked(events, now_s)


_Spans = list[tuple[float, float]]
"""From and until, in seconds."""
_Times = dict[str | None, _Spans]
"""By use case; None: all of them."""
_SIGNALS_KNOWN_MAX = 1024
_WILD = re.compile(r"[*?]|\[.*", re.DOTALL)
"""Parts a pattern at its wildcards; from a bracket on, nothing counts as literal."""


class MuteIndex:
    """Mutes arranged for look-up: what an event costs hardly depends on how many there are.

    `Mute.is_on` and `Mute.matches` say what is muted.
    """

    def __init__(self, mutes: Iterable[Mute]) -> None:
        patterns: dict[str, _Times] = {}
        for mute in mutes:
            spans = patterns.setdefault(mute.pattern, {}).setdefault(mute.use_case, [])
            spans.append((mute.from_s, mute.until_s))
        self._exact: dict[str, _Times] = {}
        self._wild: dict[str, list[_Wild]] = {}
        """By what their names begin with."""
        for pattern, each in patterns.items():
            times = {use_case: _joined(spans) for use_case, spans in each.items()}
            prefix, *others = _WILD.split(pattern)
            if others and is_wild(pattern):
                self._wild.setdefault(prefix, []).append(_Wild(pattern, max(others, key=len), times))
            else:
                self._exact[pattern] = times
        self._lengths = sorted({len(prefix) for prefix in self._wild})
        self._of = lru_cache(_SIGNALS_KNOWN_MAX)(self._matching)

    def __bool__(self) -> bool:
        return bool(self._exact or self._wild)

    def marked(self, events: Sequence[Event], now_s: float) -> list[Event]:
        """The events, those of muted signals marked so.

        An event is muted if its record arrived during the mute, however late it is learned, or if it is
        published during the mute.
        """
        return [self._marked(event, now_s) for event in events] if self else list(events)

    def until(self, use_case: str, signal: str, at_s: float) -> float | None:
        """The end of what mutes the signal then, with what follows without a gap; None: nothing does."""
        spans = self._of(use_case, signal)
        before = bisect_right(spans, at_s, key=itemgetter(0))
        return spans[before - 1][1] if before and at_s < spans[before - 1][1] else None

    def _marked(self, event: Event, now_s: float) -> Event:
        detail = msgspec.json.decode(event.detail)
        use_case, arrived_at = detail["use_case"], detail.get("arrived_at")
        times = [now_s] if arrived_at is None else [now_s, seconds_of(arrived_at)]
        if detail.get("muted") or not all(
            any(self.until(use_case, signal, at_s) is not None for at_s in times)
            for signal in _signals(detail)
        ):
            return event
        return replace(event, detail=msgspec.json.encode(detail | {"muted": True}).decode())

    def _matching(self, use_case: str, signal: str) -> _Spans:
        found = [self._exact[signal]] if signal in self._exact else []
        for length in self._lengths:
            if length > len(signal):
                break
            beginning_so = self._wild.get(signal[:length], ())
            found += [wild.times for wild in beginning_so if wild.literal in signal and wild.matches(signal)]
        spans = [times[name] for times in found for name in (None, use_case) if name in times]
        return spans[0] if len(spans) == 1 else _joined(chain.from_iterable(spans))


@lru_cache(1)
def _index_of(mutes: tuple[Mute, ...]) -> MuteIndex:
    return MuteIndex(mutes)


class _Wild:
    """A pattern with wildcards; a name without the literal is told to differ before anything is compiled."""

    def __init__(self, pattern: str, literal: str, times: _Times) -> None:
        self.literal, self.times = literal, times
        self._pattern = pattern

    def matches(self, signal: str) -> bool:
        return self._match(signal) is not None

    @cached_property
    def _match(self) -> Callable[[str], object]:
        return matcher(self._pattern)


def _joined(spans: Iterable[tuple[float, float]]) -> _Spans:
    """The same times in order, without overlaps.

    >>> _joined([(5.0, 9.0), (0.0, 2.0), (1.0, 3.0), (4.0, 4.0)])
    [(0.0, 3.0), (5.0, 9.0)]
    """
    joined: _Spans = []
    for from_s, until_s in sorted(span for span in spans if span[0] < span[1]):
        if joined and from_s <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(until_s, joined[-1][1]))
        else:
            joined.append((from_s, until_s))
    return joined


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
        self._mutes = MuteIndex(())
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
        return self._mutes.marked(events, self._now_s())

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
            self._mutes, self._e_tag = MuteIndex(()), None
        else:
            try:
                self._mutes, self._e_tag = MuteIndex(mutes_in(found.body)), found.e_tag
            except ConfigurationError:
                if not self._were_read and found.body is not None:
                    self._mutes = MuteIndex(readable_entries(found.body)[0])
                raise
        self._were_read = True

    def _in_force(self) -> str:
        if not self._mutes:
            return "nothing is muted"
        return "the mutes read last stay in force" if self._were_read else "only some mutes are in force"
