"""What was put onto a stream again: an object for each shard that its records came from.

    redriven/<stream>/<shard>.json      # ids of lines: those that were sent, and those that are being sent

What is about to be sent is noted before, and that it was sent after, with conditions. So a run that ended in
between leaves the ids of what may be on the stream already, and of two runs at once one is refused. An id has
no use case in it: what is put onto the stream again reaches all of them, once.
"""

import secrets
from dataclasses import dataclass, field

import msgspec

from consumer.decode.batch import Shard
from consumer.errors import PageChanged, Unavailable
from consumer.events.quarantine import quoted
from consumer.ports import Found, Missing, ObjectStore

_BYTES_MAX = 1024**3


class LedgerRecord(msgspec.Struct):
    """The content: ids of lines, in the order in which they were sent."""

    sent: list[str] = []
    sending: list[str] = []
    """What the last run was about to send; empty where it knew what became of it."""
    since_s: float | None = None
    """When it was about to."""
    run: str = ""
    """Tells whose the last write was, where its answer was lost."""


@dataclass(slots=True)
class RedriveLedger:
    """What is noted of one shard."""

    objects: ObjectStore
    key: str
    noted: LedgerRecord = field(default_factory=LedgerRecord)
    e_tag: str | None = None
    is_settled: bool = False
    """Whether somebody said what became of what was in doubt, which is not written yet."""

    def settle(self, were_sent: bool) -> None:
        """Take what was in doubt as sent, or as not sent."""
        if were_sent:
            self.noted.sent += self.noted.sending
        self.noted.sending = []
        self.is_settled = True

    async def about_to_send(self, ids: list[str], now_s: float) -> None:
        """Note it. Raises: `PageChanged` where another run has noted something since; `Unavailable`."""
        self.noted.sending, self.noted.since_s = ids, now_s
        await self._write()

    async def sent(self, ids: list[str], in_doubt: list[str]) -> None:
        """Note what was sent, and what may have been. Raises: as `about_to_send`."""
        self.noted.sent += ids
        self.noted.sending = in_doubt
        if not in_doubt:
            self.noted.since_s = None
        await self._write()

    async def _write(self) -> None:
        self.noted.run = secrets.token_hex(8)
        body = msgspec.json.encode(self.noted)
        try:
            self.e_tag = await self.objects.replace(self.key, body, self.e_tag)
        except PageChanged:
            found = await self.objects.get(self.key, bytes_max=_BYTES_MAX)
            if not isinstance(found, Found) or found.body != body:
                raise PageChanged(
                    f"another run is sending too: {self.key}. Try again when it has ended"
                ) from None
            self.e_tag = found.e_tag


async def redriven_of(objects: ObjectStore, shard: Shard) -> RedriveLedger:
    """What is noted of a shard. Raises: `Unavailable`."""
    key = f"redriven/{quoted(shard.stream)}/{quoted(shard.shard_id)}.json"
    found = await objects.get(key, bytes_max=_BYTES_MAX)
    if isinstance(found, Missing):
        return RedriveLedger(objects, key)
    if not isinstance(found, Found) or found.body is None:
        raise Unavailable(f"{key} cannot be read whole")
    try:
        return RedriveLedger(objects, key, msgspec.json.decode(found.body, type=LedgerRecord), found.e_tag)
    except msgspec.MsgspecError as error:
        raise Unavailable(f"{key} cannot be read: {error}") from error
