"""Arrays as bytes: integers in as few bytes as they need, and what is the same at all places once.

A row is an array of numbers, one for each place. Its kind is a byte: how many bytes each number has, 0 for
zeros, of which nothing is written; with the top bit, one number stands for all places. Floats have eight
bytes, or four where a class says that its numbers fit, and they do.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from consumer.detectors.state_layouts import INTEGER_MAX

Row = npt.NDArray[Any]
"""Of float64 or int64; integers are from 0 to 2**53."""

_ONE_FOR_ALL = 0x80
_INTEGERS = {size: np.dtype(f"<u{size}") for size in (1, 2, 4, 8)}
_FLOATS: dict[int, np.dtype[Any]] = {4: np.dtype("<f4"), 8: np.dtype("<f8")}
_FLOAT = _FLOATS[8]
_ZERO = bytes(8)
NO_NUMBERS, ONES = b"\0", bytes([_ONE_FOR_ALL | 1, 1])
"""Rows of zeros, and of ones, of however many places."""
_SIZES = np.array([1, 2, 4, 8], np.uint8)
_MOST_IN_BYTES = np.array([2**8 - 1, 2**16 - 1, 2**32 - 1], np.uint64)
_NO_COUNTS = "a count below zero, or beyond the largest"
_FIRST = 32
"""Rows that differ mostly do so among the first places: the others need not be looked at."""


def write_row(row: Row) -> bytes:
    """A row with its kind before it. Raises: `ValueError` for integers that are no counts."""
    kind, content = _written(row)
    return bytes([kind]) + content


def read_row(written: bytes, places: int, kind: type[float | int] = int, most: int = INTEGER_MAX) -> Row:
    """A row of so many places; `most` is the largest integer. Raises: `ValueError` for what is none."""
    _check_length(written, places)
    row: Row = np.zeros(places, np.float64 if kind is float else np.int64)
    _read_into(row, written[0], memoryview(written)[1:], most)
    return row


def sum_and_most(written: bytes, places: int, most: int = INTEGER_MAX) -> tuple[int, int]:
    """The sum of a row of integers, and the largest. Raises: as `read_row`."""
    _check_length(written, places)
    if written[0] == 0 or places == 0:
        return 0, 0
    numbers = _unchecked(written[0], memoryview(written)[1:], is_float=False)
    found = numbers.tolist()  # in 64 bits a sum of large ones could wrap to a small one
    largest = max(found)
    if largest > most:
        raise _too_large(most)
    return sum(found) * (places if written[0] & _ONE_FOR_ALL else 1), largest


def write_flags(flags: npt.NDArray[np.bool_]) -> bytes:
    """The row that has 1 where a flag is set."""
    content = flags.tobytes()
    count = content.count(1)
    if count == 0:
        return NO_NUMBERS
    return ONES if count == len(content) else b"\1" + content


def write_rows(
    rows: npt.NDArray[Any], are_singles: npt.NDArray[np.bool_] | None = None
) -> tuple[bytes, list[bytes | memoryview]]:
    """The kind of each row, and what is to be written of them. Shape: rows, places.

    `are_singles` says which rows of floats are to have four bytes a number, if all of theirs fit.
    """
    kinds = np.zeros(len(rows), np.uint8)
    written: list[bytes | memoryview] = [b""] * len(rows)
    if rows.size == 0:
        return kinds.tobytes(), written
    bits = rows.view(np.uint64)
    # What is the same at all places, and mostly zero, is most of it where few values were learned.
    is_one = (bits[:, :_FIRST] == bits[:, :1]).all(axis=1)
    if bits.shape[1] > _FIRST:
        may_be = is_one.nonzero()[0]
        is_one[may_be] = (bits[may_be, _FIRST:] == bits[may_be, :1]).all(axis=1)
    one = (is_one & (bits[:, 0] != 0)).nonzero()[0]
    each = (~is_one).nonzero()[0]
    for places, numbers, all_places in ((one, rows[one, :1], _ONE_FOR_ALL), (each, rows[each], 0)):
        sizes = _sizes(numbers, None if are_singles is None else are_singles[places])
        kinds[places] = sizes | all_places
        for size in set(sizes.tolist()):
            of_size = (sizes == size).nonzero()[0]
            content = _as_bytes(numbers[of_size], size)
            length = len(content) // len(of_size)
            for at, place in enumerate(places[of_size].tolist()):
                written[place] = content[at * length : (at + 1) * length]
    return kinds.tobytes(), written


def _sizes(
    numbers: npt.NDArray[Any], are_singles: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.uint8]:
    """How many bytes each number of a row needs."""
    if numbers.dtype == np.float64:
        of_floats = np.full(len(numbers), 8, np.uint8)
        if are_singles is not None and are_singles.any():
            rows = are_singles.nonzero()[0]
            with np.errstate(over="ignore"):
                again = numbers[rows].astype(np.float32).astype(np.float64)
            # Bit for bit, so that a NaN, or a zero below zero, is the same afterwards.
            fit = (again.view(np.uint64) == numbers[rows].view(np.uint64)).all(axis=1)
            of_floats[rows[fit]] = 4
        return of_floats
    most = numbers.view(np.uint64).max(axis=1)
    if most.size and int(most.max()) > INTEGER_MAX:
        raise ValueError(_NO_COUNTS)
    sizes: npt.NDArray[np.uint8] = _SIZES[np.searchsorted(_MOST_IN_BYTES, most)]
    return sizes


def _as_bytes(numbers: npt.NDArray[Any], size: int) -> memoryview:
    """The numbers, of so many bytes each; no copy where they are so already."""
    kind = _FLOATS[size] if numbers.dtype == np.float64 else _INTEGERS[size]
    return np.ascontiguousarray(numbers, kind).data.cast("B")


def read_rows(
    rows: npt.NDArray[Any],
    kinds: bytes,
    written: memoryview,
    most: Sequence[int],
    are_singles: npt.NDArray[np.bool_] | None = None,
) -> int:
    """Fill rows of zeros; returns how many bytes of `written` they are.

    `are_singles` says which rows of floats may have four bytes a number.
    Raises: `ValueError` for an integer above the most that its row may have, and for what are no rows.
    """
    start, places = 0, rows.shape[1]
    singles = [False] * len(rows) if are_singles is None else are_singles.tolist()
    for row, kind, of_row, may_be_single in zip(rows, kinds, most, singles, strict=True):
        if kind:
            end = start + size_of(kind, places)
            _read_into(row, kind, written[start:end], of_row, may_be_single)
            start = end
    return start


def size_of(kind: int, places: int) -> int:
    """How many bytes a row of that kind has."""
    return kind - _ONE_FOR_ALL if kind & _ONE_FOR_ALL else kind * places


def _written(row: Row) -> tuple[int, bytes]:
    content = row.tobytes()
    if content[8:] != content[:-8]:
        return _written_each(row)
    if content[:8] in (b"", _ZERO):
        return 0, b""
    kind, content = _written_each(row[:1])
    return kind | _ONE_FOR_ALL, content


def _written_each(row: Row) -> tuple[int, bytes]:
    if row.dtype == np.float64:
        return 8, row.astype(_FLOAT, copy=False).tobytes()
    most = int(np.maximum.reduce(row.view(np.uint64)))
    if most > INTEGER_MAX:
        raise ValueError(_NO_COUNTS)
    size = 1 if most < 2**8 else 2 if most < 2**16 else 4 if most < 2**32 else 8
    return size, row.astype(_INTEGERS[size]).tobytes()


def _check_length(written: bytes, places: int) -> None:
    if not written or len(written) != 1 + size_of(written[0], places):
        raise ValueError("a column has another length than there are places")


def _read_into(row: Row, kind: int, content: memoryview, most: int, may_be_single: bool = False) -> None:
    if kind == 0:
        return
    numbers = _numbers_of(kind, content, row.dtype, most, may_be_single)
    if len(numbers) != (1 if kind & _ONE_FOR_ALL else len(row)):
        raise ValueError("a row has another length than its kind says")
    row[:] = numbers


def _numbers_of(
    kind: int, content: memoryview, of: np.dtype[Any], most: int, may_be_single: bool
) -> npt.NDArray[Any]:
    """What is written of a row: its numbers, or the one that stands for all."""
    numbers = _unchecked(kind, content, is_float=of == np.float64, may_be_single=may_be_single)
    if of != np.float64 and len(numbers) and int(np.maximum.reduce(numbers)) > most:
        raise _too_large(most)
    return numbers


def _unchecked(
    kind: int, content: memoryview, *, is_float: bool, may_be_single: bool = False
) -> npt.NDArray[Any]:
    """The same; integers may be larger than there can be."""
    size = kind & ~_ONE_FOR_ALL
    kinds: Mapping[int, np.dtype[Any]] = _FLOATS if is_float else _INTEGERS
    if size not in kinds or (is_float and size == 4 and not may_be_single):
        raise ValueError(f"there is no row of the kind {kind}")
    numbers: Row = np.frombuffer(content, kinds[size])
    return numbers


def _too_large(most: int) -> ValueError:
    return ValueError(f"a number above {most}, the most there can be")
