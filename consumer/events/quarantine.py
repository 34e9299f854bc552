"""What can never be learned, as lines that keep it whole and say why."""

import json
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from urllib.parse import quote

from consumer.decode.batch import Batch, Rejection

_LINES_PER_OBJECT_MAX = 10_000
# Records of many bad observations are written once in full; up to this, each line stands alone.
_REPEATED_BYTES_MAX = 4 * 1024 * 1024


def quarantine_objects(
    use_case: str, batch: Batch, rejections: Iterable[Rejection]
) -> Iterator[tuple[str, bytes]]:
    """The keys and contents (NDJSON) that keep these rejections: the same rejections, the same objects.

    Each line has an `id` of its own, which depends on the record and the position in it alone, and the whole
    record in `data`, base64 as Lambda delivered it. Where that would fill the memory, the later lines of a
    record have `data_in` instead, the id of the line of the same object that has it.
    """
    ordered = sorted(set(rejections))
    place = "/".join(quoted(part) for part in (use_case, batch.shard.stream, batch.shard.shard_id))
    for start in range(0, len(ordered), _LINES_PER_OBJECT_MAX):
        part = ordered[start : start + _LINES_PER_OBJECT_MAX]
        content = b"".join(_lines(use_case, batch, part))
        first, last = (
            quoted(batch.records[rejection.record].identifier) for rejection in (part[0], part[-1])
        )
        digest = sha256(content).hexdigest()[:16]
        yield f"quarantine/{place}/{first}-{last}-{digest}.ndjson", content


def quoted(name: str) -> str:
    """A name as one segment of an object's key: dots too, for stores refuse `..`.

    >>> quoted("../compressor1.pressure")
    '%2E%2E%2Fcompressor1%2Epressure'
    """
    return quote(name, safe="").replace(".", "%2E")


def _lines(use_case: str, batch: Batch, rejections: Sequence[Rejection]) -> Iterable[bytes]:
    repeated_bytes = 0
    whole_in: dict[int, str] = {}
    for rejection in rejections:
        record = batch.records[rejection.record]
        place = (*batch.shard, record.identifier, record.partition_key, rejection.position)
        line = {
            "id": "/".join(map(str, place)),
            "reason": rejection.reason,
            "use_case": use_case,
            "stream": batch.shard.stream_arn,
            "shard_id": batch.shard.shard_id,
            "sequence_number": record.identifier,
            "partition_key": record.partition_key,
            "position": rejection.position,
            "whole_record": rejection.is_whole,
            "signal": rejection.signal,
            "arrived_s": record.arrived_s,
        }
        if rejection.data is None and rejection.record in whole_in:
            repeated_bytes += len(record.data)
        if rejection.data is not None:
            line["data"] = rejection.data
        elif rejection.record in whole_in and repeated_bytes > _REPEATED_BYTES_MAX:
            line["data_in"] = whole_in[rejection.record]
        else:
            line["data"] = record.data
            whole_in.setdefault(rejection.record, str(line["id"]))
        yield _ascii_json(line) + b"\n"


def _ascii_json(line: dict[str, object]) -> bytes:
    """JSON without a byte that a terminal or a line reader could take amiss, lone surrogates included."""
    return json.dumps(line).encode()
