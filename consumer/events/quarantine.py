"""What can never be learned, kept whole with the reasons: one line a record, whatever it unpacks to."""

import asyncio
import base64
import binascii
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import quote

from consumer.decode.batch import OBSERVATIONS_PER_RECORD_MAX, Batch
from consumer.decode.rejections import FURTHER_REASONS, RejectedRecord, Rejection, Rejections
from consumer.ports import ObjectStore

LINES, RECORD, ROW = ".ndjson", ".record", ".row.ndjson"
"""How the keys of objects end: of lines, of a record that the lines of several objects share, and of a row
that had waited in a state.
"""
_LINES_PER_OBJECT_MAX = 10_000
_REASONS_BYTES_MIN = 1_024
# Pages keep what they reject by themselves; up to this, each writes a record that they share.
_REPEATED_BYTES_MAX = 4 * 1024


class SharedRecord(NamedTuple):
    """A record of which several objects have lines: the key of the object that has it, and how many."""

    key: str
    lines: int


class Quarantine:
    """Keeps what is rejected of one batch. `pages` give the records of each page, which keep theirs apart."""

    def __init__(
        self, use_case: str, objects: ObjectStore, batch: Batch, pages: Iterable[Callable[[], set[int]]]
    ) -> None:
        self._use_case = use_case
        self._objects = objects
        self._batch = batch
        self._pages = list(pages)
        self._kept: dict[str, asyncio.Lock] = {}
        self._written: set[str] = set()

    async def keep(self, rejections: Rejections) -> None:
        """Write them: the same rejections, the same objects. Raises: `Unavailable`."""
        shared = {
            record: SharedRecord(self._key_of_record(record), self._writers[record])
            for record in rejections.of_records
            if self._repeated_bytes(record) > _REPEATED_BYTES_MAX
        }
        await asyncio.gather(*(self._keep_record(record, each.key) for record, each in shared.items()))
        for key, content in quarantine_objects(self._use_case, self._batch, rejections, shared):
            await self._objects.write(key, content)

    async def _keep_record(self, record: int, key: str) -> None:
        async with self._kept.setdefault(key, asyncio.Lock()):
            if key not in self._written:
                await self._objects.write(key, self._payload(record))
                self._written.add(key)

    def _key_of_record(self, record: int) -> str:
        number, digest = quoted(self._batch.records.identifiers[record]), _digest(self._payload(record))
        return f"quarantine/{_place(self._use_case, self._batch)}/{number}-{number}-{digest}{RECORD}"

    def _payload(self, record: int) -> bytes:
        return binascii.a2b_base64(self._batch.records.data[record])

    def _repeated_bytes(self, record: int) -> int:
        """How many bytes would be written more than once if each page wrote the record."""
        return (self._writers[record] - 1) * len(self._batch.records.data[record])

    @cached_property
    def _writers(self) -> Counter[int]:
        """How many may write a line of each record: the pages that learn it, and whoever decodes it."""
        writers = Counter(self._batch.rejections.of_records.keys())
        for records_of_page in self._pages:
            writers.update(records_of_page())
        return writers


def quarantine_objects(
    use_case: str, batch: Batch, rejections: Rejections, shared: Mapping[int, SharedRecord] | None = None
) -> Iterator[tuple[str, bytes]]:
    """The keys and contents (NDJSON) that keep these rejections: the same rejections, the same objects.

    Each record has a line, with an `id` of its own that depends on the record and the first position alone.
    The line has the whole record in `data`, base64 as Lambda delivered it, or in `data_in` the key of the
    object that has it.
    """
    for rejection in rejections.payloads:
        yield _payload_object(use_case, batch, rejection)
    place, ordered = _place(use_case, batch), sorted(rejections.of_records)
    for start in range(0, len(ordered), _LINES_PER_OBJECT_MAX):
        part = ordered[start : start + _LINES_PER_OBJECT_MAX]
        lines = (
            _line(use_case, batch, each, rejections.of_records[each], (shared or {}).get(each))
            for each in part
        )
        content = b"".join(lines)
        first, last = (quoted(batch.records.identifiers[record]) for record in (part[0], part[-1]))
        yield f"quarantine/{place}/{first}-{last}-{_digest(content)}{LINES}", content


def quoted(name: str) -> str:
    """A name as one segment of an object's key: dots too, for stores refuse `..`.

    >>> quoted("../compressor1.pressure")
    '%2E%2E%2Fcompressor1%2Epressure'
    """
    return quote(name, safe="").replace(".", "%2E")


def _place(use_case: str, batch: Batch) -> str:
    return "/".join(quoted(part) for part in (use_case, batch.shard.stream, batch.shard.shard_id))


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:16]


def _fields(
    use_case: str, batch: Batch, index: int, reason: str, signal: str | None, position: int
) -> dict[str, object]:
    record = batch.records[index]
    return {
        "id": line_id(*batch.shard, record.identifier, record.partition_key, position),
        "reason": reason,
        "use_case": use_case,
        "stream": batch.shard.stream_arn,
        "shard_id": batch.shard.shard_id,
        "sequence_number": record.identifier,
        "partition_key": record.partition_key,
        "position": position,
        "signal": signal,
        "arrived_s": record.arrived_s,
    }


def _payload_object(use_case: str, batch: Batch, rejection: Rejection) -> tuple[str, bytes]:
    """What is kept in place of a record that did not bring it, in an object of its own."""
    line = _fields(use_case, batch, rejection.record, rejection.reason, rejection.signal, rejection.position)
    content = _ascii_json(line | {"whole_record": True, "data": rejection.data}).encode() + b"\n"
    number = quoted(batch.records.identifiers[rejection.record])
    return f"quarantine/{_place(use_case, batch)}/{number}-{number}-{_digest(content)}{ROW}", content


def _line(
    use_case: str, batch: Batch, index: int, rejected: RejectedRecord, shared: SharedRecord | None
) -> bytes:
    data = batch.records.data[index]
    first, *others = _reasons(rejected, len(data) // (1 if shared is None else shared.lines))
    line = _fields(use_case, batch, index, first.reason, first.signal, first.positions[0])
    line["whole_record"] = rejected.is_whole
    line |= {"data": data} if shared is None else {"data_in": shared.key}
    if len(first.positions) > 1:
        line["positions"] = positions_text(first.positions)
    if others:
        line["others"] = [_as_json(each) for each in others]
    return _ascii_json(line).encode() + b"\n"


def line_id(stream: str, shard_id: str, sequence_number: str, partition_key: str, position: int) -> str:
    """The id of what was rejected: the `position`-th observation of a record, or all of it."""
    return f"{stream}/{shard_id}/{sequence_number}/{partition_key}/{position}"


class Rejected(NamedTuple):
    """Observations of a record, ascending, that are rejected for one reason."""

    reason: str
    signal: str | None
    positions: Sequence[int]


def rejected_in(line: Mapping[str, Any]) -> Iterator[Rejected]:
    """What a line of the quarantine says of its record, also a line of an older version.

    Raises: `KeyError`, `TypeError` or `ValueError` if it is no such line.
    """
    first = line.get("positions")
    yield Rejected(
        line["reason"],
        line.get("signal"),
        [line.get("position", 0)] if first is None else positions_in(first),
    )
    for other in line.get("others") or ():
        yield Rejected(other["reason"], other["signal"], positions_in(other["positions"]))


def each_rejected(content: bytes) -> Iterator[dict[str, Any]]:
    """The lines of an object, expanded: one for each observation, as if nothing else were rejected with it.

    Raises: as `rejected_in`.
    """
    for text in content.splitlines():
        line = json.loads(text)  # which reads the lone surrogates that it has written
        common = {name: field for name, field in line.items() if name not in ("positions", "others")}
        stem = line["id"].rpartition("/")[0]
        for reason, signal, positions in rejected_in(line):
            for position in positions:
                own = line["id"] if position == line.get("position", 0) else f"{stem}/{position}"
                yield common | {"id": own, "reason": reason, "signal": signal, "position": position}


def _reasons(rejected: RejectedRecord, bytes_max: int) -> list[Rejected]:
    """By their first positions; what takes more bytes, but for the first, goes to the further reasons."""
    left = max(_REASONS_BYTES_MIN, bytes_max)
    further = set(rejected.further)
    kept: list[Rejected] = []
    found = [
        Rejected(reason, signal, sorted(set(positions)))
        for (reason, signal), positions in rejected.positions.items()
    ]
    for each in sorted(found, key=lambda each: (each.positions[0], each.reason, each.signal or "")):
        cost = len(_ascii_json(_as_json(each)))
        if kept and cost > left:
            further.update(each.positions)
            continue
        left -= cost
        kept.append(each)
    if further:
        kept.append(Rejected(FURTHER_REASONS, None, sorted(further)))
    return kept


def _as_json(rejected: Rejected) -> dict[str, object]:
    return rejected._asdict() | {"positions": positions_text(rejected.positions)}


_RANGES_CHARACTERS_MAX = 200
_PACKED = "zlib:"
_BITMAP_BYTES_MAX = OBSERVATIONS_PER_RECORD_MAX // 8 + 1


def positions_text(positions: Sequence[int]) -> str:
    """Ascending positions as ranges; where these are many, as a compressed bitmap.

    >>> positions_text([0, 1, 2, 3, 7])
    '0-3,7'
    >>> positions_in(positions_text(range(0, 10_000, 2))) == list(range(0, 10_000, 2))
    True
    """
    text = ",".join(_ranges(positions))
    if len(text) <= _RANGES_CHARACTERS_MAX:
        return text
    bitmap = bytearray(positions[-1] // 8 + 1)
    for position in positions:
        bitmap[position // 8] |= 1 << position % 8
    return f"{_PACKED}{base64.urlsafe_b64encode(zlib.compress(bitmap, 9)).decode()}"


def positions_in(text: str) -> list[int]:
    """The positions, ascending. Raises: `ValueError` if it is no such text."""
    if not text.startswith(_PACKED):
        return [position for part in text.split(",") for position in _range(part)]
    try:
        bitmap = zlib.decompressobj().decompress(
            base64.urlsafe_b64decode(text[len(_PACKED) :]), _BITMAP_BYTES_MAX
        )
    except zlib.error as error:
        raise ValueError(f"the positions cannot be unpacked: {error}") from None
    return [8 * at + bit for at, byte in enumerate(bitmap) if byte for bit in range(8) if byte >> bit & 1]


def _ranges(positions: Sequence[int]) -> Iterator[str]:
    starts = [0, *(at for at in range(1, len(positions)) if positions[at] != positions[at - 1] + 1)]
    for start, end in zip(starts, [*starts[1:], len(positions)], strict=True):
        first, last = positions[start], positions[end - 1]
        yield str(first) if first == last else f"{first}-{last}"


def _range(text: str) -> range:
    first, _, last = text.partition("-")
    start, end = int(first), int(last or first)
    if not 0 <= start <= end < OBSERVATIONS_PER_RECORD_MAX:
        raise ValueError(f"{text!r} is no range of positions")
    return range(start, end + 1)


def _ascii_json(line: Mapping[str, object]) -> str:
    """JSON without a byte that a terminal or a line reader could take amiss, lone surrogates included."""
    return json.dumps(line)
