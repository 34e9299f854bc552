"""A page as bytes: a versioned, checksummed envelope around one pickle of its states, in columns.

b"RVPG" | envelope version, 1 byte | length of the header, 4 bytes | header, JSON
        | SHA-256 of header and body, 32 bytes | body, a pickle of plain columns and allowed classes
"""

import io
import pickle
import platform
from collections.abc import Callable, Mapping
from hashlib import sha256
from importlib import metadata
from typing import Any

import msgspec

from consumer.core.errors import ConfigurationError, LayoutChanged, UnreadablePage, is_models_own
from consumer.core.signals import SignalKey
from consumer.core.state import State
from consumer.core.use_case import STATE_FORMAT, UseCase
from consumer.edge.allowed_classes import ALLOWED_CLASSES, STAND_INS
from consumer.edge.state_columns import Columns, columns_of, states_of
from consumer.edge.state_columns import States as States

_MAGIC = b"RVPG\x01"
_MOVED = b"RVPG moved\n"
_COMING = b"RVPG coming\n"
_LENGTH_BYTES = 4
_DIGEST_BYTES = 32
_NAMED_APART = ("__bases__", "__name__", "__qualname__")
_ABSENT = object()


def versions() -> dict[str, str]:
    """The versions on which it depends whether a model can be read: River's, numpy's and scipy's."""
    return {name: metadata.version(name) for name in ("river", "numpy", "scipy")}


class Header(msgspec.Struct, frozen=True):
    """What wrote the page. `python` is told for an operator's sake; the others must be the reader's own."""

    format: int
    river: str
    python: str
    signals: int


class PageCodec:
    """Writes and reads pages, for the River that is installed."""

    def __init__(self) -> None:
        self._river = versions()["river"]
        self._python = platform.python_version()

    def encode(self, states: Mapping[SignalKey, State]) -> bytes:
        """The page that holds these states."""
        header = msgspec.json.encode(Header(STATE_FORMAT, self._river, self._python, len(states)))
        body = pickle.dumps(tuple(columns_of(states)), protocol=5)
        digest = sha256(header + body).digest()
        return b"".join((_MAGIC, len(header).to_bytes(_LENGTH_BYTES), header, digest, body))

    def decode(self, page: bytes) -> States:
        """The states that the page holds.

        Raises: `UnreadablePage` for anything that `encode`, in the same version, did not write.
            `LayoutChanged` for a page whose models were moved, or are on their way to it.
        """
        if page.startswith((_MOVED, _COMING)):
            raise LayoutChanged("the page's models were or are being moved: the layout is to be read again")
        header, body = _open(page)
        if (header.format, header.river) != (STATE_FORMAT, self._river):
            raise UnreadablePage(
                f"the page is of format {header.format} and River {header.river}; "
                f"this function reads format {STATE_FORMAT} and River {self._river}"
            )
        try:
            return states_of(msgspec.convert(_unpickled(body), Columns))
        except BaseException as error:  # a pickle that was tampered with may raise anything
            # It can ask for all memory too: such a page must not block its shard.
            if not (is_models_own(error) or isinstance(error, MemoryError)):
                raise
            raise UnreadablePage(f"the page's states cannot be read: {error!r}") from error

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
                "If a class is not allowed, add it to consumer/edge/allowed_classes.py"
            ) from error


def _unpickled(body: bytes) -> Any:
    """What the pickle holds; the classes that it names are as they were, whatever it did to them."""
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

    def find_class(self, module: str, name: str) -> Any:
        stand_in = STAND_INS.get((module, name))
        if stand_in is not None:
            return _StandIn(stand_in)
        if (module, name) not in ALLOWED_CLASSES:
            raise UnreadablePage(f"the class {module}.{name} is not allowed in a page")
        found: type = super().find_class(module, name)
        self._attributes.setdefault(found, _attributes_of(found))
        return found

    def check_classes(self) -> None:
        """Raise `UnreadablePage` where an attribute of a class was set; it is set back first."""
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


def _open(page: bytes) -> tuple[Header, bytes]:
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
