"""What to send again of a quarantined record: only the observations that were rejected.

The others were learned: if the record were sent whole, they would be learned twice.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clients.kinesis_writer.put_request import StreamRecord
from clients.lambda_event import lambda_record
from consumer.decode.batch import Batch
from consumer.decode.lambda_event import decode
from consumer.decode.signal_names import SignalKey
from consumer.decode.times import TimeLimits
from consumer.errors import ConfigurationError
from ops.quarantine.lines import QuarantinedLine
from ops.quarantine.repaired import Repaired

_VALUES_PER_RECORD_MAX = 5_000


@dataclass(frozen=True, slots=True)
class Resend:
    """What to send for lines of one record."""

    lines: tuple[QuarantinedLine, ...]
    records: tuple[StreamRecord, ...]
    """Empty if the lines hold nothing to learn."""


@dataclass(frozen=True, slots=True)
class Unrepaired:
    """A line that would be rejected again."""

    line: QuarantinedLine
    reason: str


def as_it_was(
    lines: Sequence[QuarantinedLine],
    times: TimeLimits = TimeLimits(),  # noqa: B008  # it is a constant
) -> tuple[Resend | None, list[Unrepaired]]:
    """What to send for these lines of one record, and which of them would be rejected again.

    `times` are those that the function believes. A time that it would not have believed is sent as that of
    the first arrival: later, when it arrives again, the same time might be believed.
    """
    line = lines[0]
    batch = _read(line.payload(), line)
    batch.disbelieve(times)
    are_believed = batch.times_not_believed == 0
    rejected = {rejection.position: rejection.reason for rejection in batch.rejections}
    if any(line.is_whole for line in lines):
        if not batch.signals:
            return None, [Unrepaired(line, rejected.get(0, "it holds nothing to learn")) for line in lines]
        if are_believed or rejected:  # what is still rejected goes back to the quarantine with its record
            return Resend(tuple(lines), (StreamRecord(line.partition_key, line.payload()),)), []
        return Resend(tuple(lines), _records(batch, None, line)), []
    wanted = {line.position for line in lines}
    readable = {
        position
        for columns in batch.signals.values()
        for position in (*columns.positions, *columns.skipped_positions)
    }
    unrepaired = [
        Unrepaired(line, rejected.get(line.position, "the record has no such observation"))
        for line in lines
        if line.position not in readable
    ]
    sent = tuple(line for line in lines if line.position in readable)
    if not sent:
        return None, unrepaired
    if wanted == readable and not rejected and are_believed:
        return Resend(sent, (StreamRecord(line.partition_key, line.payload()),)), unrepaired
    return Resend(sent, _records(batch, wanted, line)), unrepaired


def as_repaired(line: QuarantinedLine, repaired: Repaired) -> Resend:
    """What to send in place of a line. Raises: `ConfigurationError` if it would be rejected again."""
    partition_key = repaired.partition_key or line.partition_key
    batch = _read(repaired.payload, line, partition_key)
    if batch.rejections:
        raise ConfigurationError(
            f"the repaired line would be rejected again: {batch.rejections[0].reason}: {line.id}"
        )
    observations = sum(len(columns.values) for columns in batch.signals.values())
    if not observations:
        raise ConfigurationError(f"the repaired line carries nothing to learn: {line.id}")
    if line.signal is not None and not line.is_whole and observations > 1:
        raise ConfigurationError(
            f"the repaired line holds {observations} observations, but one was rejected; the others of its "
            f"record were learned, and would be learned again: {line.id}"
        )
    return Resend((line,), (StreamRecord(partition_key, repaired.payload),))


def delivered_again(
    line: QuarantinedLine, payload: bytes | None = None, partition_key: str | None = None
) -> dict[str, Any]:
    """The record of a line, as Lambda has delivered it, or with another payload and partition key."""
    key, data = partition_key or line.partition_key, line.payload() if payload is None else payload
    return lambda_record(line.stream, line.shard_id, line.sequence_number, key, data, line.arrived_s)


def _read(payload: bytes, line: QuarantinedLine, partition_key: str | None = None) -> Batch:
    [batch] = decode({"Records": [delivered_again(line, payload, partition_key)]})
    return batch


def _records(batch: Batch, wanted: set[int] | None, line: QuarantinedLine) -> tuple[StreamRecord, ...]:
    payloads = _payloads(batch, wanted, line.arrived_s)
    return tuple(StreamRecord(line.partition_key, json.dumps(each).encode()) for each in payloads)


def _payloads(batch: Batch, wanted: set[int] | None, arrived_s: float | None) -> list[dict[str, Any]]:
    """The observations at these positions, or all, in order: columns of a signal, or rows of named values."""
    observations = sorted(
        (position, key, value, arrived_s if timestamp is None else timestamp)
        for key, columns in batch.signals.items()
        for position, value, timestamp in zip(
            columns.positions, columns.values, columns.timestamps, strict=True
        )
        if wanted is None or position in wanted
    )
    parts: list[dict[str, Any]] = []
    for _, key, value, timestamp in observations:
        if not parts or not _add(parts[-1], key, value, timestamp):
            parts.append(_new_part(key, value, timestamp))
    return parts


def _new_part(key: SignalKey, value: float, timestamp: float | None) -> dict[str, Any]:
    if key.record_signal == key.signal:
        column: dict[str, Any] = {"signal": key.signal, "values": [value]}
        return column if timestamp is None else column | {"timestamps": [timestamp]}
    row: dict[str, Any] = {
        "signal": key.record_signal,
        "values": {key.signal[len(key.record_signal) + 1 :]: value},
    }
    return row if timestamp is None else row | {"timestamp": timestamp}


def _add(part: dict[str, Any], key: SignalKey, value: float, timestamp: float | None) -> bool:
    """Add an observation to a payload; False if it does not fit there."""
    values = part["values"]
    if key.record_signal != part["signal"] or len(values) >= _VALUES_PER_RECORD_MAX:
        return False
    if isinstance(values, list):
        if key.record_signal != key.signal or (timestamp is None) != ("timestamps" not in part):
            return False
        values.append(value)
        if timestamp is not None:
            part["timestamps"].append(timestamp)
        return True
    name = key.signal[len(key.record_signal) + 1 :]
    if key.record_signal == key.signal or name in values or part.get("timestamp") != timestamp:
        return False
    values[name] = value
    return True
