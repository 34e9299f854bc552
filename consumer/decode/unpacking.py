"""What payloads are packed in: gzip or zstd, unpacked to a bound, and the KPL's aggregated records.

Source: https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
"""

import sys
import zlib
from collections.abc import Callable, Iterator
from hashlib import md5
from typing import Any, Protocol

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from consumer.errors import Unlearnable

try:
    if sys.version_info >= (3, 14):
        from compression import zstd as zstd
    else:
        from backports import zstd as zstd
except ImportError:  # a Python built without it, as Lambda's python3.14 was until December 2025
    zstd = None  # type: ignore[assignment]
ZSTD_ERRORS: tuple[type[Exception], ...] = () if zstd is None else (zstd.ZstdError,)

# Compression.

UNPACKED_BYTES_MAX = 8 * 1024 * 1024  # 10,000 observations take some 2 MB as SiteWise JSON
_PARTS_MAX = 100  # each costs a copy of all that follows: tens of thousands would take seconds
_ZSTD_WINDOW_LOG_MAX = 23  # a frame may ask the decoder for 8 MiB, not for gigabytes


class _Decompressor(Protocol):
    """What `zlib` and `zstd` have in common: one gzip member, or one zstd frame."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def _gzip_member() -> _Decompressor:
    return zlib.decompressobj(wbits=31)


def _zstd_frame() -> _Decompressor:
    if zstd is None:
        raise Unlearnable(
            "zstd data, which this Python cannot read, for it was built without compression.zstd: "
            "update the function's runtime and redrive, or send gzip"
        )
    options = {int(zstd.DecompressionParameter.window_log_max): _ZSTD_WINDOW_LOG_MAX}
    return zstd.ZstdDecompressor(options=options)


_FORMATS: tuple[tuple[bytes, str, Callable[[], _Decompressor]], ...] = (
    (b"\x1f\x8b", "gzip", _gzip_member),
    (b"\x28\xb5\x2f\xfd", "zstd", _zstd_frame),
)

_NOT_READABLE: tuple[type[Exception], ...] = (zlib.error, *ZSTD_ERRORS)
_PADDING = b"\0 \t\r\n"
"""What shippers leave around compressed data: ends of lines, and blocks filled up."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MAY_BEGIN = _PADDING + _BYTE_ORDER_MARK[:1]


def unpack(payload: bytes) -> bytes:
    """The payload itself, or what its gzip or zstd holds; raises `Unlearnable` past the bound."""
    packed = payload
    if payload[:1] in _MAY_BEGIN:
        packed = payload.lstrip(_PADDING).removeprefix(_BYTE_ORDER_MARK)
    for magic, name, part in _FORMATS:
        if packed.startswith(magic):
            return _unpack(packed, name, part)
    return payload


def _unpack(payload: bytes, name: str, part: Callable[[], _Decompressor]) -> bytes:
    unpacked = bytearray()
    rest, parts = payload, 0
    while rest:  # both formats may be joined end to end
        parts += 1
        if parts > _PARTS_MAX:
            raise Unlearnable(f"the {name} data is joined of more than {_PARTS_MAX} parts")
        decompressor = part()
        try:
            unpacked += decompressor.decompress(rest, UNPACKED_BYTES_MAX - len(unpacked) + 1)
        except _NOT_READABLE as error:
            behind = (
                "" if parts == 1 else f": behind {len(payload) - len(rest)} bytes of {name} is something else"
            )
            raise Unlearnable(f"not readable as {name}: {error}{behind}") from None
        if len(unpacked) > UNPACKED_BYTES_MAX:
            raise Unlearnable(f"the {name} data unpacks to more than {UNPACKED_BYTES_MAX} bytes")
        if not decompressor.eof:
            raise Unlearnable(f"the {name} data is cut short")
        rest = decompressor.unused_data.lstrip(_PADDING)
    return bytes(unpacked)


# The Kinesis Producer Library's aggregated records: many payloads in one record.

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
