"""How the states of a class lie in arrays, made of its annotations.

These may be numbers, optional numbers, lists of bounded length, nested states and dicts of known keys. What
does not fit, such as a NaN, stays out of the arrays. The numbers of a state are gotten by code that is made
once for its class, for there are hundreds.
"""

import math
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

INTEGER_MAX = 2**53
"""Larger ones do not fit: as floats they would not be exact."""


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


class _Part(NamedTuple):
    """One value of a state: how many numbers it has, and the code that gets them and makes it of them."""

    floats: int
    integers: int
    write: "Callable[[_Code, str], None]"
    """Adds the code that gets the numbers of the value that an expression gives."""
    read: "Callable[[_Code, int, int], str]"
    """An expression that makes the value of numbers from two places on: of `floats`, and of `integers`."""
    filling: Any
    """A value all of whose numbers are zero, for a place where there is none."""
    places: dict[str, "Place"]
    most: tuple[int, ...] = ()
    """The largest that each of its integers may be."""


class Place(NamedTuple):
    """Where a field's numbers lie: rows of the array of floats or of integers."""

    kind: Literal["floats", "integers"]
    start: int
    size: int
    is_single: bool = False
    """Whether all numbers are such as four bytes hold: `extra={"single": True}` in the list's `Meta`."""


@dataclass(frozen=True, slots=True)
class StateLayout:
    """How the states of one class lie in two arrays. Shape of each: fields, states."""

    made: type[Any]
    floats: int
    integers: int
    places: dict[str, Place]
    """By the path of the field, such as `alert.since_s` or `scales.0.mean`."""
    most: tuple[int, ...]
    """The largest that each integer may be."""
    are_singles: npt.NDArray[np.bool_]
    """Which rows of floats are of such numbers. Shape: (floats,)"""
    numbers_of: Callable[[Any], Numbers]
    """The numbers of a state. Raises: `Unfit`."""
    state_of: Callable[[Sequence[float], Sequence[int]], Any]
    """The state that has these numbers."""


_LAYOUTS: dict[type[Any], StateLayout] = {}
_WITHOUT_LAYOUT: set[type[Any]] = set()


def layout_of(made: type[Any]) -> StateLayout:
    """The layout of a class of states. Raises: `TypeError` for a field that has none."""
    layout = _LAYOUTS.get(made)
    if layout is None:
        part = _of_state(made)
        layout = StateLayout(
            made,
            part.floats,
            part.integers,
            part.places,
            part.most,
            _singles(part),
            _numbers_getter(part),
            _state_maker(part),
        )
        _LAYOUTS[made] = layout
    return layout


def _singles(part: _Part) -> npt.NDArray[np.bool_]:
    are_singles = np.zeros(part.floats, np.bool_)
    for place in part.places.values():
        if place.is_single:
            are_singles[place.start : place.start + place.size] = True
    return are_singles


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


class _Code:
    """Code of a function that is made of a layout: some hundred values, gotten at once.

    It is made of the annotations of our own classes, and of nothing that a page or a record says.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.floats: list[str] = []
        """Expressions."""
        self.integers: list[str] = []
        self.float_count = 0
        self.kinds: list[type] = []
        """Of the integers: int or bool."""
        self.nones: list[tuple[int, str]] = []
        """Places among the floats that have NaN if a variable is None."""
        self.names: dict[str, Any] = {}
        """What the code names."""
        self._variables = 0

    def variable(self, expression: str) -> str:
        """A new variable that has the expression's value."""
        self._variables += 1
        self.lines.append(f"v{self._variables} = {expression}")
        return f"v{self._variables}"

    def named(self, thing: Any) -> str:
        """A name for a class or another constant."""
        name = f"c{len(self.names)}"
        self.names[name] = thing
        return name

    def refuse_if(self, condition: str, reason: str) -> None:
        """Raise `Unfit` under a condition."""
        self.lines.append(f"if {condition}: raise Unfit({reason!r})")

    def function(self, *parameters: str) -> Any:
        """The function that has these lines."""
        body = "".join(f"    {line}\n" for line in self.lines)
        exec(f"def function({', '.join(parameters)}):\n{body}", self.names)
        return self.names["function"]


def _numbers_getter(part: _Part) -> Callable[[Any], Numbers]:
    code = _Code()
    code.names |= {"Unfit": Unfit, "Numbers": Numbers, "NAN": math.nan, "isnan": math.isnan}
    part.write(code, "state")
    float_kinds, kinds = code.named([float] * part.floats), code.named(code.kinds)
    code.lines += [f"floats = [{', '.join(code.floats)}]", f"integers = [{', '.join(code.integers)}]"]
    are_others = f"[*map(type, floats)] != {float_kinds} or [*map(type, integers)] != {kinds}"
    code.refuse_if(are_others, "something else than floats, counts and flags")
    code.lines.append("total = sum(floats)")
    code.refuse_if("total != total and any(map(isnan, floats))", "a float that is none")
    if part.integers:
        code.refuse_if(f"min(integers) < 0 or max(integers) > {INTEGER_MAX}", "something else than counts")
    code.lines += [f"if {variable} is None: floats[{place}] = NAN" for place, variable in code.nones]
    code.lines.append("return Numbers(floats, integers)")
    getter: Callable[[Any], Numbers] = code.function("state")
    return getter


def _state_maker(part: _Part) -> Callable[[Sequence[float], Sequence[int]], Any]:
    code = _Code()
    code.lines.append(f"return {part.read(code, 0, 0)}")
    maker: Callable[[Sequence[float], Sequence[int]], Any] = code.function("floats", "integers")
    return maker


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

    def write(code: _Code, value: str) -> None:
        state = code.variable(value)
        code.refuse_if(f"type({state}) is not {code.named(made)}", f"it is no {made.__name__}")
        for name, part in parts:
            part.write(code, f"{state}.{name}")

    def read(code: _Code, at: int, at_integer: int) -> str:
        pairs = zip(parts, starts, strict=True)
        values = (part.read(code, at + f, at_integer + i) for (_, part), (f, i) in pairs)
        return f"{code.named(made)}({', '.join(values)})"

    most = tuple(each for _, part in parts for each in part.most)
    filling = made(*(part.filling for _, part in parts))
    return _Part(floats, integers, write, read, filling, places, most)


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
        return _of_list(arguments[0], *_bounds(metas), is_single=_is_single(metas))
    if origin is dict:
        for meta in metas:
            if isinstance(meta, Keys):
                return _of_dict(meta.names, _of_type(arguments[1]))
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _of_state(hint)
    raise TypeError(f"there is no array for values of {hint}")


def _bounds(metas: tuple[Any, ...]) -> tuple[int, int]:
    for meta in metas:
        if isinstance(meta, msgspec.Meta) and meta.max_length is not None:
            return meta.min_length or 0, meta.max_length
    raise TypeError("a list without the most values that it may have")


def _is_single(metas: tuple[Any, ...]) -> bool:
    return any(isinstance(meta, msgspec.Meta) and (meta.extra or {}).get("single") is True for meta in metas)


def _write_float(code: _Code, value: str) -> None:
    code.floats.append(value)
    code.float_count += 1


def _write_optional(code: _Code, value: str) -> None:
    known = code.variable(value)
    code.nones.append((code.float_count, known))
    _write_float(code, f"0.0 if {known} is None else {known}")


def _read_optional(code: _Code, at: int, at_integer: int) -> str:
    return f"(None if floats[{at}] != floats[{at}] else floats[{at}])"


def _write_integer(code: _Code, value: str, kind: type = int) -> None:
    code.integers.append(value)
    code.kinds.append(kind)


_OF_FLOAT, _OF_INTEGER = {"": Place("floats", 0, 0)}, {"": Place("integers", 0, 0)}
_FLOAT = _Part(1, 0, _write_float, lambda _, at, __: f"floats[{at}]", 0.0, _OF_FLOAT)
_OPTIONAL = _Part(1, 0, _write_optional, _read_optional, 0.0, _OF_FLOAT)
_INTEGER = _Part(0, 1, _write_integer, lambda _, __, at: f"integers[{at}]", 0, _OF_INTEGER, (INTEGER_MAX,))
_BOOL = _Part(
    0,
    1,
    partial(_write_integer, kind=bool),
    lambda _, __, at: f"integers[{at}] != 0",
    False,
    _OF_INTEGER,
    (1,),
)


def _of_list(of: Any, least: int, most: int, is_single: bool = False) -> _Part:
    part = _of_type(of)
    is_fixed = least == most
    places = {} if is_fixed else {"length": Place("integers", 0, 0)}
    before = 0 if is_fixed else 1
    if part in (_FLOAT, _INTEGER):
        kind: Literal["floats", "integers"] = "floats" if part is _FLOAT else "integers"
        places[""] = Place(kind, before if kind == "integers" else 0, most, is_single)
    else:
        for index in range(most):
            _add_places(places, str(index), part, index * part.floats, before + index * part.integers)

    def write(code: _Code, value: str) -> None:
        values = code.variable(value)
        is_other = f"type({values}) is not list or not {least} <= len({values}) <= {most}"
        code.refuse_if(is_other, "a list of another length")
        if not is_fixed:
            length = code.variable(f"len({values})")
            _write_integer(code, length)
            fillings = code.named([[part.filling] * (most - count) for count in range(most + 1)])
            values = code.variable(f"{values} + {fillings}[{length}]")
        if part is _FLOAT:
            code.floats.append(f"*{values}")
            code.float_count += most
        elif part is _INTEGER:
            code.integers.append(f"*{values}")
            code.kinds += [int] * most
        else:
            for index in range(most):
                part.write(code, f"{values}[{index}]")

    def read(code: _Code, at: int, at_integer: int) -> str:
        length, first = f"integers[{at_integer}]", at_integer + before
        if part in (_FLOAT, _INTEGER):
            row, start = ("floats", at) if part is _FLOAT else ("integers", first)
            return f"list({row}[{start} : {start} + {most if is_fixed else length}])"
        values = [
            part.read(code, at + index * part.floats, first + index * part.integers) for index in range(most)
        ]
        return f"[{', '.join(values)}]" + ("" if is_fixed else f"[:{length}]")

    largest = (() if is_fixed else (most,)) + most * part.most
    filling = [part.filling] * least
    return _Part(most * part.floats, before + most * part.integers, write, read, filling, places, largest)


def _of_dict(names: tuple[str, ...], part: _Part) -> _Part:
    known = frozenset(names)
    places: dict[str, Place] = {}
    for index, name in enumerate(names):
        places[f"{name}.is_there"] = Place("integers", index * (1 + part.integers), 0)
        _add_places(places, name, part, index * part.floats, 1 + index * (1 + part.integers))

    def write(code: _Code, value: str) -> None:
        values, filling = code.variable(value), code.named(part.filling)
        is_other = f"type({values}) is not dict or not {code.named(known)}.issuperset({values})"
        code.refuse_if(is_other, "a dict of other keys")
        for name in names:
            one = code.variable(f"{values}.get({name!r})")
            is_there = code.variable(f"{one} is not None")
            _write_integer(code, is_there, bool)
            part.write(code, f"{one} if {is_there} else {filling}")

    def read(code: _Code, at: int, at_integer: int) -> str:
        entries = []
        for index, name in enumerate(names):
            first = at_integer + index * (1 + part.integers)
            value = part.read(code, at + index * part.floats, first + 1)
            entries.append(f"({name!r}, {value} if integers[{first}] else None)")
        return f"{{name: value for name, value in ({', '.join(entries)},) if value is not None}}"

    largest = len(names) * (1, *part.most)
    floats, integers = len(names) * part.floats, len(names) * (1 + part.integers)
    return _Part(floats, integers, write, read, {}, places, largest)
