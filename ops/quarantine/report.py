"""What the commands about the quarantine print, and the file of repaired lines that they read."""

import binascii
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from consumer.decode.batch import Shard
from consumer.decode.timestamps import iso8601
from consumer.errors import ConfigurationError
from ops.formatting import pluralize
from ops.quarantine.entries import Kept, Line
from ops.redrive.ledger import redriven_of
from ops.redrive.resending import Repaired


async def sent_of(objects: Any, kept: Iterable[Kept]) -> set[str]:
    """The ids of lines of these shards that were put onto the stream again. Raises: `Unavailable`."""
    shards: set[Shard] = {line.shard for each in kept for line in each.lines}
    return {line for shard in shards for line in (await redriven_of(objects, shard)).noted.sent}


def listed(kept: Iterable[Kept], sent: set[str]) -> Iterator[dict[str, Any]]:
    """For each object and reason: how many lines, how many of them redriven, when their records arrived."""
    for each in kept:
        of_reasons: defaultdict[str, list[Line]] = defaultdict(list)
        for line in each.lines:
            of_reasons[line.reason].append(line)
        for reason, lines in of_reasons.items():
            arrivals = [line.arrived_s for line in lines if line.arrived_s is not None]
            yield {
                "key": each.key,
                "reason": reason,
                "lines": len(lines),
                "redriven": sum(line.id in sent for line in lines),
                "first_arrived": iso8601(min(arrivals, default=None)),
                "last_arrived": iso8601(max(arrivals, default=None)),
            }


def table(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Lines of text: the object's key, and a line for each reason under it."""
    key = None
    for row in rows:
        if row["key"] != key:
            key = row["key"]
            yield key
        redriven = f", {row['redriven']:,} redriven" if row["redriven"] else ""
        arrived = f"arrived {row['first_arrived']} to {row['last_arrived']}"
        yield f"  {pluralize(row['lines'], 'line')}{redriven}, {arrived}: {_printable(row['reason'])}"


def shown(line: Line, is_sent: bool) -> Iterator[str]:
    """Lines of text: one quarantined line in full."""
    yield _printable(line.id) + (" (redriven)" if is_sent else "")
    yield f"  reason:   {_printable(line.reason)}"
    what = "the whole record" if line.is_whole else f"observation {line.position} of the record"
    of = "" if line.signal is None else f", of {_printable(line.signal)}"
    yield f"  refused:  {what}{of}"
    yield f"  arrived:  {iso8601(line.arrived_s)}, with the partition key {_printable(line.partition_key)}"
    yield f"  original: {line.shown()}"


def as_json(line: Line, is_sent: bool) -> str:
    """One line that can be repaired, in the field `payload`, and given to `--repaired`.

    Where other observations of the record were learned, that is the refused one alone, without its value.
    """
    record: Any
    try:
        record = json.loads(line.shown(), parse_constant=_no_json)
    except ValueError:
        record = line.shown()
    refused = None if line.signal is None else {"signal": line.signal, "value": None}
    if refused is not None and line.arrived_s is not None:
        refused["timestamp"] = iso8601(line.arrived_s)
    return json.dumps(
        {
            "id": line.id,
            "reason": line.reason,
            "redriven": is_sent,
            "partition_key": line.partition_key,
            "position": line.position,
            "record": record,
            "payload": record if line.is_whole else refused,
        }
    )


def read_repaired(path: Path) -> dict[str, Repaired]:
    """The lines of the file by their ids.

    Raises: `ConfigurationError` with the number of the line that is wrong.
    """
    try:
        texts = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None
    repaired: dict[str, Repaired] = {}
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        try:
            name, one = _repaired(json.loads(text))
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(
                f'{path}, line {number}: {error!r}. Such as {{"id": "…", "payload": {{"signal": …}}}}, or '
                "with `data`, base64, in place of `payload`"
            ) from None
        if name in repaired:
            raise ConfigurationError(f"{path}, line {number}: the id {name} is there twice")
        repaired[name] = one
    if not repaired:
        raise ConfigurationError(f"{path} has no lines")
    return repaired


def _repaired(line: dict[str, Any]) -> tuple[str, Repaired]:
    if "data" in line:
        payload = binascii.a2b_base64(line["data"], strict_mode=True)
    else:
        payload = json.dumps(line["payload"]).encode()
    name, partition_key = line["id"], line.get("partition_key")
    if not isinstance(name, str) or not isinstance(partition_key, str | None):
        raise TypeError("id and partition_key are texts")
    return name, Repaired(payload, partition_key)


def _no_json(name: str) -> None:
    raise ValueError(f"{name} is no JSON, though Python reads it")


def _printable(text: str) -> str:
    return text if text.isprintable() else repr(text)
