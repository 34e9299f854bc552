"""A page as bytes: a versioned, checksummed envelope around one pickle of its states, in columns.

b"RVPG" | envelope version, 1 byte | length of the header, 4 bytes | header, JSON
        | SHA-256 of header and body, 32 bytes | body, a pickle of plain columns and allowed classes
"""

import io
import pickle
import platform
import re
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from importlib import metadata
from typing import Any

import msgspec

from consumer.decode.signal_names import SignalKey
from consumer.detectors.base import STATE_FORMAT, UseCase
from consumer.errors import ConfigurationError, LayoutChanged, UnreadablePage, is_models_own
from consumer.learning.state import State
from consumer.pages import allow_list
from consumer.pages.allow_list import ALLOWED_CLASSES, FUNCTIONS, blank
from consumer.pages.columns import Columns, columns_of, states_of
from consumer.pages.columns import States as States
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


_MAGIC = b"RVPG\x01"
_MOVED = b"RVPG moved\n"
_COMING = b"RVPG coming\n"
_LENGTH_BYTES = 4
_DIGEST_BYTES = 32
_NEARLY_FULL = 0.8


@cache
def versions() -> dict[str, str]:
    """The versions on which it depends whether a model can be read: River's, numpy's and scipy's."""
    return {name: metadata.version(name) for name in ("river", "numpy", "scipy")}


class Header(msgspec.Struct, frozen=True):
    """What wrote the page. `python` is for operators; the others must equal the reader's own."""

    format: int
    river: str
    python: str
    signals: int


class PageCodec:
    """Writes and reads pages, for the River that is installed.

    A page that could take more memory than `memory_bytes_max` is not read.
    """

    def __init__(self, memory_bytes_max: int = 4 * 1024**3) -> None:
        self._memory_bytes_max = memory_bytes_max
        self._river = versions()["river"]
        self._python = platform.python_version()

    def encode(self, states: Mapping[SignalKey, State]) -> bytes:
        """The page that holds these states. Raises: as `encode_measured`."""
        return self.encode_measured(states)[0]

    def encode_measured(self, states: Mapping[SignalKey, State]) -> tuple[bytes, bool]:
        """The page that holds these states, and whether it is nearly full.

        Raises: `UnreadablePage` where it could not be read again: for a model that cannot be pickled, such as
            one of a page that was altered, or for more of them than fit into the memory.
        """
        header = msgspec.json.encode(Header(STATE_FORMAT, self._river, self._python, len(states)))
        try:
            body = pickle.dumps(tuple(columns_of(states)), protocol=5)
        except BaseException as error:
            if not is_models_own(error):
                raise
            raise UnreadablePage(f"the page's states cannot be written: {error!r}") from error
        share = self._share(body)
        if share > 1.0:
            raise UnreadablePage(
                f"the page's {len(states)} states would take more than {self._memory_bytes_max} bytes of "
                "memory: spread them over more pages, or give the function more"
            )
        digest = sha256(header + body).digest()
        page = b"".join((_MAGIC, len(header).to_bytes(_LENGTH_BYTES), header, digest, body))
        return page, share > _NEARLY_FULL

    def decode(self, page: bytes) -> States:
        """The states that the page holds.

        Raises: `UnreadablePage` for anything that `encode`, in the same version, did not write.
            `LayoutChanged` for a page whose models were moved, or are on their way to it.
        """
        if page.startswith((_MOVED, _COMING)):
            raise LayoutChanged("the page's models were or are being moved: the layout is to be read again")
        header, body = opened(page)
        if (header.format, header.river) != (STATE_FORMAT, self._river):
            raise UnreadablePage(
                f"the page is of format {header.format} and River {header.river}; "
                f"this function reads format {STATE_FORMAT} and River {self._river}"
            )
        try:
            return states_of(msgspec.convert(unpickled(body, self._memory_bytes_max), Columns))
        except BaseException as error:  # a pickle that was tampered with may raise anything
            # It can ask for all memory too: such a page must not block its shard.
            if not (is_models_own(error) or isinstance(error, MemoryError)):
                raise
            raise UnreadablePage(f"the page's states cannot be read: {error!r}") from error

    def is_nearly_full(self, page: bytes) -> bool:
        """Whether models that are there may grow, and no new one may come."""
        return self._share(page) > _NEARLY_FULL

    def _share(self, pickled: bytes) -> float:
        """How much of the memory it could take; 0 where it is too short to take much."""
        if len(pickled) * BYTES_OF_ONE_MAX < _NEARLY_FULL * self._memory_bytes_max:
            return 0.0
        return memory_bytes_of(pickled) / self._memory_bytes_max

    def check(self, use_case: UseCase) -> None:
        """Let a model of the use case learn a little, be written and be read back.

        Raises: `ConfigurationError` where it cannot, naming the class that is not allowed.
        """
        model = use_case.create(seed=0)
        use_case.learn(
            model, [float(value % 7) for value in range(64)], [60.0 * minute for minute in range(64)]
        )
        key = SignalKey("signal", "signal")
        try:
            page = self.encode({key: State(model)})
            self.decode(page)
        except Exception as error:
            raise ConfigurationError(
                f"the model of use_cases.py cannot be kept in a page: {error}. "
                "If a class is not allowed, add it to consumer/pages/allow_list.py"
            ) from error


def opened(page: bytes) -> tuple[Header, bytes]:
    """What wrote the page, and the pickle in it, unread. Raises: `UnreadablePage`."""
    start = len(_MAGIC) + _LENGTH_BYTES
    if not page.startswith(_MAGIC) or len(page) < start:
        raise UnreadablePage("the object is not a page")
    length = int.from_bytes(page[len(_MAGIC) : start])
    encoded, rest = page[start : start + length], page[start + length :]
    digest, body = rest[:_DIGEST_BYTES], rest[_DIGEST_BYTES:]
    if sha256(encoded + body).digest() != digest:
        raise UnreadablePage("the page's checksum does not agree with its content")
    try:
        return msgspec.json.decode(encoded, type=Header), body
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UnreadablePage(f"the page's header cannot be read: {error}") from error


def moved(page: bytes) -> bytes:
    """What takes the place of a page whose models are moved: nobody who has the page can write it then."""
    return _MOVED + unmarked(page)


def coming(page: bytes) -> bytes:
    """What stands for a page until the layout that it is of is in force: nobody learns from it before."""
    return _COMING + unmarked(page)


def unmarked(page: bytes) -> bytes:
    """The page itself, whether or not its models are being moved; nothing, once they were."""
    return page.removeprefix(_MOVED).removeprefix(_COMING)
