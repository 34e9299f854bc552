"""Pickles read with an allow-list: they look up, call and change nothing else.

Source: https://docs.python.org/3/library/pickle.html#restricting-globals
"""

import io
import pickle
import re
from collections.abc import Callable
from typing import Any

from consumer.errors import UnreadablePage
from consumer.pages import allow_list
from consumer.pages.allow_list import ALLOWED_CLASSES, FUNCTIONS, blank
from consumer.plant import plant

_BY_ARGUMENT_BYTES = {
    0: b"NR().]}abestu\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x93\x94",
    1: b"Kh\x80",
    2: b"M",
    4: b"Jj",
    8: b"G\x95",
}
_COUNTED_IN_1_BYTE = b"C\x8a\x8c"
_COUNTED_IN_4_BYTES = b"BX"

# These make an object of one byte, or a few: that is what can be much larger than the pickle. What a REDUCE
# calls is largest where it is a `random.Random`, of 2.5 kB.
_BYTES_OF = dict.fromkeys(b"]}t\x81\x85\x86\x87", 100) | {0x8F: 220, 0x91: 220, ord("R"): 2600}
_BYTES_OF_ANY = 8
BYTES_OF_ONE_MAX = _BYTES_OF_ANY + max(_BYTES_OF.values())
"""Of memory, that one byte of a pickle can take."""
_OTHERS = bytes(set(range(256)) - _BYTES_OF.keys())


def _any_of(opcodes: bytes) -> bytes:
    return b"[" + b"".join(re.escape(bytes([opcode])) for opcode in opcodes) + b"]"


_FIXED = [
    _any_of(opcodes) + b".{%d}" % argument_bytes for argument_bytes, opcodes in _BY_ARGUMENT_BYTES.items()
]
_LENGTHS = b"|".join(re.escape(bytes([length])) + b".{%d}" % length for length in range(256))
_COUNTED = _any_of(_COUNTED_IN_1_BYTE) + b"(?:" + _LENGTHS + b")"
# One pass of the regular expression's own loop: there may be millions of opcodes.
_SHORT_OPCODES = re.compile(b"(?:" + b"|".join([*_FIXED, _COUNTED]) + b")*+", re.DOTALL)


def check_opcodes(pickled: bytes) -> None:
    """Raise `ValueError` where the pickle has an opcode that is not allowed, or one that is cut short."""
    at, end = 0, len(pickled)
    while True:
        match = _SHORT_OPCODES.match(pickled, at)
        assert match is not None  # of nothing at least
        at = match.end()
        if at == end:
            return
        if pickled[at] not in _COUNTED_IN_4_BYTES:
            raise ValueError(f"the opcode {pickled[at : at + 1]!r} at byte {at} is not allowed, or cut short")
        at += 5 + int.from_bytes(pickled[at + 1 : at + 5], "little")
        if at > end:
            raise ValueError(f"a text or bytes reach {at - end} bytes beyond the end")


def memory_bytes_of(pickled: bytes) -> int:
    """How much memory what it holds takes at most, roughly."""
    made = pickled.translate(None, _OTHERS)
    return _BYTES_OF_ANY * len(pickled) + sum(made.count(each) * size for each, size in _BYTES_OF.items())


def unpickled(body: bytes, memory_bytes_max: int) -> Any:
    """What the pickle holds.

    Raises: `UnreadablePage` for a class that is not allowed, and where it could take more memory than that;
        anything else that a pickle which was tampered with can raise.
    """
    check_opcodes(body)
    memory_bytes = memory_bytes_of(body)
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
        if (module, name) in allow_list.MAKING:
            _, making = allow_list.MAKING[module, name]
            return _StandIn(making(self.checks, self._real))
        if (module, name) == allow_list.ADWIN_WINDOW:
            return allow_list.standing_in(self.checks)
        own_modules = plant().own_modules
        if (module, name) not in ALLOWED_CLASSES and module not in own_modules:
            raise UnreadablePage(f"the class {module}.{name} is not allowed in a page")
        real = super().find_class(module, name)
        if not isinstance(real, type) or (module in own_modules and real.__module__ != module):
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
