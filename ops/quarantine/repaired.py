"""The file of repaired lines: what `show --json` prints, somebody repairs, and `redrive --repaired` reads."""

import binascii
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consumer.decode.values import iso8601
from consumer.errors import ConfigurationError
from ops.quarantine.lines import QuarantinedLine


@dataclass(frozen=True, slots=True)
class Repaired:
    """What to send in place of a quarantined line."""

    payload: bytes
    partition_key: str | None = None


def line_to_repair(line: QuarantinedLine, is_redriven: bool, original: str | None) -> str:
    """A line of JSON whose field `payload` can be repaired; `original` is the record as text, if it is shown.

    If other observations of the record were learned, `payload` is the rejected one alone, without its value.
    """
    record: Any
    try:
        record = None if original is None else json.loads(original, parse_constant=_reject_constant)
    except ValueError:
        record = original
    rejected = None if line.signal is None else {"signal": line.signal, "value": None}
    if rejected is not None and line.arrived_s is not None:
        rejected["timestamp"] = iso8601(line.arrived_s)
    return json.dumps(
        {
            "id": line.id,
            "reason": line.reason,
            "redriven": is_redriven,
            "partition_key": line.partition_key,
            "position": line.position,
            "record": record,
            "payload": record if line.is_whole else rejected,
        }
    )


def read_repaired(path: Path) -> dict[str, Repaired]:
    """The repaired lines by their ids. Raises: `ConfigurationError` with the number of a bad line."""
    try:
        texts = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None
    repaired: dict[str, Repaired] = {}
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        try:
            line_id, line = _parse(json.loads(text))
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(
                f'{path}, line {number}: {error!r}. Write {{"id": "…", "payload": {{"signal": …}}}}, or '
                "base64 in `data` instead of `payload`"
            ) from None
        if line_id in repaired:
            raise ConfigurationError(f"{path}, line {number}: the id {line_id} occurs twice")
        repaired[line_id] = line
    if not repaired:
        raise ConfigurationError(f"{path} has no lines")
    return repaired


def _parse(line: dict[str, Any]) -> tuple[str, Repaired]:
    if "data" in line:
        payload = binascii.a2b_base64(line["data"], strict_mode=True)
    else:
        payload = json.dumps(line["payload"]).encode()
    line_id, partition_key = line["id"], line.get("partition_key")
    if not isinstance(line_id, str) or not isinstance(partition_key, str | None):
        raise TypeError("id and partition_key must be strings")
    return line_id, Repaired(payload, partition_key)


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON, though Python reads it")
