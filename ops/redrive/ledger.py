"""What was put onto a stream again: one object for each shard that the records came from.

    redriven/<stream>/<shard>.json      # ids of lines: those that were sent, and those being sent

Ids that differ in the position alone are written as one, such as `…/0-9999`: a record of some bytes may have
ten thousand.

Both before and after sending, the ledger is written with a condition. A run that dies in between leaves the
ids of what may be on the stream already, and of two runs at once one fails. Ids name no use case: what is
put onto the stream again reaches all use cases, once.
"""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from consumer.decode.records import Shard
from consumer.errors import PageChanged, Unavailable
from consumer.events.quarantine import positions_in, positions_text, quoted
from consumer.ports import Found, Missing, ObjectStore

_BYTES_MAX = 1024**3
_POSITION = re.compile(r"0|[1-9]\d{0,3}", re.ASCII)


class LedgerRecord(msgspec.Struct):
    """The content: ids of lines, in the order in which they were sent."""

    sent: list[str] = []
    sending: list[str] = []
    """What the last run was about to send; empty if it knew the outcome."""
    since_s: float | None = None
    """When it was about to."""
    run: str = ""
    """Identifies the last write, in case its answer was lost."""


@dataclass(slots=True)
class RedriveLedger:
    """The ledger of one shard."""

    objects: ObjectStore
    key: str
    record: LedgerRecord = field(default_factory=LedgerRecord)
    e_tag: str | None = None
    is_settled: bool = False
    """Whether the operator has settled what was in doubt, which is not written yet."""

    def settle(self, were_sent: bool) -> None:
        """Count what was in doubt as sent, or as not sent."""
        if were_sent:
            self.record.sent += self.record.sending
        self.record.sending = []
        self.is_settled = True

    async def about_to_send(self, ids: list[str], now_s: float) -> None:
        """Write it. Raises: `PageChanged` if another run has written the ledger since; `Unavailable`."""
        self.record.sending, self.record.since_s = ids, now_s
        await self._write()

    async def sent(self, ids: list[str], in_doubt: list[str]) -> None:
        """Write what was sent, and what may have been. Raises: as `about_to_send`."""
        self.record.sent += ids
        self.record.sending = in_doubt
        if not in_doubt:
            self.record.since_s = None
        await self._write()

    async def _write(self) -> None:
        self.record.run = secrets.token_hex(8)
        record = self.record
        shorter = msgspec.structs.replace(record, sent=folded(record.sent), sending=folded(record.sending))
        body = msgspec.json.encode(shorter)
        try:
            self.e_tag = await self.objects.replace(self.key, body, self.e_tag)
        except PageChanged:
            found = await self.objects.get(self.key, bytes_max=_BYTES_MAX)
            if not isinstance(found, Found) or found.body != body:
                raise PageChanged(
                    f"another run is sending too: {self.key}. Try again when it has ended"
                ) from None
            self.e_tag = found.e_tag


async def read_ledger(objects: ObjectStore, shard: Shard) -> RedriveLedger:
    """The ledger of a shard, new if there is none. Raises: `Unavailable`."""
    key = f"redriven/{quoted(shard.stream)}/{quoted(shard.shard_id)}.json"
    found = await objects.get(key, bytes_max=_BYTES_MAX)
    if isinstance(found, Missing):
        return RedriveLedger(objects, key)
    if not isinstance(found, Found) or found.body is None:
        raise Unavailable(f"{key} cannot be read: it is too large")
    try:
        record = msgspec.json.decode(found.body, type=LedgerRecord)
        record.sent, record.sending = _unfolded(record.sent), _unfolded(record.sending)
        return RedriveLedger(objects, key, record, found.e_tag)
    except msgspec.MsgspecError as error:
        raise Unavailable(f"{key} cannot be read: {error}") from error


async def redriven_ids(objects: ObjectStore, shards: Iterable[Shard]) -> set[str]:
    """The ids of all lines of these shards that were sent again. Raises: `Unavailable`."""
    return {line_id for shard in set(shards) for line_id in (await read_ledger(objects, shard)).record.sent}


def folded(ids: Iterable[str]) -> list[str]:
    """One text for the ids of a record, in the order of their first ones.

    >>> folded(["a/1", "b/7", "a/0", "a/2"])
    ['a/0-2', 'b/7']
    """
    of_records: dict[tuple[str, str], set[int]] = {}
    for line_id in ids:
        record, slash, position = line_id.rpartition("/")
        if _POSITION.fullmatch(position):
            of_records.setdefault((record, slash), set()).add(int(position))
        else:
            of_records[line_id, ""] = set()
    return [
        f"{record}{slash}{positions_text(sorted(positions)) if positions else ''}"
        for (record, slash), positions in of_records.items()
    ]


def _unfolded(texts: Iterable[str]) -> list[str]:
    """The ids again; those that an older version wrote are their own.

    >>> _unfolded(["a/0-2", "b/7"])
    ['a/0', 'a/1', 'a/2', 'b/7']
    """
    found = []
    for text in texts:
        record, _, positions = text.rpartition("/")
        try:
            several = [] if positions.isdecimal() else positions_in(positions)
        except ValueError:  # as that of a row that waited for further values
            several = []
        found += [f"{record}/{position}" for position in several] or [text]
    return found
