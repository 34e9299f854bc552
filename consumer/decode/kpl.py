"""The Kinesis Producer Library's aggregated records: many payloads in one record.

Source: https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
"""

from collections.abc import Iterator
from hashlib import md5
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from consumer.errors import Unlearnable

MAGIC = b"\xf3\x89\x9a\xc2"
_DIGEST_BYTES = 16


def _aggregated_record() -> type[message.Message]:
    """The message AggregatedRecord; its texts as bytes, so that one bad text does not hide the others."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="kpl.proto", package="kpl", syntax="proto2")
    record = file.message_type.add(name="Record")
    record.field.add(name="partition_key_index", number=1, label=field.LABEL_OPTIONAL, type=field.TYPE_UINT64)
    record.field.add(name="data", number=3, label=field.LABEL_OPTIONAL, type=field.TYPE_BYTES)
    aggregated = file.message_type.add(name="AggregatedRecord")
    aggregated.field.add(
        name="partition_key_table", number=1, label=field.LABEL_REPEATED, type=field.TYPE_BYTES
    )
    aggregated.field.add(
        name="records", number=3, label=field.LABEL_REPEATED, type=field.TYPE_MESSAGE, type_name=".kpl.Record"
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("kpl.AggregatedRecord"))


AggregatedRecord: Any = _aggregated_record()
"""The protobuf message; producer_sim writes what this module reads."""


def is_aggregated(payload: bytes) -> bool:
    """Whether the payload is an aggregated record: the magic alone is not enough, the digest must agree."""
    return (
        payload.startswith(MAGIC)
        and len(payload) >= len(MAGIC) + _DIGEST_BYTES
        and md5(payload[len(MAGIC) : -_DIGEST_BYTES], usedforsecurity=False).digest()
        == payload[-_DIGEST_BYTES:]
    )


def sub_records(payload: bytes) -> Iterator[tuple[str | None, bytes]]:
    """Yield each sub-record's partition key, None where the table has none for it, and its payload, in order.

    Raises: `Unlearnable` before the first one, if what the digest vouches for is no AggregatedRecord, or one
        without records.
    """
    aggregated = AggregatedRecord()
    try:
        aggregated.ParseFromString(payload[len(MAGIC) : -_DIGEST_BYTES])
    except message.DecodeError as error:
        raise Unlearnable(f"an aggregated record whose protobuf cannot be read: {error}") from None
    if not aggregated.records:
        raise Unlearnable("an aggregated record that holds no records")
    keys = [_text(key) for key in aggregated.partition_key_table]
    for record in aggregated.records:
        index = record.partition_key_index
        yield (keys[index] if index < len(keys) else None), record.data


def _text(partition_key: bytes) -> str | None:
    try:
        return partition_key.decode()
    except UnicodeDecodeError:
        return None
