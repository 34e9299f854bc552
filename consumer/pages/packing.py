"""Any model as plain data, and back: what is read builds instances of registered classes and calls nothing.

A model is a tree of msgpack values. Numbers, texts, bytes and None stand for themselves; everything else is a
list that starts with a code. What a model holds in two places is written once: the second is a reference.
"""

import functools
import importlib
from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sized
from itertools import chain
from types import FunctionType, MemberDescriptorType, MethodType
from typing import Any, NoReturn

import msgspec
import numpy as np

from consumer.detectors.states import ModelState, StateClass, class_of, class_tagged
from consumer.errors import UnwritableModel
from consumer.plant import plant

Node = Any
"""A value of the tree."""


# Bytes of memory, at most, that one takes beside what is in it: measured, with CPython's allocator.
PER_ITEM = 48  # a place in a list, and a number
_PER_TEXT = 64
_PER_LIST, _PER_TUPLE, _PER_METHOD, _PER_PARTIAL, _PER_DEQUE = 96, 64, 80, 320, 760
_PER_SET, _PER_SET_ITEM = 232, 136
_PER_DICT: dict[type, int] = {dict: 112, Counter: 176, defaultdict: 144, OrderedDict: 240}
_PER_ENTRY: dict[type, int] = {dict: 160, Counter: 160, defaultdict: 160, OrderedDict: 288}
_PER_OBJECT, _PER_ATTRIBUTE = 240, 100
_PER_STATE, _PER_STATE_BYTE = 128, 16
_PER_ARRAY, _PER_DIMENSION = 240, 24


class _Absent:
    """Stands for an attribute that an instance lacks."""


ABSENT = _Absent()

_SEEN, _LIST, _FLOATS, _TUPLE, _DICT, _SET, _FROZEN_SET, _DEQUE, _ORDERED, _COUNTER = range(10)
_DEFAULTS, _OBJECT, _PACKED, _STATE, _CLASS, _METHOD, _PARTIAL, _ARRAY, _SCALAR, _INTEGER = range(10, 20)
_ABSENT = 20

DEPTH_MAX = 60
"""Of a model; River's own nest some ten deep."""
_INTEGER_BYTES_MAX = 1024
_PLAIN = frozenset({int, float, bool, type(None), str, bytes})
_TEXTS = frozenset({str, bytes})
_DTYPES = frozenset(np.dtype(code).str for code in "?bBhHiIqQefd")
"""Plain numbers of one size, in this machine's order."""
_ENCODER, _DECODER = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder()


class ModelClass:
    """A class whose instances a model may hold: its tag, and the types of its attributes, in their order."""

    def __init__(
        self,
        tag: str,
        made: type,
        fields: Mapping[str, frozenset[type] | None],
        optional: frozenset[str] = frozenset(),
    ) -> None:
        self.tag, self.made = tag, made
        self._names, self._types, self._optional = tuple(fields), tuple(fields.values()), optional
        self._has_dict = made.__dictoffset__ != 0

    def values_of(self, instance: Any) -> list[Any]:
        """The values of its attributes. Raises: `UnwritableModel` where it has others."""
        if not self._has_dict:
            return [getattr(instance, name) for name in self._names]
        named = vars(instance)
        if tuple(named) == self._names:
            return [*named.values()]
        if not self._names_without_optional <= named.keys() <= set(self._names):
            others = ", ".join(sorted(map(str, named.keys() ^ set(self._names))))
            raise UnwritableModel(f"a {self.tag} has other attributes than are known of it: {others}")
        return [named.get(name, ABSENT) for name in self._names]

    @functools.cached_property
    def _names_without_optional(self) -> set[str]:
        return set(self._names) - self._optional

    def fill(self, instance: Any, values: list[Any]) -> None:
        """Set the attributes. Raises: `ValueError` for another number of them, or other types."""
        if len(values) != len(self._names):
            raise ValueError(f"a {self.tag} of {len(values)} attributes")
        for name, types, value in zip(self._names, self._types, values, strict=True):
            if types is not None and type(value) not in types and not self._may_lack(name, value):
                raise ValueError(f"the attribute {name!r} of a {self.tag} is a {type(value).__name__}")
        named = zip(self._names, values, strict=True)
        if self._has_dict:
            vars(instance).update(pair for pair in named if pair[1] is not ABSENT)
        else:
            for name, value in named:
                object.__setattr__(instance, name, value)

    def _may_lack(self, name: str, value: Any) -> bool:
        return value is ABSENT and name in self._optional


class Registry:
    """The classes that models may hold, and the packers of those that are no plain objects."""

    def __init__(self) -> None:
        self.writers: dict[type, Callable[[Writer, Any], Node]] = {}
        self.classes: dict[str, ModelClass] = {}
        self.readers: dict[str, Callable[[Reader, list[Any]], Any]] = {}
        self.factories: dict[str, type] = {}
        self.methods: set[tuple[type, str]] = set()

    def add(self, model_class: ModelClass) -> None:
        """A class of plain objects."""
        self.classes[model_class.tag] = model_class
        self.writers[model_class.made] = functools.partial(Writer.object_of, model_class=model_class)

    def add_packer(
        self,
        tag: str,
        made: type,
        write: Callable[["Writer", Any], list[Node]],
        read: Callable[["Reader", list[Any]], Any],
        memory_bytes: int,
    ) -> None:
        """A class with a packer: its parts, and the instance again; `read` gives it to `Reader.made`."""

        def written(writer: "Writer", value: Any) -> Node:
            writer.note(value, memory_bytes)
            return [_PACKED, tag, *write(writer, value)]

        def counted(reader: "Reader", parts: list[Node]) -> Any:
            reader.count(memory_bytes)
            return read(reader, parts)

        self.writers[made], self.readers[tag] = written, counted


REGISTRY = Registry()


class Writer:
    """Writes one model. `memory_bytes` is what it takes at most, beside a few times its bytes."""

    def __init__(self, are_integers_checked: bool = False) -> None:
        self.memory_bytes = 0
        self._seen: dict[int, int] = {}
        self._depth = 0
        self._plain = _PLAIN - {int} if are_integers_checked else _PLAIN

    def write(self, value: Any) -> Node:
        """The value as a node. Raises: `UnwritableModel`."""
        kind = type(value)
        if kind in self._plain:
            return value
        seen = self._seen.get(id(value))
        if seen is not None:
            return [_SEEN, seen]
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise UnwritableModel(f"a model is nested more than {DEPTH_MAX} deep")
        node = (_WRITERS.get(kind) or REGISTRY.writers.get(kind) or _writer_of(value))(self, value)
        self._depth -= 1
        return node

    def note(self, value: Any, memory_bytes: int) -> None:
        """Count it, and refer to it where the model holds it again."""
        self._seen[id(value)] = len(self._seen)
        self.memory_bytes += memory_bytes

    def items(self, values: Iterable[Any]) -> list[Node]:
        """Several values."""
        values = [*values]
        kinds = set(map(type, values))
        self.memory_bytes += _items_take(kinds, values)
        if kinds <= self._plain:
            return values
        plain, write = self._plain, self.write
        return [value if type(value) in plain else write(value) for value in values]

    def object_of(self, value: Any, model_class: ModelClass) -> Node:
        """An instance of a registered class."""
        values = model_class.values_of(value)
        self.note(value, _PER_OBJECT + _PER_ATTRIBUTE * len(values))
        plain, write = self._plain, self.write
        parts = [part if type(part) in plain else write(part) for part in values]
        return [_OBJECT, model_class.tag, *parts]


def _items_take(kinds: set[type], items: Sized) -> int:
    """How much memory several values take, beside what is in them."""
    return (PER_ITEM if not kinds & _TEXTS else PER_ITEM + _PER_TEXT) * len(items)


def _write_list(writer: Writer, value: list[Any]) -> Node:
    writer.note(value, _PER_LIST)
    if set(map(type, value)) == {float}:
        writer.memory_bytes += PER_ITEM * len(value)
        return [_FLOATS, array("d", value).tobytes()]
    return [_LIST, *writer.items(value)]


def _write_deque(writer: Writer, value: "deque[Any]") -> Node:
    writer.note(value, _PER_DEQUE)
    return [_DEQUE, value.maxlen, *deque_parts(writer, value)]


def deque_parts(writer: Writer, value: Iterable[Any]) -> list[Node]:
    """The items of a deque: numbers as bytes, where all of them are floats."""
    items = [*value]
    if set(map(type, items)) == {float}:
        writer.memory_bytes += PER_ITEM * len(items)
        return [True, array("d", items).tobytes()]
    return [False, *writer.items(items)]


def _write_tuple(writer: Writer, value: tuple[Any, ...]) -> Node:
    writer.memory_bytes += _PER_TUPLE
    return [_TUPLE, *writer.items(value)]


def _write_set(writer: Writer, value: Any) -> Node:
    writer.note(value, _PER_SET + _PER_SET_ITEM * len(value))
    code = _SET if type(value) is set else _FROZEN_SET
    return [code, *writer.items(sorted(value, key=repr))]


def _dict_takes(kind: type, entries: int) -> int:
    return _PER_DICT[kind] + _PER_ENTRY[kind] * entries


def _write_dict(writer: Writer, value: dict[Any, Any]) -> Node:
    writer.note(value, _dict_takes(type(value), len(value)))
    return [_CODES_OF_DICTS[type(value)], *writer.items(chain.from_iterable(value.items()))]


def _write_defaults(writer: Writer, value: "defaultdict[Any, Any]") -> Node:
    writer.note(value, _dict_takes(defaultdict, len(value)))
    factory = writer.write(value.default_factory)
    return [_DEFAULTS, factory, *writer.items(chain.from_iterable(value.items()))]


def _write_partial(writer: Writer, value: "functools.partial[Any]") -> Node:
    writer.note(value, _PER_PARTIAL)
    if vars(value):
        _refuse(value)
    return [_PARTIAL, *map(writer.write, (value.func, value.args, value.keywords))]


def _write_method(writer: Writer, value: MethodType) -> Node:
    writer.memory_bytes += _PER_METHOD
    name, holder = value.__func__.__name__, value.__self__
    if not _is_method(type(holder), name) or getattr(type(holder), name) is not value.__func__:
        _refuse(value)
    return [_METHOD, writer.write(holder), name]


def _write_array(writer: Writer, value: "np.ndarray[Any, Any]") -> Node:
    if value.dtype.str not in _DTYPES:
        _refuse(value)
    writer.note(value, _PER_ARRAY + _PER_DIMENSION * value.ndim)
    return [_ARRAY, value.dtype.str, [*value.shape], value.tobytes()]


def _write_integer(writer: Writer, value: int) -> Node:
    if -(2**63) <= value < 2**64:
        return value
    size = value.bit_length() // 8 + 1
    if size > _INTEGER_BYTES_MAX:
        raise UnwritableModel(f"a model holds an integer of {size} bytes")
    return [_INTEGER, value.to_bytes(size, "little", signed=True)]


def _writer_of(value: Any) -> Callable[[Writer, Any], Node]:
    """How a value is written that is not of a class known by now."""
    kind = type(value)
    if isinstance(value, ModelState) and class_of(value) is not None:
        return _write_state
    if isinstance(value, type):
        return _write_class
    if isinstance(value, np.generic) and value.dtype.str in _DTYPES:
        return lambda writer, scalar: [_SCALAR, scalar.dtype.str, scalar.tobytes()]
    if kind.__module__ in plant().own_modules:
        return _write_own
    _refuse(value)


def _write_state(writer: Writer, value: Any) -> Node:
    state_class = class_of(value)
    assert state_class is not None
    writer.note(value, _PER_STATE)
    within = 0

    def pack(model: Any) -> bytes:
        nonlocal within
        packed_model = _ENCODER.encode(writer.write(model))
        within += len(packed_model)
        return packed_model

    written = state_class.write(value, pack)
    writer.memory_bytes += _PER_STATE_BYTE * (len(written) - within)
    return [_STATE, state_class.tag, written]


def _write_class(writer: Writer, value: type) -> Node:
    if REGISTRY.factories.get(value.__name__) is not value:
        _refuse(value)
    return [_CLASS, value.__name__]


def _write_own(writer: Writer, value: Any) -> Node:
    kind = type(value)
    if _own_class(f"{kind.__module__}:{kind.__qualname__}") is not kind:
        _refuse(value)
    named = {name: getattr(value, name) for name in _slots_of(kind) if hasattr(value, name)}
    named |= getattr(value, "__dict__", {})
    writer.note(value, _PER_OBJECT + _PER_ENTRY[dict] * len(named))
    tag = f"{kind.__module__}:{kind.__qualname__}"
    return [_OBJECT, tag, *writer.items(chain.from_iterable(named.items()))]


def _refuse(value: Any) -> NoReturn:
    kind = value if isinstance(value, type) else type(value)
    raise UnwritableModel(f"the class {kind.__module__}.{kind.__qualname__} is not allowed in a page")


_CODES_OF_DICTS: dict[type, int] = {dict: _DICT, OrderedDict: _ORDERED, Counter: _COUNTER}
_DICTS_OF_CODES: dict[int, Callable[[], Any]] = {code: made for made, code in _CODES_OF_DICTS.items()}
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
    _Absent: lambda writer, absent: [_ABSENT],
}


class Reader:
    """Reads one model. Raises: `ValueError` and other errors for what `Writer` does not write."""

    def __init__(self, memory_bytes_max: int) -> None:
        self._made: list[Any] = []
        self._left = memory_bytes_max
        self._depth = 0

    def read(self, node: Node) -> Any:
        """The value of a node."""
        if type(node) is not list:
            if type(node) not in _PLAIN:
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
        self.count(_items_take(kinds, nodes))
        if kinds <= _PLAIN:
            return nodes
        read = self.read
        return [node if type(node) in _PLAIN else read(node) for node in nodes]

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
    made: list[Any] = reader.made([], _PER_LIST)
    made += reader.items(node[1:])
    return made


def _read_floats(reader: Reader, node: list[Node]) -> list[float]:
    _, packed = node
    numbers = floats(packed)
    made: list[float] = reader.made(numbers, _PER_LIST + PER_ITEM * len(numbers))
    return made


def _read_deque(reader: Reader, node: list[Node]) -> "deque[Any]":
    _, maxlen, *parts = node
    made: deque[Any] = reader.made(deque(maxlen=maxlen), _PER_DEQUE)
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
    reader.count(_PER_TUPLE)
    return tuple(reader.items(node[1:]))


def _read_set(reader: Reader, node: list[Node]) -> set[Any]:
    made: set[Any] = reader.made(set(), _PER_SET + _PER_SET_ITEM * (len(node) - 1))
    made.update(_hashable(reader.items(node[1:])))
    return made


def _read_frozen_set(reader: Reader, node: list[Node]) -> frozenset[Any]:
    at = len(reader._made)
    reader.made(None, _PER_SET + _PER_SET_ITEM * (len(node) - 1))
    made = reader._made[at] = frozenset(_hashable(reader.items(node[1:])))
    return made


def _hashable(values: list[Any]) -> list[Any]:
    """Only what hashes without calling anything of a class."""
    for value in values:
        if type(value) is tuple or type(value) is frozenset:
            _hashable([*value])
        elif type(value) not in _PLAIN and not isinstance(value, np.generic):
            raise ValueError(f"a {type(value).__name__} as a key")
    return values


def _fill(reader: Reader, made: Any, nodes: list[Node]) -> Any:
    pairs = [*reader.pairs(nodes)]
    _hashable([key for key, _ in pairs])
    for key, value in pairs:
        made[key] = value
    return made


def _read_dict(reader: Reader, node: list[Node]) -> Any:
    made = _DICTS_OF_CODES[node[0]]()
    return _fill(reader, reader.made(made, _dict_takes(type(made), len(node) // 2)), node[1:])


def _read_defaults(reader: Reader, node: list[Node]) -> "defaultdict[Any, Any]":
    made: defaultdict[Any, Any] = reader.made(defaultdict(), _dict_takes(defaultdict, len(node) // 2 - 1))
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
        return _is_method(type(called.__self__), called.__func__.__name__)
    return type(called) is functools.partial and _is_factory(called.func)


def _read_partial(reader: Reader, node: list[Node]) -> "functools.partial[Any]":
    at = len(reader._made)
    reader.made(None, _PER_PARTIAL)
    function, arguments, keywords = map(reader.read, node[1:])
    if not _is_factory(function) or type(arguments) is not tuple or type(keywords) is not dict:
        raise ValueError("a factory of nothing known")
    if not all(type(name) is str for name in keywords):
        raise ValueError("a factory with arguments of no names")
    made = reader._made[at] = functools.partial(function, *arguments, **keywords)
    return made


def _read_method(reader: Reader, node: list[Node]) -> MethodType:
    reader.count(_PER_METHOD)
    _, holder, name = node
    instance = reader.read(holder)
    if type(name) is not str or not _is_method(type(instance), name):
        raise ValueError(f"a method {name!r} of a {type(instance).__name__}")
    return MethodType(getattr(type(instance), name), instance)


def _is_method(kind: type, name: str) -> bool:
    if kind.__module__ in plant().own_modules:
        return isinstance(getattr(kind, name, None), FunctionType)
    return (kind, name) in REGISTRY.methods


def _read_class(reader: Reader, node: list[Node]) -> type:
    _, tag = node
    return REGISTRY.factories[tag]


def _read_object(reader: Reader, node: list[Node]) -> Any:
    _, tag, *parts = node
    model_class = REGISTRY.classes.get(tag)
    if model_class is None:
        return _read_own(reader, tag, parts)
    made = reader.made(object.__new__(model_class.made), _PER_OBJECT + _PER_ATTRIBUTE * len(parts))
    model_class.fill(made, [part if type(part) in _PLAIN else reader.read(part) for part in parts])
    return made


def _read_own(reader: Reader, tag: str, parts: list[Node]) -> Any:
    kind = _own_class(tag)
    made = reader.made(object.__new__(kind), _PER_OBJECT + _PER_ENTRY[dict] * (len(parts) // 2))
    slots = _slots_of(kind)
    for name, value in reader.pairs(parts):
        if type(name) is not str:
            raise ValueError(f"an attribute {name!r}")
        if name in slots:
            slots[name].__set__(made, value)
        else:
            vars(made)[name] = value
    return made


def _own_class(tag: str) -> type:
    """A class of a plant's own. Raises: `ValueError` where the plant does not name its module."""
    module, _, name = tag.partition(":")
    if module not in plant().own_modules:
        raise ValueError(f"the class {module}.{name} is not allowed in a page")
    kind = functools.reduce(getattr, name.split("."), importlib.import_module(module))
    if not isinstance(kind, type) or kind.__module__ != module:
        raise ValueError(f"{module}.{name} is no class of that module")
    try:
        object.__new__(kind)
    except TypeError:  # it inherits from what is no plain object, such as a list
        raise ValueError(f"{module}.{name} is no class of plain objects") from None
    return kind


def _slots_of(kind: type) -> dict[str, MemberDescriptorType]:
    """Where a class without a dict keeps its attributes."""
    return {
        name: member
        for base in reversed(kind.__mro__)
        for name, member in vars(base).items()
        if isinstance(member, MemberDescriptorType)
    }


def _read_packed(reader: Reader, node: list[Node]) -> Any:
    _, tag, *parts = node
    return REGISTRY.readers[tag](reader, parts)


def _read_state(reader: Reader, node: list[Node]) -> Any:
    _, tag, written = node
    state_class: StateClass = class_tagged(tag)
    at, within = len(reader._made), 0
    reader.made(None, _PER_STATE)

    def unpack(model: bytes) -> Any:
        nonlocal within
        within += len(model)
        return reader.read(_DECODER.decode(model))

    made = reader._made[at] = state_class.read(written, unpack)
    reader.count(_PER_STATE_BYTE * (len(written) - within))
    return made


def _read_array(reader: Reader, node: list[Node]) -> Any:
    _, dtype, shape, content = node
    made = np.frombuffer(content, _dtype(dtype)).reshape([_size(one) for one in shape]).copy()
    return reader.made(made, _PER_ARRAY + _PER_DIMENSION * len(shape))


def _read_scalar(reader: Reader, node: list[Node]) -> Any:
    _, dtype, content = node
    (scalar,) = np.frombuffer(content, _dtype(dtype))
    return scalar


def _dtype(text: Any) -> "np.dtype[Any]":
    if text not in _DTYPES:
        raise ValueError("a numpy type that is no plain number")
    dtype: np.dtype[Any] = np.dtype(text)
    return dtype


def _size(size: Any) -> int:
    if type(size) is not int or size < 0:
        raise ValueError("an array without a size")
    return size


def _read_integer(reader: Reader, node: list[Node]) -> int:
    _, packed = node
    if len(packed) > _INTEGER_BYTES_MAX:
        raise ValueError("an integer of too many bytes")
    return int.from_bytes(packed, "little", signed=True)


def _read_absent(reader: Reader, node: list[Node]) -> _Absent:
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


def unpacked(written: bytes, memory_bytes_max: int) -> Any:
    """The model again; it takes no more memory than that, beside a few times its bytes.

    Raises: `ValueError` and other errors, where `packed` did not write it.
    """
    return Reader(memory_bytes_max).read(_DECODER.decode(written))
