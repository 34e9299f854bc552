"""The Lambda events to measure with: batches of a shard, as Lambda's runtime client decodes them."""

import itertools
import json
import random
from collections.abc import Iterator, Sequence
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
    names, clock = signal_names(signals), itertools.count()
    for first in itertools.count(0, records):
        payloads = []
        for number in range(records):
            name = names[number % signals]
            point = {"signal": name, "value": _value(rng), "timestamp": _FIRST_S + next(clock) / 4}
            payloads.append((name, point))
        yield lambda_event(payloads, first, shard)


def column_batches(signals: int, values_per_record: int, records: int) -> Iterator[LambdaEvent]:
    """Batches of columns: each record has `values_per_record` values of one signal, with their timestamps."""
    rng = random.Random(2)
    names, clock = signal_names(signals), itertools.count()
    for first in itertools.count(0, records):
        payloads = []
        for number in range(records):
            name, start_s = names[number % signals], _FIRST_S + next(clock) * values_per_record
            columns = {
                "signal": name,
                "timestamps": [start_s + second for second in range(values_per_record)],
                "values": [_value(rng) for _ in range(values_per_record)],
            }
            payloads.append((name, columns))
        yield lambda_event(payloads, first, 0)


def lambda_event(payloads: Sequence[tuple[str, Any]], first: int, shard: int) -> LambdaEvent:
    """The event of these (partition key, payload) pairs, numbered from `first`."""
    records = []
    for number, (key, payload) in enumerate(payloads, first):
        sequence_number, shard_id = str(_FIRST_SEQUENCE_NUMBER + number), f"shardId-{shard:012}"
        data = json.dumps(payload).encode()
        records.append(lambda_record(ARN, shard_id, sequence_number, key, data, _FIRST_S + number / 1000))
    decoded: LambdaEvent = json.loads(json.dumps({"Records": records}))
    return decoded


def renumber(event: LambdaEvent, further: int) -> None:
    """Make the event's records new ones, that many further on in their shard."""
    for record in event["Records"]:
        kinesis = record["kinesis"]
        shard_id, _, number = record["eventID"].partition(":")
        kinesis["sequenceNumber"] = str(int(number) + further)
        record["eventID"] = f"{shard_id}:{kinesis['sequenceNumber']}"


def _value(rng: random.Random) -> float:
    return round(rng.gauss(42.0, 1.0), 3)
