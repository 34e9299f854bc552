"""Any model as plain data, which `unpacking` makes a model of again.

A model is a tree of msgpack values. Numbers, texts, bytes and None stand for themselves; everything else is a
list that starts with a code. What a model holds in two places is written once: the second is a reference.
"""

import functools
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Sized
from itertools import chain
from types import MethodType
from typing import Any, NoReturn

import msgspec
import numpy as np

from consumer.detectors.states import class_of
from consumer.errors import UnwritableModel
from consumer.pages.river_classes import REGISTRY, Absent, is_method, is_own, own_class, slots_of

Node = Any
"""A value of the tree."""


# Bytes of memory, at most, that one takes beside what is in it: measured, with CPython's allocator.
PER_ITEM = 48  # a place in a list, and a number
PER_TEXT = 64
PER_LIST, PER_TUPLE, PER_METHOD, PER_PARTIAL, PER_DEQUE = 96, 64, 80, 320, 760
PER_SET, PER_SET_ITEM = 232, 136
PER_DICT: dict[type, int] = {dict: 112, Counter: 176, defaultdict: 144, OrderedDict: 240}
PER_ENTRY: dict[type, int] = {dict: 160, Counter: 160, defaultdict: 160, OrderedDict: 288}
PER_OBJECT, PER_ATTRIBUTE = 240, 100
PER_STATE, PER_STATE_BYTE = 128, 16
PER_ARRAY, PER_DIMENSION = 240, 24


# What a list starts with that is a node.
(
    CODE_SEEN,
    CODE_LIST,
    CODE_FLOATS,
    CODE_TUPLE,
    CODE_DICT,
    CODE_SET,
    CODE_FROZEN_SET,
    CODE_DEQUE,
    CODE_ORDERED,
    CODE_COUNTER,
    CODE_DEFAULTS,
    CODE_OBJECT,
    CODE_PACKED,
    CODE_STATE,
    CODE_CLASS,
    CODE_METHOD,
    CODE_PARTIAL,
    CODE_ARRAY,
    CODE_SCALAR,
    CODE_INTEGER,
    CODE_ABSENT,
) = range(21)

DEPTH_MAX = 60
"""Of a model; River's own nest some ten deep."""
_FEW = 8
INTEGER_BYTES_MAX = 1024
PLAIN = frozenset({int, float, bool, type(None), str, bytes})
TEXTS = frozenset({str, bytes})
DTYPES = frozenset(np.dtype(code).str for code in "?bBhHiIqQefd")
"""Plain numbers of one size, in this machine's order."""
_ENCODER = msgspec.msgpack.Encoder()


class Writer:
    """Writes one model. `memory_bytes` is what it takes at most, beside a few times its bytes."""

    def __init__(self, are_integers_checked: bool = False) -> None:
        self.memory_bytes = 0
        self._seen: dict[int, int] = {}
        self._arrays: set[int] = set()
        self._depth = 0
        self.plain = PLAIN - {int} if are_integers_checked else PLAIN

    def write(self, value: Any) -> Node:
        """The value as a node. Raises: `UnwritableModel`."""
        kind = type(value)
        if kind in self.plain:
            return value
        seen = self._seen.get(id(value))
        if seen is not None:
            return [CODE_SEEN, seen]
        if self._depth == DEPTH_MAX:
            raise UnwritableModel(f"a model is nested more than {DEPTH_MAX} deep")
        self._depth += 1
        node = (_WRITERS.get(kind) or _writer_of(value, kind))(self, value)
        self._depth -= 1
        return node

    def note(self, value: Any, memory_bytes: int) -> None:
        """Count it, and refer to it where the model holds it again."""
        self._seen[id(value)] = len(self._seen)
        self.memory_bytes += memory_bytes

    def own_numbers(self, value: "np.ndarray[Any, Any]") -> None:
        """Refuse an array that shares its numbers with one before: they would be two afterwards."""
        while isinstance(value.base, np.ndarray):
            value = value.base
        if id(value) in self._arrays:
            raise UnwritableModel("two arrays of a model share their numbers")
        self._arrays.add(id(value))

    def items(self, values: list[Any]) -> list[Node]:
        """Several values."""
        kinds = {*map(type, values)}
        self.memory_bytes += items_take(kinds, values)
        if kinds <= self.plain:
            return values
        plain, write = self.plain, self.write
        return [value if type(value) in plain else write(value) for value in values]


def items_take(kinds: set[type], items: Sized) -> int:
    """How much memory several values take, beside what is in them."""
    return (PER_ITEM if not kinds & TEXTS else PER_ITEM + PER_TEXT) * len(items)


def _write_list(writer: Writer, value: list[Any]) -> Node:
    writer.note(value, PER_LIST)
    if _are_floats(value):
        writer.memory_bytes += PER_ITEM * len(value)
        return [CODE_FLOATS, array("d", value).tobytes()]
    return [CODE_LIST, *writer.items(value)]


def _are_floats(items: list[Any]) -> bool:
    """Whether they are to be written as an array: as few as these take longer so."""
    return len(items) > _FEW and set(map(type, items)) == {float}


def _write_deque(writer: Writer, value: "deque[Any]") -> Node:
    writer.note(value, PER_DEQUE)
    return [CODE_DEQUE, value.maxlen, *deque_parts(writer, value)]


def deque_parts(writer: Writer, value: Iterable[Any]) -> list[Node]:
    """The items of a deque: numbers as bytes, where all of them are floats, and not few."""
    items = [*value]
    if _are_floats(items):
        writer.memory_bytes += PER_ITEM * len(items)
        return [True, array("d", items).tobytes()]
    return [False, *writer.items(items)]


def _write_tuple(writer: Writer, value: tuple[Any, ...]) -> Node:
    writer.memory_bytes += PER_TUPLE
    return [CODE_TUPLE, *writer.items([*value])]


def is_key(value: Any) -> bool:
    """Whether it may be in a set or a key: plain, or several that are. Deeper ones hash too slowly."""
    if type(value) is tuple or type(value) is frozenset:
        return all(type(part) in PLAIN for part in value)
    return type(value) in PLAIN or isinstance(value, np.generic)


def _write_set(writer: Writer, value: Any) -> Node:
    if not all(map(is_key, value)):
        raise UnwritableModel("a set of what is no plain value")
    writer.note(value, PER_SET + PER_SET_ITEM * len(value))
    code = CODE_SET if type(value) is set else CODE_FROZEN_SET
    return [code, *writer.items(sorted(value, key=repr))]


def dict_takes(kind: type, entries: int) -> int:
    """How much memory a dict takes, beside what is in it."""
    return PER_DICT[kind] + PER_ENTRY[kind] * entries


def _check_keys(value: dict[Any, Any]) -> None:
    if not all(map(is_key, value)):
        raise UnwritableModel("a dict with a key that is no plain value")


def _write_dict(writer: Writer, value: dict[Any, Any]) -> Node:
    _check_keys(value)
    writer.note(value, dict_takes(type(value), len(value)))
    return [_CODES_OF_DICTS[type(value)], *writer.items([*chain.from_iterable(value.items())])]


def _write_defaults(writer: Writer, value: "defaultdict[Any, Any]") -> Node:
    _check_keys(value)
    writer.note(value, dict_takes(defaultdict, len(value)))
    factory = writer.write(value.default_factory)
    return [CODE_DEFAULTS, factory, *writer.items([*chain.from_iterable(value.items())])]


def _write_partial(writer: Writer, value: "functools.partial[Any]") -> Node:
    writer.note(value, PER_PARTIAL)
    if vars(value):
        _refuse(value)
    return [CODE_PARTIAL, *map(writer.write, (value.func, value.args, value.keywords))]


def _write_method(writer: Writer, value: MethodType) -> Node:
    writer.memory_bytes += PER_METHOD
    name, holder = value.__func__.__name__, value.__self__
    if not is_method(type(holder), name) or getattr(type(holder), name) is not value.__func__:
        _refuse(value)
    return [CODE_METHOD, writer.write(holder), name]


def _write_array(writer: Writer, value: "np.ndarray[Any, Any]") -> Node:
    writer.own_numbers(value)
    if value.dtype.str not in DTYPES:
        _refuse(value)
    writer.note(value, PER_ARRAY + PER_DIMENSION * value.ndim)
    return [CODE_ARRAY, value.dtype.str, [*value.shape], value.tobytes()]


def _write_integer(writer: Writer, value: int) -> Node:
    if -(2**63) <= value < 2**64:
        return value
    size = value.bit_length() // 8 + 1
    if size > INTEGER_BYTES_MAX:
        raise UnwritableModel(f"a model holds an integer of {size} bytes")
    return [CODE_INTEGER, value.to_bytes(size, "little", signed=True)]


def _writer_of(value: Any, kind: type) -> Callable[[Writer, Any], Node]:
    """How a value is written that is not of a class known by now."""
    writer: Callable[[Writer, Any], Node]
    REGISTRY.load(kind.__name__)
    if kind in REGISTRY.classes:
        writer = _write_object
    elif kind in REGISTRY.packers:
        writer = _write_packed
    elif class_of(value) is not None:
        writer = _write_state
    elif isinstance(value, type):
        writer = _write_class
    elif isinstance(value, np.generic) and value.dtype.str in DTYPES:
        writer = _write_scalar
    elif is_own(kind):
        return _write_own  # while the plant names its module
    else:
        _refuse(value)
    _WRITERS[kind] = writer
    return writer


def _write_scalar(writer: Writer, value: "np.generic[Any]") -> Node:
    return [CODE_SCALAR, value.dtype.str, value.tobytes()]


def _write_object(writer: Writer, value: Any) -> Node:
    model_class = REGISTRY.classes[type(value)]
    values = model_class.values_of(value)
    writer.note(value, PER_OBJECT + PER_ATTRIBUTE * len(values))
    plain, write = writer.plain, writer.write
    parts = [part if type(part) in plain else write(part) for part in values]
    return [CODE_OBJECT, model_class.tag, *parts]


def _write_packed(writer: Writer, value: Any) -> Node:
    packer = REGISTRY.packers[type(value)]
    writer.note(value, packer.memory_bytes)
    return [CODE_PACKED, packer.tag, *packer.write(writer, value)]


def _write_state(writer: Writer, value: Any) -> Node:
    state_class = class_of(value)
    assert state_class is not None
    writer.note(value, PER_STATE)
    within = 0

    def pack(model: Any) -> bytes:
        nonlocal within
        packed_model = _ENCODER.encode(writer.write(model))
        within += len(packed_model)
        return packed_model

    written = state_class.write(value, pack)
    writer.memory_bytes += PER_STATE_BYTE * (len(written) - within)
    return [CODE_STATE, state_class.tag, written]


def _write_class(writer: Writer, value: type) -> Node:
    if REGISTRY.factories.get(value.__name__) is not value:
        _refuse(value)
    return [CODE_CLASS, value.__name__]


def _write_own(writer: Writer, value: Any) -> Node:
    kind = type(value)
    if own_class(f"{kind.__module__}:{kind.__qualname__}") is not kind:
        _refuse(value)
    named = {name: getattr(value, name) for name in slots_of(kind) if hasattr(value, name)}
    named |= getattr(value, "__dict__", {})
    writer.note(value, PER_OBJECT + PER_ENTRY[dict] * len(named))
    tag = f"{kind.__module__}:{kind.__qualname__}"
    return [CODE_OBJECT, tag, *writer.items([*chain.from_iterable(named.items())])]


def _refuse(value: Any) -> NoReturn:
    kind = value if isinstance(value, type) else type(value)
    raise UnwritableModel(f"the class {kind.__module__}.{kind.__qualname__} is not allowed in a page")


_CODES_OF_DICTS: dict[type, int] = {dict: CODE_DICT, OrderedDict: CODE_ORDERED, Counter: CODE_COUNTER}
DICTS_OF_CODES: dict[int, Callable[[], Any]] = {code: made for made, code in _CODES_OF_DICTS.items()}
_WRITERS: dict[type, Callable[[Writer, Any], Node]] = {
    list: _write_list,
    deque: _write_deque,
    tuple: _write_tuple,
    set: _write_set,
    frozenset: _write_set,
    dict: _write_dict,
    OrderedDict: _write_dict,
    Counter: _write_dict,
    defaultdict: _write_defaults,
    functools.partial: _write_partial,
    MethodType: _write_method,
    np.ndarray: _write_array,
    int: _write_integer,
    Absent: lambda writer, absent: [CODE_ABSENT],
}


def packed(model: Any) -> tuple[bytes, int]:
    """A model as bytes, and how much memory it takes at most, beside a few times its bytes.

    Raises: `UnwritableModel` naming what a page cannot hold.
    """
    try:
        try:
            return _written(model, Writer())
        except OverflowError:  # an integer of more than 64 bits
            return _written(model, Writer(are_integers_checked=True))
    except UnwritableModel:
        raise
    except Exception as error:  # a model that was altered may hold anything
        raise UnwritableModel(f"a model cannot be written: {type(error).__name__}: {error}") from error


def _written(model: Any, writer: Writer) -> tuple[bytes, int]:
    return _ENCODER.encode(writer.write(model)), writer.memory_bytes
