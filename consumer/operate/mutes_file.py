"""The object of the mutes, as operators read and write it: two of them at once lose nothing."""

import asyncio
from collections.abc import Callable

import msgspec

from consumer.core.errors import ConfigurationError, PageChanged, Unavailable
from consumer.core.mutes import MUTES_BYTES_MAX, MUTES_KEY, Mute, MutesFile, mutes_in
from consumer.edge.objects import Found, Missing, Objects

Mutes = tuple[Mute, ...]

_TRIES = 8
_WAIT_S = 0.1
_KEPT_S = 7 * 86_400.0
"""After its end: what arrived in its time may be learned late."""


async def read_mutes(objects: Objects) -> Mutes:
    """All that there are, those of the past week too. Raises: `ConfigurationError`, `Unavailable`."""
    return (await _read(objects))[0]


async def change_mutes(objects: Objects, change: Callable[[Mutes], Mutes], now_s: float) -> Mutes:
    """Put in their place what `change` makes of them, and give that; write nothing where it is the same.

    Where somebody else writes at the same time, `change` is given what they wrote. What ended more than a
    week ago is dropped.

    Raises: `ConfigurationError`, `Unavailable`.
    """
    for tried in range(_TRIES):
        await asyncio.sleep(tried * _WAIT_S)
        present, e_tag = await _read(objects)
        changed = change(present)
        if changed == present:
            return present
        kept = tuple(mute for mute in changed if mute.until_s > now_s - _KEPT_S)
        content = msgspec.json.format(msgspec.json.encode(MutesFile(kept))) + b"\n"
        if len(content) > MUTES_BYTES_MAX:
            raise ConfigurationError(f"there are too many mutes, {len(kept)}: use fewer and wider patterns")
        try:
            await objects.replace(MUTES_KEY, content, e_tag)
        except PageChanged:
            continue
        return kept
    raise Unavailable(f"others wrote {MUTES_KEY} {_TRIES} times in a row: try again")


async def _read(objects: Objects) -> tuple[Mutes, str | None]:
    found = await objects.get(MUTES_KEY, bytes_max=MUTES_BYTES_MAX)
    if isinstance(found, Missing):
        return (), None
    if not isinstance(found, Found) or found.body is None:
        raise ConfigurationError(f"{MUTES_KEY} is none of ours: it is too large")
    return mutes_in(found.body), found.e_tag
