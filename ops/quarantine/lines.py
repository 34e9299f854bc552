"""The lines of the quarantine, as the function wrote them."""

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec

from consumer.decode.records import Shard
from consumer.decode.unpacking import unpack
from consumer.errors import ConfigurationError, Unavailable, Unlearnable
from consumer.events.quarantine import RECORD, ROW, Rejected, line_id, quoted, rejected_in
from consumer.ports import Found, ObjectStore

_BYTES_MAX = 1024**3
_ID = re.compile(r"(?P<stream>.+?:stream/[^/]+)/(?P<shard_id>[^/]+)/(?P<number>\d+)/")


_OF_MODELS = ("the model ", "not tried: ", "no event can be made ")
"""How the reasons begin with which a model, and not its page, rejects an observation."""


class PlaceOfLine(NamedTuple):
    """What of which record of a shard a line is about."""

    sequence_number: int
    partition_key: str
    position: int
    is_whole: bool = False
    is_of_model: bool = False

    @classmethod
    def of_id(cls, line_id: str) -> "PlaceOfLine":
        """What the id of a line says of it; nothing if it is no such id."""
        found = _ID.match(line_id)
        partition_key, _, position = line_id[found.end() if found else 0 :].rpartition("/")
        return cls(int(found["number"]) if found else -1, partition_key, int(position or 0))


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
    """The key of the object that has the record; of older versions: the id of the line that has it."""

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
    def is_of_model(self) -> bool:
        """Whether the model itself rejected it; else nothing was learned of its signal then."""
        return self.reason.startswith(_OF_MODELS)

    @property
    def place(self) -> PlaceOfLine:
        """Where in its shard it is."""
        number = int(self.sequence_number)
        return PlaceOfLine(number, self.partition_key, self.position, self.is_whole, self.is_of_model)

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
class StoredLine:
    """A line as it is stored: of one record, with all that it says is rejected of it, or some of that."""

    first: QuarantinedLine
    rejected: tuple[Rejected, ...]

    def each(self) -> Iterator[QuarantinedLine]:
        """A line for each observation, as they are asked for: a few bytes may have unpacked to thousands."""
        for reason, signal, positions in self.rejected:
            for position in positions:
                yield msgspec.structs.replace(
                    self.first, id=self._id(position), reason=reason, signal=signal, position=position
                )

    def only(self, id: str | None, reason: str | None) -> "StoredLine":
        """What has that id, and that text in its reason, in upper or lower case."""
        rejected = self.rejected
        if id is not None:
            rejected = tuple(
                each._replace(positions=[at for at in each.positions if self._id(at) == id])
                for each in rejected
            )
        if reason is not None:
            rejected = tuple(each for each in rejected if reason.lower() in each.reason.lower())
        return StoredLine(self.first, tuple(each for each in rejected if each.positions))

    def _id(self, position: int) -> str:
        first = self.first
        if position == first.position:
            return first.id
        return line_id(first.stream, first.shard_id, first.sequence_number, first.partition_key, position)


@dataclass(frozen=True, slots=True)
class QuarantineObject:
    """One object of the quarantine, or some of its lines."""

    key: str
    stored: list[StoredLine]

    @property
    def lines(self) -> Iterator[QuarantinedLine]:
        """A line for each observation, and for each record that is rejected as a whole."""
        return (line for stored in self.stored for line in stored.each())

    def only(self, *, id: str | None = None, reason: str | None = None) -> "QuarantineObject":
        """The lines with that id, and with that text in their reason, in upper or lower case."""
        chosen = (stored.only(id, reason) for stored in self.stored)
        return QuarantineObject(self.key, [stored for stored in chosen if stored.rejected])


async def read_lines(objects: ObjectStore, key: str) -> QuarantineObject:
    """The lines of one object, each with its record's bytes.

    Raises: `Unavailable`, also if there is no such object, or it is not one of the quarantine.
    """
    try:
        # json reads the lone surrogates that json has written.
        found = [json.loads(line) for line in (await _read(objects, key)).splitlines()]
        lines = [
            StoredLine(msgspec.convert(line, QuarantinedLine), tuple(rejected_in(line))) for line in found
        ]
    except (ValueError, KeyError, TypeError, AttributeError, msgspec.ValidationError) as error:
        raise Unavailable(f"{key} is no object of the quarantine: {error}") from error
    data = {line.first.id: line.first.data for line in lines if line.first.data is not None}
    for name in {line.first.data_in for line in lines} - {None}:
        if name is not None and name.startswith("quarantine/"):
            data[name] = base64.b64encode(await _read(objects, name)).decode()
    return QuarantineObject(key, [_with_data(line, data) for line in lines])


def _with_data(line: StoredLine, data: Mapping[str, str]) -> StoredLine:
    first = line.first
    if first.data is not None or first.data_in is None:
        return line
    return replace(line, first=msgspec.structs.replace(first, data=data.get(first.data_in)))


async def _read(objects: ObjectStore, key: str) -> bytes:
    found = await objects.get(key, bytes_max=_BYTES_MAX)
    if not isinstance(found, Found) or found.body is None:
        raise Unavailable(f"{key} cannot be read: it is missing or too large")
    return found.body


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
        if not any(each.stored for each in of_id):
            raise ConfigurationError(f"the quarantine of {use_case} has no line and no object {name!r}")
        found += of_id
    chosen = (each.only(reason=reason) for each in found)
    return [each for each in chosen if each.stored]


async def _keys(objects: ObjectStore, use_case: str, since_s: float | None) -> list[str]:
    folder = _folder(use_case)
    older = set() if since_s is None else set(await objects.keys(folder, since_s))
    return sorted(key for key in await objects.keys(folder) if not key.endswith(RECORD) and key not in older)


async def _keys_of_id(objects: ObjectStore, use_case: str, name: str) -> list[str]:
    """The keys of the objects that may hold the line."""
    place = _ID.match(name)
    if place is None:
        return []
    shard, number = Shard(place["stream"], place["shard_id"]), int(place["number"])
    keys = await keys_of_shard(objects, use_case, shard)
    return [key for key in keys if span_of(key)[0] <= number <= span_of(key)[1]]


async def keys_of_shard(objects: ObjectStore, use_case: str, shard: Shard) -> list[str]:
    """The keys of the objects with lines of a shard's records. Raises: `Unavailable`."""
    folder = f"{_folder(use_case)}{quoted(shard.stream)}/{quoted(shard.shard_id)}/"
    return [key for key in await objects.keys(folder) if key.endswith(".ndjson")]


async def keys_of_rows(objects: ObjectStore, use_case: str) -> list[str]:
    """The keys of the objects with rows that had waited in states. Raises: `Unavailable`."""
    return [key for key in await objects.keys(_folder(use_case)) if key.endswith(ROW)]


def span_of(key: str) -> tuple[int, int]:
    """The first and the last sequence number of the records in an object."""
    first, last, _ = key.rpartition("/")[2].split("-")
    return int(first), int(last)


def _folder(use_case: str) -> str:
    return f"quarantine/{quoted(use_case)}/"
