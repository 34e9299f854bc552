"""What of a quarantined record is put onto the stream again: what was refused of it, and nothing else.

The other observations of the record were learned, and to send it whole would have them learned twice.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from clients.kinesis_writer.put_request import StreamRecord
from clients.lambda_event import lambda_record
from consumer.decode.batch import Batch
from consumer.decode.lambda_event import batches_of
from consumer.decode.signal_names import SignalKey
from consumer.errors import ConfigurationError
from ops.quarantine.entries import Line

_VALUES_PER_RECORD_MAX = 5_000


@dataclass(frozen=True, slots=True)
class Repaired:
    """What somebody puts in the place of what was refused."""

    payload: bytes
    partition_key: str | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """What is sent for lines of one record."""

    lines: tuple[Line, ...]
    records: tuple[StreamRecord, ...]
    """None of them, where the lines carry nothing to learn."""


@dataclass(frozen=True, slots=True)
class Unrepaired:
    """A line that would be refused again."""

    line: Line
    reason: str


def as_it_was(lines: Sequence[Line]) -> tuple[Sending | None, list[Unrepaired]]:
    """What is sent for these lines of one record, each with an id of its own."""
    line = lines[0]
    batch = _read(line.payload(), line)
    refused = {refusal.position: refusal.reason for refusal in batch.refusals}
    if any(line.is_whole for line in lines):
        if not batch.runs:
            return None, [Unrepaired(line, refused.get(0, "it holds nothing")) for line in lines]
        return Sending(tuple(lines), (StreamRecord(line.partition_key, line.payload()),)), []
    wanted = {line.position for line in lines}
    readable = {
        position for run in batch.runs.values() for position in (*run.positions, *run.skipped_positions)
    }
    unrepaired = [
        Unrepaired(line, refused.get(line.position, "the record has no such observation"))
        for line in lines
        if line.position not in readable
    ]
    sent = tuple(line for line in lines if line.position in readable)
    if not sent:
        return None, unrepaired
    if wanted == readable and not refused:
        return Sending(sent, (StreamRecord(line.partition_key, line.payload()),)), unrepaired
    payloads = _payloads(batch, wanted, line.arrived_s)
    records = (StreamRecord(line.partition_key, json.dumps(each).encode()) for each in payloads)
    return Sending(sent, tuple(records)), unrepaired


def as_repaired(line: Line, repaired: Repaired) -> Sending:
    """What is sent in the place of a line. Raises: `ConfigurationError` where it would be refused again."""
    partition_key = repaired.partition_key or line.partition_key
    batch = _read(repaired.payload, line, partition_key)
    if batch.refusals:
        raise ConfigurationError(
            f"what is repaired would be refused again: {batch.refusals[0].reason}: {line.id}"
        )
    if not any(run.values for run in batch.runs.values()):
        raise ConfigurationError(f"what is repaired carries nothing to learn: {line.id}")
    observations = sum(len(run.values) for run in batch.runs.values())
    if line.signal is not None and not line.is_whole and observations > 1:
        raise ConfigurationError(
            f"what is repaired holds {observations} observations, where one was refused; the others of its "
            f"record were learned, and would be again: {line.id}"
        )
    return Sending((line,), (StreamRecord(partition_key, repaired.payload),))


def _read(payload: bytes, line: Line, partition_key: str | None = None) -> Batch:
    key = partition_key or line.partition_key
    record = lambda_record(line.stream, line.shard_id, line.sequence_number, key, payload, line.arrived_s)
    [batch] = batches_of({"Records": [record]})
    return batch


def _payloads(batch: Batch, wanted: set[int], arrived_s: float | None) -> Iterable[dict[str, Any]]:
    """The observations at these positions, in their order: columns of a signal, rows of named values."""
    observations = sorted(
        (position, key, value, arrived_s if timestamp is None else timestamp)
        for key, run in batch.runs.items()
        for position, value, timestamp in zip(run.positions, run.values, run.timestamps, strict=True)
        if position in wanted
    )
    part: dict[str, Any] | None = None
    for _, key, value, timestamp in observations:
        if part is not None and _add(part, key, value, timestamp):
            continue
        if part is not None:
            yield part
        part = _begun(key, value, timestamp)
    if part is not None:
        yield part


def _begun(key: SignalKey, value: float, timestamp: float | None) -> dict[str, Any]:
    if key.record_signal == key.signal:
        column: dict[str, Any] = {"signal": key.signal, "values": [value]}
        return column if timestamp is None else column | {"timestamps": [timestamp]}
    row: dict[str, Any] = {
        "signal": key.record_signal,
        "values": {key.signal[len(key.record_signal) + 1 :]: value},
    }
    return row if timestamp is None else row | {"timestamp": timestamp}


def _add(part: dict[str, Any], key: SignalKey, value: float, timestamp: float | None) -> bool:
    """Add an observation to a payload, if it can hold it."""
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
