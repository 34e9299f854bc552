"""A model made again of plain data: instances of registered classes are filled, and nothing is called."""

import functools
from array import array
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from types import MethodType
from typing import Any

import msgspec
import numpy as np

from consumer.detectors.states import StateClass, class_tagged
from consumer.pages.packing import (
    DEPTH_MAX,
    DICTS_OF_CODES,
    DTYPES,
    INTEGER_BYTES_MAX,
    PER_ARRAY,
    PER_ATTRIBUTE,
    PER_DEQUE,
    PER_DIMENSION,
    PER_ENTRY,
    PER_ITEM,
    PER_LIST,
    PER_METHOD,
    PER_OBJECT,
    PER_PARTIAL,
    PER_SET,
    PER_SET_ITEM,
    PER_STATE,
    PER_STATE_BYTE,
    PER_TUPLE,
    PLAIN,
    Node,
    dict_takes,
    is_key,
    items_take,
)
from consumer.pages.river_classes import ABSENT, REGISTRY, Absent, is_method, own_class, slots_of

_DECODER = msgspec.msgpack.Decoder()


class Reader:
    """Reads one model. Raises: `ValueError` and other errors for what `Writer` does not write."""

    def __init__(self, memory_bytes_max: int) -> None:
        self._made: list[Any] = []
        self._left = memory_bytes_max
        self._depth = 0

    def read(self, node: Node) -> Any:
        """The value of a node."""
        if type(node) is not list:
            if type(node) not in PLAIN:
                raise ValueError(f"a {type(node).__name__} without a code")
            return node
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise ValueError(f"it is nested more than {DEPTH_MAX} deep")
        if not node or type(node[0]) is not int or not 0 <= node[0] < len(_READERS):
            raise ValueError("a list without a code")
        value = _READERS[node[0]](self, node)
        self._depth -= 1
        return value

    def count(self, memory_bytes: int) -> None:
        """Count what is made. Raises: `ValueError` if it is more than the page says."""
        self._left -= memory_bytes
        if self._left < 0:
            raise ValueError("it takes more memory than its page says")

    def made(self, value: Any, memory_bytes: int = 0) -> Any:
        """Note what is made, to be filled later; what refers to it finds it."""
        self.count(memory_bytes)
        self._made.append(value)
        return value

    def items(self, nodes: list[Node]) -> list[Any]:
        """The values of several nodes."""
        kinds = set(map(type, nodes))
        self.count(items_take(kinds, nodes))
        if kinds <= PLAIN:
            return nodes
        read = self.read
        return [node if type(node) in PLAIN else read(node) for node in nodes]

    def pairs(self, nodes: list[Node]) -> Iterable[tuple[Any, Any]]:
        """The entries of a dict."""
        values = self.items(nodes)
        return zip(values[::2], values[1::2], strict=True)

    def seen(self, node: list[Node]) -> Any:
        """What was made before."""
        _, number = node
        if type(number) is not int or not 0 <= number < len(self._made):
            raise ValueError("a reference to nothing")
        return self._made[number]


def floats(packed: Any) -> list[float]:
    """Floats again; whoever keeps them counts them."""
    numbers = array("d")
    numbers.frombytes(packed)
    return numbers.tolist()


def _read_list(reader: Reader, node: list[Node]) -> list[Any]:
    made: list[Any] = reader.made([], PER_LIST)
    made += reader.items(node[1:])
    return made


def _read_floats(reader: Reader, node: list[Node]) -> list[float]:
    _, packed = node
    numbers = floats(packed)
    made: list[float] = reader.made(numbers, PER_LIST + PER_ITEM * len(numbers))
    return made


def _read_deque(reader: Reader, node: list[Node]) -> "deque[Any]":
    _, maxlen, *parts = node
    made: deque[Any] = reader.made(deque(maxlen=maxlen), PER_DEQUE)
    made.extend(deque_items(reader, parts))
    return made


def deque_items(reader: Reader, parts: list[Node]) -> list[Any]:
    """What `deque_parts` wrote."""
    are_floats, *items = parts
    if not are_floats:
        return reader.items(items)
    numbers = floats(*items)
    reader.count(PER_ITEM * len(numbers))
    return numbers


def _read_tuple(reader: Reader, node: list[Node]) -> tuple[Any, ...]:
    reader.count(PER_TUPLE)
    return tuple(reader.items(node[1:]))


def _read_set(reader: Reader, node: list[Node]) -> set[Any]:
    made: set[Any] = reader.made(set(), PER_SET + PER_SET_ITEM * (len(node) - 1))
    made.update(_hashable(reader.items(node[1:])))
    return made


def _read_frozen_set(reader: Reader, node: list[Node]) -> frozenset[Any]:
    at = len(reader._made)
    reader.made(None, PER_SET + PER_SET_ITEM * (len(node) - 1))
    made = reader._made[at] = frozenset(_hashable(reader.items(node[1:])))
    return made


def _hashable(values: list[Any]) -> list[Any]:
    """Only what hashes without calling anything of a class, and at once."""
    for value in values:
        if not is_key(value):
            raise ValueError(f"a {type(value).__name__} as a key")
    return values


def _fill(reader: Reader, made: Any, nodes: list[Node]) -> Any:
    pairs = [*reader.pairs(nodes)]
    _hashable([key for key, _ in pairs])
    for key, value in pairs:
        made[key] = value
    return made


def _read_dict(reader: Reader, node: list[Node]) -> Any:
    made = DICTS_OF_CODES[node[0]]()
    return _fill(reader, reader.made(made, dict_takes(type(made), len(node) // 2)), node[1:])


def _read_defaults(reader: Reader, node: list[Node]) -> "defaultdict[Any, Any]":
    made: defaultdict[Any, Any] = reader.made(defaultdict(), dict_takes(defaultdict, len(node) // 2 - 1))
    factory = reader.read(node[1])
    if not (factory is None or _is_factory(factory)):
        raise ValueError("a dict whose defaults nothing known makes")
    made.default_factory = factory
    _fill(reader, made, node[2:])
    return made


def _is_factory(called: Any) -> bool:
    """Whether a dict may call it for a default."""
    if isinstance(called, type):
        return REGISTRY.factories.get(called.__name__) is called
    if isinstance(called, MethodType):
        return is_method(type(called.__self__), called.__func__.__name__)
    return type(called) is functools.partial and _is_factory(called.func)


def _read_partial(reader: Reader, node: list[Node]) -> "functools.partial[Any]":
    at = len(reader._made)
    reader.made(None, PER_PARTIAL)
    function, arguments, keywords = map(reader.read, node[1:])
    if not _is_factory(function) or type(arguments) is not tuple or type(keywords) is not dict:
        raise ValueError("a factory of nothing known")
    if not all(type(name) is str for name in keywords):
        raise ValueError("a factory with arguments of no names")
    made = reader._made[at] = functools.partial(function, *arguments, **keywords)
    return made


def _read_method(reader: Reader, node: list[Node]) -> MethodType:
    reader.count(PER_METHOD)
    _, holder, name = node
    instance = reader.read(holder)
    if type(name) is not str or not is_method(type(instance), name):
        raise ValueError(f"a method {name!r} of a {type(instance).__name__}")
    return MethodType(getattr(type(instance), name), instance)


def _read_class(reader: Reader, node: list[Node]) -> type:
    _, tag = node
    return REGISTRY.factories[tag]


def _read_object(reader: Reader, node: list[Node]) -> Any:
    _, tag, *parts = node
    REGISTRY.load(tag)
    model_class = REGISTRY.classes_tagged.get(tag)
    if model_class is None:
        return _read_own(reader, tag, parts)
    made = reader.made(object.__new__(model_class.made), PER_OBJECT + PER_ATTRIBUTE * len(parts))
    model_class.fill(made, [part if type(part) in PLAIN else reader.read(part) for part in parts])
    return made


def _read_own(reader: Reader, tag: str, parts: list[Node]) -> Any:
    kind = own_class(tag)
    made = reader.made(object.__new__(kind), PER_OBJECT + PER_ENTRY[dict] * (len(parts) // 2))
    slots = slots_of(kind)
    for name, value in reader.pairs(parts):
        if type(name) is not str:
            raise ValueError(f"an attribute {name!r}")
        if name in slots:
            slots[name].__set__(made, value)
        else:
            vars(made)[name] = value
    return made


def _read_packed(reader: Reader, node: list[Node]) -> Any:
    _, tag, *parts = node
    REGISTRY.load(tag)
    packer = REGISTRY.packers_tagged[tag]
    reader.count(packer.memory_bytes)
    return packer.read(reader, parts)


def _read_state(reader: Reader, node: list[Node]) -> Any:
    _, tag, written = node
    state_class: StateClass = class_tagged(tag)
    at, within = len(reader._made), 0
    reader.made(None, PER_STATE)

    def unpack(model: bytes) -> Any:
        nonlocal within
        within += len(model)
        return reader.read(_DECODER.decode(model))

    made = reader._made[at] = state_class.read(written, unpack)
    reader.count(PER_STATE_BYTE * (len(written) - within))
    return made


def _read_array(reader: Reader, node: list[Node]) -> Any:
    _, dtype, shape, content = node
    made = np.frombuffer(content, _dtype(dtype)).reshape([_size(one) for one in shape]).copy()
    return reader.made(made, PER_ARRAY + PER_DIMENSION * len(shape))


def _read_scalar(reader: Reader, node: list[Node]) -> Any:
    _, dtype, content = node
    (scalar,) = np.frombuffer(content, _dtype(dtype))
    return scalar


def _dtype(text: Any) -> "np.dtype[Any]":
    if text not in DTYPES:
        raise ValueError("a numpy type that is no plain number")
    dtype: np.dtype[Any] = np.dtype(text)
    return dtype


def _size(size: Any) -> int:
    if type(size) is not int or size < 0:
        raise ValueError("an array without a size")
    return size


def _read_integer(reader: Reader, node: list[Node]) -> int:
    _, packed = node
    if len(packed) > INTEGER_BYTES_MAX:
        raise ValueError("an integer of too many bytes")
    return int.from_bytes(packed, "little", signed=True)


def _read_absent(reader: Reader, node: list[Node]) -> Absent:
    if len(node) > 1:
        raise ValueError("an attribute that is absent, and more")
    return ABSENT


_READERS: list[Callable[[Reader, list[Node]], Any]] = [
    Reader.seen,
    _read_list,
    _read_floats,
    _read_tuple,
    _read_dict,
    _read_set,
    _read_frozen_set,
    _read_deque,
    _read_dict,
    _read_dict,
    _read_defaults,
    _read_object,
    _read_packed,
    _read_state,
    _read_class,
    _read_method,
    _read_partial,
    _read_array,
    _read_scalar,
    _read_integer,
    _read_absent,
]


def unpacked(written: bytes, memory_bytes_max: int) -> Any:
    """The model again; it takes no more memory than that, beside a few times its bytes.

    Raises: `ValueError` and other errors, where `packed` did not write it.
    """
    return Reader(memory_bytes_max).read(_DECODER.decode(written))
