"""Arrays as bytes: integers in as few bytes as they need, and what is the same at all places once.

A row is an array of numbers, one for each place. Its kind is a byte: how many bytes each number has, 0 for
zeros, of which nothing is written; with the top bit, one number stands for all places.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from consumer.detectors.state_columns import INTEGER_MAX

Row = npt.NDArray[Any]
"""Of float64 or int64; integers are from 0 to 2**53."""

_ONE_FOR_ALL = 0x80
_INTEGERS = {size: np.dtype(f"<u{size}") for size in (1, 2, 4, 8)}
_FLOAT = np.dtype("<f8")
_FIRST = 32
"""Rows that differ mostly do so among the first places: the others need not be looked at."""


def write_row(row: Row) -> bytes:
    """A row with its kind before it. Raises: `ValueError` for integers that are no counts."""
    kind, content = _written(row)
    return bytes([kind]) + content


def read_row(written: bytes, places: int, kind: type[float | int] = int, most: int = INTEGER_MAX) -> Row:
    """A row of so many places; `most` is the largest integer. Raises: `ValueError` for what is none."""
    if not written or len(written) != 1 + size_of(written[0], places):
        raise ValueError("a column has another length than there are places")
    row: Row = np.zeros(places, np.float64 if kind is float else np.int64)
    _read_into(row, written[0], memoryview(written)[1:], most)
    return row


def write_rows(rows: npt.NDArray[Any]) -> tuple[bytes, list[bytes]]:
    """The kind of each row, and what is to be written of them. Shape: rows, places."""
    # What is the same at the first places and is zero is most of it, where few values were learned.
    bits = rows.view(np.int64)
    may_be_one = (bits[:, :_FIRST] == bits[:, :1]).all(axis=1).tolist()
    written = [
        _written(row) if one else _written_each(row) for row, one in zip(rows, may_be_one, strict=True)
    ]
    return bytes([kind for kind, _ in written]), [content for _, content in written]


def read_rows(rows: npt.NDArray[Any], kinds: bytes, written: memoryview, most: Sequence[int]) -> int:
    """Fill rows of zeros; returns how many bytes of `written` they are.

    Raises: `ValueError` for an integer above the most that its row may have, and for what are no rows.
    """
    start, places = 0, rows.shape[1]
    for row, kind, of_row in zip(rows, kinds, most, strict=True):
        if kind:
            end = start + size_of(kind, places)
            _read_into(row, kind, written[start:end], of_row)
            start = end
    return start


def size_of(kind: int, places: int) -> int:
    """How many bytes a row of that kind has."""
    return kind - _ONE_FOR_ALL if kind & _ONE_FOR_ALL else kind * places


def _written(row: Row) -> tuple[int, bytes]:
    content = row.tobytes()
    return _written_once(row) if content[8:] == content[:-8] else _written_each(row)


def _written_once(row: Row) -> tuple[int, bytes]:
    if len(row) == 0 or row.view(np.int64)[0] == 0:
        return 0, b""
    kind, content = _written_each(row[:1])
    return kind | _ONE_FOR_ALL, content


def _written_each(row: Row) -> tuple[int, bytes]:
    if row.dtype == np.float64:
        return 8, row.astype(_FLOAT, copy=False).tobytes()
    most = int(row.view(np.uint64).max())
    if most > INTEGER_MAX:
        raise ValueError("a count below zero, or beyond the largest")
    size = 1 if most < 2**8 else 2 if most < 2**16 else 4 if most < 2**32 else 8
    return size, row.astype(_INTEGERS[size]).tobytes()


def _read_into(row: Row, kind: int, content: memoryview, most: int) -> None:
    size = kind & ~_ONE_FOR_ALL
    if size == 0 and kind == 0:
        return
    is_float = row.dtype == np.float64
    if size not in _INTEGERS or (is_float and size != 8):
        raise ValueError(f"there is no row of the kind {kind}")
    numbers = np.frombuffer(content, _FLOAT if is_float else _INTEGERS[size])
    if len(numbers) != (1 if kind & _ONE_FOR_ALL else len(row)):
        raise ValueError("a row has another length than its kind says")
    if not is_float and len(numbers) and int(numbers.max()) > most:
        raise ValueError(f"a number above {most}, the most there can be")
    row[:] = numbers
