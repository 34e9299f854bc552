"""Pages as somebody could plant them who knows the format: whatever content, sealed right."""

import platform
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from zlib import crc32

import msgspec
import numpy as np

from consumer.decode.signal_names import SignalKey
from consumer.detectors.base import STATE_FORMAT
from consumer.learning.state import State
from consumer.pages.arrays import write_row
from consumer.pages.codec import Header, memory_bytes_of, versions
from consumer.pages.columns import Columns, columns_of
from consumer.pages.unpacking import Reader

_COLUMNS = msgspec.msgpack.Decoder(Columns)
MEMORY = 10**6
"""As many as a model may say it is, where it does not matter."""


def sealed(header: bytes, body: bytes) -> bytes:
    """A page with that header and body, and a checksum that agrees."""
    checksum = crc32(body, crc32(header)).to_bytes(4)
    return b"RVPG\x02" + len(header).to_bytes(4) + header + checksum + body


def enveloped(columns: bytes, models: bytes = b"", **fields: object) -> bytes:
    """A page with these columns and models, whose header says what is true of them; `fields` say else."""
    signals = memory_bytes = 0
    with suppress(msgspec.MsgspecError, ValueError, RecursionError):
        decoded = _COLUMNS.decode(columns)
        signals, memory_bytes = len(decoded.record_signals), memory_bytes_of(decoded, len(columns))
    river, python = versions()["river"], platform.python_version()
    header = Header(STATE_FORMAT, river, python, signals, len(columns), memory_bytes)
    named = msgspec.structs.asdict(header) | fields
    return sealed(msgspec.json.encode(named), columns + models)


def with_columns(columns: Columns, models: Sequence[bytes], **altered: object) -> bytes:
    """A page with these columns, but for those that are `altered`."""
    named = msgspec.structs.asdict(columns) | altered
    return enveloped(msgspec.msgpack.encode([*named.values()]), b"".join(models))


def with_models(*models: bytes, memory: int = MEMORY, **altered: object) -> bytes:
    """A page of the signals "0", "1" and so on, whose models are these bytes."""
    states = {SignalKey(str(number), str(number)): State(None) for number in range(len(models))}
    columns, _ = columns_of(states)
    lengths = {
        "lengths": write_row(np.array([*map(len, models)], np.int64)),
        "memory": write_row(np.full(len(models), memory)),
    }
    return with_columns(columns, models, **lengths | altered)


def planted(*nodes: Any, memory: int = MEMORY) -> bytes:
    """A page whose models are these trees of msgpack."""
    return with_models(*map(msgspec.msgpack.encode, nodes), memory=memory)


def deep(levels: int, start: bytes = b"\x92\x01", end: bytes = b"\xc0") -> bytes:
    """A list in a list in a list, and so on: of each, `start` is written before what is in it."""
    return start * levels + end


def memory_of(model: bytes) -> int:
    """As little memory as a model can say that it takes, if it is to be read."""
    reader = Reader(2**50)
    with suppress(Exception):
        reader.read(msgspec.msgpack.decode(model))
    return 2**50 - reader._left
