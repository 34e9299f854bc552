"""Lambda events around the payloads of a test, and what the consumer reads from them."""

import base64
import gzip
import json
import sys
from collections.abc import Iterable
from hashlib import md5
from pathlib import Path

from consumer.decode.batch import Batch
from consumer.decode.lambda_event import decode
from consumer.decode.rejections import Rejection, Rejections
from consumer.events.quarantine import each_rejected, quarantine_objects

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ARN = "arn:aws:kinesis:eu-west-1:123456789012:stream/plant"
SHARD_ID = "shardId-000000000000"
FIRST_SEQUENCE_NUMBER = 49590338271490256608559692538361571095921575989136588898
ARRIVED_S = 1_700_000_100.25
EVENTS = Path(__file__).parents[2] / "events"


def real_event(name: str) -> dict:
    return json.loads((EVENTS / name).read_text())


def record(
    payload: bytes,
    number: int = 0,
    partition_key: str = "compressor1.pressure",
    *,
    arn: str = ARN,
    shard_id: str = SHARD_ID,
    sequence_number: int | None = None,
) -> dict:
    """What Lambda delivers of one record; `number` counts them, as sequence numbers ascend."""
    if sequence_number is None:
        sequence_number = FIRST_SEQUENCE_NUMBER + number
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": partition_key,
            "sequenceNumber": str(sequence_number),
            "data": base64.b64encode(payload).decode(),
            "approximateArrivalTimestamp": ARRIVED_S,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard_id}:{sequence_number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/consumer",
        "awsRegion": "eu-west-1",
        "eventSourceARN": arn,
    }


def event(*payloads: bytes) -> dict:
    return {"Records": [record(payload, number) for number, payload in enumerate(payloads)]}


def read(*payloads: bytes) -> Batch:
    """The batch of one shard that holds these payloads, a record for each."""
    [batch] = decode(event(*payloads))
    assert_columns_agree(batch)
    return batch


def assert_columns_agree(batch: Batch) -> None:
    for run in batch.signals.values():
        assert len({len(run.values), len(run.timestamps), len(run.records), len(run.positions)}) == 1
        assert run.records or run.skipped
        assert run.records == sorted(run.records)
        assert run.skipped == sorted(run.skipped)


def observations(batch: Batch) -> list[tuple[str, float, float]]:
    """Signal, value and timestamp of each observation, as the records hold them."""
    found = [
        (record, position, key.signal, value, batch.records[record].arrived_s if time is None else time)
        for key, run in batch.signals.items()
        for value, time, record, position in zip(
            run.values, run.timestamps, run.records, run.positions, strict=True
        )
    ]
    return [(signal, value, time) for _, _, signal, value, time in sorted(found)]


def skipped(batch: Batch) -> int:
    return sum(len(run.skipped) for run in batch.signals.values())


def kept(batch: Batch, use_case: str = "drift") -> list[dict]:
    """The lines that keep the batch's refusals."""
    ((_, content),) = quarantine_objects(use_case, batch, batch.rejections)
    return list(each_rejected(content))


def refused(batch: Batch, refusals: Iterable[Rejection]) -> Rejections:
    """These refusals, as a batch has them."""
    made = Rejections(batch.records)
    for one in refusals:
        made.add(one.record, one.position, one.reason, one.signal, is_whole=one.is_whole)
    return made


def original(line: dict) -> bytes:
    return base64.b64decode(line["data"], validate=True)


def gzipped(payload: bytes) -> bytes:
    return gzip.compress(payload, mtime=0)


def zstandard(payload: bytes) -> bytes:
    return zstd.compress(payload)


def varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number])


def delimited(field: int, content: bytes) -> bytes:
    """A protobuf field of bytes, text or a message."""
    return varint(field << 3 | 2) + varint(len(content)) + content


def protobuf(keys: Iterable[bytes], sub_records: Iterable[tuple[int | None, bytes]]) -> bytes:
    """An AggregatedRecord: its table of partition keys, then index and data of each sub-record."""
    table = b"".join(delimited(1, key) for key in keys)
    records = (
        (b"" if index is None else varint(1 << 3) + varint(index)) + delimited(3, payload)
        for index, payload in sub_records
    )
    return table + b"".join(delimited(3, encoded) for encoded in records)


def enveloped(content: bytes) -> bytes:
    """An aggregated record's magic and digest around any bytes."""
    return b"\xf3\x89\x9a\xc2" + content + md5(content, usedforsecurity=False).digest()


def aggregated(*payloads: bytes, key: str = "compressor1.pressure") -> bytes:
    return enveloped(protobuf([key.encode()], [(0, payload) for payload in payloads]))
