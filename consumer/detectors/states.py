"""The registry of model states: each class has a tag, by which a page names it instead of its module path.

A page holds a state as the list of its fields, in their order; states within it likewise. So a class can be
renamed or moved without a change of the page format, but its fields cannot.
"""

import dataclasses
import typing
from collections.abc import Callable
from operator import attrgetter
from typing import Annotated, Any, TypeVar

AnyState = Annotated[Any, "state"]
"""The type of a field that holds a state of any registered class, or a model of no registered class."""

_T = TypeVar("_T")
_Convert = Callable[[Any], Any]


class _StateClass:
    """How the states of one class are taken apart and put together."""

    def __init__(self, tag: str, made: type) -> None:
        hints = typing.get_type_hints(made, include_extras=True)
        names = [field.name for field in dataclasses.fields(made)]
        self.tag = tag
        within = [(index, *both) for index, name in enumerate(names) if (both := _conversion(hints[name]))]
        fields_of: Callable[[Any], tuple[Any, ...]] = attrgetter(*names)
        count, reading = len(names), [(index, read) for index, _, read in within]

        def write(state: Any) -> list[Any]:
            fields = [*fields_of(state)]
            for index, write, _ in within:
                fields[index] = write(fields[index])
            return fields

        def read(fields: Any) -> Any:
            if type(fields) is not list or len(fields) != count:
                raise ValueError(f"a state {tag!r} in the page does not have {count} fields")
            for index, read in reading:
                fields[index] = read(fields[index])
            state = made(*fields)
            # So that no list is read twice: a page could refer to one over and over with two bytes, and each
            # time would take the memory of a state.
            fields.clear()
            return state

        self.write: _Convert = write
        self.read: _Convert = read


_BY_TAG: dict[str, _StateClass] = {}
_BY_CLASS: dict[type, _StateClass] = {}


def model_state(tag: str) -> Callable[[type[_T]], type[_T]]:
    """Register a dataclass as the state that pages name `tag`."""

    def register(made: type[_T]) -> type[_T]:
        if tag in _BY_TAG:
            raise ValueError(f"two classes of states have the tag {tag!r}")
        _BY_TAG[tag] = _BY_CLASS[made] = _StateClass(tag, made)
        return made

    return register


def written(model: Any) -> tuple[str | None, Any]:
    """The tag and the fields of a state; None and the model itself if its class is not registered."""
    state_class = _BY_CLASS.get(type(model))
    return (None, model) if state_class is None else (state_class.tag, state_class.write(model))


def read(tag: str | None, fields: Any) -> Any:
    """The state again; takes the fields out of their list.

    Raises: `ValueError`, `KeyError` or `TypeError` for what `written` did not give.
    """
    return fields if tag is None else _BY_TAG[tag].read(fields)


def _conversion(hint: Any) -> tuple[_Convert, _Convert] | None:
    """How a field of this type is written and read; None: as it is."""
    if hint is AnyState:
        return written, lambda tagged: read(*tagged)
    if hint in _BY_CLASS:
        return _BY_CLASS[hint].write, _BY_CLASS[hint].read
    registered = [each for each in typing.get_args(hint) if each in _BY_CLASS]
    if not registered:
        return None
    write, read_one = _BY_CLASS[registered[0]].write, _BY_CLASS[registered[0]].read
    if typing.get_origin(hint) is list:
        return lambda states: [*map(write, states)], lambda parts: [*map(read_one, parts)]
    return (
        lambda state: None if state is None else write(state),
        lambda fields: None if fields is None else read_one(fields),
    )
