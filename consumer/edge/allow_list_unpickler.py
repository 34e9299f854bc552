"""Pickles read with an allow-list: they look up, call and change nothing else.

Source: https://docs.python.org/3/library/pickle.html#restricting-globals
"""

import io
import pickle
from collections.abc import Callable
from typing import Any

from consumer.core.errors import UnreadablePage
from consumer.edge import adwin_windows, factories, pickle_bounds
from consumer.edge.allowed_classes import ALLOWED_CLASSES
from consumer.edge.allowed_functions import FUNCTIONS
from consumer.edge.untouchable import blank
from consumer.use_cases import OWN_MODULES


def unpickled(body: bytes, memory_bytes_max: int) -> Any:
    """What the pickle holds.

    Raises: `UnreadablePage` for a class that is not allowed, and where it could take more memory than that;
        anything else that a pickle which was tampered with can raise.
    """
    pickle_bounds.check_opcodes(body)
    memory_bytes = pickle_bounds.memory_bytes(body)
    if memory_bytes > memory_bytes_max:
        raise UnreadablePage(f"it could take {memory_bytes} bytes of memory, of {memory_bytes_max}")
    unpickler = _AllowListUnpickler(io.BytesIO(body))
    read = unpickler.load()
    for check in unpickler.checks:
        check()
    return read


class _AllowListUnpickler(pickle.Unpickler):
    """Looks up allowed classes and functions; what it hands out stands in for them.

    `checks` are to be called once all is read.
    """

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.checks: list[Callable[[], None]] = []
        self._real: dict[Any, type] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in FUNCTIONS:
            _, function = FUNCTIONS[module, name]
            return _StandIn(function)
        if (module, name) in factories.MAKING:
            _, making = factories.MAKING[module, name]
            return _StandIn(making(self.checks, self._real))
        if (module, name) == adwin_windows.NAME:
            return adwin_windows.standing_in(self.checks)
        if (module, name) not in ALLOWED_CLASSES and module not in OWN_MODULES:
            raise UnreadablePage(f"the class {module}.{name} is not allowed in a page")
        real = super().find_class(module, name)
        if not isinstance(real, type) or (module in OWN_MODULES and real.__module__ != module):
            raise UnreadablePage(f"{module}.{name} is no class of that module")
        standing_in = blank(real)
        self._real[standing_in] = real
        return standing_in


class _StandIn:
    """A function's stand-in of this pickle alone, which leaves nothing behind if its attributes are set."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)
