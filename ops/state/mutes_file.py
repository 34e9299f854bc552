"""The mutes in the bucket, as operators read, change and repair them; concurrent changes lose nothing."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from consumer.errors import ConfigurationError, PageChanged
from consumer.events.mutes import (
    MUTES_BYTES_MAX,
    MUTES_KEY,
    Mute,
    UnreadableEntry,
    content_of,
    mutes_in,
    readable_entries,
)
from consumer.pages.store import commit_with_retries
from consumer.ports import Found, Missing, ObjectStore

Mutes = tuple[Mute, ...]

_KEPT_S = 7 * 86_400.0
"""How long a mute is kept after its end, for what arrived during it and is learned late."""
_REPAIRED_BYTES_MAX = 64 * MUTES_BYTES_MAX


@dataclass(frozen=True, slots=True)
class UnreadableMutes:
    """An object that cannot be read as a whole; its entries that can be read, and those that cannot."""

    e_tag: str
    content: bytes
    reason: str
    readable: Mutes
    unreadable: tuple[UnreadableEntry, ...]

    @property
    def copy_key(self) -> str:
        """The key of the copy that a repair keeps, named by its content so that a second try finds it."""
        return f"{MUTES_KEY}.unreadable-{sha256(self.content).hexdigest()[:16]}"


def is_kept(mute: Mute, now_s: float) -> bool:
    """False for a mute that ended more than a week ago: the next change drops it."""
    return mute.until_s > now_s - _KEPT_S


async def read_mutes(objects: ObjectStore) -> Mutes:
    """All mutes, including those that ended within a week. Raises: `ConfigurationError`, `Unavailable`."""
    return (await _read(objects))[0]


async def change_mutes(objects: ObjectStore, change: Callable[[Mutes], Mutes], now_s: float) -> Mutes:
    """Replace the mutes by what `change` returns, and return that; write nothing if it is the same.

    If somebody else writes at the same time, `change` is called again with what they wrote. Mutes that
    ended more than a week ago are dropped.

    Raises: `ConfigurationError`, `Unavailable`.
    """

    async def attempt() -> Mutes:
        present, e_tag = await _read(objects)
        changed = change(present)
        return present if changed == present else await _write(objects, changed, e_tag, now_s)

    return await commit_with_retries(MUTES_KEY, random.SystemRandom(), attempt)


async def find_unreadable(objects: ObjectStore) -> UnreadableMutes | None:
    """What a repair works on; None if the mutes can be read.

    Raises: `ConfigurationError` if the object is too large to be repaired; `Unavailable`.
    """
    found = await objects.get(MUTES_KEY, bytes_max=_REPAIRED_BYTES_MAX)
    if not isinstance(found, Found):
        return None
    if found.body is None:
        raise ConfigurationError(f"{MUTES_KEY} has {found.size:,} bytes, too many to repair: move it away")
    try:
        mutes_in(found.body if found.size <= MUTES_BYTES_MAX else None)
    except ConfigurationError as error:
        reason = str(error.__cause__)
        return UnreadableMutes(found.e_tag, found.body, reason, *readable_entries(found.body))
    return None


async def repair_mutes(objects: ObjectStore, broken: UnreadableMutes, now_s: float) -> Mutes:
    """Copy the object, then write only the entries that can be read; return those.

    Raises: `ConfigurationError` if they are too many; `PageChanged` if somebody else wrote the object
        meanwhile; `Unavailable`.
    """
    with suppress(PageChanged):  # the copy is there already
        await objects.replace(broken.copy_key, broken.content, None)
    return await _write(objects, broken.readable, broken.e_tag, now_s)


async def _read(objects: ObjectStore) -> tuple[Mutes, str | None]:
    found = await objects.get(MUTES_KEY, bytes_max=MUTES_BYTES_MAX)
    if isinstance(found, Missing):
        return (), None
    assert isinstance(found, Found)  # no version was named that it could still be of
    return mutes_in(found.body), found.e_tag


async def _write(objects: ObjectStore, mutes: Mutes, e_tag: str | None, now_s: float) -> Mutes:
    """Replace that version of the object; return what was written."""
    kept = tuple(mute for mute in mutes if is_kept(mute, now_s))
    content = content_of(kept)
    if len(content) > MUTES_BYTES_MAX:
        raise ConfigurationError(f"there are too many mutes, {len(kept)}: use fewer and wider patterns")
    await objects.replace(MUTES_KEY, content, e_tag)
    return kept
