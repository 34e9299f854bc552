"""Payloads compressed with gzip or zstd, unpacked no further than a bound."""

import sys
import zlib
from collections.abc import Callable
from typing import Protocol

from consumer.errors import Unlearnable

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

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
    options = {int(zstd.DecompressionParameter.window_log_max): _ZSTD_WINDOW_LOG_MAX}
    return zstd.ZstdDecompressor(options=options)


_FORMATS: tuple[tuple[bytes, str, Callable[[], _Decompressor]], ...] = (
    (b"\x1f\x8b", "gzip", _gzip_member),
    (b"\x28\xb5\x2f\xfd", "zstd", _zstd_frame),
)


def unpack(payload: bytes) -> bytes:
    """The payload itself, or what its gzip or zstd holds; raises `Unlearnable` past the bound."""
    for magic, name, part in _FORMATS:
        if payload.startswith(magic):
            return _unpack(payload, name, part)
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
        except (zlib.error, zstd.ZstdError) as error:
            raise Unlearnable(f"not readable as {name}: {error}") from None
        if len(unpacked) > UNPACKED_BYTES_MAX:
            raise Unlearnable(f"the {name} data unpacks to more than {UNPACKED_BYTES_MAX} bytes")
        if not decompressor.eof:
            raise Unlearnable(f"the {name} data is cut short")
        rest = decompressor.unused_data
    return bytes(unpacked)
