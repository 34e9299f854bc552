"""The lines of the quarantine, as the function wrote them."""

import base64
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from consumer.decode.batch import Shard
from consumer.decode.compression import unpack
from consumer.errors import ConfigurationError, Unavailable, Unlearnable
from consumer.events.quarantine import quoted
from consumer.ports import Found, ObjectStore

_BYTES_MAX = 1024**3


class Line(msgspec.Struct, frozen=True):
    """Something that was refused: one observation of a record, or the whole record."""

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
    """None: of a version that did not tell."""
    data: str | None = None
    data_in: str | None = None

    @property
    def shard(self) -> Shard:
        """Of its record."""
        return Shard(self.stream, self.shard_id)

    @property
    def record(self) -> tuple[str, str, int, str]:
        """Tells its record from others; sorts the records of a shard."""
        return self.stream, self.shard_id, int(self.sequence_number), self.partition_key

    @property
    def is_whole(self) -> bool:
        """Whether nothing of its record was read; older lines that name no signal may be of either kind."""
        if self.whole_record is None:
            return self.position == 0 and self.signal is None
        return self.whole_record

    def payload(self) -> bytes:
        """The record's original bytes."""
        return base64.b64decode(self.data or "")

    def shown(self) -> str:
        """The record as far as it is text, unpacked if it was packed; else as Python writes its bytes."""
        payload = self.payload()
        try:
            payload = unpack(payload)
            text = payload.decode()
        except (Unlearnable, UnicodeDecodeError):
            return repr(payload)
        return text if text.isprintable() else repr(text)


@dataclass(frozen=True, slots=True)
class Kept:
    """One object of the quarantine."""

    key: str
    lines: list[Line]


def folder_of(use_case: str) -> str:
    """What the keys of a use case's quarantine begin with."""
    return f"quarantine/{quoted(use_case)}/"


async def keys_of(objects: ObjectStore, use_case: str, since_s: float | None = None) -> list[str]:
    """The keys of a use case's quarantine; of objects written since then, if asked. Raises: `Unavailable`."""
    folder = folder_of(use_case)
    older = set() if since_s is None else set(await objects.keys(folder, since_s))
    return sorted(key for key in await objects.keys(folder) if key not in older)


async def kept_in(objects: ObjectStore, key: str) -> Kept:
    """The lines of one object, each with its record's bytes.

    Raises: `Unavailable`, also where there is no such object, or it is not of the quarantine.
    """
    found = await objects.get(key, bytes_max=_BYTES_MAX)
    if not isinstance(found, Found) or found.body is None:
        raise Unavailable(f"there is no {key} that could be read")
    try:
        # json, for it reads the half surrogate pairs that json has written.
        lines = [msgspec.convert(json.loads(line), Line) for line in found.body.splitlines()]
    except (ValueError, msgspec.ValidationError) as error:
        raise Unavailable(f"{key} is no object of the quarantine: {error}") from error
    return Kept(key, list(_whole(lines)))


def _whole(lines: list[Line]) -> Iterator[Line]:
    """Put the bytes into those lines that name another line for them."""
    data = {line.id: line.data for line in lines if line.data is not None}
    for line in lines:
        if line.data is None and line.data_in is not None:
            line = msgspec.structs.replace(line, data=data.get(line.data_in))
        yield line


_ID = re.compile(r"(?P<stream>.+?:stream/[^/]+)/(?P<shard_id>[^/]+)/(?P<number>\d+)/")


async def kept_of(
    objects: ObjectStore, use_case: str, named: Sequence[str], since_s: float | None = None
) -> list[Kept]:
    """The objects of these keys whole, and of those that hold lines with these ids the lines; all, if none.

    Raises: `ConfigurationError` where one is neither; `Unavailable`.
    """
    kept: list[Kept] = []
    for name in named or await keys_of(objects, use_case, since_s):
        if name.startswith("quarantine/"):
            kept.append(await kept_in(objects, name))
            continue
        found = [
            Kept(key, lines)
            for key in await _keys_of_id(objects, use_case, name)
            if (lines := [line for line in (await kept_in(objects, key)).lines if line.id == name])
        ]
        if not found:
            raise ConfigurationError(
                f"the quarantine of {use_case} has no line {name!r}, nor is that a key of it"
            )
        kept += found
    return kept


async def _keys_of_id(objects: ObjectStore, use_case: str, name: str) -> list[str]:
    """The keys of the objects that may hold the line."""
    place = _ID.match(name)
    if place is None:
        return []
    shard = Shard(place["stream"], place["shard_id"])
    folder = f"{folder_of(use_case)}{quoted(shard.stream)}/{quoted(shard.shard_id)}/"
    keys = []
    for key in await objects.keys(folder):
        first, last, _ = key.rpartition("/")[2].split("-")
        if int(first) <= int(place["number"]) <= int(last):
            keys.append(key)
    return keys


def with_reason(kept: Sequence[Kept], text: str | None) -> list[Kept]:
    """Those lines whose reason has the text in it, in whichever case."""
    if text is None:
        return list(kept)
    wanted = text.lower()
    found = (Kept(each.key, [line for line in each.lines if wanted in line.reason.lower()]) for each in kept)
    return [each for each in found if each.lines]
