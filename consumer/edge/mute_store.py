"""The mutes in S3, looked at again where events are to be told and a while has passed."""

import asyncio
from collections.abc import Callable, Sequence

from consumer.core.errors import ConfigurationError, Unavailable
from consumer.core.events import Event
from consumer.core.mutes import MUTES_BYTES_MAX, MUTES_KEY, Mute, marked, mutes_in, readable_entries
from consumer.edge.objects import Missing, Objects, Unchanged

_LOOK_EVERY_S = 60.0
_LOOK_AGAIN_S = 10.0
"""After a look that failed."""
_ANSWER_WITHIN_S = 3.0


class MuteStore:
    """The mutes of a plant: known for at most a minute, or less where they could not be read.

    They keep no event back. Where they cannot be read, `warn` is called, and those that were read last stay
    in force; before any were read, the entries that can be read are in force.
    """

    def __init__(self, objects: Objects, now_s: Callable[[], float], warn: Callable[[str], None]) -> None:
        self._objects = objects
        self._now_s = now_s
        self._warn = warn
        self._mutes: tuple[Mute, ...] = ()
        self._e_tag: str | None = None
        self._were_read = False
        self._look_at_s = 0.0
        self._looked_at_s = 0.0
        self._turns: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    async def marked(self, events: Sequence[Event]) -> Sequence[Event]:
        """The events, those of muted signals marked so."""
        async with self._turn():  # who comes meanwhile waits for the same look
            if not self._looked_at_s <= self._now_s() < self._look_at_s:
                await self._look()
        return marked(events, self._mutes, self._now_s())

    async def _look(self) -> None:
        try:
            await asyncio.wait_for(self._read(), _ANSWER_WITHIN_S)
            every_s = _LOOK_EVERY_S
        except (ConfigurationError, Unavailable, TimeoutError) as error:
            self._warn(f"{self._in_force()}: {error or f'{MUTES_KEY} cannot be read: no answer in time'}")
            every_s = _LOOK_AGAIN_S
        self._looked_at_s = self._now_s()
        self._look_at_s = self._looked_at_s + every_s

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

    def _turn(self) -> asyncio.Lock:
        """Each invocation has an event loop of its own, and so a lock of its own."""
        loop = asyncio.get_running_loop()
        if self._turns is None or self._turns[0] is not loop:
            self._turns = loop, asyncio.Lock()
        return self._turns[1]
