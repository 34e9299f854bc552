"""The lines of the quarantine, as the function wrote them."""

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from consumer.decode.batch import Shard
from consumer.decode.compression import unpack
from consumer.errors import ConfigurationError, Unavailable, Unlearnable
from consumer.events.quarantine import quoted
from consumer.ports import Found, ObjectStore

_BYTES_MAX = 1024**3
_ID = re.compile(r"(?P<stream>.+?:stream/[^/]+)/(?P<shard_id>[^/]+)/(?P<number>\d+)/")


class QuarantinedLine(msgspec.Struct, frozen=True):
    """What was rejected: one observation of a record, or the whole record."""

    id: str
    reason: str
    stream: str
    shard_id: str
    sequence_number: str
    partition_key: str
    position: int
    signal: str | None = None
    arrived_s: float | None = None
    whole_record: bool | None = None
    """None: written by an older version, which did not record it."""
    data: str | None = None
    data_in: str | None = None

    @property
    def shard(self) -> Shard:
        """The shard of its record."""
        return Shard(self.stream, self.shard_id)

    @property
    def record(self) -> tuple[str, str, int, str]:
        """Identifies its record; sorts the records of a shard.

        What was kept of earlier records, at a position below 0, is a record of its own.
        """
        key = self.partition_key if self.position >= 0 else self.id
        return self.stream, self.shard_id, int(self.sequence_number), key

    @property
    def is_whole(self) -> bool:
        """Whether nothing of its record was read; older lines that name no signal may be of either kind."""
        if self.whole_record is None:
            return self.position == 0 and self.signal is None
        return self.whole_record

    def payload(self) -> bytes:
        """The record's original bytes."""
        return base64.b64decode(self.data or "")

    def text(self) -> str:
        """The record as text, unpacked; if it is not text, its bytes as Python writes them."""
        payload = self.payload()
        try:
            payload = unpack(payload)
            text = payload.decode()
        except (Unlearnable, UnicodeDecodeError):
            return repr(payload)
        return text if text.isprintable() else repr(text)


@dataclass(frozen=True, slots=True)
class QuarantineObject:
    """One object of the quarantine, or some of its lines."""

    key: str
    lines: list[QuarantinedLine]

    def only(self, *, id: str | None = None, reason: str | None = None) -> "QuarantineObject":
        """The lines with that id, and with that text in their reason, in upper or lower case."""
        lines = [line for line in self.lines if id in (None, line.id)]
        if reason is not None:
            lines = [line for line in lines if reason.lower() in line.reason.lower()]
        return QuarantineObject(self.key, lines)


async def read_lines(objects: ObjectStore, key: str) -> QuarantineObject:
    """The lines of one object, each with its record's bytes.

    Raises: `Unavailable`, also if there is no such object, or it is not one of the quarantine.
    """
    found = await objects.get(key, bytes_max=_BYTES_MAX)
    if not isinstance(found, Found) or found.body is None:
        raise Unavailable(f"{key} cannot be read: it is missing or too large")
    try:
        # json reads the lone surrogates that json has written.
        lines = [msgspec.convert(json.loads(line), QuarantinedLine) for line in found.body.splitlines()]
    except (ValueError, msgspec.ValidationError) as error:
        raise Unavailable(f"{key} is no object of the quarantine: {error}") from error
    # A line may name another line of the object that has the bytes of their record.
    data = {line.id: line.data for line in lines if line.data is not None}
    return QuarantineObject(
        key,
        [
            msgspec.structs.replace(line, data=data.get(line.data_in))
            if line.data is None and line.data_in is not None
            else line
            for line in lines
        ],
    )


async def find_lines(
    objects: ObjectStore,
    use_case: str,
    names: Sequence[str],
    reason: str | None = None,
    since_s: float | None = None,
) -> list[QuarantineObject]:
    """The lines with these ids, or of the objects with these keys, or all; with that reason, if one is given.

    Raises: `ConfigurationError` if a name is neither id nor key; `Unavailable`.
    """
    found: list[QuarantineObject] = []
    for name in names or await _keys(objects, use_case, since_s):
        if name.startswith("quarantine/"):
            found.append(await read_lines(objects, name))
            continue
        keys = await _keys_of_id(objects, use_case, name)
        of_id = [(await read_lines(objects, key)).only(id=name) for key in keys]
        if not any(each.lines for each in of_id):
            raise ConfigurationError(f"the quarantine of {use_case} has no line and no object {name!r}")
        found += of_id
    chosen = (each.only(reason=reason) for each in found)
    return [each for each in chosen if each.lines]


async def _keys(objects: ObjectStore, use_case: str, since_s: float | None) -> list[str]:
    folder = _folder(use_case)
    older = set() if since_s is None else set(await objects.keys(folder, since_s))
    return sorted(key for key in await objects.keys(folder) if key not in older)


async def _keys_of_id(objects: ObjectStore, use_case: str, name: str) -> list[str]:
    """The keys of the objects that may hold the line."""
    place = _ID.match(name)
    if place is None:
        return []
    shard, number = Shard(place["stream"], place["shard_id"]), int(place["number"])
    keys = []
    for key in await objects.keys(f"{_folder(use_case)}{quoted(shard.stream)}/{quoted(shard.shard_id)}/"):
        first, last, _ = key.rpartition("/")[2].split("-")
        if int(first) <= number <= int(last):
            keys.append(key)
    return keys


def _folder(use_case: str) -> str:
    return f"quarantine/{quoted(use_case)}/"
