"""Mutes: signals whose events go to no alert for a time, though they are learned and told all the same.

They mark an event that was found; what is learned and the events' ids do not depend on them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from consumer.core.errors import ConfigurationError, Unlearnable
from consumer.core.events import Event
from consumer.core.timestamps import seconds

MUTES_KEY = "mutes.json"
"""Of the object that has them, in the bucket of the models: for all use cases."""
MUTES_BYTES_MAX = 1024 * 1024

_Text = Annotated[str, Meta(max_length=512)]


class Mute(msgspec.Struct, frozen=True, rename={"from_": "from"}, omit_defaults=True):
    """What matches `pattern` is muted from one time until another, both ISO 8601."""

    pattern: Annotated[str, Meta(min_length=1, max_length=512)]
    """Names of signals; `*` stands for any text, `?` for a character, `[ab]` for one of them."""
    from_: _Text
    until: _Text
    reason: _Text = ""
    by: _Text = ""
    use_case: str | None = None
    """None: all of them."""

    def __post_init__(self) -> None:
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
        """When it is over."""
        return seconds(self.until)

    def is_on(self, at_s: float | None) -> bool:
        """Whether that is a time of the mute."""
        return at_s is not None and self.from_s <= at_s < self.until_s

    def matches(self, use_case: str, signal: str) -> bool:
        """Whether it is a mute of this signal in this use case.

        >>> Mute("line1.*", "2026-01-01", "2026-01-02").matches("drift", "line1.pressure")
        True
        """
        return self.use_case in (None, use_case) and fnmatchcase(signal, self.pattern)


class MutesFile(msgspec.Struct, frozen=True):
    """What the object holds."""

    mutes: tuple[Mute, ...] = ()


def mutes_in(content: bytes) -> tuple[Mute, ...]:
    """The mutes of the object.

    Raises: `ConfigurationError`.
    """
    try:
        return msgspec.json.decode(content, type=MutesFile).mutes
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{MUTES_KEY} cannot be read: {error}") from error


def marked(events: Sequence[Event], mutes: Iterable[Mute], now_s: float) -> list[Event]:
    """The events, those of muted signals marked so.

    An event is muted where its record arrived in the time of the mute, however late it is learned; and
    where it is told in that time, whatever it is of.
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
    """All that an event tells of: one for many names some of them."""
    return [detail["signal"], *detail["evidence"].get("such_as", ())]
