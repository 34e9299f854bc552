"""Classes of which a pickle can make instances, and which it neither calls nor changes.

A constructor that it could call may take all memory.
"""

from collections.abc import Callable
from typing import Any


class _Untouchable(type):
    def __call__(cls, *arguments: Any) -> Any:
        raise ValueError(f"the page calls the class {cls.__name__}")

    def __setattr__(cls, name: str, value: Any) -> None:
        raise ValueError(f"the page sets {name!r} of the class {cls.__name__}")


def untouchable(name: str, new: Callable[..., Any]) -> type:
    """A class of which `new` makes what pickles ask for; it need not be an instance of it."""
    return _Untouchable(name, (), {"__new__": new})


def blank(real: type) -> type:
    """One that makes instances of another, as pickles make them: blank, to be filled."""
    make: Any = real.__new__

    def new(cls: type, *arguments: Any) -> Any:
        if arguments:
            raise ValueError(f"the page makes a {real.__name__} of {len(arguments)} arguments")
        return make(real)

    return untouchable(real.__name__, new)
