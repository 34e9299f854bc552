"""The states of one class as arrays: an array for each field, in which every state has a place.

A layout is made of the class's annotations: numbers, optional numbers, lists of bounded length, nested states
and dicts of known keys. What does not fit, such as a NaN, stays out of the arrays.
"""

import math
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from consumer.detectors.states import ModelState

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Places = npt.NDArray[np.intp]

INTEGER_MAX = 2**53
"""Larger ones do not fit: as floats they would not be exact."""
COUNT_FAR = 2**52
"""Larger counts, which only an altered page has, could grow beyond what fits: no arrays learn them."""


class Unfit(Exception):
    """A state that does not fit into the arrays of its class."""


@dataclass(frozen=True, slots=True)
class Keys:
    """In the annotation of a dict: the keys that it may have."""

    names: tuple[str, ...]


class Numbers(NamedTuple):
    """The numbers of one state, in the order of its fields."""

    floats: list[float]
    integers: list[int]


_Read = Callable[[Sequence[float], Sequence[int], int, int], Any]
"""Reads a value that starts at two places, among the floats and among the integers."""


_Get = Callable[[Any], Any]


class _Part(NamedTuple):
    """One value of a state: how many numbers it has, and how it becomes them and is made of them."""

    floats: int
    integers: int
    write: Callable[[Any, Numbers], None]
    read: _Read
    places: dict[str, "Place"]
    most: tuple[int, ...] = ()
    """The largest that each of its integers may be."""


class Place(NamedTuple):
    """Where a field's numbers lie: rows of the array of floats or of integers."""

    kind: Literal["floats", "integers"]
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class StateLayout:
    """How the states of one class lie in two arrays. Shape of each: fields, states."""

    made: type[Any]
    floats: int
    integers: int
    places: dict[str, Place]
    """By the path of the field, such as `alert.since_s` or `scales.0.mean`."""
    write: Callable[[Any, Numbers], None]
    read: _Read
    most: tuple[int, ...]
    """The largest that each integer may be."""

    def numbers_of(self, state: Any) -> Numbers:
        """The numbers of a state. Raises: `Unfit`."""
        if type(state) is not self.made:
            raise Unfit(f"it is a {type(state).__name__}")
        numbers = Numbers([], [])
        self.write(state, numbers)
        return numbers

    def state_of(self, floats: Sequence[float], integers: Sequence[int]) -> Any:
        """The state that has these numbers."""
        return self.read(floats, integers, 0, 0)


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
            self.floats[:, places] = np.array([each.floats for each in numbers], dtype=np.float64).T
            self.integers[:, places] = np.array([each.integers for each in numbers], dtype=np.int64).T

    def are_far(self, places: Sequence[int] | slice, rows: Sequence[int] | slice = slice(None)) -> Any:
        """Which of these have a count, in these rows of integers, that may not grow in the arrays."""
        return (self.integers[rows][:, places] > COUNT_FAR).any(axis=0)

    def clear(self, places: Sequence[int]) -> None:
        """Have zeros at these places."""
        if places:
            self.floats[:, places], self.integers[:, places] = 0.0, 0

    def field(self, path: str) -> npt.NDArray[Any]:
        """The array of a field, as a view. Shape: (places,), or (values, places) of a list."""
        kind, start, size = self.layout.places[path]
        whole: npt.NDArray[Any] = getattr(self, kind)
        return whole[start] if size == 0 else whole[start : start + size]


_LAYOUTS: dict[type[Any], StateLayout] = {}
_WITHOUT_LAYOUT: set[type[Any]] = set()


def layout_of(made: type[Any]) -> StateLayout:
    """The layout of a class of states. Raises: `TypeError` for a field that has none."""
    layout = _LAYOUTS.get(made)
    if layout is None:
        part = _of_state(made)
        layout = StateLayout(made, part.floats, part.integers, part.places, part.write, part.read, part.most)
        _LAYOUTS[made] = layout
    return layout


def has_layout(made: type[Any]) -> bool:
    """Whether all fields of the class have a place in arrays."""
    if made in _WITHOUT_LAYOUT:
        return False
    try:
        layout_of(made)
    except TypeError:
        _WITHOUT_LAYOUT.add(made)
        return False
    return True


def _of_state(made: type[Any]) -> _Part:
    hints = typing.get_type_hints(made, include_extras=True)
    parts = [(name, _of_type(hints[name])) for name in made.__struct_fields__]
    places: dict[str, Place] = {}
    floats = integers = 0
    starts = []
    for name, part in parts:
        starts.append((floats, integers))
        _add_places(places, name, part, floats, integers)
        floats, integers = floats + part.floats, integers + part.integers

    writers = _writers(parts)

    def write(state: Any, numbers: Numbers) -> None:
        if type(state) is not made:
            raise Unfit(f"it holds a {type(state).__name__}")
        for values_of, write_values in writers:
            write_values(values_of(state), numbers)

    readers = [(part.read, *start) for (_, part), start in zip(parts, starts, strict=True)]

    def read(floats: Sequence[float], integers: Sequence[int], at: int, at_integer: int) -> Any:
        return made(*[one(floats, integers, at + f, at_integer + i) for one, f, i in readers])

    most = tuple(each for _, part in parts for each in part.most)
    return _Part(floats, integers, write, read, places, most)


def _writers(parts: "Sequence[tuple[str, _Part]]") -> list[tuple[_Get, Callable[[Any, Numbers], None]]]:
    """How to get and write the values of a state: floats between other parts at once, and counts likewise."""
    found: list[tuple[_Get, Callable[[Any, Numbers], None]]] = []
    alike: dict[str, list[str]] = {"floats": [], "integers": []}

    def flush() -> None:
        for kind, write in (("floats", _write_floats), ("integers", _write_integers)):
            names = alike[kind]
            if len(names) == 1:
                found.append((attrgetter(*names), _write_float if kind == "floats" else _write_integer))
            elif names:
                found.append((attrgetter(*names), write))
            alike[kind] = []

    for name, part in parts:
        if part is _FLOAT or part is _INTEGER:
            alike["floats" if part is _FLOAT else "integers"].append(name)
        else:
            flush()
            found.append((attrgetter(name), part.write))
    flush()
    return found


def _add_places(places: dict[str, Place], name: str, part: _Part, floats: int, integers: int) -> None:
    for within, place in part.places.items():
        path = f"{name}.{within}" if within else name
        start = place.start + (floats if place.kind == "floats" else integers)
        places[path] = place._replace(start=start)


def _of_type(hint: Any) -> _Part:
    metas: tuple[Any, ...] = ()
    if typing.get_origin(hint) is typing.Annotated:
        hint, *others = typing.get_args(hint)
        metas = tuple(others)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is float:
        return _FLOAT
    if hint is int:
        return _INTEGER
    if hint is bool:
        return _BOOL
    if origin in (typing.Union, types.UnionType) and arguments == (float, type(None)):
        return _OPTIONAL
    if origin is list:
        return _of_list(arguments[0], *_bounds(metas))
    if origin is dict:
        for meta in metas:
            if isinstance(meta, Keys):
                return _of_dict(meta.names, _of_type(arguments[1]))
    if isinstance(hint, type) and issubclass(hint, ModelState | msgspec.Struct):
        return _of_state(hint)
    raise TypeError(f"there is no array for values of {hint}")


def _bounds(metas: tuple[Any, ...]) -> tuple[int, int]:
    for meta in metas:
        if isinstance(meta, msgspec.Meta) and meta.max_length is not None:
            return meta.min_length or 0, meta.max_length
    raise TypeError("a list without the most values that it may have")


def _write_float(value: Any, numbers: Numbers) -> None:
    if type(value) is not float or math.isnan(value):
        raise Unfit(f"{value!r} is no float")
    numbers.floats.append(value)


def _write_floats(values: Sequence[Any], numbers: Numbers) -> None:
    if set(map(type, values)) - {float} or any(map(math.isnan, values)):
        raise Unfit("something else than floats")
    numbers.floats.extend(values)


def _write_integers(values: Sequence[Any], numbers: Numbers) -> None:
    if set(map(type, values)) - {int} or min(values) < 0 or max(values) > INTEGER_MAX:
        raise Unfit("something else than counts")
    numbers.integers.extend(values)


def _write_optional(value: Any, numbers: Numbers) -> None:
    if value is None:
        numbers.floats.append(math.nan)
    else:
        _write_float(value, numbers)


def _write_integer(value: Any, numbers: Numbers) -> None:
    if type(value) is not int or not 0 <= value <= INTEGER_MAX:
        raise Unfit(f"{value!r} is no count")
    numbers.integers.append(value)


def _write_bool(value: Any, numbers: Numbers) -> None:
    if type(value) is not bool:
        raise Unfit(f"{value!r} is no bool")
    numbers.integers.append(value)


def _read_optional(floats: Sequence[float], integers: Sequence[int], at: int, at_integer: int) -> Any:
    value = floats[at]
    return None if value != value else value


_OF_FLOAT, _OF_INTEGER = {"": Place("floats", 0, 0)}, {"": Place("integers", 0, 0)}
_FLOAT = _Part(1, 0, _write_float, lambda floats, _, at, __: floats[at], _OF_FLOAT)
_OPTIONAL = _Part(1, 0, _write_optional, _read_optional, _OF_FLOAT)
_INTEGER = _Part(0, 1, _write_integer, lambda _, integers, __, at: integers[at], _OF_INTEGER, (INTEGER_MAX,))
_BOOL = _Part(0, 1, _write_bool, lambda _, integers, __, at: bool(integers[at]), _OF_INTEGER, (1,))


def _of_list(of: Any, least: int, most: int) -> _Part:
    part = _of_type(of)
    is_fixed = least == most
    places = {} if is_fixed else {"length": Place("integers", 0, 0)}
    before = 0 if is_fixed else 1
    if part in (_FLOAT, _INTEGER):
        kind: Literal["floats", "integers"] = "floats" if part is _FLOAT else "integers"
        places[""] = Place(kind, before if kind == "integers" else 0, most)
    else:
        for index in range(most):
            _add_places(places, str(index), part, index * part.floats, before + index * part.integers)
    filling = Numbers([0.0] * part.floats, [0] * part.integers)

    def write(values: Any, numbers: Numbers) -> None:
        if type(values) is not list or not least <= len(values) <= most:
            raise Unfit("a list of another length")
        if not is_fixed:
            numbers.integers.append(len(values))
        if part is _FLOAT and set(map(type, values)) <= {float} and not math.isnan(sum(values)):
            numbers.floats.extend(values)
        else:
            for value in values:
                part.write(value, numbers)
        for _ in range(most - len(values)):
            numbers.floats.extend(filling.floats)
            numbers.integers.extend(filling.integers)

    def read(floats: Sequence[float], integers: Sequence[int], at: int, at_integer: int) -> list[Any]:
        length = most if is_fixed else integers[at_integer]
        at_integer += before
        if part is _FLOAT:
            return list(floats[at : at + length])
        if part is _INTEGER:
            return list(integers[at_integer : at_integer + length])
        return [
            part.read(floats, integers, at + index * part.floats, at_integer + index * part.integers)
            for index in range(length)
        ]

    largest = (() if is_fixed else (most,)) + most * part.most
    return _Part(most * part.floats, before + most * part.integers, write, read, places, largest)


def _of_dict(names: tuple[str, ...], part: _Part) -> _Part:
    known = frozenset(names)
    places: dict[str, Place] = {}
    for index, name in enumerate(names):
        places[f"{name}.is_there"] = Place("integers", index * (1 + part.integers), 0)
        _add_places(places, name, part, index * part.floats, 1 + index * (1 + part.integers))

    def write(values: Any, numbers: Numbers) -> None:
        if type(values) is not dict or not known.issuperset(values):
            raise Unfit("a dict of other keys")
        for name in names:
            value = values.get(name)
            numbers.integers.append(value is not None)
            if value is None:
                numbers.floats.extend([0.0] * part.floats)
                numbers.integers.extend([0] * part.integers)
            else:
                part.write(value, numbers)

    def read(floats: Sequence[float], integers: Sequence[int], at: int, at_integer: int) -> dict[str, Any]:
        found = {}
        for name in names:
            if integers[at_integer]:
                found[name] = part.read(floats, integers, at, at_integer + 1)
            at, at_integer = at + part.floats, at_integer + 1 + part.integers
        return found

    largest = len(names) * (1, *part.most)
    return _Part(len(names) * part.floats, len(names) * (1 + part.integers), write, read, places, largest)
