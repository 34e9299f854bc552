"""Pickles read with an allow-list: they look up, call and change nothing else.

Source: https://docs.python.org/3/library/pickle.html#restricting-globals
"""

import io
import pickle
from collections.abc import Callable
from typing import Any

from consumer.core.errors import UnreadablePage
from consumer.edge import pickle_bounds
from consumer.edge.allowed_classes import ALLOWED_CLASSES, CHECKED, STAND_INS
from consumer.use_cases import OWN_MODULES

_NAMED_APART = ("__bases__", "__name__", "__qualname__")
_ABSENT = object()


def unpickled(body: bytes, memory_bytes_max: int) -> Any:
    """What the pickle holds; the classes that it names are as they were, whatever it did to them.

    Raises: `UnreadablePage` for a class that is not allowed, or that the pickle changed, and where it could
        take more memory than that; anything else that a pickle which was tampered with can raise.
    """
    pickle_bounds.check_opcodes(body)
    memory_bytes = pickle_bounds.memory_bytes(body)
    if memory_bytes > memory_bytes_max:
        raise UnreadablePage(f"it could take {memory_bytes} bytes of memory, of {memory_bytes_max}")
    unpickler = _AllowListUnpickler(io.BytesIO(body))
    try:
        return unpickler.load()
    finally:
        unpickler.check_classes()


class _AllowListUnpickler(pickle.Unpickler):
    """Looks up allowed classes and nothing else.

    A pickle can set attributes of what it looked up, a class too, and all models of the function would have
    them. No hook of pickle's tells of that; so each class is compared afterwards with what it was.
    """

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self._attributes: dict[type, dict[str, Any]] = {}
        self._checks: list[Callable[[], None]] = []

    def find_class(self, module: str, name: str) -> Any:
        stand_in = STAND_INS.get((module, name))
        if stand_in is not None:
            return _StandIn(stand_in)
        checked = CHECKED.get((module, name))
        if checked is not None:
            return checked(self._checks)
        if (module, name) not in ALLOWED_CLASSES and module not in OWN_MODULES:
            raise UnreadablePage(f"the class {module}.{name} is not allowed in a page")
        found: type = super().find_class(module, name)
        if module in OWN_MODULES and not (isinstance(found, type) and found.__module__ == module):
            raise UnreadablePage(f"{module}.{name} is no class of that module")
        self._attributes.setdefault(found, _attributes_of(found))
        return found

    def check_classes(self) -> None:
        """Raise `UnreadablePage` where an attribute of a class was set; it is set back first."""
        for check in self._checks:
            check()
        changed = [
            f"{each.__module__}: {name}"
            for each, before in self._attributes.items()
            for name in _set_back(each, before)
        ]
        if changed:
            raise UnreadablePage(f"the page sets what belongs to a class: {', '.join(changed)}")


class _StandIn:
    """A function's stand-in of this pickle alone, which leaves nothing behind if its attributes are set."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)


def _attributes_of(looked_up: type) -> dict[str, Any]:
    """All that can be set on a class; its bases and names do not lie with the others."""
    return {**vars(looked_up), **{name: getattr(looked_up, name) for name in _NAMED_APART}}


def _set_back(looked_up: type, before: dict[str, Any]) -> list[str]:
    """Undo what was set since; give the names of it."""
    now = _attributes_of(looked_up)
    changed = [
        name
        for name in sorted(before.keys() | now.keys())
        if before.get(name, _ABSENT) is not now.get(name, _ABSENT)
        and not (name in _NAMED_APART and before[name] == now[name])  # made anew whenever asked for
    ]
    for name in changed:
        if name in before:
            setattr(looked_up, name, before[name])
        else:
            delattr(looked_up, name)
    return changed
