"""The registry of model states: each class has a tag, by which a page names it instead of its module path.

A page holds a state as the list of its fields, in their order and of their types; states within it
likewise. So a class can be renamed or moved without a change of the page format, but its fields cannot.
"""

import typing
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Raw
from msgspec.structs import replace

AnyState = Annotated[Any, "state"]
"""The type of a field that holds a state of any registered class, or a model of no registered class."""

Pack = Callable[[Any], bytes]
"""A value of an `AnyState` field in, its bytes out."""
Unpack = Callable[[bytes], Any]


class ModelState(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """The base of states: fields of plain values, lists and dicts of these, and other states."""


_T = TypeVar("_T", bound=type[msgspec.Struct])


def _plain(number: Any) -> Any:
    """A float with more to it, such as numpy's, as one."""
    if isinstance(number, float):
        return float(number)
    raise TypeError(f"a state holds a {type(number).__name__}")


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_plain)


class StateClass:
    """How the states of one class are written and read."""

    def __init__(self, tag: str, made: type[msgspec.Struct]) -> None:
        hints = typing.get_type_hints(made, include_extras=True)
        names = made.__struct_fields__
        self.tag, self.fields = tag, len(names)
        self._made = made
        self._no_models = {name: None for name in names if hints[name] is AnyState}  # which fields hold any
        fields = [(name, Raw if hints[name] is AnyState else hints[name]) for name in names]
        stored = (
            made if not self._no_models else msgspec.defstruct(made.__name__, fields, bases=(ModelState,))
        )
        self._decoder = msgspec.msgpack.Decoder(stored)

    @property
    def made(self) -> type[msgspec.Struct]:
        """The class."""
        return self._made

    @property
    def holds_models(self) -> bool:
        """Whether a field holds a model of another class."""
        return bool(self._no_models)

    def write(self, state: Any, pack: Pack) -> bytes:
        """The fields of the state; `pack` writes the models in it.

        An integer for a float is written as a float. Raises: `msgspec.ValidationError` for other types.
        """
        if not self._no_models:
            return _ENCODER.encode(self._decoder.decode(_ENCODER.encode(state)))
        stored = self._decoder.decode(_ENCODER.encode(replace(state, **self._no_models)))
        for name in self._no_models:
            setattr(stored, name, Raw(pack(getattr(state, name))))
        return _ENCODER.encode(stored)

    def read(self, written: bytes, unpack: Unpack) -> Any:
        """The state again. Raises: `msgspec.ValidationError` for other fields, and what `unpack` raises."""
        stored = self._decoder.decode(written)
        if _ENCODER.encode(stored) != written:  # such as integers for floats: few bytes that take much memory
            raise ValueError(f"a state {self.tag!r} that is not written as states are")
        if not self._no_models:
            return stored
        fields = {name: getattr(stored, name) for name in self._made.__struct_fields__}
        for name in self._no_models:
            fields[name] = unpack(bytes(fields[name]))
        return self._made(**fields)


_BY_TAG: dict[str, StateClass] = {}
_BY_CLASS: dict[type, StateClass] = {}


def model_state(tag: str) -> Callable[[_T], _T]:
    """Register a class of states, which pages name `tag`: of `ModelState`, or written as one is."""

    def register(made: _T) -> _T:
        if tag in _BY_TAG:
            raise ValueError(f"two classes of states have the tag {tag!r}")
        _BY_TAG[tag] = _BY_CLASS[made] = StateClass(tag, made)
        return made

    return register


def class_of(state: Any) -> StateClass | None:
    """How the states of its class are written; None if the class is not registered."""
    return _BY_CLASS.get(type(state))


def tag_of(made: type[msgspec.Struct]) -> str:
    """The tag of a class that is registered."""
    return _BY_CLASS[made].tag


def class_tagged(tag: str) -> StateClass:
    """The class with that tag. Raises: `ValueError` where there is none."""
    if tag not in _BY_TAG:
        raise ValueError(f"there is no class of states {tag!r}")
    return _BY_TAG[tag]
