"""Payloads of this pipeline as JSON, such as Firehose archives them: read by the function's own reader."""

from collections.abc import Callable, Iterator
from itertools import islice
from math import isnan
from pathlib import Path
from typing import Any

import msgspec

from clients.recordings.refusal import PassedOver
from clients.recordings.table import Cells, Table
from consumer.decode.batch import Batch
from consumer.decode.payloads import read
from consumer.decode.records import Record, Shard
from consumer.errors import Unlearnable

_TOGETHER = 1000
_SHARD = Shard("arn:aws:kinesis:local:000000000000:stream/recording", "shardId-000000000000")
_NAMES = ("signal", "timestamp", "value")


def is_payload(row: Any) -> bool:
    """Whether an object has one of the shapes that docs/send-data.md lists."""
    if not isinstance(row, dict):
        return False
    names = row.keys()
    is_named = ("signal" in names) != ("key" in names) and bool(names & {"value", "values", "body"})
    is_timed = "timestamp" in names or "timestamps" in names
    return (
        (is_named and is_timed)
        or "entries" in names
        or "propertyValues" in names
        or row.get("type") == "PropertyValueUpdate"
        or _is_of_gateway(row)
    )


def _is_of_gateway(row: dict[str, Any]) -> bool:
    values, metrics = row.get("values"), row.get("metrics")
    return (
        ("tagPath" in row and "value" in row)
        or "specversion" in row
        or (isinstance(values, list) and any(isinstance(each, dict) and "v" in each for each in values))
        or (isinstance(metrics, list) and any(isinstance(each, dict) for each in metrics))
        or (isinstance(row.get("fields"), dict) and "name" in row and "timestamp" in row)
        or (isinstance(row.get("sources"), dict) and "timestamp" in row)
        or (isinstance(row.get("topic"), dict) and "payload" in row)
        or (isinstance(row.get("Messages"), list) and "MessageType" in row)
    )


def open_archive(path: Path, rows: Callable[[], Iterator[tuple[int, Any]]], form: str) -> Table:
    """A long table of the observations in these objects."""
    return Table(path, _NAMES, lambda passed: _observations(rows(), passed), form=form, tags=_NAMES[:1])


def _observations(rows: Iterator[tuple[int, Any]], passed: PassedOver) -> Iterator[tuple[int, Cells]]:
    while together := list(islice(rows, _TOGETHER)):
        batch = Batch(_SHARD)
        for number, row in together:
            batch.begin(Record(str(number), "", None))
            try:
                read(msgspec.json.encode(row), None, batch)
            except Unlearnable as error:
                batch.reject_record(str(error))
        numbers = [number for number, _ in together]
        for rejection in batch.rejections:
            passed.add(f"refused: {rejection.reason}", numbers[rejection.record])
        for record in batch.skipped_records:
            passed.add("an observation of bad quality or without a value", numbers[record])
        keys = batch.numbering.keys
        columns = zip(
            batch.numbers.tolist(),
            batch.observed.time_array.tolist(),
            batch.value_array.tolist(),
            batch.record_of.tolist(),
            strict=True,
        )
        for signal, timestamp, value, record in columns:
            yield numbers[record], (keys[signal].signal, None if isnan(timestamp) else timestamp, value)
