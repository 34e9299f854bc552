"""Mutes: for some time, events of the signals are published with a mark that keeps them from alerts.

Learning and the events' ids do not depend on them.
"""

import asyncio
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

import msgspec

from consumer.decode.times import seconds_of
from consumer.decode.values import shortened
from consumer.detectors.local_time import UTC_NAME, clock_of
from consumer.errors import ConfigurationError, Unavailable, Unlearnable
from consumer.events.event import Event
from consumer.events.weekly_times import weekly_times
from consumer.ports import InvocationLock, Missing, ObjectStore, Unchanged
from consumer.settings.calendars import Calendar, joined
from consumer.settings.patterns import is_wild, matcher, matches
from consumer.settings.signal_settings import SettingsOfSignals

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
    asset: str | None = None
    """A pattern of the assets whose signals it mutes; None: of any."""
    line: str | None = None
    """A pattern of the lines, likewise."""
    every: str | None = None
    """The times of the week at which it is on, such as `Sat 06:00-14:00`; None: always."""
    time_zone: str = UTC_NAME
    """By whose clocks."""
    calendar: str | None = None
    """The name of the plant's calendar during whose events it is on; None: always."""

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
            ("asset", self.asset or ""),
            ("line", self.line or ""),
            ("calendar", self.calendar or ""),
        ):
            if len(text) > TEXT_MAX:
                raise ValueError(f"the {name} has {len(text)} characters: shorten it to {TEXT_MAX} at most")
            try:
                text.encode()
            except UnicodeEncodeError:
                raise ValueError(f"the {name} is not valid Unicode: {shortened(text)}") from None
        try:
            seconds_of(self.from_), seconds_of(self.until)
            clock_of(self.time_zone)
        except (Unlearnable, ConfigurationError) as error:
            raise ValueError(str(error)) from None
        if self.every is not None:
            weekly_times(self.every)

    @property
    def from_s(self) -> float:
        """In seconds since 1970, as `until_s`."""
        return seconds_of(self.from_)

    @property
    def until_s(self) -> float:
        """When it ends."""
        return seconds_of(self.until)

    def is_on(self, at_s: float | None) -> bool:
        """True if that time lies between its beginning and its end."""
        return at_s is not None and self.from_s <= at_s < self.until_s

    def matches(self, use_case: str, signal: str) -> bool:
        """True if it mutes this signal in this use case.

        >>> Mute("line1.*", "2026-01-01", "2026-01-02").matches("drift", "line1.pressure")
        True
        """
        return self.use_case in (None, use_case) and matches(self.pattern, signal)

    def is_of(self, asset: str, line: str) -> bool:
        """True if it mutes the signals of an asset and a line; "" where they are not known."""
        pairs = (self.asset, asset), (self.line, line)
        return all(pattern is None or (bool(name) and matches(pattern, name)) for pattern, name in pairs)

    def on_until(self, at_s: float, calendars: Mapping[str, Calendar]) -> float | None:
        """When it ends that is on at that time; None if it is not, or its calendar is not known."""
        if not self.is_on(at_s):
            return None
        ends: list[float | None] = [self.until_s]
        if self.every is not None:
            ends.append(weekly_times(self.every).until(at_s, clock_of(self.time_zone)))
        if self.calendar is not None:
            ends.append(calendars[self.calendar].until(at_s) if self.calendar in calendars else None)
        return None if None in ends else min(end_s for end_s in ends if end_s is not None)

    @property
    def has_conditions(self) -> bool:
        """Whether it mutes only some of the signals that match, or only at times."""
        return any(each is not None for each in (self.asset, self.line, self.every, self.calendar))


class MutesFile(msgspec.Struct, frozen=True):
    """The content of the object.

    Those with conditions are apart: who does not know of conditions would take them for mutes without any.
    """

    mutes: tuple[Mute, ...] = ()
    conditional: tuple[Mute, ...] = ()


class _Entries(msgspec.Struct, frozen=True):
    mutes: tuple[msgspec.Raw, ...] = ()
    conditional: tuple[msgspec.Raw, ...] = ()


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
        file = msgspec.json.decode(content, type=MutesFile)
        return (*file.mutes, *file.conditional)
    except _UNREADABLE as error:
        raise ConfigurationError(
            f"{MUTES_KEY} cannot be read: {error}; repair it with `python -m ops unmute --repair`"
        ) from error


def readable_entries(content: bytes) -> tuple[tuple[Mute, ...], tuple[UnreadableEntry, ...]]:
    """The entries of an object that cannot be read as a whole: those that can be read, and the others."""
    try:
        raw = msgspec.json.decode(content, type=_Entries)
        entries = [bytes(entry) for entry in (*raw.mutes, *raw.conditional)]
    except _UNREADABLE:  # such as a comma too many: what looks like an entry is tried
        entries = _FLAT_OBJECT.findall(content)
    mutes, unreadable = [], []
    for entry in entries:
        try:
            mutes.append(msgspec.json.decode(entry, type=Mute))
        except _UNREADABLE as error:
            unreadable.append(UnreadableEntry(entry, str(error)))
    return tuple(mutes), tuple(unreadable)


def content_of(mutes: Iterable[Mute]) -> bytes:
    """The content of the object that has these mutes."""
    whole = tuple(mutes)
    file = MutesFile(
        tuple(each for each in whole if not each.has_conditions),
        tuple(each for each in whole if each.has_conditions),
    )
    return msgspec.json.format(msgspec.json.encode(file)) + b"\n"


def marked(events: Sequence[Event], mutes: Iterable[Mute], now_s: float) -> list[Event]:
    """The events, those of muted signals marked so, as `MuteIndex.marked`."""
    return _index_of(tuple(mutes)).marked(events, now_s)


_Spans = list[tuple[float, float]]
"""From and until, in seconds."""
_Times = dict[str | None, _Spans]
"""By use case; None: all of them."""
_SIGNALS_KNOWN_MAX = 1024
_FOLLOWING_MAX = 16
"""Mutes that follow each other without a gap: more are not looked for."""
_WILD = re.compile(r"[*?]|\[.*", re.DOTALL)
"""Parts a pattern at its wildcards; from a bracket on, nothing counts as literal."""


class MuteIndex:
    """Mutes arranged for look-up: what an event costs hardly depends on how many there are.

    `Mute.is_on` and `Mute.matches` say what is muted. The settings say which signals are of an asset and a
    line, and when the events of calendars are.
    """

    def __init__(self, mutes: Iterable[Mute], settings: SettingsOfSignals | None = None) -> None:
        patterns: dict[str, _Times] = {}
        self._conditional: list[Mute] = []
        self._settings = settings
        for mute in mutes:
            if mute.has_conditions:
                self._conditional.append(mute)
                continue
            spans = patterns.setdefault(mute.pattern, {}).setdefault(mute.use_case, [])
            spans.append((mute.from_s, mute.until_s))
        self._exact: dict[str, _Times] = {}
        self._wild: dict[str, list[_Wild]] = {}
        """By what their names begin with."""
        for pattern, each in patterns.items():
            times = {use_case: joined(spans) for use_case, spans in each.items()}
            prefix, *others = _WILD.split(pattern)
            if others and is_wild(pattern):
                self._wild.setdefault(prefix, []).append(_Wild(pattern, max(others, key=len), times))
            else:
                self._exact[pattern] = times
        self._lengths = sorted({len(prefix) for prefix in self._wild})
        self._of = lru_cache(_SIGNALS_KNOWN_MAX)(self._matching)
        self._conditional_of = lru_cache(_SIGNALS_KNOWN_MAX)(self._conditional_matching)

    def __bool__(self) -> bool:
        return bool(self._exact or self._wild or self._conditional)

    def marked(self, events: Sequence[Event], now_s: float) -> list[Event]:
        """The events, those of muted signals marked so.

        An event is muted if its record arrived during the mute, however late it is learned, or if it is
        published during the mute.
        """
        return [self._marked(event, now_s) for event in events] if self else list(events)

    def until(self, use_case: str, signal: str, at_s: float) -> float | None:
        """The end of what mutes the signal then, with what follows without a gap; None: nothing does."""
        end_s = self._end(use_case, signal, at_s)
        for _ in range(_FOLLOWING_MAX if self._conditional and end_s is not None else 0):
            further_s = self._end(use_case, signal, end_s or 0.0)
            if further_s is None:
                break
            end_s = further_s
        return end_s

    def _end(self, use_case: str, signal: str, at_s: float) -> float | None:
        spans = self._of(use_case, signal)
        before = bisect_right(spans, at_s, key=itemgetter(0))
        own = spans[before - 1][1] if before and at_s < spans[before - 1][1] else None
        if not self._conditional:
            return own
        calendars = {} if self._settings is None else self._settings.calendars
        ends = [each.on_until(at_s, calendars) for each in self._conditional_of(use_case, signal)]
        return max((end_s for end_s in (own, *ends) if end_s is not None), default=None)

    def _conditional_matching(self, use_case: str, signal: str) -> list[Mute]:
        place = ("", "") if self._settings is None else self._settings.asset_and_line(signal)
        return [each for each in self._conditional if each.matches(use_case, signal) and each.is_of(*place)]

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
        return spans[0] if len(spans) == 1 else joined(chain.from_iterable(spans))


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

    def __init__(
        self,
        objects: ObjectStore,
        now_s: Callable[[], float],
        warn: Callable[[str], None],
        settings: SettingsOfSignals | None = None,
    ) -> None:
        self._objects, self._settings = objects, settings
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
                self._mutes, self._e_tag = MuteIndex(mutes_in(found.body), self._settings), found.e_tag
            except ConfigurationError:
                if not self._were_read and found.body is not None:
                    self._mutes = MuteIndex(readable_entries(found.body)[0], self._settings)
                raise
        self._were_read = True

    def _in_force(self) -> str:
        if not self._mutes:
            return "nothing is muted"
        return "the mutes read last stay in force" if self._were_read else "only some mutes are in force"
