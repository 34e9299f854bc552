"""The Lambda events to measure with: batches of a shard, as Lambda's runtime client decodes them."""

import itertools
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from clients.lambda_event import lambda_record

LambdaEvent = dict[str, Any]

RECORDS_PER_BATCH = 10_000
ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/plant"
_FIRST_SEQUENCE_NUMBER = 49590338271490256608559692538361571095921575989136588898
_FIRST_S = 1_700_000_000.0


def signal_names(count: int) -> list[str]:
    """Names of typical length."""
    return [f"plant1.line{number // 100}.compressor{number % 100}.pressure" for number in range(count)]


def point_batches(
    signals: int, records: int = RECORDS_PER_BATCH, seed: int = 1, shard: int = 0
) -> Iterator[LambdaEvent]:
    """Batches of points, signals in turn: `{"signal": …, "value": 42.017, "timestamp": 1700000000.25}`."""
    rng = random.Random(seed)

    def point(name: str, number: int) -> Any:
        return {"signal": name, "value": _value(rng), "timestamp": _FIRST_S + number / 4}

    return _batches(signals, records, shard, point)


def column_batches(signals: int, values_per_record: int, records: int) -> Iterator[LambdaEvent]:
    """Batches of columns: each record has `values_per_record` values of one signal, with their timestamps."""
    rng, row = random.Random(2), range(values_per_record)

    def columns(name: str, number: int) -> Any:
        start_s = _FIRST_S + number * values_per_record
        timestamps = [start_s + second for second in row]
        return {"signal": name, "timestamps": timestamps, "values": [_value(rng) for _ in row]}

    return _batches(signals, records, 0, columns)


def _batches(
    signals: int, records: int, shard: int, payload: Callable[[str, int], Any]
) -> Iterator[LambdaEvent]:
    """Batches of that many records, signals in turn; `payload` makes one of a signal's name and a number."""
    names, shard_id = signal_names(signals), f"shardId-{shard:012}"
    for first in itertools.count(0, records):
        batch = []
        for number in range(first, first + records):
            key, sequence_number = names[(number - first) % signals], str(_FIRST_SEQUENCE_NUMBER + number)
            data = json.dumps(payload(key, number)).encode()
            batch.append(lambda_record(ARN, shard_id, sequence_number, key, data, _FIRST_S + number / 1000))
        decoded: LambdaEvent = json.loads(json.dumps({"Records": batch}))
        yield decoded


def renumber(event: LambdaEvent, further: int) -> None:
    """Make the event's records new ones, that many further on in their shard."""
    for record in event["Records"]:
        kinesis = record["kinesis"]
        shard_id, _, number = record["eventID"].partition(":")
        kinesis["sequenceNumber"] = str(int(number) + further)
        record["eventID"] = f"{shard_id}:{kinesis['sequenceNumber']}"


def _value(rng: random.Random) -> float:
    return round(rng.gauss(42.0, 1.0), 3)
