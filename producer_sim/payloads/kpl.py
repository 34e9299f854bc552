"""Aggregated records as the Kinesis Producer Library writes them: many payloads in one record.

Magic, a protobuf `AggregatedRecord`, and the MD5 of that protobuf.
Source: https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
"""

from collections.abc import Iterable
from hashlib import md5
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

MAGIC = b"\xf3\x89\x9a\xc2"
_PACKAGE = "producer_sim.payloads.kpl"


def aggregate(sub_records: Iterable[tuple[str, bytes]]) -> bytes:
    """Put (partition key, payload) pairs into the payload of one record, in their order.

    The library sends it under any one of the partition keys, which share a shard; a consumer sees the keys of
    the sub-records, each written once into a table.
    """
    positions: dict[str, int] = {}
    aggregated = _AggregatedRecord()
    for partition_key, payload in sub_records:
        position = positions.setdefault(partition_key, len(positions))
        aggregated.records.add(partition_key_index=position, data=payload)
    aggregated.partition_key_table.extend(positions)
    message: bytes = aggregated.SerializeToString(deterministic=True)
    return MAGIC + message + md5(message, usedforsecurity=False).digest()


def _aggregated_record_class() -> Any:
    """Describe the messages in code: the format is six fields, and a compiler's output would say less."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="producer_sim/kpl.proto", package=_PACKAGE, syntax="proto2"
    )

    tag = file.message_type.add(name="Tag")
    tag.field.add(name="key", number=1, label=field.LABEL_REQUIRED, type=field.TYPE_STRING)
    tag.field.add(name="value", number=2, label=field.LABEL_OPTIONAL, type=field.TYPE_STRING)

    record = file.message_type.add(name="Record")
    record.field.add(name="partition_key_index", number=1, label=field.LABEL_REQUIRED, type=field.TYPE_UINT64)
    record.field.add(
        name="explicit_hash_key_index", number=2, label=field.LABEL_OPTIONAL, type=field.TYPE_UINT64
    )
    record.field.add(name="data", number=3, label=field.LABEL_REQUIRED, type=field.TYPE_BYTES)
    _add_messages(record, "tags", 4, "Tag")

    aggregated = file.message_type.add(name="AggregatedRecord")
    for number, name in ((1, "partition_key_table"), (2, "explicit_hash_key_table")):
        aggregated.field.add(name=name, number=number, label=field.LABEL_REPEATED, type=field.TYPE_STRING)
    _add_messages(aggregated, "records", 3, "Record")

    # A pool of its own: the default one is shared with whatever else the process describes.
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.AggregatedRecord"))


def _add_messages(owner: descriptor_pb2.DescriptorProto, name: str, number: int, message: str) -> None:
    field = descriptor_pb2.FieldDescriptorProto
    owner.field.add(
        name=name,
        number=number,
        label=field.LABEL_REPEATED,
        type=field.TYPE_MESSAGE,
        type_name=f".{_PACKAGE}.{message}",
    )


_AggregatedRecord = _aggregated_record_class()
