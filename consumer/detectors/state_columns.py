"""The states of one class as arrays: an array for each field, in which every state has a place."""

import operator
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from consumer.detectors.state_layouts import Numbers, layout_of

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Places = npt.NDArray[np.intp]

COUNT_FAR = 2**52
"""Larger counts, which only an altered page has, could grow beyond what fits: no arrays learn them."""


_AT_ONCE = 256
"""States that are written at once: their bytes are there twice meanwhile."""


class Row(NamedTuple):
    """The numbers of one state as they are in the arrays. Shape: (floats,), (integers,)."""

    made: type[Any]
    floats: Floats
    integers: Integers


class StateColumns:
    """The states of one class, each at a place; those of places never written have no meaning.

    Shape: `floats` (layout.floats, places), `integers` (layout.integers, places). None among floats is NaN,
    a bool is 0 or 1; a list of bounded length has its length among the integers, before its values, and a
    dict of known keys has 0 or 1 for each key, before its value.
    """

    def __init__(self, made: type[Any], floats: Floats, integers: Integers) -> None:
        self.layout = layout_of(made)
        self.floats, self.integers = floats, integers
        if self.floats.shape[0] != self.layout.floats or self.integers.shape[0] != self.layout.integers:
            raise ValueError(f"the arrays are not those of a {made.__name__}")
        if self.floats.shape[1] != self.integers.shape[1]:
            raise ValueError(f"the arrays of {made.__name__} differ in length")

    @classmethod
    def empty(cls, made: type[Any], count: int) -> "StateColumns":
        """Arrays with so many places."""
        layout = layout_of(made)
        return cls(made, np.zeros((layout.floats, count)), np.zeros((layout.integers, count), dtype=np.int64))

    def __len__(self) -> int:
        """How many places there are."""
        return int(self.floats.shape[1])

    def grow(self, count: int) -> None:
        """Have at least so many places."""
        added = count - len(self)
        if added > 0:
            self.floats = np.pad(self.floats, ((0, 0), (0, added)))
            self.integers = np.pad(self.integers, ((0, 0), (0, added)))

    def keep(self, places: Places) -> None:
        """Have only these places, in this order."""
        self.floats = np.ascontiguousarray(self.floats[:, places])
        self.integers = np.ascontiguousarray(self.integers[:, places])

    def take(self, place: int) -> Any:
        """The state at a place, made anew."""
        return self.layout.state_of(self.floats[:, place].tolist(), self.integers[:, place].tolist())

    def numbers_of(self, state: Any) -> Numbers:
        """The numbers of a state. Raises: `Unfit`."""
        return self.layout.numbers_of(state)

    def numbers_at(self, place: int) -> Row:
        """The numbers at a place, copied."""
        return Row(self.layout.made, self.floats[:, place].copy(), self.integers[:, place].copy())

    @staticmethod
    def state_of(row: Row) -> Any:
        """The state that has these numbers."""
        return layout_of(row.made).state_of(row.floats.tolist(), row.integers.tolist())

    def put(self, places: Sequence[int], numbers: Sequence[Numbers | Row]) -> None:
        """Write states, as `layout.numbers_of` gave them, to their places."""
        if places:
            for first in range(0, len(places), _AT_ONCE):
                some = slice(first, first + _AT_ONCE)
                floats, integers = zip(*map(operator.itemgetter(-2, -1), numbers[some]), strict=True)
                self.floats[:, places[some]] = _block(floats, "d")
                self.integers[:, places[some]] = _block(integers, "q")

    def are_far(self, places: Sequence[int] | slice, rows: Sequence[int] | slice = slice(None)) -> Any:
        """Which of these have a count, in these rows of integers, that may not grow in the arrays."""
        return (self.integers[rows][:, places] > COUNT_FAR).any(axis=0)

    def clear(self, places: Sequence[int]) -> None:
        """Have zeros at these places."""
        if places:
            self.floats[:, places], self.integers[:, places] = 0.0, 0

    def field(self, path: str) -> npt.NDArray[Any]:
        """The array of a field, as a view. Shape: (places,), or (values, places) of a list."""
        kind, start, size, _ = self.layout.places[path]
        whole: npt.NDArray[Any] = getattr(self, kind)
        return whole[start] if size == 0 else whole[start : start + size]


def _block(rows: Sequence[Any], kind: str) -> npt.NDArray[Any]:
    """Numbers of states, as lists or as arrays. Shape: fields, states."""
    width = len(rows[0])
    pack = struct.Struct(f"{width}{kind}").pack
    packed = [pack(*row) if type(row) is list else row.tobytes() for row in rows]
    return np.ndarray((len(rows), width), kind, b"".join(packed)).T
